import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
  subtle,
  verify,
  type webcrypto,
} from 'node:crypto';
import { promisify } from 'node:util';
import { p256 } from '@noble/curves/nist.js';
import { KmsError } from './errors.ts';
import {
  ENCRYPTION_ALGORITHMS,
  type EncryptionAlgorithm,
  KEY_SPECS,
  type KeySpec,
  SIGNING_ALGORITHMS,
  type SigningAlgorithm,
} from './key-specs.ts';

/*
 * Key material and what is computed with it. RSA runs on libuv's thread pool (`generateKeyPair`, WebCrypto, `sign` and
 * `verify` with a callback), so the event loop stays free and every core is used: up to UV_THREADPOOL_SIZE, 4 unless
 * the process was started with another value.
 */

export interface SecretKey {
  type: 'symmetric';
  bytes: Buffer;
}

export interface KeyPair {
  type: 'rsa' | 'ec';
  privateKey: KeyObject;
  publicKey: KeyObject;
}

export type Material = SecretKey | KeyPair;

export type OaepAlgorithm = Exclude<EncryptionAlgorithm, 'SYMMETRIC_DEFAULT'>;

const generate = promisify(generateKeyPair);
const signAsync = promisify(sign);
const verifyAsync = promisify(verify);

export async function generateMaterial(spec: KeySpec): Promise<Material> {
  const entry = KEY_SPECS[spec];
  if (entry.type === 'symmetric') return { type: 'symmetric', bytes: randomBytes(32) };
  if (entry.type === 'ec') return { type: 'ec', ...(await generate('ec', { namedCurve: 'P-256' })) };
  return { type: 'rsa', ...(await generate('rsa', { modulusLength: entry.bits })) };
}

/** The form in which a key file keeps material: base64 of the 32 bytes, or of the PKCS #8 DER. */
export const encodeMaterial = (material: Material): string =>
  material.type === 'symmetric'
    ? material.bytes.toString('base64')
    : material.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');

/** @throws {Error} when the text is not the material of a key of this spec */
export function decodeMaterial(spec: KeySpec, text: string): Material {
  const entry = KEY_SPECS[spec];
  const bytes = Buffer.from(text, 'base64');
  if (entry.type === 'symmetric') {
    if (bytes.length !== 32) throw new Error('the key material does not have 32 bytes');
    return { type: 'symmetric', bytes };
  }
  const privateKey = createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' });
  const details = privateKey.asymmetricKeyDetails;
  const fits = entry.type === 'rsa' ? details?.modulusLength === entry.bits : details?.namedCurve === 'prime256v1';
  if (!fits) throw new Error(`the key material is not of ${spec}`);
  return { type: entry.type, privateKey, publicKey: createPublicKey(privateKey) };
}

export const publicKeyDer = (pair: KeyPair): Buffer => pair.publicKey.export({ format: 'der', type: 'spki' });

