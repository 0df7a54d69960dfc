import { agencyLane } from '../../core/lanes.ts';
import type { ReferralRow, RouteRow } from '../../core/ledger.ts';
import type { Urgency } from '../../core/schema.ts';
import { DAY, toTimestamp } from '../../core/time.ts';

/* The ledger's rows of referrals that nobody has to submit first: accepted long ago, owed to an agency. */

export interface Owed {
  hotline: string;
  id: string;
  agency: string;
  countries: string[];
  urgency: Urgency;
  /** What was sealed, the same for all: only KMS looks at it. */
  sealed: string;
  hash: string;
  /** Moment at which it falls due, in milliseconds since 1970. */
  dueAt: number;
}

/** An id made at `at` whose last digits are `index`, so that a count of some million needs no list of ids. */
export function idOf(at: number, index: number): string {
  const time = at.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${index.toString(16).padStart(12, '0')}`;
}

export const indexOf = (id: string): number => Number.parseInt(id.slice(-12), 16);

/** Of a hundred referrals in the field, so many are urgent; the mix repeats itself every 400 rows. */
export const urgencyOf = (index: number): Urgency =>
  index % 400 === 0 ? 'immediate' : index % 50 === 1 ? 'high' : 'routine';

export const isUrgent = (index: number): boolean => urgencyOf(index) !== 'routine';

export function countUrgent(rows: number): number {
  let urgent = 0;
  for (let index = 0; index < rows; index++) if (isUrgent(index)) urgent += 1;
  return urgent;
}

/** Delivered once, a fortnight before it falls due: the queue has forgotten it since. */
export function toRoute({ hotline, id, agency, countries, urgency, dueAt }: Owed): RouteRow {
  const deliveredAt = toTimestamp(dueAt - 13 * DAY);
  return {
    v: 1,
    kind: 'route',
    hotline,
    id,
    rev: 2,
    agency,
    status: 'delivered',
    version: 1,
    roles: ['suspect'],
    countries,
    urgency,
    owedSince: deliveredAt,
    deliveredAt,
    openedAt: null,
    finalAt: null,
    attempts: 1,
    failures: 0,
    repeats: 1,
    withdrawalSentAt: null,
    due: { lane: agencyLane(agency, urgency), at: toTimestamp(dueAt) },
  };
}

export function toReferral({ hotline, id, agency, countries, urgency, sealed, hash, dueAt }: Owed): ReferralRow {
  return {
    v: 1,
    kind: 'referral',
    hotline,
    id,
    rev: 1,
    acceptedAt: toTimestamp(dueAt - 13 * DAY),
    routing: { suspect: countries, victim: [] },
    urgency,
    onward: 'allowed',
    hash,
    generation: 1,
    plan: { routes: [{ agency, roles: ['suspect'], countries }], unrouted: [] },
    sealed,
  };
}
