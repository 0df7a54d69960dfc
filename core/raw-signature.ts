import { type KeyObject, sign, verify } from 'node:crypto';
import { curveOf, type SigningJwk, type VerificationKey } from './keys.ts';

/** R and S, 32 bytes each, with both algorithms (RFC 9421 sections 3.3.4 and 3.3.6). */
const SIGNATURE_LENGTH = 64;

/** What `node:crypto` wants for the keys of a curve; ECDSA would otherwise be in DER. */
const SCHEMES = {
  Ed25519: { hash: null, options: {} },
  'P-256': { hash: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
} as const satisfies Record<SigningJwk['crv'], object>;

/**
 * Whether `signature` is a raw 64-byte signature of `data` under `key`: Ed25519 (RFC 8032) or ECDSA over P-256 with
 * SHA-256 (FIPS 186-5). Of an ECDSA signature both values of S count, so its bytes are no name for what was signed.
 * Retirement is not looked at.
 */
export function verifyBytes({ key, jwk }: VerificationKey, data: Uint8Array, signature: Uint8Array): boolean {
  const { hash, options } = SCHEMES[jwk.crv];
  return signature.length === SIGNATURE_LENGTH && verify(hash, data, { key, ...options }, signature);
}

/**
 * The raw signature of `data`.
 * @throws {TypeError} if the key is not a private Ed25519 or P-256 key
 */
export function signBytes(key: KeyObject, data: Uint8Array): Buffer {
  const { hash, options } = SCHEMES[curveOf(key)];
  return sign(hash, data, { key, ...options });
}
