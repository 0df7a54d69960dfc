import { safeLine } from '../client/cli/safe-text.ts';
import { agencyQueue, dispatchQueue, LANES, outcomesQueue } from '../core/names.ts';
import type { Ledger } from '../core/ports.ts';
import type { PartnerKind } from '../core/registry.ts';
import type { Timestamp } from '../core/schema.ts';
import { DAY, fromTimestamp, HOUR, MINUTE, toTimestamp } from '../core/time.ts';
import { mapSome } from './concurrency.ts';
import { type Depth, readDepth } from './queues.ts';
import { done, type Ending, type Session } from './session.ts';
import type { Suspension } from './suspensions.ts';
import { toTable } from './table.ts';
import { type Backlog, type RouteTally, tallyInbox, tallyOutbox, tallyRoutes, URGENCIES } from './tally.ts';

interface QueueStatus extends Partial<Depth> {
  queue: string;
  /** The partner it belongs to; none for the dispatch queues. */
  partner?: string;
  isDead: boolean;
  isMissing: boolean;
}

interface Status {
  stage: string;
  region: string;
  at: Timestamp;
  suspended: ({ partner: string } & Suspension)[];
  /** Partners that are not in the registry, and to which something is owed, or of which something is not opened. */
  gone: string[];
  routes: RouteTally[];
  inboxes: ({ hotline: string } & Backlog)[];
  outbox: Backlog;
  queues: QueueStatus[];
  /** Rows of which nobody can say what they owe; they are in none of the numbers. */
  notUnderstood: string[];
}

/** Where everything stands: what the ledger owes, and what lies in the queues. Changes nothing. */
export async function showStatus(session: Session, { all = false }: { all?: boolean }): Promise<Ending> {
  const status = await readStatus(session);
  await session.show(status, describe(status, session.now(), all));
  const dead = status.queues.filter(({ isDead, waiting = 0 }) => isDead && waiting > 0).length;
  const immediate = sum(status.routes.filter(({ urgency }) => urgency === 'immediate').map(countOpen));
  return done(`${immediate} immediate unopened, ${dead} queues with dead letters`);
}

async function readStatus({ cloud, io, now }: Session): Promise<Status> {
  const until = { signal: io.signal };
  const { stage, region, registry, ledger, suspensions } = cloud;
  const agencies = await listAll(ledger, 'agency', registry.agencies);
  const routes = await mapSome(
    agencies.flatMap((agency) => URGENCIES.map((urgency) => ({ agency, urgency }))),
    ({ agency, urgency }) => tallyRoutes(ledger, agency, urgency),
    until,
  );
  const hotlines = await listAll(ledger, 'hotline', registry.hotlines);
  const tally = async (hotline: string) => ({ hotline, ...(await tallyInbox(ledger, hotline)) });
  const inboxes = await mapSome(hotlines, tally, until);
  const findSuspension = async (partner: string) => {
    const suspension = await suspensions.find(partner);
    return suspension ? [{ partner, ...suspension }] : [];
  };
  const suspended = await mapSome([...agencies, ...hotlines], findSuspension, until);
  const wanted: { queue: string; partner?: string; isDead: boolean }[] = [
    ...LANES.flatMap((lane) => [
      { queue: dispatchQueue(stage, lane), isDead: false },
      { queue: dispatchQueue(stage, `dead-${lane}`), isDead: true },
    ]),
    ...agencies.flatMap((partner) =>
      (['urgent', 'routine', 'dead'] as const).map((queue) => ({
        queue: agencyQueue(stage, partner, queue),
        partner,
        isDead: queue === 'dead',
      })),
    ),
    ...hotlines.map((partner) => ({ queue: outcomesQueue(stage, partner), partner, isDead: false })),
  ];
  const look = async (queue: (typeof wanted)[number]) => {
    const depth = await readDepth(cloud, queue.queue);
    return { ...queue, isMissing: depth === undefined, ...depth };
  };
  const queues = await mapSome(wanted, look, until);
  return {
    stage,
    region,
    at: toTimestamp(now()),
    suspended: suspended.flat(),
    gone: listInvolved(routes, inboxes).filter((partner) => !registry.find(partner)),
    routes,
    inboxes,
    outbox: await tallyOutbox(ledger),
    // The stack of one that is gone may be gone as well.
    queues: queues.filter(({ partner, isMissing }) => !(isMissing && partner !== undefined && !registry.find(partner))),
    notUnderstood: [...cloud.notUnderstood].toSorted(),
  };
}

