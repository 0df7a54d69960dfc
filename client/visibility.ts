import { HOUR, SECOND } from '../core/time.ts';
import { type AgencyInbox, type InboxMessage, LONGEST_VISIBILITY, VISIBILITY } from './inbox.ts';
import { type Backoff, equalJitter } from './retry.ts';
import type { Runtime } from './runtime.ts';

/* When a message that was received comes back: not while it is being handled, and ever later when that failed. */

/** 30 seconds after the first failure, doubled with each, up to the longest that SQS allows. */
const BACKOFF: Backoff = { base: 30 * SECOND, cap: 12 * HOUR };

/**
 * For how long to hide a message that could not be handled, in whole seconds.
 * @param receives how often it was received
 * @param age seconds since this receipt, for SQS counts its limit from there
 */
export function retryVisibility(receives: number, age: number, fraction: number): number {
  const seconds = Math.floor(equalJitter(BACKOFF, Math.max(0, receives - 1), fraction) / SECOND);
  return Math.max(0, Math.min(seconds, Math.floor(LONGEST_VISIBILITY - age) - 1));
}

/**
 * Keeps a message hidden until `stop`, which resolves when nothing is under way any more. A renewal that fails is left
 * to the next one; after twelve hours the message comes back whatever happens.
 */
export function keepHidden(
  inbox: AgencyInbox,
  message: InboxMessage,
  runtime: Runtime,
): { stop: () => Promise<void>; age: () => number } {
  const stopped = new AbortController();
  const startedAt = runtime.now();
  const age = (): number => (runtime.now() - startedAt) / SECOND;

  async function renew(): Promise<void> {
    for (;;) {
      try {
        await runtime.wait((VISIBILITY / 2) * SECOND, stopped.signal);
      } catch {
        return;
      }
      if (age() + VISIBILITY >= LONGEST_VISIBILITY) return;
      await inbox.hide(message, VISIBILITY).catch(() => undefined);
    }
  }
  const renewing = renew();
  return {
    age,
    async stop() {
      stopped.abort();
      await renewing;
    },
  };
}
