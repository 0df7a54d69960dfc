import type { InboxItem, OutcomeStatement } from '../core/contracts.ts';
import { LIMITS } from '../core/limits.ts';
import { HOUR, MINUTE, SECOND } from '../core/time.ts';
import type { PartnerDirectory } from '../core/taken-statement.ts';
import { type ClientError, isPassing, RelayProblem } from './errors.ts';
import type { Journal } from './journal.ts';
import type { ReceivedItem, RelayCalls } from './relay.ts';
import { type Backoff, equalJitter } from './retry.ts';
import type { Runtime } from './runtime.ts';
import { checkOutcome, type CheckedStatement } from './statement-check.ts';

/** What an agency stated; see {@link CheckedStatement} for whether to believe it. */
export type ReceivedOutcome = CheckedStatement<OutcomeStatement> & {
  kind: 'outcome';
  hotline: string;
  referral: string;
};

/** What the relay tells of its own accord. `event` may be one that this version does not know. */
export type ReceivedEvent = Extract<InboxItem, { kind: 'event' }>;

export type Outcome = ReceivedOutcome | ReceivedEvent;

export interface OutcomesOptions {
  signal?: AbortSignal | undefined;
  /**
   * Ends once the inbox is empty, instead of waiting for more, or brings nothing but what was not trusted before. Such an
   * item is yielded once.
   */
  drain?: boolean | undefined;
  /**
   * Told when the relay cannot be reached, asks for patience or is not what answers, and how long the pause before the
   * next attempt is, in milliseconds; what was not acknowledged comes again. If not given, such trouble is thrown as
   * everything else is.
   */
  onTrouble?: ((error: RelayProblem | ClientError, pause: number) => Promise<void> | void) | undefined;
  /**
   * Told of an item of a kind that this version does not know, as it came. It is acknowledged once this returns, or at
   * once if this is not given: keep it, for nobody else has it then.
   */
  onUnknown?: ((item: Readonly<Record<string, unknown>>) => Promise<void> | void) | undefined;
}

/** Pause after trouble, longer each time until a batch has been received and acknowledged. */
const PAUSE: Backoff = { base: SECOND, cap: MINUTE };

/** Acknowledge what is done before its time is up (two minutes), also while the rest of the batch takes long. */
const ACKNOWLEDGE_AFTER = 30 * SECOND;

interface Parts {
  hotline: string;
  calls: RelayCalls;
  keyring: PartnerDirectory;
  journal: Journal;
  runtime: Runtime;
}

/**
 * Receives, verifies, yields; acknowledges an item once the consumer has come back for the next one. An item at which
 * the consumer stopped (`break`, `return`, an exception) is not acknowledged and comes back, as does one whose key is
 * not trusted yet. Delivery is at least once: an item may come twice.
 * @throws as the calls and the directory do; what was yielded before stays acknowledged
 */
export async function* receiveOutcomes(
  parts: Parts,
  { signal, drain = false, onTrouble, onUnknown }: OutcomesOptions,
): AsyncGenerator<Outcome, void, undefined> {
  const { calls, runtime } = parts;
  /** Statements that were yielded and whose key is not trusted yet: while draining, they come back sooner or later. */
  const doubted = new Set<string>();
  let troubles = 0;
  /** After as much as could be received there is likely more: then nobody has to wait. */
  let isFull = false;
  for (;;) {
    /** The consumer has an item, and may not want another: what fails then is theirs to know. */
    let isHandedOut = false;
    try {
      const items = await receive(calls, drain ? 1 : isFull ? 0 : LIMITS.receiveWaitSeconds, signal);
      if (items === undefined || (drain && items.length === 0)) return;
      let repeated = 0;
      for await (const outcome of readBatch(items, parts, onUnknown)) {
        if (drain && isDoubted(outcome)) {
          if (doubted.has(outcome.statement)) {
            repeated += 1;
            continue;
          }
          doubted.add(outcome.statement);
        }
        isHandedOut = true;
        yield outcome;
        isHandedOut = false;
      }
      if (drain && repeated === items.length) return;
      troubles = 0;
      isFull = items.length === LIMITS.receiveItems;
    } catch (error) {
      if (onTrouble === undefined || isHandedOut || signal?.aborted || !isPassing(error)) throw error;
      const asked = error instanceof RelayProblem ? (error.retryAfter ?? 0) : 0;
      const pause = Math.max(Math.min(asked, HOUR), equalJitter(PAUSE, troubles, runtime.random()));
      troubles += 1;
      await onTrouble(error, pause);
      // Aborted, it is seen to when it receives.
      await runtime.wait(pause, signal).catch(() => undefined);
    }
  }
}

const isDoubted = (outcome: Outcome): outcome is ReceivedOutcome & { check: 'untrusted' } =>
  outcome.kind === 'outcome' && outcome.check === 'untrusted';

/** Ends by acknowledging what the consumer came back from, however it ends. */
async function* readBatch(
  items: readonly ReceivedItem[],
  parts: Parts,
  onUnknown: OutcomesOptions['onUnknown'],
): AsyncGenerator<Outcome, void, undefined> {
  const { calls, runtime } = parts;
  let done: string[] = [];
  let acknowledgedAt = runtime.now();
  async function acknowledge(): Promise<void> {
    const receipts = done;
    done = [];
    acknowledgedAt = runtime.now();
    if (receipts.length > 0) await calls.acknowledge(receipts);
  }

  // All at once, as each of them takes its time; what goes wrong with one is met in its turn.
  const read = items.map(({ item }) => item && readItem(item, parts));
  for (const each of read) each?.catch(() => undefined);
  try {
    for (const [index, { receipt, raw }] of items.entries()) {
      const outcome = await read[index];
      if (outcome) {
        yield outcome;
        if (isDoubted(outcome)) continue;
      } else {
        await onUnknown?.(raw);
      }
      done.push(receipt);
      if (runtime.now() - acknowledgedAt >= ACKNOWLEDGE_AFTER) await acknowledge();
    }
  } finally {
    await acknowledge();
  }
}

/** `undefined` once the consumer's signal is aborted. Draining waits a little, for only a waiting receive asks all of SQS. */
async function receive(calls: RelayCalls, wait: number, signal?: AbortSignal): Promise<ReceivedItem[] | undefined> {
  if (signal?.aborted) return undefined;
  try {
    return await calls.receive(LIMITS.receiveItems, wait, signal);
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}

async function readItem(
  item: InboxItem,
  { hotline, keyring, journal }: { hotline: string; keyring: PartnerDirectory; journal: Journal },
): Promise<Outcome> {
  if (item.kind === 'event') return item;
  const { referral, statement, acceptedAt } = item;
  const sealed = (await journal.read(referral))?.hash;
  const checked = await checkOutcome({ statement, acceptedAt }, { hotline, referral, sealed }, keyring);
  return { kind: 'outcome', hotline: item.hotline, referral, ...checked };
}
