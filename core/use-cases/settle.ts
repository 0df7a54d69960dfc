import type { InboxItem } from '../contracts.ts';
import type { RouteRow, StatementRow } from '../ledger.ts';
import { answered, withdrawn } from '../ledger-rules.ts';
import { SCHEDULE } from '../limits.ts';
import type { Relay } from '../ports.ts';
import { toTimestamp } from '../time.ts';

type Parts = Pick<Relay, 'ledger' | 'queues' | 'clock' | 'telemetry'>;

/**
 * What follows from an agency's statement: the state of its route, then the hotline's inbox. Both may be repeated.
 * A statement that was `known` is brought to the inbox by sweep, which owns it since the first attempt.
 */
export async function settleOutcome(relay: Parts, row: StatementRow, statement: 'new' | 'known'): Promise<void> {
  await applyOutcome(relay, row);
  if (statement === 'new') await sendToInbox(relay, row);
}

async function applyOutcome({ ledger, clock }: Parts, statement: StatementRow): Promise<void> {
  const { content } = statement;
  if (content.type !== 'outcome') return;
  for (;;) {
    const { routes, statements } = await ledger.read(statement);
    const row = routes.find(({ agency }) => agency === content.agency);
    if (!row) return;
    const after = answered(row, content.version, content.status, statement.acceptedAt, clock.now());
    const isWithdrawn = statements.some((other) => other.content.type === 'withdraw');
    const next: RouteRow = isWithdrawn ? withdrawn(after, clock.now()) : after;
    if (next === row || (await ledger.replace(next))) return;
  }
}

/**
 * Brings a statement or event to its hotline and owes it again before the queue forgets it, until it is acknowledged.
 * A failure leaves the row as it is: it is due already, and sweep comes back to it.
 */
export async function sendToInbox({ ledger, queues, clock, telemetry }: Parts, row: StatementRow): Promise<void> {
  if (!row.due) return;
  try {
    await queues.sendToHotline(row.hotline, { key: row.key, item: toItem(row) });
    const at = toTimestamp(clock.now() + SCHEDULE.beforeQueueForgets);
    await ledger.replace({ ...row, due: { lane: row.due.lane, at } });
  } catch {
    telemetry.record('inbox-failed', { hotline: row.hotline, id: row.id });
  }
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
