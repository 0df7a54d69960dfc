import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { KmsError } from './errors.ts';

/*
 * The blob that symmetric keys make: a version byte, the 16 bytes of the key's id, IV, tag, AES-256-GCM ciphertext. As
 * in AWS it names its key, so that Decrypt and ReEncrypt need not be told; it is opaque to callers and not AWS's format.
 */

const VERSION = 1;
const HEADER = 17;
const IV = 12;
const TAG = 16;

/** Names and values that a ciphertext is bound to; order does not matter. */
export type EncryptionContext = Readonly<Record<string, string>>;

export function sealBlob(keyId: string, key: Buffer, plaintext: Uint8Array, context: EncryptionContext = {}): Buffer {
  const header = Buffer.concat([Buffer.of(VERSION), Buffer.from(keyId.replaceAll('-', ''), 'hex')]);
  const iv = randomBytes(IV);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(boundTo(header, context));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([header, iv, cipher.getAuthTag(), body]);
}

/** The id of the key that made this blob, or `undefined` when it is not a blob of this KMS. */
export function keyIdOf(blob: Buffer): string | undefined {
  if (blob.length < HEADER + IV + TAG || blob[0] !== VERSION) return undefined;
  const hex = blob.toString('hex', 1, HEADER);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** @throws {KmsError} `InvalidCiphertextException` for a changed blob, another key or another context alike */
export function openBlob(key: Buffer, blob: Buffer, context: EncryptionContext = {}): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, blob.subarray(HEADER, HEADER + IV), { authTagLength: TAG });
    decipher.setAAD(boundTo(blob.subarray(0, HEADER), context));
    decipher.setAuthTag(blob.subarray(HEADER + IV, HEADER + IV + TAG));
    return Buffer.concat([decipher.update(blob.subarray(HEADER + IV + TAG)), decipher.final()]);
  } catch {
    throw new KmsError('InvalidCiphertextException', 'The ciphertext or its encryption context is not valid.');
  }
}

/** Sorted pairs as JSON: one spelling for one context, and no two contexts with the same. */
function boundTo(header: Buffer, context: EncryptionContext): Buffer {
  const pairs = Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat([header, Buffer.from(JSON.stringify(pairs))]);
}
