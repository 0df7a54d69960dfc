import { agencyLane, inboxLane, SHARDS } from '../core/lanes.ts';
import type { LedgerRow, RouteRow } from '../core/ledger.ts';
import type { Ledger } from '../core/ports.ts';
import type { Timestamp, Urgency } from '../core/schema.ts';
import { END_OF_TIME } from '../core/time.ts';

/*
 * What the ledger owes, read from the index of everything that is owed. Like every index it may be a moment behind.
 */

export const URGENCIES = ['immediate', 'high', 'routine'] as const satisfies Urgency[];

/** Rows of one lane that are read at most, so that a large backlog does not hold up the command. */
const MOST = 100_000;

export interface Lane<R> {
  rows: R[];
  /** Whether there may be more. */
  isCut: boolean;
}

/** What is owed to an agency in the lane of an urgency. */
export const readRoutes = (ledger: Ledger, agency: string, urgency: Urgency): Promise<Lane<RouteRow>> =>
  readLane(ledger, agencyLane(agency, urgency), (row) => row.kind === 'route' && row.urgency === urgency);

async function readLane<R extends LedgerRow>(
  ledger: Ledger,
  lane: string,
  isWanted: (row: LedgerRow) => boolean,
): Promise<Lane<R>> {
  const rows = await ledger.due(lane, END_OF_TIME, MOST);
  return { rows: rows.filter((row): row is R => isWanted(row)), isCut: rows.length === MOST };
}

/** Routes that are not opened: those that an agency is still to open. */
export const isOpen = ({ status }: RouteRow): boolean =>
  status === 'pending' || status === 'delivered' || status === 'unreadable';

/** Withdrawals whose news the agency has in its queue. It goes out again until custody ends, for nothing confirms it. */
export const isTold = (row: RouteRow): boolean => !isOpen(row) && row.withdrawalSentAt !== null && row.failures === 0;

export interface RouteTally {
  agency: string;
  urgency: Urgency;
  /** Not handed to the agency's queue yet. */
  pending: number;
  /** In its queue, not opened. */
  delivered: number;
  unreadable: number;
  /** Withdrawals that the agency is still to be told, or that could not be repeated. */
  withdrawals: number;
  /** Since when the oldest of those that are not opened is owed. */
  oldest?: Timestamp;
  /** Who referred those that are not opened. */
  hotlines: string[];
  /** All numbers are then the least there can be. */
  isCut: boolean;
}

export async function tallyRoutes(ledger: Ledger, agency: string, urgency: Urgency): Promise<RouteTally> {
  const { rows, isCut } = await readRoutes(ledger, agency, urgency);
  const count = (status: RouteRow['status']): number => rows.filter((row) => row.status === status).length;
  const open = rows.filter(isOpen);
  const oldest = earliest(open.map((row) => row.owedSince ?? row.deliveredAt));
  return {
    agency,
    urgency,
    pending: count('pending'),
    delivered: count('delivered'),
    unreadable: count('unreadable'),
    withdrawals: rows.filter((row) => !isOpen(row) && !isTold(row)).length,
    ...(oldest !== undefined && { oldest }),
    hotlines: [...new Set(open.map(({ hotline }) => hotline))].toSorted(),
    isCut,
  };
}

export interface Backlog {
  count: number;
  oldest?: Timestamp;
  isCut: boolean;
}

/** Statements and events that a hotline has not acknowledged. */
export const tallyInbox = (ledger: Ledger, hotline: string): Promise<Backlog> =>
  tallyLanes(ledger, [inboxLane(hotline)], (row) => (row.kind === 'statement' ? row.acceptedAt : undefined));

/** Acceptances and statements whose routes are still being made. */
export const tallyOutbox = (ledger: Ledger): Promise<Backlog> =>
  tallyLanes(
    ledger,
    SHARDS.map((shard) => `outbox#${shard}`),
    (row) => (row.kind === 'outbox' ? row.createdAt : row.kind === 'statement' ? row.acceptedAt : undefined),
  );

async function tallyLanes(
  ledger: Ledger,
  lanes: readonly string[],
  since: (row: LedgerRow) => Timestamp | undefined,
): Promise<Backlog> {
  const read = await Promise.all(lanes.map((lane) => readLane(ledger, lane, () => true)));
  const rows = read.flatMap((lane) => lane.rows);
  const oldest = earliest(rows.map(since));
  return { count: rows.length, ...(oldest !== undefined && { oldest }), isCut: read.some(({ isCut }) => isCut) };
}

function earliest(moments: readonly (Timestamp | null | undefined)[]): Timestamp | undefined {
  return moments.filter((at) => at !== null && at !== undefined).sort()[0];
}
