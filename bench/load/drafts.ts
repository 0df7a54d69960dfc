import { readFileSync } from 'node:fs';
import { v7 as uuidv7 } from 'uuid';
import { hashText } from '../../core/base64url.ts';
import { completeReferral, parseReferralDraft, type Referral, type ReferralDraft } from '../../core/referral.ts';
import type { Routing, Urgency } from '../../core/schema.ts';
import { toTimestamp } from '../../core/time.ts';
import type { Chance } from './chance.ts';

/*
 * Invented referrals in the shape of the field: some three files each, most of them small, few of them urgent. A share
 * of each size falls into the buckets of 4, 16 and 64 KiB.
 */

const SAMPLE = parseReferralDraft(
  JSON.parse(readFileSync(new URL('../../samples/routine.json', import.meta.url), 'utf8')),
);
/** File blocks, and how many of a hundred referrals have so many. */
const FILES = [
  { count: 3, share: 0.85 },
  { count: 16, share: 0.13 },
  { count: 64, share: 0.02 },
] as const;

export interface Shares {
  /** Share of `immediate` referrals, between 0 and 1. */
  immediate: number;
  high: number;
}

/** A draft that differs from all others by its number. */
export function createDraft(number: number, routing: Routing, chance: Chance, shares: Shares): ReferralDraft {
  const count = pickCount(chance.fraction());
  const urgency = pickUrgency(chance.fraction(), shares);
  return {
    ...SAMPLE,
    routing,
    urgency,
    ...(urgency !== 'routine' && { urgencyReason: 'An exercise: nobody is in danger.' }),
    originator: { reference: `BENCH-${number}` },
    files: Array.from({ length: count }, () => chance.pick(SAMPLE.files ?? [])),
  };
}

/** The draft with an id of its own, ready to be sealed. */
export const complete = (draft: ReferralDraft, hotline: string, now: number): Referral =>
  completeReferral(draft, { id: uuidv7({ msecs: now }), hotline, writtenAt: toTimestamp(now) });

/** Hash of all that a referral says: hotline and agency each compute it from what they have in clear. */
export const digestOf = (referral: Referral): string => hashText(JSON.stringify(referral));

function pickCount(fraction: number): number {
  let share = 0;
  for (const size of FILES) {
    share += size.share;
    if (fraction < share) return size.count;
  }
  return FILES[0].count;
}

function pickUrgency(fraction: number, { immediate, high }: Shares): Urgency {
  if (fraction < immediate) return 'immediate';
  return fraction < immediate + high ? 'high' : 'routine';
}
