import { retentionLane } from '../lanes.ts';
import type { ReferralRecord, ReferralRow, RouteRow, StatementRow } from '../ledger.ts';
import { createRoute, reconsidered, widen, withdrawn } from '../ledger-rules.ts';
import type { Relay } from '../ports.ts';
import type { PlannedRoute } from '../routing.ts';
import { fromTimestamp, toTimestamp } from '../time.ts';
import { createEvent } from './event.ts';
import { plannedSoFar } from './route.ts';

type Parts = Pick<Relay, 'ledger' | 'clock' | 'retention'>;

/**
 * Brings the rows of a referral in line with its acceptance and its statements: a row for every route, wider where a
 * statement widened it, withdrawn if the hotline withdrew. Whoever repeats it changes nothing.
 * @returns the rows as they then stand
 */
export async function placeReferral(relay: Parts, referral: ReferralRow, record: ReferralRecord): Promise<RouteRow[]> {
  const isWithdrawn = record.statements.some(({ content }) => content.type === 'withdraw');
  const rows = new Map(record.routes.map((row) => [row.agency, row]));
  for (const plan of plannedSoFar(record).flat()) {
    const row = rows.get(plan.agency) ?? (await makeRoute(relay, referral, plan, isWithdrawn));
    rows.set(
      plan.agency,
      isWithdrawn ? row : await changeRoute(relay, row, (current, now) => widen(current, plan, now)),
    );
  }
  if (!isWithdrawn) await tryAnew(relay, record, rows);
  if (isWithdrawn) {
    for (const [agency, row] of rows) rows.set(agency, await changeRoute(relay, row, withdrawn));
  }
  if (!record.retention) await createRetention(relay, referral);
  for (const statement of record.statements) await settle(relay, statement);
  return [...rows.values()];
}

/** What an agency could not read, it may with a statement that is new: that does not wait for the route's next turn. */
async function tryAnew(relay: Parts, { statements }: ReferralRecord, rows: Map<string, RouteRow>): Promise<void> {
  for (const { content, due } of statements) {
    if (content.type !== 'route' || !due) continue;
    for (const { agency } of content.plan.routes) {
      const row = rows.get(agency);
      if (row) rows.set(agency, await changeRoute(relay, row, reconsidered));
    }
  }
}

/** A new row, or the one that somebody else has just made. */
export async function makeRoute(
  { ledger, clock }: Pick<Parts, 'ledger' | 'clock'>,
  referral: ReferralRow,
  plan: PlannedRoute,
  isWithdrawn: boolean,
): Promise<RouteRow> {
  const row = createRoute(referral, plan, isWithdrawn, clock.now());
  return (await ledger.create(row)) ? row : readRoute({ ledger }, row);
}

/** Changes a row by a rule that holds whatever the row has become meanwhile. */
export async function changeRoute(
  { ledger, clock }: Pick<Parts, 'ledger' | 'clock'>,
  row: RouteRow,
  rule: (row: RouteRow, now: number) => RouteRow,
): Promise<RouteRow> {
  let current = row;
  for (;;) {
    const next = rule(current, clock.now());
    if (next === current) return current;
    const written = await ledger.replace(next);
    if (written) return written;
    current = await readRoute({ ledger }, current);
  }
}

async function readRoute({ ledger }: Pick<Relay, 'ledger'>, row: RouteRow): Promise<RouteRow> {
  const found = (await ledger.read(row)).routes.find(({ agency }) => agency === row.agency);
  if (!found) throw new Error('a route has vanished from the ledger');
  return found;
}

async function createRetention({ ledger, retention }: Parts, referral: ReferralRow): Promise<void> {
  const at = toTimestamp(fromTimestamp(referral.acceptedAt) + retention.content);
  const { hotline, id, generation } = referral;
  await ledger.create({
    v: 1,
    kind: 'retention',
    hotline,
    id,
    rev: 1,
    generation,
    due: { lane: retentionLane(id), at },
  });
}

/** A statement that routes or withdraws owes nothing once its routes are as it wants them and the hotline is told. */
async function settle(relay: Parts, row: StatementRow): Promise<void> {
  const { content } = row;
  if (!row.due || (content.type !== 'route' && content.type !== 'withdraw')) return;
  if (content.type === 'route' && content.by !== row.hotline) {
    const number = row.key.slice(-2);
    const countries = [...new Set([...content.routing.suspect, ...content.routing.victim])].sort();
    const event = { agency: content.by, countries };
    await createEvent(relay, row, `sent-on#${number}`, { type: 'event', event: 'sent-on', ...event });
    const { unrouted } = content.plan;
    if (unrouted.length > 0) {
      const news = { type: 'event', event: 'unrouted', agency: content.by, countries: unrouted } as const;
      await createEvent(relay, row, `unrouted#${number}`, news);
    }
  }
  await relay.ledger.replace({ ...row, due: undefined });
}
