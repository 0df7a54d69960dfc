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
  unopened: 'WARN',
  'delivery-failed': 'WARN',
  'dispatch-failed': 'WARN',
  'inbox-failed': 'WARN',
};

/** Ids, codes, countries, times and short lists of them. A sealed referral or a statement is far longer. */
const SAFE = /^[\w .,:;#/+-]{0,128}$/;

/**
 * One line of JSON for each event, as Lambda's JSON log format has it, which counts the event as a metric as well
 * (CloudWatch embedded metric format): namespace `ReferralRelay`, dimension `Stage`, one metric a kind of event.
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
      write(
        JSON.stringify({
          ...Object.fromEntries(safe),
          timestamp: new Date(at).toISOString(),
          level: LEVELS[event] ?? 'INFO',
          event,
          function: functionName,
          Stage: stage,
          [event]: 1,
          _aws: {
            Timestamp: at,
            CloudWatchMetrics: [
              { Namespace: 'ReferralRelay', Dimensions: [['Stage']], Metrics: [{ Name: event, Unit: 'Count' }] },
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
