import { EXIT } from '../client/cli/exit.ts';
import type { RouteRow } from '../core/ledger.ts';
import { hastened } from '../core/ledger-rules.ts';
import { toTimestamp } from '../core/time.ts';
import { changeRoute } from '../core/use-cases/place.ts';
import { kindOf } from './agencies.ts';
import { mapSome } from './concurrency.ts';
import { skipNotUnderstood } from './not-understood.ts';
import { done, type Ending, refusal, relayOf, type Session } from './session.ts';
import { readRoutes, URGENCIES } from './tally.ts';

/**
 * Shuts a partner out within seconds: its calls are answered as a stranger's, and nothing more is sent to it. What is
 * owed to it waits; what lies in its queue stays, for only its key and its queue can keep it from that.
 */
export async function suspend({ cloud, now, show }: Session, partner: string, reason?: string): Promise<Ending> {
  const kind = await kindOf(cloud, partner);
  if (kind === undefined) {
    throw refusal('unknown-partner', `There is no partner "${partner}", nor was there ever one: nobody is suspended.`);
  }
  const still = kind === 'agency' ? ` What lies in its queues it can still open: ${CLOSE_KEY}.` : '';
  const suspension = { at: toTimestamp(now()), by: cloud.operator, ...(reason !== undefined && { reason }) };
  if (await cloud.suspensions.suspend(partner, suspension)) {
    await show(
      { suspended: partner, ...suspension },
      `${partner} is suspended. Undo it with "resume ${partner}".${still}`,
    );
    return done('suspended');
  }
  const known = await cloud.suspensions.find(partner);
  await show(
    { suspended: partner, ...known },
    `${partner} is suspended already${known ? `, since ${known.at} by ${known.by}` : ''}.${still}`,
  );
  return done('suspended already');
}

const CLOSE_KEY = 'docs/operations/revocation.md, step 2';

/** Lets a partner in again. What waited for an agency is owed at once, as far as an interrupt lets it. */
export async function resume(session: Session, partner: string): Promise<Ending> {
  const { cloud, show } = session;
  const { ledger, suspensions } = cloud;
  const { signal } = session.io;
  const wasSuspended = await suspensions.resume(partner);
  if (!wasSuspended && (await kindOf(cloud, partner)) === undefined) {
    throw refusal('unknown-partner', `There is no partner "${partner}", nor was there ever one.`);
  }
  const waiting = await mapSome(URGENCIES, (urgency) => readRoutes(ledger, partner, urgency));
  const delayed = waiting.flatMap(({ rows }) => rows.filter(({ failures }) => failures > 0));
  const written = await mapSome(delayed, async (row) =>
    signal.aborted ? undefined : skipNotUnderstood(cloud, () => changeRoute(relayOf(session), row, hastenedIfFailed)),
  );
  const count = written.filter((row) => row && row.failures > 0).length;
  const state = wasSuspended ? 'is no longer suspended' : 'was not suspended';
  const atOnce = count > 0 ? ` Deliveries that failed meanwhile go out within a minute: ${count}.` : '';
  const later = signal.aborted ? ' Interrupted: run it again, or others wait for their next attempt.' : '';
  await show({ resumed: partner, wasSuspended, owedAtOnce: count }, `${partner} ${state}.${atOnce}${later}`);
  const result = `${state}, ${count} deliveries owed at once`;
  return signal.aborted ? { exit: EXIT.partial, result: `interrupted, ${result}` } : done(result);
}

/** What was sent meanwhile is not sent again. */
const hastenedIfFailed = (row: RouteRow, now: number): RouteRow => (row.failures > 0 ? hastened(row, now) : row);
