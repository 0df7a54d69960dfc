import { DAY, MINUTE } from './time.ts';

/** `gb-lantern`, `int-clearing`: at most 40 characters. */
const PARTNER_ID = /^[a-z]{2,3}(?:-[a-z0-9]+)+$/;
const MAX_PARTNER_ID = 40;

/** A UUID of version 7 (RFC 9562 section 5.7) in canonical lower case. */
const REFERRAL_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** How old a referral's id may be when it is first submitted, in milliseconds. */
export const MAX_ID_AGE = 30 * DAY;
/** How far the clock that made the id may be ahead of the relay's, in milliseconds. */
export const MAX_ID_AHEAD = 5 * MINUTE;

/** The global name of a referral: the pair of its hotline and the id that hotline chose. */
export interface ReferralName {
  hotline: string;
  id: string;
}

export const isPartnerId = (text: string): boolean => text.length <= MAX_PARTNER_ID && PARTNER_ID.test(text);

export const isReferralId = (text: string): boolean => REFERRAL_ID.test(text);

/** When a valid referral id was made: milliseconds since 1970, the first 48 bits of a UUIDv7. */
export const referralIdTime = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/** Whether a valid referral id may be submitted for the first time at `now` (milliseconds since 1970). */
export function isFreshReferralId(id: string, now: number): boolean {
  const madeAt = referralIdTime(id);
  return madeAt >= now - MAX_ID_AGE && madeAt <= now + MAX_ID_AHEAD;
}
