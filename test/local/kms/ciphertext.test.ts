import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EncryptionContext, keyIdOf, openBlob, sealBlob } from '../../../local/kms/ciphertext.ts';

const key = randomBytes(32);
const id = randomUUID();
const context: fc.Arbitrary<EncryptionContext> = fc.dictionary(fc.string(), fc.string(), {
  maxKeys: 4,
  noNullPrototype: true,
});
const plaintext = fc.uint8Array({ minLength: 1, maxLength: 64 });

const reversed = (pairs: EncryptionContext): EncryptionContext =>
  Object.fromEntries(Object.entries(pairs).toReversed());

describe('the ciphertext of a symmetric key', () => {
  it('names its key and opens under the same context in any order', () => {
    fc.assert(
      fc.property(plaintext, context, (bytes, pairs) => {
        const blob = sealBlob(id, key, bytes, pairs);
        expect(keyIdOf(blob)).toBe(id);
        expect(openBlob(key, blob, reversed(pairs))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('does not open under another context', () => {
    fc.assert(
      fc.property(plaintext, context, context, (bytes, sealed, other) => {
        fc.pre(!isDeepStrictEqual(sealed, other));
        expect(() => openBlob(key, sealBlob(id, key, bytes, sealed), other)).toThrow('not valid');
      }),
    );
  });

  it('does not open with any one bit changed or any part missing', () => {
    fc.assert(
      fc.property(plaintext, fc.nat(), fc.nat(7), (bytes, position, bit) => {
        const blob = sealBlob(id, key, bytes);
        const at = position % blob.length;
        const changed = Buffer.from(blob);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(() => openBlob(key, changed)).toThrow('not valid');
        expect(() => openBlob(key, blob.subarray(0, at))).toThrow('not valid');
      }),
    );
  });

  it('is bound to a member called __proto__ like to any other', () => {
    const pairs = Object.fromEntries([['__proto__', 'x']]);
    expect(() => openBlob(key, sealBlob(id, key, Buffer.from('x'), pairs))).toThrow('not valid');
  });
});
