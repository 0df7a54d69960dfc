import type { ReferralMessage, TakenStatement } from '../contracts.ts';
import { laneOf } from '../lanes.ts';
import { isHandOver, type ReferralRecord, type ReferralRow, type RouteRow } from '../ledger.ts';
import { failed, owes, sent, undeliverable } from '../ledger-rules.ts';
import type { DispatchMessage, Relay, Rewrapped } from '../ports.ts';
import { wrappingKey } from '../registry.ts';
import { inspectSealed } from '../sealed.ts';
import { toTimestamp } from '../time.ts';
import { createEvent } from './event.ts';
import { placeReferral } from './place.ts';

type Parts = Pick<
  Relay,
  'ledger' | 'queues' | 'keys' | 'registry' | 'clock' | 'randomness' | 'telemetry' | 'retention'
>;

/**
 * Looks after one referral (protocol section 4): makes the rows of its routes and tries those that are new, or makes
 * the one attempt that the message names. A failed attempt is owed by its row; the message does not come back for it.
 * Rejects only where the ledger itself cannot be written: then the message does come back.
 */
export async function deliverReferral(relay: Parts, message: DispatchMessage): Promise<void> {
  const record = await relay.ledger.read(message, 'content');
  const { referral, outbox } = record;
  if (!referral) return;
  const rows = await placeReferral(relay, referral, record);
  const attempts = rows.filter((row) => owes(row) !== undefined && isAskedFor(row, message));
  const results = await Promise.allSettled(attempts.map((row) => attempt(relay, referral, record, row)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  if (outbox) await relay.ledger.remove(outbox);
}

/**
 * {@link deliverReferral} for one batch of messages: what several of them ask for is done once, and its result is that of
 * each. They come together when a hotline repeats itself before anything is delivered; side by side, each would send.
 */
export function deliverOnce(relay: Parts): (message: DispatchMessage) => Promise<void> {
  const begun = new Map<string, Promise<void>>();
  return (message) => {
    const { hotline, id, attempt } = message;
    const asked = JSON.stringify([hotline, id, attempt?.agency, attempt?.version, attempt?.number]);
    const result = begun.get(asked) ?? deliverReferral(relay, message);
    begun.set(asked, result);
    return result;
  };
}

/** Without a named attempt, all that has not been tried in its present form. */
function isAskedFor(row: RouteRow, { attempt }: DispatchMessage): boolean {
  if (!attempt) return row.attempts === 0;
  return row.agency === attempt.agency && row.version === attempt.version && row.attempts === attempt.number;
}

/**
 * One attempt, whose result is written only if the row is still as it was when the attempt began: what happened to it
 * meanwhile (opened, widened, withdrawn) counts for more.
 */
async function attempt(relay: Parts, referral: ReferralRow, record: ReferralRecord, row: RouteRow): Promise<void> {
  const { ledger, clock, randomness, telemetry } = relay;
  const fields = { hotline: row.hotline, id: row.id, agency: row.agency };
  let cause: string | undefined;
  let thrown: { error: string } | undefined;
  try {
    cause = (await ledger.isSuspended(row.agency))
      ? 'suspended'
      : owes(row) === 'withdrawn'
        ? await sendWithdrawal(relay, record, row)
        : await sendReferral(relay, referral, record, row);
  } catch (error) {
    cause = 'try-again';
    thrown = { error: error instanceof Error ? error.name : 'unknown' };
  }
  if (cause === undefined) {
    telemetry.record('delivered', { ...fields, lane: laneOf(row.urgency), version: row.version });
    await ledger.replace(sent(row, clock.now()));
  } else if (cause === 'InvalidCiphertext') {
    telemetry.record('undeliverable', fields);
    await createEvent(relay, row, `undeliverable#${row.agency}#${row.version}`, {
      type: 'event',
      event: 'undeliverable',
      agency: row.agency,
    });
    await ledger.replace(undeliverable(row, clock.now()));
  } else {
    const failure = { ...fields, cause, ...thrown, failures: row.failures + 1 };
    telemetry.record('delivery-failed', failure);
    if (isHeldUp(cause, failure.failures)) telemetry.record('held-up', failure);
    await ledger.replace(failed(row, clock.now(), randomness.fraction()));
  }
}

/** Failures in a row, within some fifteen minutes, after which trouble is not taken for passing any more. */
const LASTING = 5;

/** Whether somebody has to act: not where AWS has trouble for a moment, nor where the operator has ordered it. */
const isHeldUp = (cause: string, failures: number): boolean =>
  cause === 'try-again' ? failures >= LASTING : cause !== 'suspended';

/** @returns why it failed, or nothing */
async function sendReferral(
  relay: Parts,
  referral: ReferralRow,
  record: ReferralRecord,
  row: RouteRow,
): Promise<string | undefined> {
  if (referral.sealed === undefined) return 'content-removed';
  const rewrapped = await rewrap(relay, referral, referral.sealed, row);
  if (typeof rewrapped === 'string') return rewrapped;
  if (rewrapped.outcome === 'invalid') return 'InvalidCiphertext';
  if (rewrapped.outcome === 'refused') return rewrapped.cause;

  const routed = routedBy(record, row);
  const message: ReferralMessage = {
    v: 1,
    id: row.id,
    hotline: row.hotline,
    agency: row.agency,
    version: row.version,
    roles: row.roles,
    countries: row.countries,
    routing: referral.routing,
    urgency: referral.urgency,
    onward: referral.onward,
    acceptedAt: referral.acceptedAt,
    sealed: referral.sealed,
    key: Buffer.from(rewrapped.key).toString('base64'),
    ...(routed.length > 0 && { routed }),
  };
  await relay.queues.sendToAgency(row.agency, laneOf(row.urgency), message);
  return undefined;
}

/** The content key for this agency, or the cause why there is nobody to wrap it for. */
async function rewrap(
  { keys, registry, clock }: Parts,
  referral: ReferralRow,
  sealed: string,
  row: RouteRow,
): Promise<Rewrapped | string> {
  const agency = registry.agencies.get(row.agency);
  if (!agency) return 'agency-unknown';
  const hotline = registry.hotlines.get(row.hotline);
  const record = hotline?.intakeKeys.find(({ generation }) => generation === referral.generation);
  if (!record) return 'intake-key-unknown';
  return keys.rewrap(
    inspectSealed(sealed).encryptedKey,
    { hotline: row.hotline, record },
    { agency: row.agency, record: wrappingKey(agency, toTimestamp(clock.now())) },
    { hotline: row.hotline, referral: row.id, agency: row.agency, sealed: referral.hash },
  );
}

/**
 * Every later statement that led to this route, or to one that it took over, also one that names what an earlier one has
 * named: whether the earlier one counts is for the agency to judge.
 */
function routedBy({ statements }: ReferralRecord, row: RouteRow): TakenStatement[] {
  const takenOver = new Set([row.agency]);
  for (const agency of takenOver) {
    for (const { content } of statements) {
      if (isHandOver(content) && content.plan.routes.some((route) => route.agency === agency))
        takenOver.add(content.agency);
    }
  }
  return statements.flatMap(({ content, acceptedAt }) => {
    if (content.type !== 'route' || !content.plan.routes.some(({ agency }) => takenOver.has(agency))) return [];
    return [{ statement: content.statement, acceptedAt }];
  });
}

/** @returns why it failed, or nothing */
async function sendWithdrawal(
  relay: Parts,
  { statements }: ReferralRecord,
  row: RouteRow,
): Promise<string | undefined> {
  const withdrawal = statements.find(({ content }) => content.type === 'withdraw');
  if (withdrawal?.content.type !== 'withdraw') return 'withdrawal-unknown';
  await relay.queues.sendToAgency(row.agency, laneOf(row.urgency), {
    v: 1,
    kind: 'withdrawn',
    hotline: row.hotline,
    id: row.id,
    statement: withdrawal.content.statement,
    acceptedAt: withdrawal.acceptedAt,
  });
  return undefined;
}
