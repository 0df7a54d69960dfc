import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signJws } from '../../core/jws.ts';
import { decryptContent, OpenError, openSealed, verifySealedSignature } from '../../core/open.ts';
import { padDocument } from '../../core/padding.ts';
import { inspectSealed } from '../../core/sealed.ts';
import { among, encryptByHand, flipBit, makeSigner, toSegment, withSegment } from '../support/envelope.ts';
import aesGcm from '../vectors/wycheproof/aes_gcm_test.json' with { type: 'json' };

const decryption = new OpenError('decryption');
const envelope = new OpenError('envelope');
const signature = new OpenError('signature');
const schema = new OpenError('schema');

const signer = makeSigner('Ed25519');
const findKey = among(signer);
const document = { schema: 'referral/1', summary: 'an invented case' };
const contentKey = randomBytes(32);
const header = JSON.stringify({
  alg: 'RSA-OAEP-256',
  enc: 'A256GCM',
  kid: randomBytes(32).toString('base64url'),
  typ: 'referral+jwe',
  cty: 'referral+jws',
});
const sign = (payload: Uint8Array | string) => signJws(payload, { ...signer, typ: 'referral+jws' });
const jws = await sign(padDocument(JSON.stringify(document)));
const outcome = await signJws('{}', { ...signer, typ: 'outcome+jws' });
const sealed = encryptByHand(jws, { header, contentKey });

const verdictOf = (act: () => unknown): unknown => {
  try {
    act();
    return 'opened';
  } catch (error) {
    return error;
  }
};

describe('openSealed', () => {
  it('gives back the JWS inside', () => {
    expect(openSealed(sealed, contentKey)).toBe(jws);
  });

  it('refuses a flipped bit at every character the content key vouches for', () => {
    const wrappedKey = sealed.indexOf('.') + 1;
    const iv = sealed.indexOf('.', wrappedKey) + 1;
    for (let index = 0; index < sealed.length; index += 1) {
      if (sealed[index] === '.' || (index >= wrappedKey && index < iv)) continue;
      const verdict = verdictOf(() => openSealed(flipBit(sealed, index, index % 6), contentKey));
      expect([decryption, envelope]).toContainEqual(verdict);
    }
  });

  it.each([
    ['another key', randomBytes(32)],
    ['a key of 16 bytes', contentKey.subarray(0, 16)],
    ['a key of 31 bytes', contentKey.subarray(0, 31)],
    ['a key of 33 bytes', Buffer.concat([contentKey, Buffer.alloc(1)])],
    ['no key', Buffer.alloc(0)],
  ])('fails alike with %s', (_, key) => {
    expect(() => openSealed(sealed, key)).toThrow(decryption);
  });

  it.each([
    ['a tag of zeros', withSegment(sealed, 4, Buffer.alloc(16).toString('base64url'))],
    ['a ciphertext of zeros', withSegment(sealed, 3, Buffer.alloc(5_668).toString('base64url'))],
    ['another IV', withSegment(sealed, 2, randomBytes(12).toString('base64url'))],
    [
      'a header for another intake key',
      withSegment(sealed, 0, toSegment(header.replace(/(?<="kid":")[^"]+/, signer.kid))),
    ],
    ['a header in another order', withSegment(sealed, 0, toSegment(reorder(header)))],
  ])('fails alike with %s', (_, jwe) => {
    expect(() => openSealed(jwe, contentKey)).toThrow(decryption);
  });

  it.each([
    ['a tag of 4 bytes', withSegment(sealed, 4, (sealed.split('.')[4] ?? '').slice(0, 5) + 'A')],
    ['a zip', encryptByHand(jws, { header: header.replace('{', '{"zip":"DEF",'), contentKey })],
    ['no header', withSegment(sealed, 0, '')],
    ['a length between the buckets', encryptByHand(`${jws}x`, { header, contentKey })],
    ['nothing in it', ''],
  ])('calls an envelope with %s malformed, though the key would fit', (_, jwe) => {
    expect(() => openSealed(jwe, contentKey)).toThrow(envelope);
  });

  it('tells nothing of how it failed but the reason', () => {
    const failures = [withSegment(sealed, 4, Buffer.alloc(16).toString('base64url')), sealed].map((jwe, index) =>
      verdictOf(() => openSealed(jwe, index === 0 ? contentKey : Buffer.alloc(31))),
    );
    for (const failure of failures) {
      expect(failure).toStrictEqual(decryption);
      expect(Object.getOwnPropertyNames(failure).toSorted()).toEqual(['message', 'name', 'reason', 'stack']);
    }
  });

  it('lets nothing pass for ASCII that is not', async () => {
    const high = Buffer.from(jws);
    high.writeUInt8(high.readUInt8(9) | 0x80, 9);
    const stray = encryptByHand(high, { header, contentKey });
    await expect(verifySealedSignature(openSealed(stray, contentKey), findKey)).rejects.toEqual(signature);
  });
});

