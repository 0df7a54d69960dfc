import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { groups } from '../../client/cli/keygen.ts';
import { IntakeJwk, SigningJwk, thumbprint } from '../../core/keys.ts';
import { fingerprintOf } from '../../scripts/fingerprint.ts';

const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).publicKey;

describe('the fingerprint of a public key', () => {
  it('is that of the directory, for a key as KMS prints it', () => {
    const key = rsa(4096);
    const printed = key.export({ format: 'der', type: 'spki' }).toString('base64');
    expect(fingerprintOf(`${printed}\n`)).toBe(groups(thumbprint(IntakeJwk.parse(key.export({ format: 'jwk' })))));
  });

  it('is the one that keygen shows, for a signing key', () => {
    const jwk = SigningJwk.parse(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }));
    expect(fingerprintOf(JSON.stringify(jwk))).toBe(groups(thumbprint(jwk)));
  });

  it.each([
    ['nothing', ''],
    ['a key too short', rsa(2048).export({ format: 'der', type: 'spki' }).toString('base64')],
    [
      'another curve',
      generateKeyPairSync('ed448').publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    ],
    ['half a JWK', '{"kty":"OKP"'],
    ['an error of the AWS CLI', 'An error occurred (AccessDeniedException)'],
  ])('is not made up for %s', (_, input) => {
    expect(() => fingerprintOf(input)).toThrow(/no public key that the relay knows/);
  });
});
