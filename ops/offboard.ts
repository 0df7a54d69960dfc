import { CommandError, EXIT } from '../client/cli/exit.ts';
import type { ReferralName } from '../core/ids.ts';
import { SHARDS } from '../core/lanes.ts';
import type { RouteRow } from '../core/ledger.ts';
import type { Agency } from '../core/registry.ts';
import { END_OF_TIME, toTimestamp } from '../core/time.ts';
import { handOver } from '../core/use-cases/hand-over.ts';
import { plannedSoFar } from '../core/use-cases/route.ts';
import { findAgency } from './agencies.ts';
import { mapSome } from './concurrency.ts';
import type { Cloud } from './cloud.ts';
import { refuseOtherRegistry } from './deployed-registry.ts';
import { refuseIfNotUnderstood, skipNotUnderstood } from './not-understood.ts';
import { done, type Ending, refusal, relayOf, type Session } from './session.ts';
import { isOpen, isTold, readRoutes, URGENCIES } from './tally.ts';

export interface OffboardOptions {
  handOver?: boolean;
}

/**
 * Lets an agency go: it is suspended for good, once nothing is owed to it any more. What it has not opened goes to the
 * fallback if `handOver` says so; without, the command refuses as long as there is anything. Before, the agency must have
 * lost its countries in the registry that the relay works by, or new referrals would come in behind; one that is gone from it
 * has. An interrupt ends it after what is in hand.
 */
export async function offboard(session: Session, id: string, options: OffboardOptions): Promise<Ending> {
  const { cloud, now, show } = session;
  const { signal } = session.io;
  await refuseOtherRegistry(cloud);
  const agency = await findAgency(cloud, id);
  if (agency !== 'gone') refuseIfInUse(agency);
  const placing = await findPlacing(cloud, id);
  if (placing.length > 0) {
    throw beingPlaced(`${placing.length} referrals are on their way to ${id}: try again in a few minutes.`);
  }

  let open = await findOwed(cloud, id);
  refuseIfNotUnderstood(cloud);
  if (!open.every(isTold) && !options.handOver) throw refusal('routes-open', describeOpen(id, open));
  const heir = options.handOver ? cloud.registry.fallback : undefined;
  if (open.some(isOpen) && !heir) throw refusal('no-fallback', 'The registry names no fallback to hand over to.');

  signal.throwIfAborted();
  await cloud.suspensions.suspend(id, { at: toTimestamp(now()), by: cloud.operator, reason: 'offboarded' });
  const counts = { handedOver: 0, released: 0 };
  for (let round = 0; open.length > 0 && round < ROUNDS && !signal.aborted; round++) {
    const results = await mapSome(open, async (row) =>
      signal.aborted ? undefined : skipNotUnderstood(cloud, () => handOver(relayOf(session), row, id, heir)),
    );
    counts.handedOver += results.filter((result) => result === 'handed-over').length;
    counts.released += results.filter((result) => result === 'released').length;
    open = await findOwed(cloud, id);
  }

  const result = `${counts.handedOver} handed over, ${counts.released} withdrawals released, ${open.length} open`;
  const text =
    open.length > 0
      ? `${result}. Run it again: ${explainOpen(cloud, signal)}`
      : `${id} is off: ${counts.handedOver === 0 ? 'nothing was open' : `${counts.handedOver} referrals went to ${heir?.id}`}. ` +
        `Its calls are refused. ${agency === 'gone' ? 'Put its file back, without countries: without its keys' : 'Keep its file in the registry: without its keys'} nobody can verify what it signed, and its stack stays with it.`;
  await show({ offboarded: id, ...counts, open: open.length, ...(heir && { to: heir.id }) }, text);
  return open.length > 0 ? { exit: EXIT.partial, result } : done(result);
}

/** Why something is open still. */
function explainOpen({ notUnderstood }: Cloud, { aborted }: AbortSignal): string {
  if (aborted) return 'it was interrupted.';
  if (notUnderstood.size > 0) return 'from the checkout of the version that wrote what is not understood.';
  return "the ledger's index is behind, or something came in meanwhile.";
}

/** How often what is open is looked for anew. */
const ROUNDS = 5;

function refuseIfInUse({ id, countries, fallback }: Agency): void {
  if (countries.length === 0 && !fallback) return;
  const what = fallback ? 'is the fallback' : `is registered for ${countries.join(', ')}`;
  throw refusal(
    'still-registered',
    `${id} ${what}, so new referrals keep coming. Take that out of registry/<stage>/${id}.json and deploy; to shut it out at once, suspend it.`,
  );
}

/** Everything that is owed to the agency. */
async function findOwed({ ledger }: Cloud, agency: string): Promise<RouteRow[]> {
  const lanes = await mapSome(URGENCIES, (urgency) => readRoutes(ledger, agency, urgency));
  return lanes.flatMap(({ rows }) => rows);
}

/** Rows of one lane of outboxes that are looked through. */
const LOOKED_THROUGH = 10_000;

const beingPlaced = (message: string): CommandError => new CommandError(EXIT.unavailable, 'being-placed', message);

/** Referrals that are to get a route to the agency and have none yet. @throws {CommandError} if there is too much to tell */
async function findPlacing({ ledger }: Cloud, agency: string): Promise<ReferralName[]> {
  const lanes = await mapSome(SHARDS, (shard) => ledger.due(`outbox#${shard}`, END_OF_TIME, LOOKED_THROUGH));
  if (lanes.some(({ length }) => length === LOOKED_THROUGH)) {
    throw beingPlaced(
      'Too many referrals are on their way to tell for whom they are: try again when "status" shows fewer.',
    );
  }
  const found = await mapSome(lanes.flat(), async (row) => {
    const record = await ledger.read(row);
    const isPlanned = plannedSoFar(record)
      .flat()
      .some((route) => route.agency === agency);
    return isPlanned && !record.routes.some((route) => route.agency === agency) ? [row] : [];
  });
  return found.flat();
}

function describeOpen(id: string, rows: readonly RouteRow[]): string {
  const open = rows.filter(isOpen);
  const byUrgency = URGENCIES.map((urgency) => ({
    urgency,
    count: open.filter((row) => row.urgency === urgency).length,
  }));
  const counts = byUrgency.filter(({ count }) => count > 0).map(({ urgency, count }) => `${count} ${urgency}`);
  const news = rows.filter((row) => !isOpen(row) && !isTold(row)).length;
  const untold = news > 0 ? [`was not told of ${news} withdrawals`] : [];
  if (open.length === 0) {
    return `${id} ${untold.join()}.\nWait until it is, or add --hand-over: it is then not told any more.`;
  }
  return [
    `${id} ${[`has not opened ${open.length} referrals (${counts.join(', ')})`, ...untold].join(' and ')}.`,
    'Have it open them, or add --hand-over: they then go to the fallback, and the hotlines hear of it.',
  ].join('\n');
}
