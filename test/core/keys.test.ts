import { generateKeyPairSync, type JsonWebKey, sign, verify } from 'node:crypto';
import { ed25519, ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import * as fc from 'fast-check';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, it } from 'vitest';
import { countsAt, IntakeJwk, KeyRecord, SigningJwk, thumbprint, toVerificationKey } from '../../core/keys.ts';

function publicJwk(type: 'ed25519' | 'P-256'): JsonWebKey {
  const { publicKey } =
    type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: type });
  return publicKey.export({ format: 'jwk' });
}

const edwards = publicJwk('ed25519');
const weierstrass = publicJwk('P-256');
const rsa = generateKeyPairSync('rsa', { modulusLength: 4096 }).publicKey.export({ format: 'jwk' });

describe('thumbprint', () => {
  it('is the one of RFC 7638 section 3.1', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj' +
      'hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ' +
      'vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK' +
      'nqDKgw';
    expect(thumbprint({ kty: 'RSA', n, e: 'AQAB' })).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  it('is the one of RFC 8037 appendix A.3', () => {
    const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
    expect(thumbprint({ kty: 'OKP', crv: 'Ed25519', x })).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });

  it.each([
    ['Ed25519', edwards, SigningJwk.parse(edwards)],
    ['P-256', weierstrass, SigningJwk.parse(weierstrass)],
    ['RSA', rsa, IntakeJwk.parse(rsa)],
  ])('is what jose makes of a key: %s', async (_name, jwk, parsed) => {
    expect(thumbprint(parsed)).toBe(await calculateJwkThumbprint(jwk));
  });
});

const okp = (point: Uint8Array): unknown => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: Buffer.from(point).toString('base64url'),
});
const accepts = (jwk: unknown): boolean => SigningJwk.safeParse(jwk).success;

/** Little-endian, as RFC 8032 section 5.1.2 encodes a point: y, and the sign of x in the last bit. */
function encodePoint(y: bigint, sign: number): Buffer {
  const point = Buffer.from(Buffer.from(y.toString(16).padStart(64, '0'), 'hex').toReversed());
  point.writeUInt8(point.readUInt8(31) | (sign << 7), 31);
  return point;
}

/** `undefined`: no point, even when y may be p or more and x may be a negative zero (ZIP 215). */
function isOfSmallOrder(point: Uint8Array): boolean | undefined {
  try {
    return ed25519.Point.fromBytes(point, true).isSmallOrder();
  } catch {
    return undefined;
  }
}

const coordinate = (value: bigint): string =>
  Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toString('base64url');

/** The y of the point on P-256 with this x; `coordinate(x)` with it is accepted. */
function yOf(x: bigint): string {
  const bytes = Buffer.concat([Buffer.of(2), Buffer.from(x.toString(16).padStart(64, '0'), 'hex')]);
  const y = coordinate(p256.Point.fromBytes(bytes).y);
  expect(accepts({ kty: 'EC', crv: 'P-256', x: coordinate(x), y })).toBe(true);
  return y;
}

