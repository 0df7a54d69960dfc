/*
 * Metrics that the functions write as CloudWatch embedded metric format, and that alarms and the dashboard read. Every
 * kind of telemetry event is a metric of its own name; a partner is a property of the log line, not a dimension, so that
 * neither cost nor dashboard grows with partners.
 */

export const METRIC_NAMESPACE = 'ReferralRelay';

export const STAGE_DIMENSION = 'Stage';

/**
 * How many `immediate` referrals an agency has not opened 15 minutes after they were owed to it, whatever holds them up:
 * written by every sweep, once a minute, as long as one waits, so that an alarm holds until all are opened. The one metric
 * with the agency as a second dimension, for each agency has its own alarm on it; it exists, and costs, only while
 * something waits. `value`: the field of the event that holds the number.
 */
export const UNOPENED_IMMEDIATE = { metric: 'unopened-immediate', dimension: 'Agency', value: 'count' } as const;
