import { v7 as uuidv7 } from 'uuid';
import { hashText } from '../core/base64url.ts';
import { type Fault, RelayError } from '../core/errors.ts';
import type { SigningKey } from '../core/jws.ts';
import type { IntakeJwk } from '../core/keys.ts';
import { padDocument } from '../core/padding.ts';
import {
  completeReferral,
  parseReferral,
  parseReferralDraft,
  type Referral,
  reviewReferral,
  type Warning,
} from '../core/referral.ts';
import { sealReferral } from '../core/seal.ts';
import { toTimestamp } from '../core/time.ts';
import type { JournalEntry } from './journal.ts';

/* From what a hotline has on file to sealed bytes, without the relay. */

/**
 * The referral that a document stands for: a draft is completed with a new id, the hotline and the moment; a document
 * that has any of the three already must have them all.
 * @param now milliseconds since 1970
 * @returns `draft`: a hash that the same draft always has
 * @throws {RelayError} `malformed`, with a fault for each member that is not as it must be
 */
export function toReferral(document: unknown, hotline: string, now: number): { referral: Referral; draft: string } {
  if (isComplete(document)) {
    const referral = parseReferral(document);
    if (referral.hotline !== hotline) throw fault('/hotline', `must be "${hotline}", whose profile this is`);
    return { referral, draft: hashText(JSON.stringify(referral)) };
  }
  const draft = parseReferralDraft(document);
  const origin = { id: uuidv7({ msecs: now }), hotline, writtenAt: toTimestamp(now) };
  return { referral: completeReferral(draft, origin), draft: hashText(JSON.stringify(draft)) };
}

const isComplete = (document: unknown): boolean =>
  typeof document === 'object' &&
  document !== null &&
  ['id', 'hotline', 'writtenAt'].some((member) => Object.hasOwn(document, member));

const fault = (pointer: string, detail: string): RelayError =>
  new RelayError('malformed', `Correct ${pointer}: it ${detail}.`, { faults: [{ pointer, detail }] });

/** What is wrong with a document, and what could be better; with faults there are no warnings yet. */
export function inspectDocument(
  document: unknown,
  hotline: string,
  now: number,
): { faults: Fault[]; warnings: Warning[]; referral?: Referral } {
  try {
    const { referral } = toReferral(document, hotline, now);
    padDocument(JSON.stringify(referral));
    return { faults: [], warnings: reviewReferral(referral), referral };
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    const { faults, message } = error;
    return { faults: faults.length > 0 ? [...faults] : [{ pointer: '', detail: message }], warnings: [] };
  }
}

/** Seals a referral and makes the journal's entry of it. */
export async function sealEntry(
  { referral, draft }: { referral: Referral; draft: string },
  keys: { signingKey: SigningKey; intakeKey: IntakeJwk },
  now: number,
): Promise<JournalEntry> {
  const { id, hotline, routing, urgency, onward } = referral;
  const { sealed, hash } = await sealReferral(referral, keys);
  const sealedAt = toTimestamp(now);
  return { v: 1, id, hotline, sealedAt, draft, routing, urgency, onward, sealed, hash, state: 'sealed' };
}
