import { LIMITS } from '../core/limits.ts';
import { MINUTE, SECOND } from '../core/time.ts';
import type { DeliveryReport, Handlers } from './delivery.ts';
import { ClientError, type ClientErrorCode } from './errors.ts';
import type { Delivery } from './inbox.ts';
import { type Backoff, equalJitter } from './retry.ts';
import type { Runtime } from './runtime.ts';

export interface PollOptions {
  /** At most so many messages (1–10); 10 if not given. */
  max?: number | undefined;
  /** How long to wait for the first, in seconds (0–20); 20 if not given. */
  wait?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface RunOptions {
  /** Told what became of every message, and of polls that failed. Log it; ids and codes only, but for `error`. */
  report(report: DeliveryReport | PollReport): void;
  /** Stops polling; what is under way is finished first. Also handed to the handlers. */
  signal?: AbortSignal | undefined;
  /** How many messages are handled at the same time; 4 if not given. */
  concurrency?: number | undefined;
  /** Ends once both queues are empty, and fails where a poll fails. */
  drain?: boolean | undefined;
}

/** A poll failed; it is repeated after a growing pause. */
export interface PollReport {
  result: 'poll-failed';
  error: unknown;
}

/** What does not pass by itself; somebody has to be told. */
const FATAL = new Set<ClientErrorCode>(['aws-credentials', 'aws-access-denied', 'queue-missing', 'kms-key', 'profile']);

/** Pause between polls while relay or AWS cannot be reached: every receive in vain brings a message nearer to the dead letters. */
const PAUSE: Backoff = { base: SECOND, cap: MINUTE };

interface Parts {
  poll(options: PollOptions): Promise<Delivery[]>;
  handle(delivery: Delivery, handlers: Handlers, signal: AbortSignal): Promise<DeliveryReport>;
  runtime: Runtime;
}

/** See `Agency.run`. */
export async function runAgency(parts: Parts, handlers: Handlers, options: RunOptions): Promise<void> {
  const { signal = new AbortController().signal, concurrency = 4, drain = false } = options;
  const active = new Set<Promise<void>>();
  const trouble = createTrouble(parts.runtime);
  let failure: { error: unknown } | undefined;

  async function take(delivery: Delivery): Promise<void> {
    try {
      const report = await parts.handle(delivery, handlers, signal);
      if (report.result !== 'left') trouble.isOver();
      else if (isFatal(report.error)) failure ??= { error: report.error };
      else if (isTrouble(report.error)) trouble.occurred();
      options.report(report);
    } catch (error) {
      failure ??= { error };
    }
  }

  /** @returns `false` if there was nothing */
  async function pollOnce(): Promise<boolean> {
    const max = Math.min(LIMITS.receiveItems, concurrency - active.size);
    const deliveries = await parts.poll({ max, wait: drain ? 1 : 20, signal });
    for (const delivery of deliveries) {
      const task = take(delivery).finally(() => active.delete(task));
      active.add(task);
    }
    return deliveries.length > 0;
  }

  while (failure === undefined) {
    if (active.size >= concurrency) {
      await Promise.race(active);
      continue;
    }
    if (signal.aborted || !(await trouble.pause(signal))) break;
    try {
      if ((await pollOnce()) || !drain) continue;
      if (active.size === 0) break;
      await Promise.race(active);
    } catch (error) {
      if (signal.aborted) break;
      if (drain || isFatal(error)) failure = { error };
      else options.report({ result: 'poll-failed', error });
      trouble.occurred();
    }
  }
  await Promise.all(active);
  if (failure) throw failure.error;
}

const isFatal = (error: unknown): boolean => error instanceof ClientError && FATAL.has(error.code);

const isTrouble = (error: unknown): boolean =>
  error instanceof ClientError && (error.transient || error.code === 'relay-unreachable');

/** One pause after each trouble, longer each time until something succeeds. */
function createTrouble(runtime: Runtime): {
  occurred: () => void;
  isOver: () => void;
  pause: (signal: AbortSignal) => Promise<boolean>;
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
    /** @returns `false` once the signal is aborted */
    async pause(signal) {
      if (!owed) return true;
      owed = false;
      try {
        await runtime.wait(equalJitter(PAUSE, count - 1, runtime.random()), signal);
        return true;
      } catch {
        return false;
      }
    },
  };
}
