import { createCipheriv, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { encodeBase64url } from '../../core/base64url.ts';
import { SigningJwk, toVerificationKey, type VerificationKey } from '../../core/keys.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export interface Signer {
  kid: string;
  privateKey: KeyObject;
  record: VerificationKey;
}

export function makeSigner(curve: SigningJwk['crv']): Signer {
  const { privateKey } =
    curve === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return toSigner(privateKey);
}

export function toSigner(privateKey: KeyObject): Signer {
  const record = toVerificationKey({ jwk: SigningJwk.parse(createPublicKey(privateKey).export({ format: 'jwk' })) });
  return { kid: record.kid, privateKey, record };
}

/** Looks keys up as a directory would. */
export const among =
  (...signers: Signer[]) =>
  (kid: string): VerificationKey | undefined =>
    signers.find((signer) => signer.kid === kid)?.record;

/** A compact JWE by node:crypto alone, whatever the header says. */
export function encryptByHand(
  plaintext: string | Uint8Array,
  {
    header,
    contentKey,
    encryptedKey = randomBytes(512),
  }: { header: string; contentKey: Uint8Array; encryptedKey?: Uint8Array },
): string {
  const protectedSegment = encodeBase64url(Buffer.from(header));
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', contentKey, iv, { authTagLength: 16 });
  cipher.setAAD(Buffer.from(protectedSegment));
  const ciphertext = Buffer.concat([cipher.update(Buffer.from(plaintext)), cipher.final()]);
  return [protectedSegment, ...[encryptedKey, iv, ciphertext, cipher.getAuthTag()].map(encodeBase64url)].join('.');
}

/** `text` with one of the six bits flipped that the base64url character at `index` stands for. */
export function flipBit(text: string, index: number, bit: number): string {
  const flipped = ALPHABET[ALPHABET.indexOf(text.charAt(index)) ^ (1 << bit)] ?? '';
  return text.slice(0, index) + flipped + text.slice(index + 1);
}

/** `text` with its segment at `index` replaced. */
export const withSegment = (text: string, index: number, segment: string): string =>
  text.split('.').with(index, segment).join('.');

/** A header, or anything else, as a segment. */
export const toSegment = (text: string): string => encodeBase64url(Buffer.from(text));

/** The same bytes under another spelling: a stray bit after the end of those that count. */
export function respell(segment: string): string {
  if (segment.length % 4 === 0) throw new Error('this segment has one spelling only');
  return flipBit(segment, segment.length - 1, 0);
}
