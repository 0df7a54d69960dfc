import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { compactVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { type JwsError, type JwsType, readJwsHeader, signJws, verifyJws } from '../../core/jws.ts';
import { among, flipBit, makeSigner, respell, toSegment, toSigner, withSegment } from '../support/envelope.ts';

const ed25519 = makeSigner('Ed25519');
const p256 = makeSigner('P-256');
const signers = [
  ['Ed25519', 'EdDSA', ed25519],
  ['P-256', 'ES256', p256],
] as const;
const TYPES = ['referral+jws', 'outcome+jws', 'route+jws', 'withdraw+jws'] as const;
const findKey = among(ed25519, p256);
const payload = '{"status":"opened"}';
const typ = 'outcome+jws';

const malformed = expect.objectContaining({ name: 'JwsError', reason: 'malformed' });
const unverified = expect.objectContaining({
  name: 'JwsError',
  reason: 'unverified',
  message: 'The JWS is not signed by a key that counts.',
});

const verify = (token: string, expected: JwsType = typ) => verifyJws(token, { typ: expected, findKey });
const token = await signJws(payload, { ...ed25519, typ });
const exact = { alg: 'EdDSA', kid: ed25519.kid, typ };

/** A JWS under any header text, correctly signed for it. */
function forge(header: string, privateKey: KeyObject = ed25519.privateKey, dsaEncoding?: 'der'): string {
  const input = `${toSegment(header)}.${toSegment(payload)}`;
  const hash = privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signature = sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: dsaEncoding ?? 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

describe.each(signers)('a JWS by a key on %s', (_, alg, signer) => {
  it.each(TYPES)('verifies as %s and yields the payload', async (typ) => {
    const token = await signJws(payload, { ...signer, typ });
    expect(readJwsHeader(token, typ)).toEqual({ alg, kid: signer.kid });
    expect(await verify(token, typ)).toEqual({ payload: Buffer.from(payload), kid: signer.kid });
  });

  it('carries any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
        const verified = await verify(await signJws(bytes, { ...signer, typ }));
        expect(verified.payload.equals(bytes)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('fails with any bit of any segment flipped', async () => {
    const token = await signJws(payload, { ...signer, typ });
    const survivors: string[] = [];
    for (let index = 0; index < token.length; index += 1) {
      if (token[index] === '.') continue;
      for (let bit = 0; bit < 6; bit += 1) {
        const verdict = await verify(flipBit(token, index, bit)).then(
          () => 'verified',
          (error: JwsError) => error.name,
        );
        if (verdict !== 'JwsError') survivors.push(`character ${index}, bit ${bit}: ${verdict}`);
      }
    }
    expect(survivors).toEqual([]);
  });

  it('verifies by jose alone', async () => {
    const token = await signJws(payload, { ...signer, typ });
    const { protectedHeader } = await compactVerify(token, signer.record.key);
    expect(protectedHeader).toEqual({ alg, kid: signer.kid, typ });
  });

  it('verifies when node:crypto made it, whatever the order of the header', async () => {
    const header = JSON.stringify({ typ, kid: signer.kid, alg });
    expect((await verify(forge(header, signer.privateKey))).kid).toBe(signer.kid);
  });

  it('may say only the algorithm of its key', async () => {
    const other = alg === 'EdDSA' ? 'ES256' : 'EdDSA';
    const token = forge(JSON.stringify({ alg: other, kid: signer.kid, typ }), signer.privateKey);
    await expect(verify(token)).rejects.toEqual(unverified);
  });

  it('by an unknown key fails exactly as one with a bad signature', async () => {
    const token = await signJws(payload, { ...signer, typ });
    await expect(verifyJws(token, { typ, findKey: () => undefined })).rejects.toEqual(unverified);
    await expect(verify(withSegment(token, 1, toSegment('{"status":"closed"}')))).rejects.toEqual(unverified);
    const stranger = makeSigner(signer.record.jwk.crv);
    await expect(verify(forge(JSON.stringify({ alg, kid: signer.kid, typ }), stranger.privateKey))).rejects.toEqual(
      unverified,
    );
  });

  it('is refused as any other type', async () => {
    const token = await signJws(payload, { ...signer, typ });
    for (const other of TYPES.filter((candidate) => candidate !== typ)) {
      await expect(verify(token, other)).rejects.toEqual(malformed);
      expect(() => readJwsHeader(token, other)).toThrow(malformed);
    }
  });
});

describe('a JWS is malformed', () => {
  const json = JSON.stringify(exact);
  const hmac = createHmac('sha256', ed25519.record.key.export({ type: 'spki', format: 'pem' }));
  const hs256 = `${toSegment(JSON.stringify({ ...exact, alg: 'HS256' }))}.${toSegment(payload)}`;

  it.each<[string, string]>([
    ['with a jwk in its header', forge(JSON.stringify({ ...exact, jwk: makeSigner('Ed25519').record.jwk }))],
    ['with a jku in its header', forge(JSON.stringify({ ...exact, jku: 'https://example.org/keys' }))],
    ['with an x5u in its header', forge(JSON.stringify({ ...exact, x5u: 'https://example.org/chain' }))],
    ['with an x5c in its header', forge(JSON.stringify({ ...exact, x5c: [] }))],
    ['with a crit in its header', forge(JSON.stringify({ ...exact, crit: ['b64'], b64: true }))],
    ['with an unencoded payload', forge(JSON.stringify({ ...exact, b64: false }))],
    ['with a zip in its header', forge(JSON.stringify({ ...exact, zip: 'DEF' }))],
    ['with a cty in its header', forge(JSON.stringify({ ...exact, cty: 'json' }))],
    ['with __proto__ in its header', forge(json.replace('{', '{"__proto__":{"x":1},'))],
    ['without a kid', forge(JSON.stringify({ alg: 'EdDSA', typ }))],
    ['without a typ', forge(JSON.stringify({ alg: 'EdDSA', kid: ed25519.kid }))],
    ['without an alg', forge(JSON.stringify({ kid: ed25519.kid, typ }))],
    ['with a kid that is no thumbprint', forge(JSON.stringify({ ...exact, kid: 'key-1' }))],
    ['with a kid that is a number', forge(JSON.stringify({ ...exact, kid: 1 }))],
    ['with an unknown typ', forge(JSON.stringify({ ...exact, typ: 'JWT' }))],
    ['with its typ as a media type', forge(JSON.stringify({ ...exact, typ: `application/${typ}` }))],
    ['with its typ in capitals', forge(JSON.stringify({ ...exact, typ: 'OUTCOME+JWS' }))],
    [
      'with alg "none" and no signature',
      `${toSegment(JSON.stringify({ ...exact, alg: 'none' }))}.${toSegment(payload)}.`,
    ],
    ['with alg "none" and a signature', forge(JSON.stringify({ ...exact, alg: 'none' }))],
    ['with alg "Ed25519"', forge(JSON.stringify({ ...exact, alg: 'Ed25519' }))],
    ['with alg "eddsa"', forge(JSON.stringify({ ...exact, alg: 'eddsa' }))],
    ['with an HMAC by the public key', `${hs256}.${hmac.update(hs256).digest('base64url')}`],
    ['with an alg twice', forge(json.replace('{', '{"alg":"EdDSA",'))],
    ['with a typ twice, one escaped', forge(json.replace('{', String.raw`{"\u0074yp":"outcome+jws",`))],
    ['with an escape in its header', forge(json.replace('+', String.raw`\u002b`))],
    ['with white space in its header', forge(json.replace(',', ', '))],
    ['with white space around its header', forge(`${json}\n`)],
    ['with a byte order mark', forge(`\uFEFF${json}`)],
    ['with a list as its header', forge(`[${json}]`)],
    ['with null as its header', forge('null')],
    ['with a text as its header', forge('EdDSA')],
    ['with a deeply nested header', forge('['.repeat(200_000) + ']'.repeat(200_000))],
    ['with an endless header', forge(JSON.stringify({ ...exact, kid: 'A'.repeat(1_000_000) }))],
    ['with a header that is not UTF-8', withSegment(token, 0, Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url'))],
    ['with padding after its header', withSegment(token, 0, `${token.split('.')[0]}=`)],
    ['with another spelling of its payload', withSegment(token, 1, respell(toSegment(payload)))],
    ['with another spelling of its signature', withSegment(token, 2, respell(token.split('.')[2] ?? ''))],
    ['with padding after its signature', `${token}==`],
    ['with plain base64', withSegment(token, 1, 'a+/a')],
    ['with white space in its payload', withSegment(token, 1, ` ${toSegment(payload)}`)],
    ['with a line break at its end', `${token}\n`],
    ['with a DER signature', forge(JSON.stringify({ alg: 'ES256', kid: p256.kid, typ }), p256.privateKey, 'der')],
    ['with a short signature', withSegment(token, 2, Buffer.alloc(63).toString('base64url'))],
    ['without a signature', withSegment(token, 2, '')],
    ['of two segments', token.split('.').slice(0, 2).join('.')],
    ['of four segments', `${token}.`],
    ['of nothing', ''],
    ['in the JSON form', JSON.stringify({ payload: toSegment(payload) })],
  ])('%s', async (_, token) => {
    await expect(verify(token)).rejects.toEqual(malformed);
    expect(() => readJwsHeader(token, typ)).toThrow(malformed);
  });

  it('and the message names the fault', () => {
    const token = forge(JSON.stringify({ ...exact, zip: 'DEF' }));
    expect(() => readJwsHeader(token, typ)).toThrow('/zip is not a member known here');
  });

  it('by RFC 8037 appendix A.4, though its signature is good: the header lacks kid and typ', async () => {
    const { record } = rfc8037;
    const vector =
      'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.' +
      'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg';
    expect(record.kid).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
    expect(Buffer.from((await compactVerify(vector, record.key)).payload).toString()).toBe(
      'Example of Ed25519 signing',
    );
    await expect(verifyJws(vector, { typ, findKey: () => record })).rejects.toEqual(malformed);
  });
});

/** RFC 8037 appendix A.1. */
const rfc8037 = toSigner(
  createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'OKP',
      crv: 'Ed25519',
      d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    },
  }),
);

describe('verifyJws', () => {
  it('hands on what the look-up throws, for that is no verdict', async () => {
    const outage = new Error('the directory cannot be reached');
    await expect(verifyJws(token, { typ, findKey: () => Promise.reject(outage) })).rejects.toBe(outage);
  });

  it('waits for a look-up that takes its time', async () => {
    const verified = await verifyJws(token, { typ, findKey: (kid) => Promise.resolve(findKey(kid)) });
    expect(verified.kid).toBe(ed25519.kid);
  });

  it('does not ask for a key before the form is right', async () => {
    const asked: string[] = [];
    const ask = (kid: string) => {
      asked.push(kid);
      return undefined;
    };
    await expect(verifyJws(`${token}=`, { typ, findKey: ask })).rejects.toEqual(malformed);
    expect(asked).toEqual([]);
    await expect(verifyJws(token, { typ, findKey: ask })).rejects.toEqual(unverified);
    expect(asked).toEqual([ed25519.kid]);
  });
});

describe('signJws', () => {
  it('makes the signature of RFC 8032 over the signing input', async () => {
    const token = await signJws(payload, { ...rfc8037, typ });
    expect(token).toBe(forge(JSON.stringify({ alg: 'EdDSA', kid: rfc8037.kid, typ }), rfc8037.privateKey));
  });

  it.each([
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
    ['Ed448', generateKeyPairSync('ed448').privateKey],
    ['public', ed25519.record.key],
  ])('refuses a key that is %s', async (_, privateKey) => {
    await expect(async () => signJws(payload, { kid: ed25519.kid, privateKey, typ })).rejects.toThrow(TypeError);
  });
});
