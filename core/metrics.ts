/*
 * Metrics that the functions write as CloudWatch embedded metric format, and that alarms and the dashboard read. Every
 * kind of telemetry event is a metric of its own name; a partner is a property of the log line, not a dimension, so that
 * neither cost nor dashboard grows with partners.
 */

export const METRIC_NAMESPACE = 'ReferralRelay';

export const STAGE_DIMENSION = 'Stage';

/**
 * Counts each time sweep finds that an `immediate` referral, delivered more than 15 minutes ago, is still unopened. The
 * one metric with the agency as a second dimension, for each agency has its own alarm on it; it exists, and costs, only
 * while something waits.
 */
export const UNOPENED_IMMEDIATE = { metric: 'unopened-immediate', dimension: 'Agency' } as const;
