import type { Acceptance, Submission } from '../contracts.ts';
import { RelayError } from '../errors.ts';
import { isFreshReferralId, type ReferralName } from '../ids.ts';
import { outboxLane } from '../lanes.ts';
import type { ReferralRow } from '../ledger.ts';
import { SCHEDULE } from '../limits.ts';
import type { IntakeKey, Relay } from '../ports.ts';
import { acceptedIntakeKeys, type Hotline } from '../registry.ts';
import { canonicalRouting, planRoutes, routingKey } from '../routing.ts';
import { inspectSealed } from '../sealed.ts';
import { MINUTE, SECOND, toTimestamp } from '../time.ts';
import { dispatchPlacing } from './dispatch.ts';
import { readIntakeKey } from './intake-key.ts';

type Parts = Pick<Relay, 'ledger' | 'queues' | 'keys' | 'registry' | 'clock' | 'telemetry'>;

/**
 * Accepts a sealed referral (protocol section 3) and opens nothing. The acceptance is one conditional write; the outbox
 * before it makes sure that somebody places the referral even if this process ends right after.
 * @throws {RelayError} `invalid-envelope`, `id-conflict`, `malformed` (an id out of time), `wrong-intake-key`,
 *   `no-route`, `slow-down`; nothing is stored then
 */
export async function submitReferral(relay: Parts, hotline: Hotline, submission: Submission): Promise<Acceptance> {
  const { ledger, clock } = relay;
  const sealed = inspectSealed(submission.sealed);
  const name = { hotline: hotline.id, id: submission.id };
  const now = clock.now();
  await keepLimit(relay, hotline, submission, now);

  const known = await answerKnown(relay, name, submission, sealed.hash);
  if (known) return known;

  if (!isFreshReferralId(submission.id, now)) {
    const detail = 'holds a time more than 30 days ago or 5 minutes ahead; make a new id, and check the clock';
    throw new RelayError('malformed', `Correct /id: it ${detail}.`, { faults: [{ pointer: '/id', detail }] });
  }
  const { generation } = await findIntakeKey(relay, hotline, sealed.kid, now);
  const plan = planRoutes(submission.routing, relay.registry);
  if (plan.routes.length === 0) {
    const where = plan.unrouted.join(', ') || 'referrals without a known country';
    throw new RelayError('no-route', `Refer this case by other means: no agency is registered for ${where}.`, {
      faults: [{ pointer: '/routing', detail: `no agency is registered for ${where}` }],
    });
  }

  const row: ReferralRow = {
    v: 1,
    kind: 'referral',
    ...name,
    rev: 1,
    acceptedAt: toTimestamp(now),
    routing: canonicalRouting(submission.routing),
    urgency: submission.urgency,
    onward: submission.onward,
    hash: sealed.hash,
    generation,
    plan,
    sealed: submission.sealed,
  };
  const due = { lane: outboxLane(name.id), at: toTimestamp(now + SCHEDULE.grace) };
  await ledger.put({ v: 1, kind: 'outbox', ...name, rev: now, createdAt: row.acceptedAt, urgency: row.urgency, due });
  if (!(await ledger.create(row))) {
    const winner = await answerKnown(relay, name, submission, sealed.hash);
    if (winner) return winner;
    throw new RelayError('try-again', 'Send the same request again.', { retryAfter: 1 });
  }
  relay.telemetry.record('accepted', { ...name, urgency: row.urgency, routes: plan.routes.length });
  await dispatchPlacing(relay, row);
  return toAcceptance(row);
}

/**
 * Counts a submission against the hotline's limit, before anything of it is looked up: a repetition costs the ledger as
 * much as a new one. A count that cannot be kept is a ledger that cannot be written, and rejects as that does.
 */
async function keepLimit({ ledger }: Parts, hotline: Hotline, { urgency }: Submission, now: number): Promise<void> {
  const perMinute = hotline.limits?.submissionsPerMinute;
  if (perMinute === undefined) return;
  const bucket = urgency === 'immediate' ? urgency : 'other';
  if (await ledger.take(hotline.id, bucket, perMinute, now)) return;
  throw new RelayError('slow-down', `Submit at most ${perMinute} a minute, and send this one again later.`, {
    retryAfter: Math.ceil(MINUTE / SECOND / perMinute),
  });
}

/** The same `202` to the same submission, a conflict to any other, nothing if there was none. */
async function answerKnown(
  relay: Parts,
  name: ReferralName,
  submission: Submission,
  hash: string,
): Promise<Acceptance | undefined> {
  const { referral, outbox } = await relay.ledger.read(name);
  if (!referral) return undefined;
  const same =
    referral.hash === hash &&
    referral.urgency === submission.urgency &&
    referral.onward === submission.onward &&
    routingKey(referral.routing) === routingKey(submission.routing);
  if (!same) {
    throw new RelayError('id-conflict', 'Submit the other referral under an id of its own.', {
      members: { sealed: referral.hash, acceptedAt: referral.acceptedAt },
    });
  }
  // Whoever accepted it may have ended before telling anybody.
  if (outbox) await dispatchPlacing(relay, referral);
  return toAcceptance(referral);
}

/** @throws whatever kept a key from being read, if it may be the one: nobody can tell then that it is none of them */
async function findIntakeKey(relay: Parts, hotline: Hotline, kid: string, now: number): Promise<IntakeKey> {
  const failures: unknown[] = [];
  for (const record of acceptedIntakeKeys(hotline, toTimestamp(now))) {
    const result = await readIntakeKey(relay, hotline, record);
    if (result.status === 'rejected') failures.push(result.reason);
    else if (result.value.kid === kid) return result.value;
  }
  if (failures.length > 0) throw failures[0];
  throw new RelayError('wrong-intake-key', 'Fetch the directory and seal for one of your intake keys listed there.');
}

const toAcceptance = (row: ReferralRow): Acceptance => ({
  id: row.id,
  hotline: row.hotline,
  status: 'accepted',
  acceptedAt: row.acceptedAt,
  sealed: row.hash,
  routes: row.plan.routes,
  unrouted: row.plan.unrouted,
});
