import { allLanes, isImmediateLane, isOutboxLane, laneOf } from '../lanes.ts';
import type { LedgerRow, OutboxRow, ReferralRecord, RetentionRow, RouteRow, StatementRow } from '../ledger.ts';
import { contentExpiry, isFirstReminder, isPageDue, leased, reminded } from '../ledger-rules.ts';
import { SCHEDULE } from '../limits.ts';
import type { Lane } from '../names.ts';
import type { Pages, Relay, Waiting } from '../ports.ts';
import type { PartnerKind } from '../registry.ts';
import { END_OF_TIME, fromTimestamp, MINUTE, toTimestamp } from '../time.ts';
import { askForAttempt, askForPlacing } from './dispatch.ts';
import { applyHandOver } from './hand-over.ts';
import { tellUnopened, tellUnplaced } from './overdue.ts';
import { goRound, type Turn } from './rounds.ts';
import { applyOutcome, sendToInbox } from './settle.ts';

type Parts = Pick<Relay, 'ledger' | 'queues' | 'registry' | 'clock' | 'telemetry' | 'retention'> & {
  /** Without it, nobody is paged; the operator's alarm holds all the same. */
  pages?: Pages | undefined;
};

/** Rows of a lane of `immediate` referrals that are counted at most. */
const COUNTED = 1000;

/** Rows of a lane of outboxes that are looked through at most: those of a bulk, and of several more. */
const LOOKED_THROUGH = 10_000;

export interface SweepBounds {
  /** Rows taken from one lane when its turn comes, so that no partner's backlog delays another's. */
  page: number;
  /** Rows looked after at the same time. */
  concurrency: number;
  /** When the run stops taking more, in milliseconds since 1970. */
  deadline: number;
  /** Messages that a dispatch queue may hold before sweep adds none to it; if not given, as many as there are. */
  dispatched?: number;
}

export interface SweepReport {
  rows: number;
  failures: number;
  /** Whether nothing that was due when the run began was left over, for want of time or of room in a dispatch queue. */
  complete: boolean;
}

/** One run. */
interface Run {
  relay: Parts;
  bounds: SweepBounds;
  report: SweepReport;
  /** When it began. */
  now: number;
  /** How many messages each dispatch queue may still be given. */
  room: Record<Lane, number>;
  /** Of whom the people of each agency are still to be told. */
  reminders: Map<string, Waiting[]>;
}

/**
 * Looks after everything that fell due (every minute): sends off again what never arrived, reminds, tells hotlines,
 * removes what need not be kept. It goes round the lanes, urgent ones first, a page of each, until all that was due when
 * it began is done, its time is over, or `deliver` has enough to do. Within a class of lanes, each run starts with
 * another. A row is leased before it is sent off, so that minutes do not pile up duplicates.
 */
export async function sweep(relay: Parts, bounds: SweepBounds): Promise<SweepReport> {
  const { registry, clock, telemetry } = relay;
  const now = clock.now();
  const report: SweepReport = { rows: 0, failures: 0, complete: true };
  const room = await measureRoom(relay, bounds, report);
  const run: Run = { relay, bounds, report, now, room, reminders: new Map() };
  const hotlines = await listAll(relay, 'hotline', registry.hotlines, report);
  const agencies = await listAll(relay, 'agency', registry.agencies, report);
  await noteRegistry(relay, report);
  const lanes = allLanes(hotlines, agencies, Math.floor(now / MINUTE));
  const inTime = await goRound(lanes, {
    isOver: () => clock.now() >= bounds.deadline,
    visit: (turn) => visit(run, turn),
  });
  for (const agency of run.reminders.keys()) await page(run, agency);
  report.complete &&= inTime;
  telemetry.record('swept', { rows: report.rows, failures: report.failures, complete: report.complete ? 1 : 0 });
  return report;
}

/** Counted and told, with its cause: none of it stops the run, and an alarm rings if it lasts. */
function noteFailure(
  { relay, report }: Pick<Run, 'relay' | 'report'>,
  error: unknown,
  fields: Readonly<Record<string, string>>,
): void {
  report.failures += 1;
  relay.telemetry.record('due-failed', { ...fields, error: error instanceof Error ? error.name : 'unknown' });
}

const noteRow = (run: Run, { kind, hotline, id }: LedgerRow, error: unknown): void =>
  noteFailure(run, error, { what: kind, hotline, id });

/** What is not known is taken for empty: how much one run adds is bounded all the same. */
async function measureRoom(
  relay: Parts,
  { dispatched = Number.POSITIVE_INFINITY }: SweepBounds,
  report: SweepReport,
): Promise<Run['room']> {
  const measure = async (lane: Lane): Promise<number> => {
    try {
      return dispatched - (await relay.queues.countDispatched(lane));
    } catch (error) {
      noteFailure({ relay, report }, error, { what: 'dispatch-queue', lane });
      return dispatched;
    }
  };
  const [urgent, routine] = await Promise.all([measure('urgent'), measure('routine')]);
  return { urgent, routine };
}

