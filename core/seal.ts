import { createPublicKey } from 'node:crypto';
import { CompactEncrypt } from 'jose/jwe/compact/encrypt';
import { RelayError } from './errors.ts';
import { parseJson } from './json.ts';
import { type SigningKey, signJws } from './jws.ts';
import { type IntakeJwk, thumbprint } from './keys.ts';
import { padDocument } from './padding.ts';
import { inspectSealed, type SealedHeader } from './sealed.ts';

/**
 * Seals a referral for the relay to carry (protocol section 2): padded, signed, encrypted with a content key of its
 * own. Store the result before sending it and send that again; sealing anew makes another referral of it.
 *
 * @param document an object, or its JSON text, which is kept as it stands; the caller has validated it
 * @param keys.signingKey of the hotline
 * @param keys.intakeKey of this hotline, from the directory and as pinned
 * @returns the JWE in compact form and the hash that names it from now on
 * @throws {RelayError} `malformed` if the document is too long or its text is not strict JSON
 */
export async function sealReferral(
  document: object | string,
  { signingKey, intakeKey }: { signingKey: SigningKey; intakeKey: IntakeJwk },
): Promise<{ sealed: string; hash: string }> {
  const text = typeof document === 'string' ? requireJson(document) : JSON.stringify(document);
  const jws = await signJws(padDocument(text), { ...signingKey, typ: 'referral+jws' });
  const sealed = await new CompactEncrypt(Buffer.from(jws))
    .setProtectedHeader({
      alg: 'RSA-OAEP-256',
      enc: 'A256GCM',
      kid: thumbprint(intakeKey),
      typ: 'referral+jwe',
      cty: 'referral+jws',
    } satisfies SealedHeader)
    .encrypt(createPublicKey({ key: intakeKey, format: 'jwk' }));
  const { hash } = inspectSealed(sealed);
  return { sealed, hash };
}

/** An agency could not read anything else, and nobody in between would notice. */
function requireJson(text: string): string {
  try {
    parseJson(text);
  } catch (error) {
    const fault = error instanceof SyntaxError ? error.message : 'not valid JSON';
    throw new RelayError('malformed', `Correct the document's JSON text: ${fault}.`);
  }
  return text;
}
