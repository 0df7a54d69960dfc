import type { RouteStatus } from '../contracts.ts';
import type { ReferralName } from '../ids.ts';
import { outboxLane } from '../lanes.ts';
import type { ReferralRecord, StatementRow } from '../ledger.ts';
import { withdrawn } from '../ledger-rules.ts';
import { SCHEDULE } from '../limits.ts';
import type { Relay } from '../ports.ts';
import type { Hotline } from '../registry.ts';
import { mergeRoutes, type PlannedRoute } from '../routing.ts';
import { verifyStatement } from '../statements.ts';
import { toTimestamp } from '../time.ts';
import { checkBinding, checkName, keysOf, notFound } from './binding.ts';
import { dispatchPlacing } from './dispatch.ts';
import { plannedSoFar } from './route.ts';

type Parts = Pick<Relay, 'ledger' | 'queues' | 'registry' | 'clock' | 'telemetry'>;

/** A route as the answer to a withdrawal shows it. */
export type WithdrawnRoute = PlannedRoute & { status: RouteStatus };

/**
 * Withdraws a referral (protocol section 8): what was not handed over ends here, and every agency that may have it is
 * told. The first withdrawal wins; it cannot unread.
 * @throws {RelayError} `not-found`, `malformed`, `statement-mismatch`
 */
export async function withdrawReferral(
  relay: Parts,
  hotline: Hotline,
  name: ReferralName,
  token: string,
): Promise<{ routes: WithdrawnRoute[] }> {
  const { ledger, registry, clock } = relay;
  if (hotline.id !== name.hotline) throw notFound();
  const now = clock.now();
  const { payload } = await verifyStatement('withdraw', token, keysOf(registry, hotline.id, now));
  checkName(payload, name);

  const record = await ledger.read(name);
  if (!record.referral) throw notFound();
  checkBinding(payload, record.referral, now);

  const row: StatementRow = {
    v: 1,
    kind: 'statement',
    ...name,
    rev: 1,
    key: 'withdraw',
    acceptedAt: toTimestamp(now),
    content: { type: 'withdraw', statement: token },
    due: { lane: outboxLane(name.id), at: toTimestamp(now + SCHEDULE.grace) },
  };
  const known = record.statements.find(({ key }) => key === row.key);
  if (!known) await ledger.create(row);
  // One that owes nothing any more has had its effect.
  if (!known || known.due) await dispatchPlacing(relay, record.referral);
  return { routes: withdrawnRoutes(record, now) };
}

/** The routes as they will be once the withdrawal is applied. */
function withdrawnRoutes(record: ReferralRecord, now: number): WithdrawnRoute[] {
  const rows = new Map(record.routes.map((row) => [row.agency, withdrawn(row, now)]));
  return mergeRoutes(plannedSoFar(record)).map((route) => ({
    ...route,
    status: rows.get(route.agency)?.status ?? 'withdrawn',
  }));
}
