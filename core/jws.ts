import type { KeyObject } from 'node:crypto';
import { CompactSign } from 'jose/jws/compact/sign';
import { compactVerify } from 'jose/jws/compact/verify';
import * as z from 'zod/mini';
import { decodeBase64url } from './base64url.ts';
import { readExactHeader } from './jose-header.ts';
import { ALGORITHMS, curveOf, type VerificationKey } from './keys.ts';
import { Hash } from './schema.ts';

/*
 * Compact JWS (RFC 7515) in the protocol's one form: the header is exactly `alg`, `kid`, `typ`. Other serialisations,
 * detached payloads, other algorithms and other header members are not supported and refused.
 */

const JWS_TYPES = ['referral+jws', 'outcome+jws', 'route+jws', 'withdraw+jws'] as const;
/** What a JWS says: a JWS of one type never passes for another. */
export type JwsType = (typeof JWS_TYPES)[number];

const Header = z.strictObject({
  alg: z.enum([ALGORITHMS.Ed25519.jose, ALGORITHMS['P-256'].jose]),
  kid: Hash,
  typ: z.enum(JWS_TYPES),
});

/** Both algorithms have signatures of 64 bytes (RFC 8032, RFC 7518 section 3.4). */
const SIGNATURE_BYTES = 64;

/**
 * Why a JWS does not count.
 * - `malformed`: it has not the protocol's form, which anyone can tell without a key; the message says what is wrong.
 *   An API answers `400 malformed`.
 * - `unverified`: it has the form, but is not signed by a known key. An unknown key, another algorithm than the key's
 *   and a bad signature are one and the same. An API answers `422 statement-mismatch`.
 */
export class JwsError extends Error {
  readonly reason: 'malformed' | 'unverified';

  constructor(reason: JwsError['reason'], detail: string) {
    super(detail);
    this.name = 'JwsError';
    this.reason = reason;
  }
}

/** A private signing key, Ed25519 or P-256, and the RFC 7638 thumbprint of its public half. */
export interface SigningKey {
  kid: string;
  privateKey: KeyObject;
}

/**
 * The key of this thumbprint, or `undefined` if there is none or its signatures do not count (`countsAt`). Whoever
 * calls knows the partner the key must belong to. What it throws reaches the caller of the verification unchanged: that
 * a directory cannot be reached is no verdict.
 */
export type FindKey = (kid: string) => VerificationKey | undefined | Promise<VerificationKey | undefined>;

/**
 * Signs `payload` (a string: its UTF-8) as a compact JWS. The curve of the key fixes the algorithm.
 * @throws {TypeError} if the key is not a private Ed25519 or P-256 key
 */
export function signJws(
  payload: Uint8Array | string,
  { typ, kid, privateKey }: SigningKey & { typ: JwsType },
): Promise<string> {
  const { jose: alg } = ALGORITHMS[curveOf(privateKey)];
  return new CompactSign(Buffer.from(payload)).setProtectedHeader({ alg, kid, typ }).sign(privateKey);
}

/**
 * The payload of a JWS of type `typ`, and the key that signed it. The algorithm is that of the key record; the header
 * may only agree. Note: an ES256 signature has a second valid spelling that anyone can make, so a JWS's characters are
 * no name for its payload.
 * @throws {JwsError}
 */
export async function verifyJws(
  token: string,
  { typ, findKey }: { typ: JwsType; findKey: FindKey },
): Promise<{ payload: Buffer; kid: string }> {
  const { alg, kid } = readJwsHeader(token, typ);
  const key = await findKey(kid);
  if (key === undefined || alg !== ALGORITHMS[key.jwk.crv].jose) throw unverified();
  let payload: Uint8Array;
  try {
    ({ payload } = await compactVerify(token, key.key, { algorithms: [alg] }));
  } catch {
    throw unverified();
  }
  return { payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), kid };
}

/**
 * The header of a JWS of type `typ` whose form is right; nothing is said about its signature.
 * @throws {JwsError} `malformed`
 */
export function readJwsHeader(token: string, typ: JwsType): { alg: 'EdDSA' | 'ES256'; kid: string } {
  const [protectedHeader, payload, signature, ...rest] = token.split('.', 4);
  if (protectedHeader === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    throw malformed('must have three segments');
  }
  if (decodeBase64url(payload) === undefined) throw malformed('has a payload that is not canonical base64url');
  if (decodeBase64url(signature)?.length !== SIGNATURE_BYTES) {
    throw malformed(`must have a signature of ${SIGNATURE_BYTES} bytes in canonical base64url`);
  }
  const header = readHeader(protectedHeader);
  if (header.typ !== typ) throw malformed(`must have the type "${typ}" in its protected header`);
  return { alg: header.alg, kid: header.kid };
}

function readHeader(segment: string): z.infer<typeof Header> {
  try {
    return readExactHeader(segment, Header);
  } catch (error) {
    throw malformed(`has a protected header that ${error instanceof SyntaxError ? error.message : 'cannot be read'}`);
  }
}

const malformed = (clause: string): JwsError => new JwsError('malformed', `The JWS ${clause}.`);

const unverified = (): JwsError => new JwsError('unverified', 'The JWS is not signed by a key that counts.');
