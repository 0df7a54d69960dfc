import { hashText } from './base64url.ts';
import type { ReferralMessage, RouteStatement } from './contracts.ts';
import { RelayError } from './errors.ts';
import { OpenError, openSealed, verifySealedSignature } from './open.ts';
import { parseReferral, type Referral } from './referral.ts';
import { routingKey } from './routing.ts';
import type { Role, Routing } from './schema.ts';
import { keysCountingAt, type PartnerDirectory, UnconfirmedKeyError, verifyTaken } from './taken-statement.ts';

/*
 * Opening a delivered message (protocol section 5), steps 2 to 5. Step 1, `kms:Decrypt`, and step 6, handing over and
 * answering, belong to the agency's client. Only clients load this: the referral's schema is not for the relay.
 */

export interface OpenRequest {
  message: ReferralMessage;
  /** Result of step 1. */
  contentKey: Uint8Array;
  /** The agency that opens, as it is registered. */
  agency: { countries: readonly string[]; fallback: boolean };
  directory: PartnerDirectory;
}

export interface OpenedReferral {
  referral: Referral;
  /** Hash of the sealed bytes, which every statement about this referral names. */
  sealed: string;
  /**
   * Why this agency has it: those of its countries that the document, or a statement that counts, names, and in which
   * roles. Both are empty for a fallback agency that has it because nobody else was known. Unlike the message's own
   * lists these are vouched for by signatures.
   */
  roles: Role[];
  countries: string[];
  /** Later statements about where it belongs that count, and that could be verified. */
  routed: RouteStatement[];
}

/**
 * Opens a message, holds the document against it, and makes sure that it is addressed to this agency.
 * @throws {OpenError} the verdict to answer; whatever else is thrown is none, and the message must come back
 */
export async function openReferral({ message, contentKey, agency, directory }: OpenRequest): Promise<OpenedReferral> {
  const jws = openSealed(message.sealed, contentKey);
  const document = await verifySealedSignature(jws, keysCountingAt(directory, message.hotline, message.acceptedAt));
  const referral = toReferral(document);
  if (!isSameAsOutside(referral, message)) throw new OpenError('envelope');

  const sealed = hashText(message.sealed);
  const { routed, undecided } = await countStatements(message, sealed, referral, directory);
  const address = addressOf([referral.routing, ...routed.map(({ routing }) => routing)], agency.countries);
  if (address.countries.length === 0 && !agency.fallback) {
    if (undecided) throw undecided;
    throw new OpenError('not-addressed');
  }
  return { referral, sealed, ...address, routed };
}

/** Step 4, first half. */
function toReferral(document: unknown): Referral {
  try {
    return parseReferral(document);
  } catch (error) {
    if (error instanceof RelayError) throw new OpenError('schema');
    throw error;
  }
}

/** Step 4, second half; countries compare as sets. */
const isSameAsOutside = (inside: Referral, outside: ReferralMessage): boolean =>
  inside.id === outside.id &&
  inside.hotline === outside.hotline &&
  inside.urgency === outside.urgency &&
  inside.onward === outside.onward &&
  routingKey(inside.routing) === routingKey(outside.routing);

/**
 * The statements in `routed` that count by step 5. One that does not count is passed over: whether the referral is
 * addressed to us is decided by those that do. So is, for the time being, one whose key the user has still to confirm,
 * `undecided`: a referral that is addressed to us anyway does not wait for that.
 * @throws what `directory` rejects with for a moment: what is missing now would be missing for good, once this version
 *   of the referral is handed over
 */
async function countStatements(
  { hotline, id, routed = [] }: ReferralMessage,
  sealed: string,
  { onward }: Referral,
  directory: PartnerDirectory,
): Promise<{ routed: RouteStatement[]; undecided: UnconfirmedKeyError | undefined }> {
  const maySign = async (partner: string): Promise<boolean> =>
    partner === hotline || (onward === 'allowed' && (await directory.mayForward(partner)));
  const counted: RouteStatement[] = [];
  let undecided: UnconfirmedKeyError | undefined;
  for (const taken of routed) {
    try {
      const statement = await verifyTaken('route', taken, directory, maySign);
      if (statement.hotline === hotline && statement.referral === id && statement.sealed === sealed) {
        counted.push(statement);
      }
    } catch (error) {
      if (error instanceof UnconfirmedKeyError) undecided ??= error;
      else if (!(error instanceof RelayError)) throw error;
    }
  }
  return { routed: counted, undecided };
}

/** Step 5: which of our countries these routings name, and in which roles. */
function addressOf(routings: readonly Routing[], ours: readonly string[]): { roles: Role[]; countries: string[] } {
  const roles = new Set<Role>();
  const countries = new Set<string>();
  for (const routing of routings) {
    for (const role of ['suspect', 'victim'] as const) {
      for (const country of routing[role]) {
        if (!ours.includes(country)) continue;
        roles.add(role);
        countries.add(country);
      }
    }
  }
  return { roles: [...roles].sort(), countries: [...countries].sort() };
}