/**
 * Every partner of a kind there is or ever was. What is owed to one that has gone from the registry is looked after as
 * well, so that somebody sees it; and it arrives if the partner comes back.
 */
async function listAll(
  relay: Parts,
  kind: PartnerKind,
  registered: ReadonlyMap<string, unknown>,
  report: SweepReport,
): Promise<string[]> {
  const ids = [...registered.keys()];
  try {
    return (await relay.ledger.remember(kind, ids)).toSorted();
  } catch (error) {
    noteFailure({ relay, report }, error, { what: 'partners', kind });
    return ids;
  }
}

/** For the operator, whose checkout may hold another registry. */
async function noteRegistry(relay: Parts, report: SweepReport): Promise<void> {
  try {
    await relay.ledger.noteRegistry(relay.registry.digest);
  } catch (error) {
    noteFailure({ relay, report }, error, { what: 'registry' });
  }
}

/** A page of a lane. A lane that cannot be read holds up no other. */
async function visit(run: Run, { lane, after }: Turn): Promise<LedgerRow | undefined> {
  const { relay, bounds, report, now } = run;
  const isFirst = after === undefined;
  let rows: LedgerRow[];
  try {
    rows = isFirst ? await readFirst(run, lane) : await relay.ledger.due(lane, now, bounds.page, after);
  } catch (error) {
    noteFailure({ relay, report }, error, { what: 'lane', lane });
    return undefined;
  }
  const taken = takePage(run, rows, isFirst);
  for (let start = 0; start < taken.length; start += bounds.concurrency) {
    await lookAfterAll(run, taken.slice(start, start + bounds.concurrency));
  }
  const [agency] = run.reminders.keys();
  if (isFirst && agency !== undefined) await page(run, agency);
  if (rows.length < bounds.page || taken.length === 0) return undefined;
  return taken.length < bounds.page ? rows.at(-1) : taken.at(-1);
}

/** The first of these rows that there is room for, a page at most: what has none holds up nothing behind it. */
function takePage(run: Run, rows: readonly LedgerRow[], isFirst: boolean): LedgerRow[] {
  const taken: LedgerRow[] = [];
  for (const row of rows) {
    if (taken.length >= run.bounds.page) break;
    if (takeRoom(run, row, isFirst)) taken.push(row);
    else run.report.complete = false;
  }
  return taken;
}

/**
 * Whether `deliver` is to be asked to look after one more row. What is immediate goes to it whatever it has to do, a page
 * of each lane in each run.
 */
function takeRoom({ room }: Run, row: LedgerRow, isFirst: boolean): boolean {
  if (row.kind !== 'route' && row.kind !== 'outbox') return true;
  const lane = laneOf(row.urgency);
  if (room[lane] <= 0 && !(isFirst && row.urgency === 'immediate')) return false;
  room[lane] -= 1;
  return true;
}

async function lookAfterAll(run: Run, rows: readonly LedgerRow[]): Promise<void> {
  run.report.rows += rows.length;
  await Promise.all(rows.map((row) => lookAfter(run, row).catch((error: unknown) => noteRow(run, row, error))));
}

/**
 * What is due in a lane when its first turn comes. Lanes of `immediate` referrals and of outboxes are read as a whole, for
 * what waits too long in them, due or not; and because every urgency stands in one lane of outboxes.
 */
async function readFirst(run: Run, lane: string): Promise<LedgerRow[]> {
  const { relay, bounds, now } = run;
  const isOutbox = isOutboxLane(lane);
  if (!isOutbox && !isImmediateLane(lane)) return relay.ledger.due(lane, now, bounds.page);
  const most = Math.max(bounds.page, isOutbox ? LOOKED_THROUGH : COUNTED);
  const rows = await relay.ledger.due(lane, END_OF_TIME, most);
  if (isOutbox) {
    await tellUnplaced(relay, rows, now, bounds.page, (row, error) => noteRow(run, row, error));
  } else {
    tellUnopened(relay, rows, now);
  }
  return rows.filter(({ due }) => due !== undefined && fromTimestamp(due.at) <= now);
}

/** Pages the people of an agency, if it has named any. What fails is not repeated: the next reminder pages again. */
async function page({ relay: { pages, registry, telemetry }, reminders }: Run, agency: string): Promise<void> {
  const waiting = reminders.get(agency) ?? [];
  reminders.delete(agency);
  if (!pages || registry.agencies.get(agency)?.contact.page === undefined) return;
  try {
    await pages.page(
      agency,
      waiting.toSorted((a, b) => b.minutes - a.minutes),
    );
    telemetry.record('paged', { agency, count: waiting.length });
  } catch {
    telemetry.record('page-failed', { agency, count: waiting.length });
  }
}

async function lookAfter(run: Run, row: LedgerRow): Promise<void> {
  switch (row.kind) {
    case 'outbox':
      return sweepOutbox(run.relay, row);
    case 'route':
      return sweepRoute(run, row);
    case 'statement':
      return sweepStatement(run.relay, row);
    case 'retention':
      return sweepRetention(run.relay, row);
    case 'referral':
  }
}

