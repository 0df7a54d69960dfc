import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { SigningKey } from '../core/jws.ts';
import { SigningJwk, thumbprint } from '../core/keys.ts';
import { isMissing } from './durable-file.ts';
import { ClientError } from './errors.ts';

/**
 * The signing key in a file: PKCS#8 in PEM, Ed25519 or P-256, not encrypted, and for nobody but its owner to read.
 * @throws {ClientError} `profile`, naming the file
 */
export async function loadSigningKey(file: string): Promise<SigningKey> {
  await refuseReadableByOthers(file);
  const pem = await readFile(file, 'utf8');
  return toSigningKey(parsePem(pem, file), file);
}

/**
 * A private key with its name.
 * @param from where it is from, for the error
 * @throws {ClientError} `profile`
 */
export function toSigningKey(privateKey: KeyObject, from = 'the signing key'): SigningKey {
  const jwk = SigningJwk.safeParse(createPublicKey(privateKey).export({ format: 'jwk' }));
  if (!jwk.success) throw wrong(from, 'is not an Ed25519 or P-256 key: make one with "referral-relay keygen"');
  return { kid: thumbprint(jwk.data), privateKey };
}

/** As ssh does: a private key that others may read is not private any more. Windows has no such bits. */
async function refuseReadableByOthers(file: string): Promise<void> {
  let mode: number;
  try {
    ({ mode } = await stat(file));
  } catch (error) {
    throw wrong(file, isMissing(error) ? 'does not exist: correct "signingKey" in the profile' : 'cannot be read');
  }
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    const bits = (mode & 0o777).toString(8).padStart(4, '0');
    throw wrong(
      file,
      `can be read by others (mode ${bits}): run "chmod 600" on it, and replace the key if others had access`,
    );
  }
}

function parsePem(pem: string, file: string): KeyObject {
  if (pem.includes('ENCRYPTED')) throw wrong(file, 'is encrypted with a passphrase: store it without one, mode 0600');
  if (!pem.includes('PRIVATE KEY')) throw wrong(file, 'holds no private key (a PEM block "PRIVATE KEY", PKCS#8)');
  try {
    return createPrivateKey(pem);
  } catch {
    // Node's own error may quote the input.
    throw wrong(file, 'is damaged: it is no private key in PKCS#8 and PEM');
  }
}

const wrong = (file: string, clause: string): ClientError => new ClientError('profile', `${file} ${clause}.`);