/** The length of the modulus in bytes: what every ciphertext of this pair has (k in RFC 8017). */
const modulusBytes = (pair: KeyPair): number => (pair.publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8;

/** The longest plaintext in bytes that this pair takes. */
export const oaepCapacity = (pair: KeyPair, algorithm: OaepAlgorithm): number =>
  modulusBytes(pair) - ENCRYPTION_ALGORITHMS[algorithm].overhead;

export async function encryptOaep(pair: KeyPair, algorithm: OaepAlgorithm, plaintext: Uint8Array): Promise<Buffer> {
  const key = oaepKey(pair.publicKey, algorithm, 'encrypt');
  return Buffer.from(await subtle.encrypt('RSA-OAEP', key, Uint8Array.from(plaintext)));
}

/**
 * Every failure is one and the same `InvalidCiphertextException`: wrong key, length, hash or padding. The length is
 * checked here (RFC 8017, section 7.1.2, step 1b), for OpenSSL opens a ciphertext that lost its leading zero.
 */
export async function decryptOaep(pair: KeyPair, algorithm: OaepAlgorithm, ciphertext: Uint8Array): Promise<Buffer> {
  const key = oaepKey(pair.privateKey, algorithm, 'decrypt');
  try {
    if (ciphertext.length !== modulusBytes(pair)) throw new RangeError('not of the length of the modulus');
    return Buffer.from(await subtle.decrypt('RSA-OAEP', key, Uint8Array.from(ciphertext)));
  } catch {
    throw new KmsError('InvalidCiphertextException', 'The ciphertext cannot be decrypted with this key and algorithm.');
  }
}

const oaepKeys = new WeakMap<KeyObject, Map<OaepAlgorithm, webcrypto.CryptoKey>>();

/** Made once for each key and algorithm: making one of RSA_4096 takes as long as decrypting with it. */
function oaepKey(key: KeyObject, algorithm: OaepAlgorithm, usage: 'encrypt' | 'decrypt'): webcrypto.CryptoKey {
  const made = oaepKeys.get(key) ?? new Map<OaepAlgorithm, webcrypto.CryptoKey>();
  oaepKeys.set(key, made);
  const known = made.get(algorithm);
  if (known) return known;
  const { hash } = ENCRYPTION_ALGORITHMS[algorithm];
  const cryptoKey = key.toCryptoKey({ name: 'RSA-OAEP', hash }, false, [usage]);
  made.set(algorithm, cryptoKey);
  return cryptoKey;
}

export type MessageType = 'RAW' | 'DIGEST';

/** An ECDSA signature is DER, as KMS gives it (ANSI X9.62). `node:crypto` cannot sign a ready digest; noble can. */
export async function signMessage(
  pair: KeyPair,
  algorithm: SigningAlgorithm,
  message: Buffer,
  form: MessageType,
): Promise<Buffer> {
  if (form === 'RAW') {
    return signAsync(SIGNING_ALGORITHMS[algorithm].hash, message, { key: pair.privateKey, ...paddingOf(algorithm) });
  }
  refuseForeignDigest(pair, algorithm, message);
  const { d } = pair.privateKey.export({ format: 'jwk' });
  if (d === undefined) throw new Error('the private key has no scalar');
  return Buffer.from(p256.sign(message, Buffer.from(d, 'base64url'), DIGEST_FORM));
}

export async function verifyMessage(
  pair: KeyPair,
  algorithm: SigningAlgorithm,
  message: Buffer,
  form: MessageType,
  signature: Buffer,
): Promise<boolean> {
  if (form === 'RAW') {
    const key = { key: pair.publicKey, ...paddingOf(algorithm) };
    return verifyAsync(SIGNING_ALGORITHMS[algorithm].hash, message, key, signature);
  }
  refuseForeignDigest(pair, algorithm, message);
  return p256.verify(signature, message, publicKeyDer(pair).subarray(-UNCOMPRESSED_POINT), DIGEST_FORM);
}

/** KMS neither makes nor demands low-S signatures. */
const DIGEST_FORM = { prehash: false, format: 'der', lowS: false } as const;

/** The SPKI of a P-256 key ends in the uncompressed point (RFC 5480 section 2.2). */
const UNCOMPRESSED_POINT = 65;

function refuseForeignDigest(pair: KeyPair, algorithm: SigningAlgorithm, digest: Buffer): void {
  if (pair.type !== 'ec') {
    throw new KmsError('UnsupportedOperationException', 'This KMS signs a ready digest with ECC_NIST_P256 only.');
  }
  if (digest.length !== SIGNING_ALGORITHMS[algorithm].digest) {
    throw new KmsError('ValidationException', `Digest is invalid length for algorithm ${algorithm}.`);
  }
}

/** KMS salts PSS with as many bytes as the hash has. */
function paddingOf(algorithm: SigningAlgorithm): { padding?: number; saltLength?: number } {
  const { type, pss } = SIGNING_ALGORITHMS[algorithm];
  if (type === 'ec') return {};
  return pss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { padding: constants.RSA_PKCS1_PADDING };
}
