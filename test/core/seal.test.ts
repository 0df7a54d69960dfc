import { constants, generateKeyPair, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { describe, expect, it } from 'vitest';
import { hashText } from '../../core/base64url.ts';
import { signJws } from '../../core/jws.ts';
import { IntakeJwk, thumbprint } from '../../core/keys.ts';
import { openSealed, verifySealedSignature } from '../../core/open.ts';
import { padDocument } from '../../core/padding.ts';
import { sealReferral } from '../../core/seal.ts';
import { inspectSealed, SEALED_LENGTHS } from '../../core/sealed.ts';
import { among, encryptByHand, flipBit, makeSigner } from '../support/envelope.ts';

const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 4_096 });
const intakeKey = IntakeJwk.parse(publicKey.export({ format: 'jwk' }));
const signer = makeSigner('Ed25519');
const p256 = makeSigner('P-256');
const findKey = among(signer, p256);

/** What KMS and the agency do between them. */
const unwrap = (encryptedKey: Buffer) => privateDecrypt({ ...oaep, key: privateKey }, encryptedKey);
const openJws = (sealed: string) => openSealed(sealed, unwrap(inspectSealed(sealed).encryptedKey));
const open = (sealed: string) => verifySealedSignature(openJws(sealed), findKey);
const seal = (document: object | string, signingKey = signer) => sealReferral(document, { signingKey, intakeKey });

/** Documents at and around every bucket, in bytes, and what sealing makes of them, in characters. */
const EDGES = [
  { length: 2, expected: 8_459 },
  { length: 4_095, expected: 8_459 },
  { length: 4_096, expected: 8_459 },
  { length: 4_097, expected: 30_304 },
  { length: 16_384, expected: 30_304 },
  { length: 16_385, expected: 117_685 },
  { length: 65_536, expected: 117_685 },
  { length: 65_537, expected: 379_829 },
  { length: 212_991, expected: 379_829 },
  { length: 212_992, expected: 379_829 },
];

/** A JSON text of exactly so many bytes. */
const textOf = (length: number) => JSON.stringify('x'.repeat(length - 2));