/** The row, taken by this run; nothing if somebody else has changed it or the index is behind. */
const lease = <T extends LedgerRow>({ ledger, clock }: Parts, row: T): Promise<T | undefined> =>
  ledger.replace(leased(row, clock.now(), SCHEDULE.lease));

async function sweepOutbox(relay: Parts, row: OutboxRow): Promise<void> {
  const { ledger, clock, telemetry } = relay;
  if (fromTimestamp(row.createdAt) + SCHEDULE.abandoned <= clock.now()) {
    const { referral } = await ledger.read(row);
    if (!referral) {
      await ledger.remove(row);
      return;
    }
  }
  if (!(await lease(relay, row))) return;
  telemetry.record('repaired', { hotline: row.hotline, id: row.id, what: 'outbox' });
  await askForPlacing(relay, row);
}

async function sweepRoute({ relay, reminders }: Run, row: RouteRow): Promise<void> {
  const { ledger, clock, telemetry } = relay;
  const now = clock.now();
  const isReminder = isFirstReminder(row);
  const next = isReminder ? reminded(row, now) : leased(row, now, SCHEDULE.lease);
  // Noted in the same write that takes the row, so that no two runs page for one reminder.
  const taken = await ledger.replace(isPageDue(row) ? { ...next, pagedAt: row.repeats } : next);
  if (!taken) return;
  const { hotline, id, agency, urgency } = row;
  const minutes = Math.floor((now - fromTimestamp(row.owedSince ?? row.deliveredAt ?? toTimestamp(now))) / MINUTE);
  if (row.status === 'delivered' || row.status === 'unreadable') {
    telemetry.record('unopened', { hotline, id, agency, urgency, minutes });
  }
  if (isPageDue(row)) reminders.set(agency, [...(reminders.get(agency) ?? []), { hotline, id, minutes }]);
  if (!isReminder) await askForAttempt(relay, taken);
}

async function sweepStatement(relay: Parts, row: StatementRow): Promise<void> {
  const taken = await lease(relay, row);
  if (!taken) return;
  switch (taken.content.type) {
    case 'outcome':
      await applyOutcome(relay, taken);
      return tellHotline(relay, taken);
    case 'event':
      await applyHandOver(relay, taken);
      return tellHotline(relay, taken);
    case 'route':
    case 'withdraw': {
      const { referral } = await relay.ledger.read(taken);
      if (referral) await askForPlacing(relay, referral);
    }
  }
}

/** A hotline that is gone from the registry cannot collect, and its queue may be gone too: it is told when it is back. */
async function tellHotline(relay: Parts, row: StatementRow): Promise<void> {
  const { registry, ledger, clock } = relay;
  if (registry.hotlines.has(row.hotline)) return sendToInbox(relay, row);
  await ledger.replace(leased(row, clock.now(), SCHEDULE.longestBackoff.other));
}

/** Content goes once nobody can need it any more, the facts when custody ends; the row itself goes last. */
async function sweepRetention(relay: Parts, row: RetentionRow): Promise<void> {
  const { ledger, clock, retention } = relay;
  const record = await ledger.read(row);
  const { referral } = record;
  const now = clock.now();
  if (!referral) return removeAll(relay, record);

  const custodyEnds = fromTimestamp(referral.acceptedAt) + retention.custody;
  const holding = { ...row, generation: referral.generation };
  const withoutContent = { ...row, generation: null };
  if (referral.contentRemovedAt !== undefined) {
    return custodyEnds <= now ? removeAll(relay, record) : putOff(relay, withoutContent, custodyEnds);
  }
  const expiry = contentExpiry(record, retention.content);
  if (expiry === undefined || expiry > now) return putOff(relay, holding, expiry ?? now + retention.content);

  const removed = await ledger.replace({ ...referral, contentRemovedAt: toTimestamp(now) });
  if (!removed) return undefined;
  relay.telemetry.record('content-removed', { hotline: row.hotline, id: row.id });
  return putOff(relay, withoutContent, Math.max(custodyEnds, now));
}

async function putOff({ ledger, clock }: Parts, row: RetentionRow, until: number): Promise<void> {
  await ledger.replace(leased(row, clock.now(), until - clock.now()));
}

/**
 * Removes all rows but the one that owes it, which goes the next time if there is nothing else any more: what somebody
 * was about to write when the referral went is there by then. The referral goes first, so that nobody else begins.
 */
async function removeAll(relay: Parts, record: ReferralRecord): Promise<void> {
  const { ledger, clock } = relay;
  const { referral, retention, outbox, routes, statements } = record;
  const rows = [referral, outbox, ...routes, ...statements].filter((row) => row !== undefined);
  if (!retention) return;
  if (rows.length === 0) {
    await ledger.remove(retention);
    return;
  }
  if (!(await ledger.replace(leased(retention, clock.now(), SCHEDULE.abandoned)))) return;
  for (const row of rows) if (!(await ledger.remove(row))) return;
}
