import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { groups } from '../client/cli/keygen.ts';
import { IntakeJwk, SigningJwk, thumbprint } from '../core/keys.ts';
import { readOptions } from '../local/command-line.ts';

const HELP = `Prints the fingerprint of a public key, in groups as it is read out on the telephone. Takes on standard input
what "aws kms get-public-key --query PublicKey --output text" prints, or a JWK.

Usage: … | npm run fingerprint --silent

Exit codes: 0 done, 2 what came in is no key that the relay knows.`;

/** @throws {Error} if it is no public key that the relay knows: RSA with 4,096 bits, Ed25519 or P-256 */
export function fingerprintOf(input: string): string {
  const intake = IntakeJwk.safeParse(toJwk(input.trim()));
  if (intake.success) return groups(thumbprint(intake.data));
  const signing = SigningJwk.safeParse(toJwk(input.trim()));
  if (signing.success) return groups(thumbprint(signing.data));
  throw new Error(
    'This is no public key that the relay knows: RSA_4096, Ed25519 or P-256, as KMS prints it or as a JWK.',
  );
}

function toJwk(input: string): unknown {
  try {
    if (input.startsWith('{')) return JSON.parse(input);
    const { kty, n, e }: JsonWebKey = createPublicKey({
      key: Buffer.from(input, 'base64'),
      format: 'der',
      type: 'spki',
    }).export({ format: 'jwk' });
    return { kty, n, e };
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  readOptions(HELP, {});
  try {
    process.stdout.write(`${fingerprintOf(await text(process.stdin))}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