describe('a sealed referral', () => {
  it('opens to the document that was sealed, whatever it holds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string(), fc.jsonValue({ depthSize: 'small' })),
        fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
        fc.nat(200_000),
        async (members, note, length) => {
          const text = JSON.stringify({ members, note, more: 'x'.repeat(length) });
          const { sealed, hash } = await seal(text);
          expect(await open(sealed)).toEqual(JSON.parse(text));
          expect(SEALED_LENGTHS).toContain(sealed.length);
          expect(hash).toBe(hashText(sealed));
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    ['Ed25519', signer],
    ['P-256', p256],
  ])('opens when a key on %s signed it', async (_, signingKey) => {
    const document = { schema: 'referral/1', summary: 'Größe, 中, 🕊' };
    expect(await open((await seal(document, signingKey)).sealed)).toEqual(document);
  });

  it.each(EDGES)('of $length bytes has $expected characters, whatever the curve', async ({ length, expected }) => {
    const text = textOf(length);
    for (const signingKey of [signer, p256]) {
      const { sealed } = await seal(text, signingKey);
      expect(sealed).toHaveLength(expected);
      expect(await open(sealed)).toBe(JSON.parse(text));
    }
  });

  it('has only lengths that are published', () => {
    expect(new Set(EDGES.map(({ expected }) => expected))).toEqual(new Set(SEALED_LENGTHS));
  });

  it('has the header of the protocol and the kid of the intake key', async () => {
    const { sealed, hash } = await seal({});
    expect(Buffer.from(sealed.split('.')[0] ?? '', 'base64url').toString()).toBe(
      `{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"${thumbprint(intakeKey)}","typ":"referral+jwe","cty":"referral+jws"}`,
    );
    expect(inspectSealed(sealed)).toMatchObject({ kid: thumbprint(intakeKey), hash });
  });

  it('has a content key and an IV of its own each time', async () => {
    const twice = await Promise.all([seal({}), seal({})]);
    const [one, other] = twice.map(({ sealed }) => inspectSealed(sealed));
    expect(one && unwrap(one.encryptedKey)).toHaveLength(32);
    expect(one && unwrap(one.encryptedKey)).not.toEqual(other && unwrap(other.encryptedKey));
    expect(one?.iv).not.toEqual(other?.iv);
    expect(one?.hash).not.toBe(other?.hash);
  });

  it('opens by jose with the private key, to the same JWS', async () => {
    const { sealed } = await seal({ schema: 'referral/1' });
    const { plaintext, protectedHeader } = await compactDecrypt(sealed, privateKey);
    expect(Buffer.from(plaintext).toString()).toBe(openJws(sealed));
    expect(protectedHeader.cty).toBe('referral+jws');
  });

  it('fails with any bit of its encrypted key flipped', async () => {
    const { sealed } = await seal({});
    const start = sealed.indexOf('.') + 1;
    const end = sealed.indexOf('.', start);
    fc.assert(
      fc.property(fc.integer({ min: start, max: end - 1 }), fc.nat(5), (index, bit) => {
        expect(() => openJws(flipBit(sealed, index, bit))).toThrow(Error);
      }),
      { numRuns: 100, examples: [start, end - 1].flatMap((index) => [0, 5].map((bit) => [index, bit])) },
    );
  });

  it('fails with any two segments of two referrals exchanged', async () => {
    const [one, other] = await Promise.all([seal({ a: 1 }), seal({ a: 2 })]);
    for (let segment = 1; segment < 5; segment += 1) {
      const parts = one.sealed.split('.');
      const mixed = parts.with(segment, other.sealed.split('.')[segment] ?? '').join('.');
      expect(() => openJws(mixed)).toThrow(expect.objectContaining({ reason: 'decryption' }));
    }
  });
});

describe('a referral that another program sealed opens', () => {
  const document = { schema: 'referral/1', id: 'invented' };
  const header = {
    cty: 'referral+jws',
    typ: 'referral+jwe',
    kid: thumbprint(intakeKey),
    enc: 'A256GCM',
    alg: 'RSA-OAEP-256',
  };
  const sign = () => signJws(padDocument(JSON.stringify(document)), { ...signer, typ: 'referral+jws' });

  it('if jose made it', async () => {
    const sealed = await new CompactEncrypt(Buffer.from(await sign())).setProtectedHeader(header).encrypt(publicKey);
    expect(await open(sealed)).toEqual(document);
  });

  it('if it was made from parts', async () => {
    const contentKey = randomBytes(32);
    const encryptedKey = publicEncrypt({ ...oaep, key: publicKey }, contentKey);
    const sealed = encryptByHand(await sign(), { header: JSON.stringify(header), contentKey, encryptedKey });
    expect(await open(sealed)).toEqual(document);
    expect(Buffer.from((await compactDecrypt(sealed, privateKey)).plaintext).toString()).toBe(await sign());
  });
});

describe('sealReferral refuses', () => {
  it.each([
    ['an object too long', { summary: 'x'.repeat(212_992) }, 'limit is 212992 bytes'],
    ['a text too long', textOf(212_993), 'limit is 212992 bytes'],
    ['a text that is not JSON', '{id: 1}', 'not valid JSON'],
    ['a text with a member twice', '{"id":1,"id":2}', 'a member appears twice'],
    ['an empty text', '', 'not valid JSON'],
    ['a text with a byte order mark', '\uFEFF{}', 'not valid JSON'],
    ['a text that is not Unicode', '"\uD800"', 'lone surrogates'],
  ])('%s', async (_, document, message) => {
    await expect(seal(document)).rejects.toEqual(
      expect.objectContaining({ code: 'malformed', message: expect.stringContaining(message) }),
    );
  });
});
