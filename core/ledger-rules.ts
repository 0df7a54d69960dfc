import type { OutcomeStatus } from './contracts.ts';
import { agencyLane } from './lanes.ts';
import type { Due, LedgerRow, ReferralRecord, ReferralRow, RouteRow } from './ledger.ts';
import { SCHEDULE } from './limits.ts';
import { type PlannedRoute, widenRoute } from './routing.ts';
import type { Timestamp, Urgency } from './schema.ts';
import { fromTimestamp, toTimestamp } from './time.ts';

/* How the ledger's rows change. All rules are pure: a row and the time go in, the row that is to stand comes out. */

/** A new route, owed at once. After a withdrawal it is born final: nothing was ever sent. */
export function createRoute(referral: ReferralRow, plan: PlannedRoute, withdrawn: boolean, now: number): RouteRow {
  return {
    v: 1,
    kind: 'route',
    hotline: referral.hotline,
    id: referral.id,
    rev: 1,
    agency: plan.agency,
    status: withdrawn ? 'withdrawn' : 'pending',
    version: 1,
    roles: plan.roles,
    countries: plan.countries,
    urgency: referral.urgency,
    owedSince: toTimestamp(now),
    deliveredAt: null,
    openedAt: null,
    finalAt: withdrawn ? toTimestamp(now) : null,
    attempts: 0,
    failures: 0,
    repeats: 0,
    withdrawalSentAt: withdrawn ? toTimestamp(now) : null,
    due: withdrawn ? undefined : dueIn(plan.agency, referral.urgency, now, SCHEDULE.grace),
  };
}

/** The route pending again, one version up, if `plan` adds a role or country; the same object if not, or if withdrawn. */
export function widen(row: RouteRow, plan: PlannedRoute, now: number): RouteRow {
  const widened = widenRoute(row, plan);
  // Whoever widens may have looked for a withdrawal before there was one.
  if (widened === row || row.status === 'withdrawn' || isWithdrawalOwedOrSent(row)) return row;
  return {
    ...row,
    roles: widened.roles,
    countries: widened.countries,
    status: 'pending',
    version: row.version + 1,
    owedSince: toTimestamp(now),
    deliveredAt: null,
    openedAt: null,
    finalAt: null,
    attempts: 0,
    failures: 0,
    repeats: 0,
    pagedAt: undefined,
    due: owed(row, now, SCHEDULE.grace),
  };
}

/** What an attempt at this route has to send, if anything. */
export function owes(row: RouteRow): 'referral' | 'withdrawn' | undefined {
  if (row.due === undefined) return undefined;
  return row.status === 'withdrawn' || row.status === 'opened' ? 'withdrawn' : 'referral';
}

/** After the referral was handed to the agency's queue. */
export function sent(row: RouteRow, now: number): RouteRow {
  const next = { ...row, attempts: row.attempts + 1, failures: 0 };
  switch (row.status) {
    case 'pending':
      return { ...next, status: 'delivered', deliveredAt: toTimestamp(now), due: owed(row, now, waitDelivered(row)) };
    case 'delivered':
      return { ...next, repeats: row.repeats + 1, due: owed(row, now, waitDelivered(row, row.repeats + 1)) };
    case 'unreadable':
      return { ...next, repeats: row.repeats + 1, due: owed(row, now, waitUnreadable(row.repeats + 1)) };
    case 'opened':
    case 'withdrawn':
      // Nothing confirms such news: it is sent again before the queue forgets it, until custody ends.
      return {
        ...next,
        withdrawalSentAt: toTimestamp(now),
        finalAt: row.finalAt ?? toTimestamp(now),
        due: owed(row, now, SCHEDULE.beforeQueueForgets),
      };
    case 'undeliverable':
      return row;
  }
}

/** After an attempt that may succeed later. `jitter` lies between 0 and 1. */
export function failed(row: RouteRow, now: number, jitter: number): RouteRow {
  const failures = row.failures + 1;
  return { ...row, attempts: row.attempts + 1, failures, due: owed(row, now, backoff(failures, jitter, row.urgency)) };
}

/** After KMS has said that the hotline wrapped the content key wrongly: it will never open. */
export const undeliverable = (row: RouteRow, now: number): RouteRow => ({
  ...row,
  status: 'undeliverable',
  attempts: row.attempts + 1,
  finalAt: toTimestamp(now),
  due: undefined,
});

