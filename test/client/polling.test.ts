import { once } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgencyReferral, DeliveryReport, Handlers } from '../../client/delivery.ts';
import { ClientError, RelayProblem, UntrustedKeyError } from '../../client/errors.ts';
import type { Delivery } from '../../client/inbox.ts';
import { LONG_POLL, type PollReport, runAgency, type RunOptions } from '../../client/polling.ts';
import { runtimeOf } from '../../client/runtime.ts';
import { ERRORS } from '../../core/errors.ts';
import type { Lane } from '../../core/names.ts';

const MESSAGE = { handle: '', body: '', receives: 1, kind: 'malformed', about: undefined } as const;
const handled: DeliveryReport = { result: 'handled', lane: 'urgent' };
const leftBy = (error: unknown): DeliveryReport => ({ result: 'left', lane: 'urgent', error });

const unreachable = new ClientError('relay-unreachable', 'down', { transient: true });
const untrusted = new UntrustedKeyError({ partner: 'gb-iwf', use: 'signing', kid: 'kid', situation: 'unknown' });

const WAITS = 'waits until it is cut off';

interface Script {
  /** What the polls of the urgent queue yield: so many messages, a failure, or a wait for ever; then nothing. */
  polls: (number | Error | typeof WAITS)[];
  /** The same of the routine queue. */
  routine?: Script['polls'];
  /** What becomes of the messages, the last for ever. */
  results?: (DeliveryReport | Promise<DeliveryReport>)[];
  /** Called when there is nothing more to poll. */
  exhausted?: () => void;
  /** How many turns each message of a queue takes before it is handed over; none if not given. */
  opening?: Record<Lane, number[]>;
  /** Handed a referral that has its lane for an id. */
  handler?: Handlers['referral'];
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await new Promise(setImmediate);
}

