import type { InboxItem } from '../contracts.ts';
import type { RouteRow, StatementRow } from '../ledger.ts';
import { answered, withdrawn } from '../ledger-rules.ts';
import { SCHEDULE } from '../limits.ts';
import type { Relay } from '../ports.ts';
import { toTimestamp } from '../time.ts';

type Parts = Pick<Relay, 'ledger' | 'queues' | 'clock'>;

/*
 * What follows from an agency's statement: the state of its route, then the hotline's inbox. Both may be repeated.
 */

/** Brings the route in line with what its agency has stated. */
export async function applyOutcome(
  { ledger, clock }: Pick<Parts, 'ledger' | 'clock'>,
  statement: StatementRow,
): Promise<void> {
  const { content } = statement;
  if (content.type !== 'outcome') return;
  for (;;) {
    const { routes, statements } = await ledger.read(statement);
    const row = routes.find(({ agency }) => agency === content.agency);
    if (!row) return;
    const after = answered(row, content.version, content.status, statement.acceptedAt, clock.now());
    const isWithdrawn = statements.some((other) => other.content.type === 'withdraw');
    const next: RouteRow = isWithdrawn ? withdrawn(after, clock.now()) : after;
    if (next === row) return;
    // A withdrawal leaves a route that was handed over as it is: one in between would not have seen that it is opened.
    if ((await ledger.replace(next)) && row.status !== 'undeliverable') return;
  }
}

/**
 * Brings a statement or event to its hotline and owes it again before the queue forgets it, until it is acknowledged.
 * If it rejects, the row is as it was: due already, and sweep comes back to it.
 */
export async function sendToInbox({ ledger, queues, clock }: Parts, row: StatementRow): Promise<void> {
  if (!row.due) return;
  await queues.sendToHotline(row.hotline, { key: row.key, item: toItem(row) });
  const at = toTimestamp(clock.now() + SCHEDULE.beforeQueueForgets);
  await ledger.replace({ ...row, due: { lane: row.due.lane, at } });
}

function toItem({ hotline, id: referral, content, acceptedAt }: StatementRow): InboxItem {
  if (content.type !== 'event')
    return { kind: 'statement', hotline, referral, statement: content.statement, acceptedAt };
  const { event, agency, countries } = content;
  return {
    kind: 'event',
    hotline,
    referral,
    event,
    ...(agency !== undefined && { agency }),
    ...(countries !== undefined && { countries }),
    at: acceptedAt,
  };
}
