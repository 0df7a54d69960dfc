import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SigningJwk, toVerificationKey, type VerificationKey } from '../../core/keys.ts';
import { signBytes, verifyBytes } from '../../core/raw-signature.ts';
import { makeSigner } from '../support/envelope.ts';
import p256 from '../vectors/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json' with { type: 'json' };
import ed25519 from '../vectors/wycheproof/ed25519_test.json' with { type: 'json' };

function fromDer(hex: string): VerificationKey {
  const key = createPublicKey({ key: Buffer.from(hex, 'hex'), format: 'der', type: 'spki' });
  return toVerificationKey({ jwk: SigningJwk.parse(key.export({ format: 'jwk' })) });
}

// Neither file has a result "acceptable", the third that Wycheproof knows: every case is decided.
describe.each([
  ['Ed25519', ed25519, { valid: 88, invalid: 63 }],
  ['ECDSA P-256', p256, { valid: 173, invalid: 89 }],
])('Wycheproof, %s', (_name, { testGroups }, expected) => {
  it('accepts every valid signature and no invalid one', () => {
    const judged = { valid: 0, invalid: 0 };
    for (const { publicKeyDer, tests } of testGroups) {
      const key = fromDer(publicKeyDer);
      for (const { tcId, comment, msg, sig, result } of tests) {
        const verdict = verifyBytes(key, Buffer.from(msg, 'hex'), Buffer.from(sig, 'hex')) ? 'valid' : 'invalid';
        expect(verdict, `case ${tcId}: ${comment}`).toBe(result);
        judged[verdict] += 1;
      }
    }
    expect(judged).toEqual(expected);
  });
});

describe.each(['Ed25519', 'P-256'] as const)('a raw signature under %s', (curve) => {
  const { privateKey, record } = makeSigner(curve);
  const data = Buffer.from('invented');

  it('has 64 bytes and verifies', () => {
    const signature = signBytes(privateKey, data);
    expect(signature).toHaveLength(64);
    expect(verifyBytes(record, data, signature)).toBe(true);
  });

  it('does not verify for other data or under another key', () => {
    const signature = signBytes(privateKey, data);
    expect(verifyBytes(record, Buffer.from('Invented'), signature)).toBe(false);
    expect(verifyBytes(makeSigner(curve).record, data, signature)).toBe(false);
  });
});

it.each([
  ['an RSA key', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
  ['a key of another curve', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ['an Ed448 key', generateKeyPairSync('ed448').privateKey],
  ['a public key', generateKeyPairSync('ed25519').publicKey],
])('signing with %s is refused', (_name, key) => {
  expect(() => signBytes(key, Buffer.from('invented'))).toThrow(TypeError);
});
