import type { ReferralName } from '../ids.ts';
import { isHandOver, type ReferralRecord, type RouteRow } from '../ledger.ts';
import { announcedAnew, redelivered } from '../ledger-rules.ts';
import type { Relay } from '../ports.ts';
import { keepContent } from './keep-content.ts';

type Parts = Pick<Relay, 'ledger' | 'clock' | 'retention'>;

/** What the operator wants sent anew. */
export interface RedeliveryOrder {
  agency: string;
  /** The referral, or the news that its hotline has withdrawn it. */
  what: 'referral' | 'withdrawal';
  /** Only if nothing later has taken the place of this version. */
  version?: number | undefined;
  /** Also what the agency has stated to have opened: as a new version, for it discards one that it knows. */
  evenIfOpened?: boolean | undefined;
}

/** `owed`: sweep sends it off within a minute. All others say why there is nothing to send; nothing has changed then. */
export type Redelivery =
  | 'owed'
  | 'not-found'
  | 'opened'
  | 'superseded'
  | 'undeliverable'
  | 'handed-over'
  | 'withdrawn'
  | 'not-withdrawn'
  | 'content-removed';

/**
 * Has a referral sent to one of its agencies anew, whatever became of what was sent before. It goes the way of everything
 * that is owed: through the ledger, sweep and deliver.
 */
export async function redeliver(relay: Parts, name: ReferralName, order: RedeliveryOrder): Promise<Redelivery> {
  const { ledger, clock } = relay;
  for (;;) {
    const record = await ledger.read(name);
    const row = record.routes.find(({ agency }) => agency === order.agency);
    if (!row) return 'not-found';
    const obstacle = findObstacle(record, row, order);
    if (obstacle) return obstacle;
    if (order.what === 'referral' && !(await keepContent(relay, record))) continue;
    const next = order.what === 'referral' ? redelivered(row, clock.now()) : announcedAnew(row, clock.now());
    if (next === row || (await ledger.replace(next))) return 'owed';
  }
}

function findObstacle(
  { referral, statements }: ReferralRecord,
  row: RouteRow,
  { what, version = row.version, evenIfOpened = false }: RedeliveryOrder,
): Redelivery | undefined {
  const isWithdrawn = statements.some(({ content }) => content.type === 'withdraw');
  if (what === 'withdrawal') return isWithdrawn ? undefined : 'not-withdrawn';
  if (isWithdrawn) return 'withdrawn';
  if (row.status === 'undeliverable') {
    const isTakenOver = statements.some(
      ({ content }) => isHandOver(content) && content.agency === row.agency && content.version === row.version,
    );
    return isTakenOver ? 'handed-over' : row.status;
  }
  if (version < row.version) return 'superseded';
  if (row.status === 'opened' && !evenIfOpened) return row.status;
  return referral?.contentRemovedAt === undefined ? undefined : 'content-removed';
}
