import { createGate } from '../core/gate.ts';
import { LIMITS } from '../core/limits.ts';
import { type Lane, LANES } from '../core/names.ts';
import { MINUTE, SECOND } from '../core/time.ts';
import type { DeliveryReport, Handlers } from './delivery.ts';
import { ClientError, type ClientErrorCode, isPassing, RelayProblem } from './errors.ts';
import type { Delivery } from './inbox.ts';
import { type Backoff, equalJitter } from './retry.ts';
import type { Runtime } from './runtime.ts';

export interface PollOptions {
  /** At most so many messages (1–10); 10 if not given. */
  max?: number | undefined;
  /** How long to wait for the first, in seconds (0–20), by turns at both queues; 20 if not given. */
  wait?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface RunOptions {
  /** Told what became of every message, and of polls that failed. Log it; ids and codes only, but for `error`. */
  report(report: DeliveryReport | PollReport): void;
  /** Stops polling; what is under way is finished first. Also handed to the handlers. */
  signal?: AbortSignal | undefined;
  /**
   * How many handlers run at the same time, urgent ones first; 4 if not given. Of each queue no more messages are taken
   * than that, so that what waits for its handler is little, and stays hidden meanwhile.
   */
  concurrency?: number | undefined;
  /** Ends once both queues are empty, and fails where a poll fails. */
  drain?: boolean | undefined;
}

/** A poll failed; it is repeated after a growing pause. */
export interface PollReport {
  result: 'poll-failed';
  lane: Lane;
  error: unknown;
}

/** What does not pass by itself; somebody has to be told. */
const FATAL = new Set<ClientErrorCode>(['aws-credentials', 'aws-access-denied', 'queue-missing', 'kms-key', 'profile']);

/** Pause between polls while relay or AWS cannot be reached: every receive in vain brings a message nearer to the dead letters. */
const PAUSE: Backoff = { base: SECOND, cap: MINUTE };

/** Seconds; the longest that SQS allows. */
export const LONG_POLL = 20;

interface Parts {
  receive(lane: Lane, max: number, wait: number, signal: AbortSignal): Promise<Delivery[]>;
  /** Never rejects. */
  handle(delivery: Delivery, handlers: Handlers, signal: AbortSignal): Promise<DeliveryReport>;
  runtime: Runtime;
}

/**
 * See `Agency.run`. Waits at both queues at once, so that neither makes the other wait; but after a look at the urgent one
 * that found something, the routine one is not asked again until another finds nothing.
 */
export async function runAgency(parts: Parts, handlers: Handlers, options: RunOptions): Promise<void> {
  const { signal = new AbortController().signal, concurrency = 4, drain = false } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`"concurrency" must be a whole number of 1 or more, and is ${concurrency}.`);
  }
  const enter = createGate(concurrency);
  const stopped = new AbortController();
  const polling = AbortSignal.any([signal, stopped.signal]);
  const looks = new Map<Lane, Promise<void>>();
  /** Queues in which the last look found nothing. */
  const quiet = new Set<Lane>();
  const active = new Set<Promise<void>>();
  const troubles = { urgent: createTrouble(parts.runtime), routine: createTrouble(parts.runtime) };
  let failure: { error: unknown } | undefined;
  function fail(error: unknown): void {
    failure ??= { error };
    stopped.abort();
  }
  function report(told: DeliveryReport | PollReport): void {
    try {
      options.report(told);
    } catch (error) {
      fail(error);
    }
  }

  async function take(delivery: Delivery): Promise<void> {
    const { lane } = delivery;
    const inTurn: Handlers = {
      referral: (...about) => enter(lane, async () => handlers.referral(...about)),
      withdrawn: (...about) => enter(lane, async () => handlers.withdrawn?.(...about)),
    };
    const told = await parts.handle(delivery, inTurn, signal);
    if (told.result !== 'left') troubles[lane].isOver();
    else if (isFatal(told.error)) fail(told.error);
    else if (isTrouble(told.error)) troubles[lane].occurred();
    report(told);
  }

  const mayLook = (lane: Lane): boolean =>
    active.size < concurrency && (lane === 'urgent' || quiet.has('urgent')) && !polling.aborted;

  async function look(lane: Lane): Promise<void> {
    await troubles[lane].pause(polling);
    if (!mayLook(lane)) return;
    const max = Math.min(LIMITS.receiveItems, concurrency - active.size);
    const isPressing = lane === 'urgent' && !quiet.has(lane);
    const wait = isPressing ? 0 : drain ? 1 : LONG_POLL;
    try {
      const deliveries = await parts.receive(lane, max, wait, polling);
      if (deliveries.length > 0) quiet.delete(lane);
      else quiet.add(lane);
      for (const delivery of deliveries) {
        const task = take(delivery)
          .catch(fail)
          .finally(() => active.delete(task));
        active.add(task);
      }
    } catch (error) {
      if (polling.aborted) return;
      if (drain || isFatal(error)) return fail(error);
      // What cannot be looked at keeps nobody from the other queue.
      quiet.add(lane);
      troubles[lane].occurred();
      report({ result: 'poll-failed', lane, error });
    }
  }

  while (!polling.aborted) {
    for (const lane of LANES) {
      if (looks.has(lane) || !mayLook(lane)) continue;
      if (drain && active.size === 0 && quiet.size === LANES.length) continue;
      looks.set(
        lane,
        look(lane).finally(() => looks.delete(lane)),
      );
    }
    if (looks.size === 0 && active.size === 0) break;
    await Promise.race([...looks.values(), ...active]);
  }
  // A look that was under way may still bring something.
  while (looks.size + active.size > 0) await Promise.all([...looks.values(), ...active]);
  if (failure) throw failure.error;
}

const isFatal = (error: unknown): boolean => error instanceof ClientError && FATAL.has(error.code);

/** What the answer to any other message would meet as well, until somebody mends clock, key or address. */
const OF_EVERY_CALL = new Set<RelayProblem['code']>(['unauthorized', 'stale-signature', 'wrong-role', 'unknown']);

/** As Node calls it where nothing can be written any more: then no other message can be remembered either. */
const OF_THE_DISK = new Set<unknown>(['ENOSPC', 'EDQUOT', 'EROFS']);

const isTrouble = (error: unknown): boolean =>
  isPassing(error) ||
  (error instanceof RelayProblem && OF_EVERY_CALL.has(error.code)) ||
  (error instanceof Error && 'code' in error && OF_THE_DISK.has(error.code));

/** One pause after each trouble, longer each time until something succeeds. */
function createTrouble(runtime: Runtime): {
  occurred: () => void;
  isOver: () => void;
  pause: (signal: AbortSignal) => Promise<void>;
} {
  let count = 0;
  let owed = false;
  return {
    occurred() {
      count += 1;
      owed = true;
    },
    isOver() {
      count = 0;
      owed = false;
    },
    /** Resolves at once when the signal is aborted. */
    async pause(signal) {
      if (!owed) return;
      owed = false;
      try {
        await runtime.wait(equalJitter(PAUSE, count - 1, runtime.random()), signal);
      } catch {
        // It was aborted, which the caller sees for itself.
      }
    },
  };
}