async function run(
  { polls, routine = [], results = [handled], exhausted, opening, handler = () => undefined }: Script,
  options: Partial<RunOptions> = {},
) {
  const reports: (DeliveryReport | PollReport)[] = [];
  const waits: number[] = [];
  const maxima: number[] = [];
  /** Each look at a queue, and how many seconds it might wait there. */
  const looks: [Lane, number][] = [];
  let busy = 0;
  let busiest = 0;
  let next = 0;
  const parts = {
    async receive(lane: Lane, max: number, wait: number, signal: AbortSignal) {
      looks.push([lane, wait]);
      await new Promise(setImmediate);
      const script = lane === 'urgent' ? polls : routine;
      if (lane === 'urgent') maxima.push(max);
      const yielded = script.shift() ?? 0;
      if (lane === 'urgent' && polls.length === 0) exhausted?.();
      if (yielded === WAITS && !signal.aborted) await once(signal, 'abort');
      if (yielded === WAITS) throw signal.reason;
      if (typeof yielded !== 'number') throw yielded;
      return Array.from({ length: yielded }, (): Delivery => ({ ...MESSAGE, lane }));
    },
    async handle({ lane }: Delivery, handlers: Handlers, signal: AbortSignal) {
      await turns(opening?.[lane].shift() ?? 0);
      await handlers.referral({ id: lane } as AgencyReferral, signal);
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
    await runAgency(parts, { referral: handler }, { report: (each) => reports.push(each), drain: true, ...options });
  } catch (error) {
    failure = error;
  }
  return { reports, waits, maxima, looks, busiest, failure };
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
    expect(Math.max(...maxima)).toBe(3);
    expect(Math.min(...maxima)).toBe(1);
    expect(new Set((await run({ polls: [] }, { concurrency: 50 })).maxima)).toEqual(new Set([10]));
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses to handle %d at a time, rather than to end as if nothing were there',
    async (concurrency) => {
      const { failure, looks } = await run({ polls: [1] }, { concurrency });
      expect(failure).toBeInstanceOf(RangeError);
      expect(looks).toEqual([]);
    },
  );

  it('is not over before what a look brings that was under way when it was stopped', async () => {
    const stop = new AbortController();
    const reports: unknown[] = [];
    let urgentLooks = 0;
    const parts = {
      // A queue that pays no attention to the signal, and takes its time at the routine messages.
      async receive(lane: Lane): Promise<Delivery[]> {
        if (lane === 'urgent' && (urgentLooks += 1) === 3) stop.abort();
        await turns(lane === 'urgent' ? 1 : 20);
        return lane === 'urgent' ? [] : [{ ...MESSAGE, lane }];
      },
      async handle(): Promise<DeliveryReport> {
        await turns(5);
        return handled;
      },
      runtime: runtimeOf(),
    };
    const report: RunOptions['report'] = (told) => reports.push(told);
    await runAgency(parts, { referral: () => undefined }, { report, signal: stop.signal });
    expect(reports).toEqual([handled]);
  });

  it('waits at both queues at once', async () => {
    const stop = new AbortController();
    const taken: string[] = [];
    const handler = ({ id }: AgencyReferral): void => {
      taken.push(id);
      if (taken.length === 2) stop.abort();
    };
    const script: Script = { polls: [0, WAITS], routine: [1, 1, WAITS], handler };
    const { failure } = await run(script, { drain: false, signal: stop.signal });
    expect([taken, failure]).toEqual([['routine', 'routine'], undefined]);
  });

  it('takes nothing from the routine queue as long as the urgent one is not empty', async () => {
    const taken: string[] = [];
    await run({ polls: [1, 2, 1, 0], routine: [2, 2], handler: ({ id }) => void taken.push(id) }, { concurrency: 8 });
    expect(taken.join(' ')).toBe('urgent urgent urgent urgent routine routine routine routine');
  });

  it('does not wait at the urgent queue, where it found something, as long as the routine one has to', async () => {
    const stop = new AbortController();
    const exhausted = (): void => stop.abort();
    const { looks } = await run({ polls: [1, 0, 0], exhausted }, { drain: false, signal: stop.signal });
    expect(looks.filter(([lane]) => lane === 'urgent')).toEqual([
      ['urgent', 0],
      ['urgent', 0],
      ['urgent', LONG_POLL],
    ]);
  });

  it('lets no more handlers run at the same time than it may, and of those who wait an urgent one before the others', async () => {
    const running = { now: 0, most: 0 };
    const taken: string[] = [];
    const stop = new AbortController();
    // Opened in this order: routine, urgent, routine, urgent. Two find a place, and two wait for one.
    const script: Script = {
      polls: [0, 2, WAITS],
      routine: [2, WAITS],
      opening: { routine: [0, 4], urgent: [2, 6] },
      async handler({ id }) {
        taken.push(id);
        running.now += 1;
        running.most = Math.max(running.most, running.now);
        await turns(10);
        running.now -= 1;
        if (taken.length === 4) stop.abort();
      },
    };
    await run(script, { drain: false, signal: stop.signal, concurrency: 2 });
    expect([taken.join(' '), running.most]).toEqual(['routine urgent urgent routine', 2]);
  });

  it('is not kept from one queue by a failure of the other', async () => {
    const stop = new AbortController();
    const script: Script = { polls: [unreachable, WAITS], routine: [1, WAITS], handler: () => stop.abort() };
    const { reports } = await run(script, { drain: false, signal: stop.signal });
    expect(reports.map(({ result }) => result)).toEqual(['poll-failed', 'handled']);
  });

  it('does not wait at one queue any longer when somebody has to mend the other', async () => {
    const error = new ClientError('queue-missing', 'mend this');
    expect((await run({ polls: [0, WAITS], routine: [error] }, { drain: false })).failure).toBe(error);
    expect((await run({ polls: [0, 0, 0, error], routine: [WAITS] }, { drain: false })).failure).toBe(error);
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

  it.each(['unauthorized', 'stale-signature', 'wrong-role', 'unknown', 'slow-down', 'try-again'] as const)(
    'pauses while the relay answers %s, as it would to the next message',
    async (code) => {
      const status = code === 'unknown' ? 418 : ERRORS[code].status;
      const results = [leftBy(new RelayProblem({ status, code, detail: 'mend this' }))];
      const stop = new AbortController();
      const script = { polls: [1, 0, 1, 0, 0, 0], results, exhausted: () => stop.abort() };
      const { waits } = await run(script, { drain: false, signal: stop.signal });
      expect(waits).toEqual([1_000, 2_000]);
    },
  );

  it('pauses while what answers at its address is not the relay', async () => {
    const results = [leftBy(new ClientError('unexpected-answer', 'a page')), leftBy(unreachable)];
    const stop = new AbortController();
    const script = { polls: [1, 0, 1, 0, 0, 0], results, exhausted: () => stop.abort() };
    const { waits } = await run(script, { drain: false, signal: stop.signal });
    expect(waits).toEqual([1_000, 2_000]);
  });

  it('pauses while the disk is full, for what is handed over then would be handed over again', async () => {
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const stop = new AbortController();
    const script = { polls: [1, 0, 1, 0, 0, 0], results: [leftBy(full)], exhausted: () => stop.abort() };
    const { waits } = await run(script, { drain: false, signal: stop.signal });
    expect(waits).toEqual([1_000, 2_000]);
  });

  it('does not pause because of one partner or message, nor of a handler that fails', async () => {
    const expired = new RelayProblem({ status: 410, code: 'content-expired', detail: 'gone' });
    const results = [leftBy(untrusted), leftBy(expired), leftBy(new Error('bug'))];
    const { waits, reports } = await run({ polls: [3], results });
    expect([waits, reports.length]).toEqual([[], 3]);
  });

  it('fails, after what is under way, with what nobody expected of a message', async () => {
    const failure = new Error('bug');
    const opening = { urgent: [0, 10], routine: [] };
    let count = 0;
    const handler = (): void => {
      count += 1;
      if (count === 1) throw failure;
    };
    const { failure: found, reports } = await run({ polls: [2], opening, handler });
    expect([found, reports]).toEqual([failure, [handled]]);
  });

  it('fails, after what is under way, when reporting fails', async () => {
    const failure = new Error('the log is full');
    const report = () => {
      throw failure;
    };
    expect((await run({ polls: [2] }, { report })).failure).toBe(failure);
  });

  it('handles whatever comes, each once, within its bounds, and urgent before routine', async () => {
    const script = fc.array(fc.oneof({ weight: 5, arbitrary: fc.nat(4) }, fc.constant(unreachable)), { maxLength: 12 });
    const pace = fc.infiniteStream(fc.nat(6));
    await fc.assert(
      fc.asyncProperty(script, script, pace, fc.integer({ min: 1, max: 5 }), async (urgent, routine, slow, places) => {
        const left = { urgent: [...urgent], routine: [...routine] };
        const broken: string[] = [];
        const holds = (claim: string, isSo: boolean): void => void (isSo || broken.push(claim));
        const stop = new AbortController();
        const handled: string[] = [];
        let received = 0;
        let running = 0;
        /** Whether the last look at the urgent queue found something. */
        let pressing = true;
        const pass = (): Promise<void> => turns(slow.next().value ?? 0);
        const parts = {
          async receive(lane: Lane, max: number, _: number, signal: AbortSignal) {
            holds('as many as there are places', max > 0 && max <= places);
            holds('urgent before routine', lane === 'urgent' || !pressing);
            await pass();
            await new Promise(setImmediate);
            signal.throwIfAborted();
            const next = left[lane].shift() ?? 0;
            if (lane === 'urgent') pressing = typeof next === 'number' && next > 0;
            if (typeof next !== 'number') throw next;
            const ids = Array.from({ length: Math.min(next, max) }, () => String(received++));
            return ids.map((handle): Delivery => ({ ...MESSAGE, lane, handle }));
          },
          async handle({ lane, handle }: Delivery, handlers: Handlers, signal: AbortSignal): Promise<DeliveryReport> {
            await pass();
            await handlers.referral({ id: handle } as AgencyReferral, signal);
            await pass();
            return { result: 'handled', lane };
          },
          runtime: runtimeOf({ random: () => 1, wait: pass }),
        };
        async function handler({ id }: AgencyReferral): Promise<void> {
          running += 1;
          holds('no more handlers than places', running <= places);
          handled.push(id);
          await pass();
          running -= 1;
        }
        const reports: unknown[] = [];
        const report = (each: unknown): void => void reports.push(each);
        const run = runAgency(parts, { referral: handler }, { report, signal: stop.signal, concurrency: places });
        while (left.urgent.length + left.routine.length > 0 || handled.length < received) {
          await new Promise(setImmediate);
        }
        stop.abort();
        await run;
        expect(broken).toEqual([]);
        expect(new Set(handled).size).toBe(received);
        const failures = [...urgent, ...routine].filter((each) => each === unreachable);
        expect(reports).toHaveLength(received + failures.length);
      }),
    );
  });
});
