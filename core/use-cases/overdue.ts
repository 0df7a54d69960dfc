import type { LedgerRow } from '../ledger.ts';
import { unopenedSince, unplacedSince } from '../ledger-rules.ts';
import { SCHEDULE } from '../limits.ts';
import type { Relay } from '../ports.ts';
import { fromTimestamp, MINUTE } from '../time.ts';

/*
 * What has waited for a quarter of an hour and is `immediate`, wherever it is held up: told anew in every run of sweep, by
 * what the ledger says and not by how often somebody looked, so that an alarm holds until all is well.
 */

const hasWaited = (milliseconds: number): boolean => milliseconds >= SCHEDULE.reminders[0];

/** Counts what an agency has not opened, among the rows of its lane of `immediate` referrals. */
export function tellUnopened({ telemetry }: Pick<Relay, 'telemetry'>, rows: readonly LedgerRow[], now: number): void {
  const unopened = rows.flatMap((row) => {
    const since = row.kind === 'route' ? unopenedSince(row) : undefined;
    const waited = since === undefined ? 0 : now - fromTimestamp(since);
    return row.kind === 'route' && hasWaited(waited) ? [{ agency: row.agency, waited }] : [];
  });
  if (unopened[0]) {
    const minutes = Math.floor(Math.max(...unopened.map(({ waited }) => waited)) / MINUTE);
    telemetry.record('unopened-immediate', { agency: unopened[0].agency, count: unopened.length, minutes });
  }
}

/**
 * Tells of one that `deliver` has not taken up, among the rows of a lane of outboxes: a referral that was not placed, or a
 * statement about one that had no effect. No agency's alarm knows of it, for there is no route. At most `most` are read.
 * @param noteFailure told of each that could not be read
 */
export async function tellUnplaced(
  { ledger, telemetry }: Pick<Relay, 'ledger' | 'telemetry'>,
  rows: readonly LedgerRow[],
  now: number,
  most: number,
  noteFailure: (row: LedgerRow, error: unknown) => void,
): Promise<void> {
  const waiting = rows.flatMap((row) => {
    const since = unplacedSince(row);
    const waited = since === undefined ? 0 : now - fromTimestamp(since);
    return hasWaited(waited) ? [{ row, minutes: Math.floor(waited / MINUTE) }] : [];
  });
  for (const { row, minutes } of waiting.slice(0, most)) {
    try {
      const { referral } = await ledger.read(row);
      if (referral?.urgency !== 'immediate') continue;
      telemetry.record('held-up', { hotline: row.hotline, id: row.id, cause: 'not-placed', minutes });
      break;
    } catch (error) {
      noteFailure(row, error);
    }
  }
}