/** Whether an `immediate` referral has just been waiting for its first quarter of an hour: a reminder, nothing is sent. */
export const isFirstReminder = (row: RouteRow): boolean =>
  row.status === 'delivered' && row.urgency === 'immediate' && row.repeats === 0;

export const reminded = (row: RouteRow, now: number): RouteRow => ({
  ...row,
  repeats: row.repeats + 1,
  due: owed(row, now, waitDelivered(row, row.repeats + 1)),
});

/**
 * Since when an `immediate` referral waits to be opened, wherever it is held up; `undefined` if it does not. One that its
 * agency could not read, and still not when it was sent again after an hour and a day, waits for its hotline, which knows:
 * it would keep the alarm raised for ever, and nobody would hear of the next one.
 */
export function unopenedSince(row: RouteRow): Timestamp | undefined {
  const mayBeRead = row.status === 'unreadable' && row.repeats < SCHEDULE.unreadable.length;
  const isUnopened = row.status === 'pending' || row.status === 'delivered' || mayBeRead;
  if (row.urgency !== 'immediate' || !isUnopened) return undefined;
  return row.owedSince ?? row.deliveredAt ?? undefined;
}

/** Since when a row of the outbox waits to be placed; `undefined` if it is known not to be `immediate`. */
export function unplacedSince(row: LedgerRow): Timestamp | undefined {
  if (row.kind === 'outbox') return row.urgency === 'immediate' ? row.createdAt : undefined;
  return row.kind === 'statement' ? row.acceptedAt : undefined;
}

/** Whether the agency's people are to be paged at this reminder: once, and only for what lies in their queue. */
export const isPageDue = (row: RouteRow): boolean =>
  row.urgency === 'immediate' &&
  (row.status === 'delivered' || row.status === 'unreadable') &&
  row.pagedAt !== row.repeats;

/** Taken by sweep: the attempt is on its way, and comes up again if it never arrives. */
export const leased = <T extends LedgerRow>(row: T, now: number, wait: number): T =>
  row.due ? { ...row, due: { lane: row.due.lane, at: toTimestamp(now + wait) } } : row;

/** After the agency has stated an outcome of this route's version; of an earlier one, nothing changes. */
export function answered(row: RouteRow, version: number, status: OutcomeStatus, at: Timestamp, now: number): RouteRow {
  if (version !== row.version || row.status === 'opened') return row;
  if (status === 'unreadable') {
    if (row.status !== 'pending' && row.status !== 'delivered') return row;
    return { ...row, status: 'unreadable', repeats: 0, pagedAt: undefined, due: owed(row, now, waitUnreadable(0)) };
  }
  return {
    ...row,
    status: 'opened',
    deliveredAt: row.deliveredAt ?? at,
    openedAt: at,
    finalAt: row.finalAt ?? toTimestamp(now),
    due: row.status === 'withdrawn' ? row.due : undefined,
  };
}

/** Owed at once; the same row if that is so, or nothing is owed. */
export const hastened = <T extends LedgerRow>(row: T, now: number): T =>
  row.due !== undefined && fromTimestamp(row.due.at) > now ? leased(row, now, 0) : row;

/** Owed at once if the agency could not read it, for there is a statement that it has not seen; else the same row. */
export const reconsidered = (row: RouteRow, now: number): RouteRow =>
  row.status === 'unreadable' ? hastened(row, now) : row;

/**
 * Sent anew, by order of the operator: as if it had not been sent yet, and as the next version if it was opened, for an
 * agency discards a version that it knows. What is undeliverable or withdrawn stays so.
 */
export function redelivered(row: RouteRow, now: number): RouteRow {
  const anew = { status: 'pending', deliveredAt: null, failures: 0, repeats: 0, pagedAt: undefined } as const;
  switch (row.status) {
    case 'pending':
      return hastened(row, now);
    case 'delivered':
    case 'unreadable':
      return { ...row, ...anew, due: owed(row, now, 0) };
    case 'opened':
      if (row.due) return row;
      return {
        ...row,
        ...anew,
        version: row.version + 1,
        owedSince: toTimestamp(now),
        openedAt: null,
        finalAt: null,
        attempts: 0,
        due: owed(row, now, 0),
      };
    case 'undeliverable':
    case 'withdrawn':
      return row;
  }
}

