import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { inspectSealed, SEALED_LENGTHS } from '../../core/sealed.ts';
import { encryptByHand, respell, withSegment } from '../support/envelope.ts';

const kid = randomBytes(32).toString('base64url');
const exact = { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid, typ: 'referral+jwe', cty: 'referral+jws' };
const contentKey = randomBytes(32);
const encryptedKey = randomBytes(512);

const sealedWith = (header: string, length = 5_668) =>
  encryptByHand('x'.repeat(length), { header, contentKey, encryptedKey });
const sealed = sealedWith(JSON.stringify(exact));
const base64url = (bytes: number) => Buffer.alloc(bytes).toString('base64url');
const segment = (index: number) => sealed.split('.')[index] ?? '';

describe('inspectSealed', () => {
  it.each([5_668, 22_052, 87_588, 284_196].map((length, index) => [length, SEALED_LENGTHS[index]]))(
    'takes a ciphertext of %i bytes, which makes %i characters',
    (length, characters) => {
      const jwe = sealedWith(JSON.stringify(exact), length);
      expect(jwe).toHaveLength(characters ?? Number.NaN);
      expect(inspectSealed(jwe)).toMatchObject({ kid, encryptedKey });
    },
  );

  it('names the bytes by the SHA-256 of their characters', () => {
    expect(inspectSealed(sealed).hash).toBe(createHash('sha256').update(sealed, 'ascii').digest('base64url'));
  });

  it('takes the header in any order', () => {
    const reversed = JSON.stringify(Object.fromEntries(Object.entries(exact).toReversed()));
    expect(inspectSealed(sealedWith(reversed)).kid).toBe(kid);
  });

  const json = JSON.stringify(exact);
  const { cty: _cty, ...withoutCty } = exact;
  const { kid: _kid, ...withoutKid } = exact;

  it.each<[string, string, string]>([
    ['a zip', JSON.stringify({ ...exact, zip: 'DEF' }), '/zip is not a member known here'],
    ['a crit', JSON.stringify({ ...exact, crit: ['exp'] }), '/crit is not a member'],
    ['a jwk', JSON.stringify({ ...exact, jwk: {} }), '/jwk is not a member'],
    ['an iat', JSON.stringify({ ...exact, iat: 1 }), '/iat is not a member'],
    ['a __proto__', json.replace('{', '{"__proto__":"x",'), '/__proto__ is not a member'],
    ['no cty', JSON.stringify(withoutCty), '/cty is missing'],
    ['no kid', JSON.stringify(withoutKid), '/kid is missing'],
    ['another cty', JSON.stringify({ ...exact, cty: 'JWT' }), '/cty must be'],
    ['another typ', JSON.stringify({ ...exact, typ: 'JWE' }), '/typ must be "referral+jwe"'],
    ['RSA-OAEP', JSON.stringify({ ...exact, alg: 'RSA-OAEP' }), '/alg must be "RSA-OAEP-256"'],
    ['RSA1_5', JSON.stringify({ ...exact, alg: 'RSA1_5' }), '/alg must be'],
    ['dir', JSON.stringify({ ...exact, alg: 'dir' }), '/alg must be'],
    ['A128GCM', JSON.stringify({ ...exact, enc: 'A128GCM' }), '/enc must be "A256GCM"'],
    ['A256CBC-HS512', JSON.stringify({ ...exact, enc: 'A256CBC-HS512' }), '/enc must be'],
    ['a kid that is no thumbprint', JSON.stringify({ ...exact, kid: 'intake-1' }), '/kid must be'],
    ['a kid of another spelling', JSON.stringify({ ...exact, kid: respell(kid) }), '/kid must be'],
    ['an alg twice', json.replace('{', '{"alg":"RSA-OAEP-256",'), 'twice'],
    ['white space', json.replaceAll(',', ', '), 'white space'],
    ['white space at its end', `${json} `, 'white space'],
    ['an escape', json.replace('+', String.raw`\u002B`), 'needless escapes'],
    ['a list', `[${json}]`, 'must be of type object'],
    ['something that is not JSON', 'RSA-OAEP-256', 'not valid JSON'],
    ['a deep nest', '['.repeat(200_000) + ']'.repeat(200_000), 'too long'],
    ['a long member', JSON.stringify({ ...exact, note: 'x'.repeat(100_000) }), 'too long'],
  ])('refuses a header with %s', (_, header, message) => {
    const inspect = () => inspectSealed(sealedWith(header));
    expect(inspect).toThrow(
      expect.objectContaining({ code: 'invalid-envelope', message: expect.stringContaining(message) }),
    );
    expect(inspect).toThrow('protected header (segment 1)');
  });

  it.each<[string, string, string]>([
    ['nothing', '', 'five segments'],
    ['four segments', sealed.split('.').slice(0, 4).join('.'), 'five segments'],
    ['six segments', `${sealed}.`, 'five segments'],
    ['a million segments', '.'.repeat(500_000), 'five segments'],
    ['the JSON form', JSON.stringify({ protected: segment(0) }), 'five segments'],
    ['a JWS', `${segment(0)}.${segment(3)}.${segment(4)}`, 'five segments'],
    ['a padded header', withSegment(sealed, 0, `${segment(0)}=`), '(segment 1) that is not canonical'],
    ['no header', withSegment(sealed, 0, ''), '(segment 1)'],
    ['a header that is not UTF-8', withSegment(sealed, 0, '_w'), 'not valid UTF-8'],
    ['no encrypted key', withSegment(sealed, 1, ''), 'an encrypted key (segment 2) of 0 bytes where 512'],
    ['the key of RSA 2048', withSegment(sealed, 1, base64url(256)), '(segment 2) of 256 bytes where 512'],
    ['a key of 513 bytes', withSegment(sealed, 1, base64url(513)), '(segment 2) of 513 bytes'],
    ['another spelling of the key', withSegment(sealed, 1, respell(segment(1))), '(segment 2) that is not canonical'],
    ['a padded key', withSegment(sealed, 1, `${segment(1)}=`), '(segment 2) that is not canonical'],
    ['an IV of 16 bytes', withSegment(sealed, 2, base64url(16)), '(segment 3) of 16 bytes where 12'],
    ['an IV of 11 bytes', withSegment(sealed, 2, base64url(11)), '(segment 3) of 11 bytes where 12'],
    ['an IV in plain base64', withSegment(sealed, 2, `+${segment(2).slice(1)}`), '(segment 3) that is not canonical'],
    ['an empty ciphertext', withSegment(sealed, 3, ''), '(segment 4) of 0 bytes where 5668 or 22052 or'],
    ['a ciphertext a byte short', withSegment(sealed, 3, base64url(5_667)), '(segment 4) of 5667 bytes'],
    ['a ciphertext a byte long', withSegment(sealed, 3, base64url(5_669)), '(segment 4) of 5669 bytes'],
    ['another spelling of the ciphertext', withSegment(sealed, 3, respell(segment(3))), '(segment 4) that is not'],
    [
      'a line break in it',
      withSegment(sealed, 3, `${segment(3).slice(0, 76)}\n${segment(3).slice(76)}`),
      '(segment 4)',
    ],
    ['a tag of 12 bytes', withSegment(sealed, 4, base64url(12)), '(segment 5) of 12 bytes where 16'],
    ['no tag', withSegment(sealed, 4, ''), '(segment 5) of 0 bytes where 16'],
    ['another spelling of the tag', withSegment(sealed, 4, respell(segment(4))), '(segment 5) that is not canonical'],
    ['a line break at its end', `${sealed}\n`, '(segment 5) that is not canonical'],
  ])('refuses %s', (_, jwe, message) => {
    expect(() => inspectSealed(jwe)).toThrow(
      expect.objectContaining({
        code: 'invalid-envelope',
        message: expect.stringContaining(message),
        faults: [{ pointer: '/sealed', detail: expect.stringContaining(message) }],
      }),
    );
  });
});
