import { RelayError } from '../errors.ts';
import type { ReferralName } from '../ids.ts';
import type { FindKey } from '../jws.ts';
import { countsAt } from '../keys.ts';
import type { ReferralRow, StatementContent, StatementRow } from '../ledger.ts';
import { LIMITS } from '../limits.ts';
import type { Relay } from '../ports.ts';
import type { Registry } from '../registry.ts';
import type { Timestamp } from '../schema.ts';
import { fromTimestamp, toTimestamp } from '../time.ts';

/* What all signed statements share on their way into the ledger (protocol section 7, "Binding"). */

/** Finds the signing keys of one partner that count for what the relay takes in at `now`. */
export const keysOf =
  (registry: Registry, partner: string, now: number): FindKey =>
  (kid) => {
    const key = registry.findKey(partner, kid);
    return key && countsAt(key, toTimestamp(now)) ? key : undefined;
  };

export const notFound = (): RelayError =>
  new RelayError('not-found', 'Check the path: no such referral is known for this partner.');

export function mismatch(member: string, detail: string): RelayError {
  return new RelayError('statement-mismatch', `Correct ${member} of the statement: it ${detail}.`, {
    faults: [{ pointer: '/statement', detail: `${member} ${detail}` }],
  });
}

/** @throws {RelayError} `statement-mismatch` unless the statement names the referral of the path */
export function checkName(payload: { hotline: string; referral: string }, name: ReferralName): void {
  if (payload.hotline !== name.hotline) throw mismatch('hotline', 'must equal the hotline in the path');
  if (payload.referral !== name.id) throw mismatch('referral', 'must equal the id in the path');
}

/** @throws {RelayError} `statement-mismatch` unless the statement is about these sealed bytes and was made in time */
export function checkBinding(payload: { sealed: string; at: Timestamp }, referral: ReferralRow, now: number): void {
  if (payload.sealed !== referral.hash) throw mismatch('sealed', 'must be the hash of the sealed referral');
  const at = fromTimestamp(payload.at);
  if (at < fromTimestamp(referral.acceptedAt) - LIMITS.statementSkew || at > now + LIMITS.statementSkew) {
    throw mismatch('at', `must lie between acceptance and now (${toTimestamp(now)}), give or take 5 minutes`);
  }
}

/** How a statement is kept: under the next free number of its series, unless the same thing was stated before. */
export interface Series<C extends StatementContent> {
  /** `route`, or `outcome#de-kinderwacht`; the key of a row adds a number of two digits. */
  prefix: string;
  limit: number;
  content: C;
  same(stated: StatementContent): boolean;
  lane: string;
  /** Milliseconds until sweep looks after what the writer did not finish. */
  grace: number;
}

/**
 * Writes a statement, the first of its kind winning: of two at once that say the same, one is kept; of two that differ,
 * each gets a number. The limit holds strictly.
 * @returns the row that stands for this statement, and whether it was there before
 * @throws {RelayError} `limit-reached`
 */
export async function takeStatement<C extends StatementContent>(
  { ledger }: Pick<Relay, 'ledger'>,
  name: ReferralName,
  known: readonly StatementRow[],
  series: Series<C>,
  now: number,
): Promise<{ row: StatementRow; repeated: boolean }> {
  let rows = known;
  for (;;) {
    const stated = rows.filter(({ key }) => key.startsWith(`${series.prefix}#`));
    const same = stated.find(({ content }) => series.same(content));
    if (same) return { row: same, repeated: true };
    if (stated.length >= series.limit) {
      throw new RelayError('limit-reached', `State nothing further here: ${series.limit} statements are the most.`);
    }
    const row: StatementRow = {
      v: 1,
      kind: 'statement',
      ...name,
      rev: 1,
      key: `${series.prefix}#${String(stated.length).padStart(2, '0')}`,
      acceptedAt: toTimestamp(now),
      content: series.content,
      due: { lane: series.lane, at: toTimestamp(now + series.grace) },
    };
    if (await ledger.create(row)) return { row, repeated: false };
    rows = (await ledger.read(name)).statements;
  }
}