describe('verifySealedSignature', () => {
  it('yields the document without its padding', async () => {
    expect(await verifySealedSignature(jws, findKey)).toEqual(document);
  });

  it.each([
    ['a key the hotline does not have', jws, among()],
    ['a payload that was changed', withSegment(jws, 1, toSegment('{}')), findKey],
    ['another type', outcome, findKey],
    ['a jwk in its header', withSegment(jws, 0, toSegment('{"alg":"EdDSA","jwk":{}}')), findKey],
    ['no form at all', 'not a JWS', findKey],
  ])('fails alike with %s', async (_, jws, findKey) => {
    await expect(verifySealedSignature(jws, findKey)).rejects.toEqual(signature);
  });

  it.each([
    ['not JSON', 'a letter'],
    ['empty', ''],
    ['JSON with a member twice', '{"id":1,"id":2}'],
    ['JSON after a byte order mark', '\uFEFF{}'],
    ['not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
  ])('calls a document that is %s invalid', async (_, payload) => {
    await expect(verifySealedSignature(await sign(payload), findKey)).rejects.toEqual(schema);
  });

  it('gives no verdict when the directory cannot be asked', async () => {
    const outage = new Error('the directory cannot be reached');
    await expect(verifySealedSignature(jws, () => Promise.reject(outage))).rejects.toBe(outage);
  });
});

describe('decryptContent', () => {
  it.each([4, 8, 12, 15])('refuses a true tag cut to %i bytes', (length) => {
    const { protectedSegment, iv, ciphertext, tag } = inspectSealed(sealed);
    const additionalData = Buffer.from(protectedSegment);
    const decrypt = (tag: Uint8Array) => decryptContent({ key: contentKey, iv, additionalData, ciphertext, tag });
    expect(decrypt(tag).toString()).toBe(jws);
    expect(() => decrypt(tag.subarray(0, length))).toThrow(decryption);
  });
});

describe('decryptContent on the Wycheproof vectors for AES-GCM', () => {
  const cases = aesGcm.testGroups.flatMap(({ keySize, ivSize, tagSize, tests }) =>
    tests.map((test) => ({ ...test, applies: keySize === 256 && ivSize === 96 && tagSize === 128 })),
  );
  const decrypt = (test: (typeof cases)[number]) =>
    decryptContent({
      key: Buffer.from(test.key, 'hex'),
      iv: Buffer.from(test.iv, 'hex'),
      additionalData: Buffer.from(test.aad, 'hex'),
      ciphertext: Buffer.from(test.ct, 'hex'),
      tag: Buffer.from(test.tag, 'hex'),
    });
  const valid = cases.filter((test) => test.applies && test.result === 'valid');
  const invalid = cases.filter((test) => test.applies && test.result === 'invalid');
  const foreign = cases.filter((test) => !test.applies);

  it('has cases of each kind, and all of them are run', () => {
    expect([valid.length, invalid.length, foreign.length].every((count) => count > 0)).toBe(true);
    expect(valid.length + invalid.length + foreign.length).toBe(aesGcm.numberOfTests);
  });

  it.each(valid)('opens case $tcId $comment', (test) => {
    expect(decrypt(test).toString('hex')).toBe(test.msg);
  });

  it.each(invalid)('refuses case $tcId $comment', (test) => {
    expect(() => decrypt(test)).toThrow(decryption);
  });

  it('refuses every case with another size of key, IV or tag, valid or not', () => {
    for (const test of foreign) expect(() => decrypt(test)).toThrow(decryption);
  });
});

function reorder(json: string): string {
  const members: unknown = JSON.parse(json);
  return JSON.stringify(Object.fromEntries(Object.entries(members ?? {}).toReversed()));
}
