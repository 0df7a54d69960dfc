import type { ReferralRecord } from '../ledger.ts';
import { contentExpiry } from '../ledger-rules.ts';
import type { Relay } from '../ports.ts';
import { DAY, toTimestamp } from '../time.ts';

/**
 * Makes sure that the content of a referral outlives what is about to be written. Its removal is conditional on the row
 * as it was read, so that one of the two fails.
 * @returns `false` if that was this one: read again
 */
export async function keepContent(
  { ledger, clock, retention }: Pick<Relay, 'ledger' | 'clock' | 'retention'>,
  record: ReferralRecord,
): Promise<boolean> {
  const { referral } = record;
  const now = clock.now();
  const expiry = contentExpiry(record, retention.content);
  // At most half of what is written then: however often the answer to that is lost, it is not written again.
  const enough = Math.min(DAY, retention.content / 2);
  if (!referral || expiry === undefined || expiry > now + enough) return true;
  return (await ledger.replace({ ...referral, contentUntil: toTimestamp(now + retention.content) })) !== undefined;
}