/** Every partner of a kind that there is or ever was, those of the registry first. */
async function listAll(ledger: Ledger, kind: PartnerKind, registered: ReadonlyMap<string, unknown>): Promise<string[]> {
  return [...new Set([...registered.keys(), ...(await ledger.remember(kind, [])).toSorted()])];
}

/** To whom something is owed, and of whom something is not opened. */
function listInvolved(routes: Status['routes'], inboxes: Status['inboxes']): string[] {
  const agencies = routes.filter((tally) => countOwed(tally) > 0).map(({ agency }) => agency);
  const senders = routes.flatMap(({ hotlines }) => hotlines);
  const hotlines = inboxes.filter(({ count }) => count > 0).map(({ hotline }) => hotline);
  return [...new Set([...agencies, ...senders, ...hotlines])].toSorted();
}

const countOpen = ({ pending, delivered, unreadable }: RouteTally): number => pending + delivered + unreadable;

const countOwed = (tally: RouteTally): number => countOpen(tally) + tally.withdrawals;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

function describe({ stage, region, at, ...status }: Status, now: number, all: boolean): string {
  const age = (since: Timestamp | undefined): string => (since === undefined ? '' : describeAge(now, since));
  const routes = status.routes.filter((tally) => all || countOwed(tally) > 0);
  const inboxes = status.inboxes.filter(({ count }) => all || count > 0);
  const queues = status.queues.filter(
    ({ waiting = 0, inFlight = 0, isMissing }) => all || isMissing || waiting + inFlight > 0,
  );
  const parts = [
    `${stage} in ${region} at ${at}`,
    ...status.suspended.map(
      ({ partner, at: since, by, reason }) =>
        `SUSPENDED  ${partner} since ${since} by ${safeLine(by)}${reason ? `: ${safeLine(reason)}` : ''}`,
    ),
    ...status.gone.map(
      (partner) => `GONE  ${partner} is not in the registry of this checkout, and ${describeGone(status, partner)}`,
    ),
    section('Not opened, by the ledger', [
      ['agency', 'urgency', 'pending', 'delivered', 'unreadable', 'withdrawals', 'oldest'],
      ...routes.map(({ agency, urgency, pending, delivered, unreadable, withdrawals, oldest, isCut }) => [
        agency,
        urgency,
        ...[pending, delivered, unreadable, withdrawals].map((count) => number(count, isCut)),
        age(oldest),
      ]),
    ]),
    section('Not acknowledged by hotlines', [
      ['hotline', 'items', 'oldest'],
      ...inboxes.map(({ hotline, count, oldest, isCut }) => [hotline, number(count, isCut), age(oldest)]),
    ]),
    section('Queues', [
      ['queue', 'waiting', 'in flight', ''],
      ...queues.map(({ queue, waiting = 0, inFlight = 0, isDead, isMissing }) => [
        queue,
        isMissing ? '-' : String(waiting),
        isMissing ? '-' : String(inFlight),
        isMissing ? 'is missing' : isDead && waiting > 0 ? 'dead letters: see "redrive --help"' : '',
      ]),
    ]),
    `Being placed: ${number(status.outbox.count, status.outbox.isCut)}${status.outbox.oldest === undefined ? '' : `, the oldest for ${age(status.outbox.oldest)}`}`,
  ];
  return parts.join('\n\n');
}

function describeGone({ routes, inboxes }: Pick<Status, 'routes' | 'inboxes'>, partner: string): string {
  if (routes.some(({ agency }) => agency === partner)) return 'something is owed to it';
  const isUnopened = routes.some(({ hotlines }) => hotlines.includes(partner));
  const items = inboxes.find(({ hotline }) => hotline === partner)?.count ?? 0;
  return [
    ...(isUnopened ? ['what it referred is not opened'] : []),
    ...(items > 0 ? [`${items} answers to it are not acknowledged`] : []),
  ].join('; ');
}

const section = (title: string, rows: string[][]): string =>
  rows.length > 1 ? `${title}\n${toTable(rows)}` : `${title}: nothing`;

const number = (count: number, isCut: boolean): string => (isCut ? `${count} or more` : String(count));

function describeAge(now: number, since: Timestamp): string {
  const age = Math.max(now - fromTimestamp(since), 0);
  if (age >= 2 * DAY) return `${Math.floor(age / DAY)} d`;
  return age >= 2 * HOUR ? `${Math.floor(age / HOUR)} h` : `${Math.floor(age / MINUTE)} min`;
}