describe('SigningJwk', () => {
  const P = 2n ** 255n - 19n;
  const smallOrder = ED25519_TORSION_SUBGROUP.map((hex) => ed25519.Point.fromHex(hex).y);
  /** Every y that decodes to the same as another (from p on), and every y of a point of small order. */
  const suspects = [...new Set([...smallOrder, ...Array.from({ length: 19 }, (_, low) => P + BigInt(low))])].flatMap(
    (y) => [encodePoint(y, 0), encodePoint(y, 1)],
  );

  it('refuses every encoding of a point of small order, and of no other point', () => {
    const points = suspects.filter((point) => isOfSmallOrder(point) !== undefined);
    for (const point of points) {
      expect(accepts(okp(point)), point.toString('hex')).toBe(isOfSmallOrder(point) === false);
    }
    // y = 0, 1, p - 1, p, p + 1 and the two of order 8, each with either sign.
    expect(points.filter((point) => isOfSmallOrder(point))).toHaveLength(14);
    expect(new Set(smallOrder).size).toBe(5);
  });

  it('accepts every key that is made as keys are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        expect(accepts(okp(ed25519.getPublicKey(seed)))).toBe(true);
      }),
    );
    expect(accepts(edwards)).toBe(true);
    expect(accepts(weierstrass)).toBe(true);
  });

  const { p } = p256.Point.CURVE();

  it.each<[string, unknown]>([
    ['an Ed25519 private key', generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })],
    ['a P-256 private key', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })],
    ['a private key that is empty', { ...edwards, d: '' }],
    ['a further member', { ...edwards, kid: 'a' }],
    ['an Ed25519 key with y', { ...edwards, y: edwards.x }],
    ['a P-256 key without y', { kty: 'EC', crv: 'P-256', x: weierstrass.x }],
    ['a point off the curve', { ...weierstrass, y: coordinate(1n) }],
    ['a point of another key', { ...weierstrass, y: publicJwk('P-256').y }],
    ['the point (0, 0)', { ...weierstrass, x: coordinate(0n), y: coordinate(0n) }],
    ['a coordinate that is not reduced', { ...weierstrass, x: coordinate(p + 5n), y: yOf(5n) }],
    ['an x that is cut short', { ...edwards, x: edwards.x?.slice(1) }],
    ['an x with padding', { ...edwards, x: `${edwards.x}=` }],
    ['an x with stray bits', { ...edwards, x: `${edwards.x?.slice(0, -1)}_` }],
    ['an x that is a number', { ...edwards, x: 1 }],
    ['another curve', { ...edwards, crv: 'X25519' }],
    ['secp256k1', { ...weierstrass, crv: 'secp256k1' }],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })],
    ['the curve of another type', { ...weierstrass, crv: 'Ed25519' }],
    ['an RSA key', rsa],
    ['a secret', { kty: 'oct', k: edwards.x }],
    ['nothing', {}],
    ['no object', edwards.x],
  ])('refuses %s', (_name, jwk) => {
    expect(accepts(jwk)).toBe(false);
  });
});

describe('IntakeJwk', () => {
  it.each<[string, unknown]>([
    ['a private key', { ...rsa, d: rsa.n }],
    ['another exponent', { ...rsa, e: 'Aw' }],
    ['an exponent in another spelling', { ...rsa, e: 'AAEAAQ' }],
    ['a smaller modulus', generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })],
    ['a modulus with padding', { ...rsa, n: `${rsa.n}=` }],
    ['a further member', { ...rsa, alg: 'RSA-OAEP-256' }],
  ])('refuses %s', (_name, value) => {
    expect(IntakeJwk.safeParse(value).success).toBe(false);
  });
});

describe('toVerificationKey', () => {
  it.each(['ed25519', 'P-256'] as const)('gives a key that verifies and is named by its thumbprint: %s', (type) => {
    const { privateKey, publicKey } =
      type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: type });
    const jwk = SigningJwk.parse(publicKey.export({ format: 'jwk' }));
    const dates = { retiredAt: '2026-11-23T09:30:00.000Z', compromisedAt: '2026-11-23T09:31:00.000Z' };
    const key = toVerificationKey(KeyRecord.parse({ jwk, ...dates }));
    const data = Buffer.from('invented');
    const algorithm = type === 'ed25519' ? null : 'sha256';
    expect(verify(algorithm, data, key.key, sign(algorithm, data, privateKey))).toBe(true);
    expect(key).toMatchObject({ kid: thumbprint(jwk), jwk, ...dates });
  });
});

describe('countsAt', () => {
  const key = toVerificationKey({ jwk: SigningJwk.parse(edwards) });
  const before = '2026-11-23T09:29:59.999Z';
  const at = '2026-11-23T09:30:00.000Z';
  const after = '2026-11-23T09:30:00.001Z';

  it.each([
    ['neither retired nor compromised', {}, [true, true, true]],
    ['retired', { retiredAt: at }, [true, false, false]],
    ['compromised', { compromisedAt: at }, [true, false, false]],
    ['retired, found compromised since', { retiredAt: after, compromisedAt: at }, [true, false, false]],
    ['compromised once it was retired', { retiredAt: at, compromisedAt: after }, [true, false, false]],
    ['to be retired', { retiredAt: after }, [true, true, false]],
  ])('the moment of taking in precedes both dates: %s', (_name, dates, expected) => {
    expect([before, at, after].map((moment) => countsAt({ ...key, ...dates }, moment))).toEqual(expected);
  });
});
