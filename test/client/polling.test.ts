import { describe, expect, it } from 'vitest';
import type { DeliveryReport } from '../../client/delivery.ts';
import { ClientError, UntrustedKeyError } from '../../client/errors.ts';
import type { Delivery } from '../../client/inbox.ts';
import { type PollReport, runAgency, type RunOptions } from '../../client/polling.ts';
import { runtimeOf } from '../../client/runtime.ts';

const HANDLERS = { referral: () => undefined };
const handled: DeliveryReport = { result: 'handled', lane: 'urgent' };
const leftBy = (error: unknown): DeliveryReport => ({ result: 'left', lane: 'urgent', error });

const unreachable = new ClientError('relay-unreachable', 'down', { transient: true });
const untrusted = new UntrustedKeyError({ partner: 'gb-iwf', use: 'signing', kid: 'kid', situation: 'unknown' });

interface Script {
  /** What the polls yield: so many messages, or a failure; then nothing for ever. */
  polls: (number | Error)[];
  /** What becomes of the messages, the last for ever. */
  results?: (DeliveryReport | Promise<DeliveryReport>)[];
  /** Called when there is nothing more to poll. */
  exhausted?: () => void;
}

async function run({ polls, results = [handled], exhausted }: Script, options: Partial<RunOptions> = {}) {
  const reports: (DeliveryReport | PollReport)[] = [];
  const waits: number[] = [];
  const maxima: (number | undefined)[] = [];
  let busy = 0;
  let busiest = 0;
  let next = 0;
  const parts = {
    async poll({ max }: { max?: number | undefined }) {
      await new Promise(setImmediate);
      maxima.push(max);
      const yielded = polls.shift() ?? 0;
      if (polls.length === 0) exhausted?.();
      if (yielded instanceof Error) throw yielded;
      return Array.from({ length: yielded }, (): Delivery => ({
        lane: 'urgent',
        handle: '',
        body: '',
        receives: 1,
        kind: 'malformed',
        about: undefined,
      }));
    },
    async handle() {
      busy += 1;
      busiest = Math.max(busiest, busy);
      const result = results[Math.min(next, results.length - 1)] ?? handled;
      next += 1;
      await new Promise(setImmediate);
      busy -= 1;
      return result;
    },
    runtime: runtimeOf({
      random: () => 1,
      wait(milliseconds, signal) {
        signal?.throwIfAborted();
        waits.push(milliseconds);
        return Promise.resolve();
      },
    }),
  };
  let failure: unknown;
  try {
    await runAgency(parts, HANDLERS, { report: (each) => reports.push(each), drain: true, ...options });
  } catch (error) {
    failure = error;
  }
  return { reports, waits, maxima, busiest, failure };
}

describe('run', () => {
  it('handles everything, and ends when nothing is left', async () => {
    const { reports, failure } = await run({ polls: [2, 3, 0] });
    expect([reports.length, failure]).toEqual([5, undefined]);
  });

  it('handles no more at the same time than it may, and receives no more than it can handle', async () => {
    const { reports, busiest, maxima } = await run({ polls: [3, 1, 2, 1, 1] }, { concurrency: 3 });
    expect(reports).toHaveLength(8);
    expect(busiest).toBe(3);
    expect(Math.max(...maxima.map(Number))).toBe(3);
    expect(Math.min(...maxima.map(Number))).toBe(1);
    expect((await run({ polls: [] }, { concurrency: 50 })).maxima).toEqual([10]);
  });

  it('waits for what is under way before it ends', async () => {
    const slow = new Promise<DeliveryReport>((resolve) => {
      setImmediate(() => setImmediate(() => setImmediate(() => setImmediate(() => resolve(handled)))));
    });
    const { reports } = await run({ polls: [1], results: [slow] });
    expect(reports).toEqual([handled]);
  });

  it.each(['aws-credentials', 'aws-access-denied', 'queue-missing', 'kms-key', 'profile'] as const)(
    'ends with what somebody has to mend, whether a poll or a message showed it: %s',
    async (code) => {
      const error = new ClientError(code, 'mend this');
      expect((await run({ polls: [error] }, { drain: false })).failure).toBe(error);
      const { reports, failure } = await run({ polls: [1], results: [leftBy(error)] }, { drain: false });
      expect(failure).toBe(error);
      expect(reports).toEqual([leftBy(error)]);
    },
  );

  it('goes on after polls that failed, after a pause that grows', async () => {
    const stop = new AbortController();
    const polls = [unreachable, unreachable, unreachable, 1];
    const report = (each: DeliveryReport | PollReport): void => {
      seen.push(each.result);
      if (each.result === 'handled') stop.abort();
    };
    const seen: string[] = [];
    const { waits, failure } = await run({ polls }, { drain: false, signal: stop.signal, report });
    expect([seen, failure]).toEqual([['poll-failed', 'poll-failed', 'poll-failed', 'handled'], undefined]);
    expect(waits).toEqual([1_000, 2_000, 4_000]);
  });

  it('fails when a poll fails, if it only drains', async () => {
    expect((await run({ polls: [unreachable] })).failure).toBe(unreachable);
  });

  it('pauses while the relay cannot be reached, so that messages are not received in vain', async () => {
    const results = [leftBy(unreachable), leftBy(unreachable), handled, leftBy(unreachable)];
    const stop = new AbortController();
    const script = { polls: [1, 0, 1, 0, 1, 0, 1, 0, 0, 0], results, exhausted: () => stop.abort() };
    const { waits } = await run(script, { drain: false, signal: stop.signal });
    expect(waits).toEqual([1_000, 2_000, 1_000]);
  });

  it('does not pause because of one partner, nor of a handler that fails', async () => {
    const { waits, reports } = await run({ polls: [2], results: [leftBy(untrusted), leftBy(new Error('bug'))] });
    expect([waits, reports.length]).toEqual([[], 2]);
  });

  it('fails, after what is under way, when reporting fails', async () => {
    const failure = new Error('the log is full');
    const report = () => {
      throw failure;
    };
    expect((await run({ polls: [2] }, { report })).failure).toBe(failure);
  });
});
