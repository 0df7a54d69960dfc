import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import * as z from 'zod/mini';
import { decodeBase64url } from './base64url.ts';
import { Timestamp } from './schema.ts';

/** A 32-byte coordinate in canonical base64url: 43 characters. */
const Coordinate = z
  .string()
  .check(z.refine((text) => decodeBase64url(text)?.length === 32, { error: 'must be 32 bytes in unpadded base64url' }));

/**
 * The public half of a signing key (RFC 7517, RFC 8037): Ed25519 or P-256, and no member beyond what names it. A file
 * with a private key pasted into it fails here, because `d` is not a member.
 */
export const SigningJwk = z
  .discriminatedUnion('kty', [
    z.strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: Coordinate }),
    z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: Coordinate, y: Coordinate }),
  ])
  .check(z.refine(isStrong, { error: 'is not a sound public key: it is of small order or not on its curve' }));
export type SigningJwk = z.infer<typeof SigningJwk>;

/** The public half of an intake key (RFC 7518 section 6.3): RSA with 4,096 bits and the exponent 65537. */
export const IntakeJwk = z.strictObject({
  kty: z.literal('RSA'),
  n: z
    .string()
    .check(z.refine((text) => decodeBase64url(text)?.length === 512, { error: 'must be a modulus of 4,096 bits' })),
  e: z.literal('AQAB'),
});
export type IntakeJwk = z.infer<typeof IntakeJwk>;

/** A signing key as the registry and the directory list it; it is never removed, only retired or compromised. */
export const KeyRecord = z.strictObject({
  jwk: SigningJwk,
  retiredAt: z.optional(Timestamp),
  compromisedAt: z.optional(Timestamp),
});
export type KeyRecord = z.infer<typeof KeyRecord>;

/** What a curve fixes: the JOSE algorithm (RFC 8037, RFC 7518) and the RFC 9421 section 3.3 one. */
export const ALGORITHMS = {
  Ed25519: { jose: 'EdDSA', http: 'ed25519' },
  'P-256': { jose: 'ES256', http: 'ecdsa-p256-sha256' },
} as const satisfies Record<SigningJwk['crv'], { jose: string; http: string }>;

export type HttpAlgorithm = (typeof ALGORITHMS)[SigningJwk['crv']]['http'];

/** A public key ready for use, named by its thumbprint. */
export interface VerificationKey {
  kid: string;
  jwk: SigningJwk;
  key: KeyObject;
  retiredAt?: Timestamp | undefined;
  compromisedAt?: Timestamp | undefined;
}

export function toVerificationKey(record: KeyRecord): VerificationKey {
  return {
    kid: thumbprint(record.jwk),
    jwk: record.jwk,
    key: createPublicKey({ key: record.jwk, format: 'jwk' }),
    retiredAt: record.retiredAt,
    compromisedAt: record.compromisedAt,
  };
}

/** Whether a signature that the relay took in at `takenInAt` counts: the moment precedes retirement and compromise. */
export const countsAt = (key: VerificationKey, takenInAt: Timestamp): boolean =>
  (key.retiredAt === undefined || takenInAt < key.retiredAt) &&
  (key.compromisedAt === undefined || takenInAt < key.compromisedAt);

/**
 * The curve of a private signing key.
 * @throws {TypeError} if it is not a private Ed25519 or P-256 key
 */
export function curveOf(key: KeyObject): SigningJwk['crv'] {
  if (key.type === 'private' && key.asymmetricKeyType === 'ed25519') return 'Ed25519';
  if (key.type === 'private' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'P-256';
  throw new TypeError('a signing key must be a private Ed25519 or P-256 key');
}

/** RFC 7638: SHA-256 over the required members in lexicographic order, as unpadded base64url. */
export function thumbprint(jwk: SigningJwk | IntakeJwk): string {
  const required =
    jwk.kty === 'RSA'
      ? { e: jwk.e, kty: jwk.kty, n: jwk.n }
      : jwk.kty === 'EC'
        ? { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }
        : { crv: jwk.crv, kty: jwk.kty, x: jwk.x };
  return createHash('sha256').update(JSON.stringify(required)).digest('base64url');
}

/**
 * Encodings of the points of small order on edwards25519, sign bit cleared. Under such a key one forged signature fits
 * every message, and not every version of OpenSSL refuses it. The test holds this list against an independent implementation.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

function isStrong(jwk: { kty: string; crv: string; x: string; y?: string }): boolean {
  if (jwk.kty === 'OKP') {
    const point = Buffer.from(jwk.x, 'base64url');
    point[31] = (point[31] ?? 0) & 0x7f;
    return !SMALL_ORDER.has(point.toString('hex'));
  }
  try {
    createPublicKey({ key: { ...jwk }, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}
