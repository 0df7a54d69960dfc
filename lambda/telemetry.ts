import { METRIC_NAMESPACE, STAGE_DIMENSION, UNOPENED_IMMEDIATE } from '../core/metrics.ts';
import type { Telemetry, TelemetryEvent } from '../core/ports.ts';

interface TelemetryOptions {
  stage: string;
  functionName: string;
  /** Takes one line; left out, it goes to standard output, past the console that Lambda wraps. */
  write?: (line: string) => void;
  now?: () => number;
}

/** What somebody should look at; everything else is `INFO`. */
const LEVELS: Partial<Record<TelemetryEvent, 'WARN' | 'ERROR'>> = {
  failed: 'ERROR',
  undeliverable: 'WARN',
  'unopened-immediate': 'WARN',
  unopened: 'WARN',
  'page-failed': 'WARN',
  'delivery-failed': 'WARN',
  'held-up': 'WARN',
  'dispatch-failed': 'WARN',
  'inbox-failed': 'WARN',
  'due-failed': 'WARN',
};

/** Ids, codes, countries, times and short lists of them. A sealed referral or a statement is far longer. */
const SAFE = /^[\w .,:;#/+-]{0,128}$/;

/**
 * One line of JSON for each event, as Lambda's JSON log format has it, which counts the event as a metric as well
 * (CloudWatch embedded metric format): one metric a kind of event, by stage, and one of them by agency as well.
 * A text that is not an id or a code is not written.
 */
export function createTelemetry({
  stage,
  functionName,
  write = writeLine,
  now = Date.now,
}: TelemetryOptions): Telemetry {
  return {
    record(event, fields = {}) {
      const at = now();
      const safe = Object.entries(fields).map(([name, value]) => [name, isSafe(value) ? value : '(withheld)']);
      const byAgency = event === UNOPENED_IMMEDIATE.metric;
      const dimensions = [[STAGE_DIMENSION], ...(byAgency ? [[STAGE_DIMENSION, UNOPENED_IMMEDIATE.dimension]] : [])];
      write(
        JSON.stringify({
          ...Object.fromEntries(safe),
          timestamp: new Date(at).toISOString(),
          level: LEVELS[event] ?? 'INFO',
          event,
          function: functionName,
          [STAGE_DIMENSION]: stage,
          ...(byAgency && { [UNOPENED_IMMEDIATE.dimension]: fields['agency'] }),
          [event]: byAgency ? fields[UNOPENED_IMMEDIATE.value] : 1,
          _aws: {
            Timestamp: at,
            CloudWatchMetrics: [
              { Namespace: METRIC_NAMESPACE, Dimensions: dimensions, Metrics: [{ Name: event, Unit: 'Count' }] },
            ],
          },
        }),
      );
    },
  };
}

const isSafe = (value: string | number): boolean => typeof value === 'number' || SAFE.test(value);

const writeLine = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
