import {
  allLanes,
  contentExpiry,
  isFirstReminder,
  leased,
  type LedgerRow,
  type OutboxRow,
  reminded,
  type ReferralRecord,
  type RetentionRow,
  type RouteRow,
  type StatementRow,
} from '../ledger.ts';
import { SCHEDULE } from '../limits.ts';
import type { Relay } from '../ports.ts';
import { fromTimestamp, MINUTE, toTimestamp } from '../time.ts';
import { dispatchAttempt, dispatchPlacing } from './dispatch.ts';
import { sendToInbox, settleOutcome } from './settle.ts';

type Parts = Pick<Relay, 'ledger' | 'queues' | 'registry' | 'clock' | 'telemetry' | 'retention'>;

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
    const rows = await ledger.due(lane, clock.now(), bounds.page);
    for (let start = 0; start < rows.length; start += bounds.concurrency) {
      const batch = rows.slice(start, start + bounds.concurrency);
      const results = await Promise.allSettled(batch.map((row) => lookAfter(relay, row)));
      report.rows += results.length;
      report.failures += results.filter(({ status }) => status === 'rejected').length;
    }
  }
  telemetry.record('swept', { rows: report.rows, failures: report.failures, complete: report.complete ? 1 : 0 });
  return report;
}

async function lookAfter(relay: Parts, row: LedgerRow): Promise<void> {
  switch (row.kind) {
    case 'outbox':
      return sweepOutbox(relay, row);
    case 'route':
      return sweepRoute(relay, row);
    case 'statement':
      return sweepStatement(relay, row);
    case 'retention':
      return sweepRetention(relay, row);
    case 'referral':
      return undefined;
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
  await dispatchPlacing(relay, row);
}

async function sweepRoute(relay: Parts, row: RouteRow): Promise<void> {
  const { ledger, clock, telemetry } = relay;
  const isReminder = isFirstReminder(row);
  const taken = isReminder ? await ledger.replace(reminded(row, clock.now())) : await lease(relay, row);
  if (!taken) return;
  if (row.status === 'delivered' || row.status === 'unreadable') {
    const minutes = Math.floor((clock.now() - fromTimestamp(row.deliveredAt ?? toTimestamp(clock.now()))) / MINUTE);
    const { hotline, id, agency, urgency } = row;
    const event = urgency === 'immediate' ? 'unopened-immediate' : 'unopened';
    telemetry.record(event, { hotline, id, agency, urgency, minutes });
  }
  if (!isReminder) await dispatchAttempt(relay, taken);
}

async function sweepStatement(relay: Parts, row: StatementRow): Promise<void> {
  const taken = await lease(relay, row);
  if (!taken) return;
  switch (taken.content.type) {
    case 'outcome':
      return settleOutcome(relay, taken, 'new');
    case 'event':
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
  if (referral.contentRemovedAt !== undefined) {
    return custodyEnds <= now ? removeAll(relay, record) : putOff(relay, row, custodyEnds);
  }
  const expiry = contentExpiry(record, retention.content);
  if (expiry === undefined || expiry > now) return putOff(relay, row, expiry ?? now + retention.content);

  const removed = await ledger.replace({ ...referral, contentRemovedAt: toTimestamp(now) });
  if (!removed) return undefined;
  relay.telemetry.record('content-removed', { hotline: row.hotline, id: row.id });
  return putOff(relay, row, Math.max(custodyEnds, now));
}

async function putOff({ ledger, clock }: Parts, row: RetentionRow, until: number): Promise<void> {
  await ledger.replace(leased(row, clock.now(), until - clock.now()));
}

/** The row that owes the removal goes last, so that an interrupted removal is taken up again. */
async function removeAll({ ledger }: Parts, record: ReferralRecord): Promise<void> {
  const { referral, retention, outbox, routes, statements } = record;
  const rows = [...routes, ...statements, outbox, referral, retention].filter((row) => row !== undefined);
  for (const row of rows) if (!(await ledger.remove(row))) return;
}
