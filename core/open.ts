import { createDecipheriv } from 'node:crypto';
import { RelayError } from './errors.ts';
import { parseJson } from './json.ts';
import { type FindKey, JwsError, verifyJws } from './jws.ts';
import { inspectSealed, type Sealed } from './sealed.ts';

/*
 * Opening (protocol section 5), the steps that are cryptography. Step 1, `kms:Decrypt`, belongs to the agency's client;
 * steps 4 and 5 read the document.
 */

/** Why a delivered message is answered `unreadable` (protocol section 7). */
export type OpenReason = 'decryption' | 'signature' | 'schema' | 'envelope' | 'not-addressed';

/**
 * A verdict: this message cannot be opened, now or later. Failures of one reason are indistinguishable: one text, no
 * cause. Whatever else is thrown (a directory that cannot be reached, say) is no verdict and must not be answered.
 */
export class OpenError extends Error {
  readonly reason: OpenReason;

  constructor(reason: OpenReason) {
    super(DETAILS[reason]);
    this.name = 'OpenError';
    this.reason = reason;
  }
}

const DETAILS = {
  decryption: 'The sealed referral cannot be decrypted.',
  signature: 'The sealed referral is not signed by a key of its hotline that counts.',
  schema: 'The document inside is not a valid referral.',
  envelope: 'The message is malformed or differs from the document inside.',
  'not-addressed': 'The referral is not addressed to this agency.',
} as const satisfies Record<OpenReason, string>;

/**
 * Step 2: decrypts the JWE with the content key of step 1 and gives back the JWS inside, not yet verified.
 * @throws {OpenError} `envelope` if the JWE has not the form of section 2, which anyone can tell without the key; else
 *   `decryption`
 */
export function openSealed(sealed: string, contentKey: Uint8Array): string {
  const { protectedSegment, iv, ciphertext, tag } = takeApart(sealed);
  const additionalData = Buffer.from(protectedSegment, 'ascii');
  // Latin-1 loses nothing: what is not ASCII is refused when the JWS is read.
  return decryptContent({ key: contentKey, iv, additionalData, ciphertext, tag }).toString('latin1');
}

/**
 * Step 3: the document inside, once its signature has verified; steps 4 and 5 are still owed.
 * @param findKey of the message's hotline, asking the directory anew before it gives up, and `undefined` for a key that
 *   did not count when the relay took the referral in; what it throws passes through
 * @throws {OpenError} `signature`; or `schema` if what was signed is not strict JSON
 */
export async function verifySealedSignature(jws: string, findKey: FindKey): Promise<unknown> {
  const payload = await verifyReferral(jws, findKey);
  try {
    return parseJson(payload);
  } catch {
    throw new OpenError('schema');
  }
}

/**
 * A256GCM (RFC 7518 section 5.3) and nothing near it: a key of 32 bytes, an IV of 12, a tag of 16.
 * @throws {OpenError} `decryption`
 */
export function decryptContent(input: {
  key: Uint8Array;
  iv: Uint8Array;
  additionalData: Uint8Array;
  ciphertext: Uint8Array;
  tag: Uint8Array;
}): Buffer {
  if (input.iv.length !== 12) throw new OpenError('decryption');
  try {
    // Without `authTagLength` Node takes tags of 4 bytes.
    const decipher = createDecipheriv('aes-256-gcm', input.key, input.iv, { authTagLength: 16 });
    decipher.setAAD(input.additionalData).setAuthTag(input.tag);
    return Buffer.concat([decipher.update(input.ciphertext), decipher.final()]);
  } catch {
    throw new OpenError('decryption');
  }
}

function takeApart(sealed: string): Sealed {
  try {
    return inspectSealed(sealed);
  } catch (error) {
    if (error instanceof RelayError) throw new OpenError('envelope');
    throw error;
  }
}

async function verifyReferral(jws: string, findKey: FindKey): Promise<Buffer> {
  try {
    return (await verifyJws(jws, { typ: 'referral+jws', findKey })).payload;
  } catch (error) {
    if (error instanceof JwsError) throw new OpenError('signature');
    throw error;
  }
}