/** The news of the withdrawal owed anew, by order of the operator, to an agency that was sent it. */
export const announcedAnew = (row: RouteRow, now: number): RouteRow =>
  row.withdrawalSentAt === null ? row : { ...row, withdrawalSentAt: null, due: owed(row, now, 0) };

/** After another agency has taken over what this one has not opened in this version: nothing more is sent. */
export function handedOver(row: RouteRow, version: number, now: number): RouteRow {
  const isOpen = row.status === 'pending' || row.status === 'delivered' || row.status === 'unreadable';
  if (!isOpen || row.version !== version) return row;
  return { ...row, status: 'undeliverable', finalAt: toTimestamp(now), due: undefined };
}

/** Without the news of the withdrawal, which an agency that has left will never fetch. */
export const released = (row: RouteRow, now: number): RouteRow =>
  owes(row) === 'withdrawn'
    ? { ...row, withdrawalSentAt: toTimestamp(now), finalAt: row.finalAt ?? toTimestamp(now), due: undefined }
    : row;

/** After the hotline's withdrawal: what was opened stays so, and every agency that may have it is owed the news. */
export function withdrawn(row: RouteRow, now: number): RouteRow {
  if (row.status === 'undeliverable' || row.status === 'withdrawn' || isWithdrawalOwedOrSent(row)) return row;
  const status = row.status === 'opened' ? 'opened' : 'withdrawn';
  return { ...row, status, attempts: 0, failures: 0, due: owed(row, now, SCHEDULE.grace) };
}

const isWithdrawalOwedOrSent = (row: RouteRow): boolean =>
  row.withdrawalSentAt !== null || (row.status === 'opened' && row.due !== undefined);

/** Whether the referral itself will never be sent again for this route as it stands, and a withdrawal was announced. */
export const isFinal = (row: RouteRow): boolean =>
  row.finalAt !== null && (row.due === undefined || row.withdrawalSentAt !== null);

/**
 * How long to wait after `failures` failed attempts in a row: doubling, jittered down to half; a quarter of an hour at most
 * for what is `immediate`, six hours for the rest.
 */
export function backoff(failures: number, jitter: number, urgency: Urgency): number {
  const longest = SCHEDULE.longestBackoff[urgency === 'immediate' ? urgency : 'other'];
  const wait = Math.min(SCHEDULE.backoff * 2 ** Math.min(failures - 1, 20), longest);
  return Math.round(wait * (0.5 + jitter / 2));
}

function waitDelivered(row: RouteRow, repeats = 0): number {
  if (row.urgency !== 'immediate') return SCHEDULE.beforeQueueForgets;
  const at = SCHEDULE.reminders[repeats];
  const before = repeats === 0 ? 0 : SCHEDULE.reminders[repeats - 1];
  return at === undefined || before === undefined ? SCHEDULE.laterReminders : at - before;
}

const waitUnreadable = (repeats: number): number => SCHEDULE.unreadable[repeats] ?? SCHEDULE.beforeQueueForgets;

const owed = (row: RouteRow, now: number, wait: number): Due => dueIn(row.agency, row.urgency, now, wait);

const dueIn = (agency: string, urgency: Urgency, now: number, wait: number): Due => ({
  lane: agencyLane(agency, urgency),
  at: toTimestamp(now + wait),
});

/** When the content of a referral may go: `retention` after its last route became final; `undefined` while one is not. */
export function contentExpiry(record: ReferralRecord, retention: number): number | undefined {
  const { referral, routes, statements } = record;
  if (!referral || routes.length === 0 || !routes.every(isFinal)) return undefined;
  if (statements.some(({ content, due }) => (content.type === 'route' || content.type === 'withdraw') && due)) {
    return undefined;
  }
  const lastFinal = Math.max(...routes.map(({ finalAt }) => fromTimestamp(finalAt ?? referral.acceptedAt)));
  const kept = referral.contentUntil === undefined ? 0 : fromTimestamp(referral.contentUntil);
  return Math.max(lastFinal + retention, kept);
}
