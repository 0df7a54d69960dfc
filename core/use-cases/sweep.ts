import {
  allLanes,
  contentExpiry,
  isFirstReminder,
  isImmediateLane,
  isPageDue,
  leased,
  type LedgerRow,
  type OutboxRow,
  reminded,
  type ReferralRecord,
  type RetentionRow,
  type RouteRow,
  type StatementRow,
  unopenedSince,
} from '../ledger.ts';
import { SCHEDULE } from '../limits.ts';
import type { Pages, Relay, Waiting } from '../ports.ts';
import { END_OF_TIME, fromTimestamp, MINUTE, toTimestamp } from '../time.ts';
import { dispatchAttempt, dispatchPlacing } from './dispatch.ts';
import { applyHandOver } from './hand-over.ts';
import { sendToInbox, settleOutcome } from './settle.ts';

type Parts = Pick<Relay, 'ledger' | 'queues' | 'registry' | 'clock' | 'telemetry' | 'retention'> & {
  /** Without it, nobody is paged; the operator's alarm holds all the same. */
  pages?: Pages | undefined;
};

/** Rows of a lane of `immediate` referrals that are counted at most. */
const COUNTED = 1000;

export interface SweepBounds {
  /** Rows taken from one lane in one run, so that no partner's backlog delays another's. */
  page: number;
  /** Rows looked after at the same time. */
  concurrency: number;
  /** When the run stops taking more, in milliseconds since 1970. */
  deadline: number;
}

export interface SweepReport {
  rows: number;
  failures: number;
  /** Whether every lane was looked at before the deadline. */
  complete: boolean;
}

/**
 * Looks after everything that fell due (every minute): sends off again what never arrived, reminds, tells hotlines,
 * removes what need not be kept. Urgent lanes come first; within a class, each run starts with another lane. A row is
 * leased before it is sent off, so that minutes do not pile up duplicates.
 */
export async function sweep(relay: Parts, bounds: SweepBounds): Promise<SweepReport> {
  const { ledger, registry, clock, telemetry } = relay;
  const report: SweepReport = { rows: 0, failures: 0, complete: true };
  const lanes = allLanes(registry.hotlines.keys(), registry.agencies.keys(), Math.floor(clock.now() / MINUTE));
  for (const lane of lanes) {
    if (clock.now() >= bounds.deadline) {
      report.complete = false;
      break;
    }
    const rows = isImmediateLane(lane)
      ? await readImmediate(relay, lane, bounds.page)
      : await ledger.due(lane, clock.now(), bounds.page);
    const reminders: Waiting[] = [];
    for (let start = 0; start < rows.length; start += bounds.concurrency) {
      const batch = rows.slice(start, start + bounds.concurrency);
      const results = await Promise.allSettled(batch.map((row) => lookAfter(relay, row)));
      report.rows += results.length;
      for (const result of results) {
        if (result.status === 'rejected') report.failures += 1;
        else if (result.value) reminders.push(result.value);
      }
    }
    if (reminders.length > 0) await page(relay, rows[0], reminders);
  }
  telemetry.record('swept', { rows: report.rows, failures: report.failures, complete: report.complete ? 1 : 0 });
  return report;
}

/**
 * The due rows of a lane that is read as a whole, so that what waits unopened is counted anew each time: the number is
 * what the ledger says, not how often somebody looked. At most {@link COUNTED} are counted.
 */
async function readImmediate({ ledger, clock, telemetry }: Parts, lane: string, most: number): Promise<LedgerRow[]> {
  const rows = await ledger.due(lane, END_OF_TIME, Math.max(most, COUNTED));
  const now = clock.now();
  const unopened = rows.flatMap((row) => {
    const since = row.kind === 'route' ? unopenedSince(row) : undefined;
    const waited = since === undefined ? 0 : now - fromTimestamp(since);
    return row.kind === 'route' && waited >= SCHEDULE.reminders[0] ? [{ agency: row.agency, waited }] : [];
  });
  if (unopened[0]) {
    const minutes = Math.floor(Math.max(...unopened.map(({ waited }) => waited)) / MINUTE);
    telemetry.record('unopened-immediate', { agency: unopened[0].agency, count: unopened.length, minutes });
  }
  return rows.filter(({ due }) => due !== undefined && fromTimestamp(due.at) <= now).slice(0, most);
}

/** Pages the people of an agency, if it has named any. What fails is not repeated: the next reminder pages again. */
async function page(
  { pages, registry, telemetry }: Parts,
  row: LedgerRow | undefined,
  waiting: Waiting[],
): Promise<void> {
  const agency = row?.kind === 'route' ? registry.agencies.get(row.agency) : undefined;
  if (!pages || agency?.contact.page === undefined) return;
  try {
    await pages.page(
      agency.id,
      waiting.toSorted((a, b) => b.minutes - a.minutes),
    );
    telemetry.record('paged', { agency: agency.id, count: waiting.length });
  } catch {
    telemetry.record('page-failed', { agency: agency.id, count: waiting.length });
  }
}

/** @returns what the people of the agency are to be told */
async function lookAfter(relay: Parts, row: LedgerRow): Promise<Waiting | undefined> {
  switch (row.kind) {
    case 'outbox':
      await sweepOutbox(relay, row);
      break;
    case 'route':
      return sweepRoute(relay, row);
    case 'statement':
      await sweepStatement(relay, row);
      break;
    case 'retention':
      await sweepRetention(relay, row);
      break;
    case 'referral':
  }
  return undefined;
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
  await dispatchPlacing(relay, row);
}

async function sweepRoute(relay: Parts, row: RouteRow): Promise<Waiting | undefined> {
  const { ledger, clock, telemetry } = relay;
  const now = clock.now();
  const isReminder = isFirstReminder(row);
  const next = isReminder ? reminded(row, now) : leased(row, now, SCHEDULE.lease);
  // Noted in the same write that takes the row, so that no two runs page for one reminder.
  const taken = await ledger.replace(isPageDue(row) ? { ...next, pagedAt: row.repeats } : next);
  if (!taken) return undefined;
  const { hotline, id, agency, urgency } = row;
  const minutes = Math.floor((now - fromTimestamp(row.owedSince ?? row.deliveredAt ?? toTimestamp(now))) / MINUTE);
  if (row.status === 'delivered' || row.status === 'unreadable') {
    telemetry.record('unopened', { hotline, id, agency, urgency, minutes });
  }
  if (!isReminder) await dispatchAttempt(relay, taken);
  return isPageDue(row) ? { hotline, id, minutes } : undefined;
}

async function sweepStatement(relay: Parts, row: StatementRow): Promise<void> {
  const taken = await lease(relay, row);
  if (!taken) return;
  switch (taken.content.type) {
    case 'outcome':
      return settleOutcome(relay, taken, 'new');
    case 'event':
      await applyHandOver(relay, taken);
      return sendToInbox(relay, taken);
    case 'route':
    case 'withdraw': {
      const { referral } = await relay.ledger.read(taken);
      if (referral) await dispatchPlacing(relay, referral);
    }
  }
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
