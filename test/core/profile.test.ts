import { createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { RelayError } from '../../core/errors.ts';
import type { HttpRequest } from '../../core/http.ts';
import { checkContentDigest, signRequest, verifyRequest } from '../../core/profile.ts';
import { toTimestamp } from '../../core/time.ts';
import type { Signer } from '../support/envelope.ts';
import {
  AUTHORITY,
  changed,
  COVERED_WITH_BODY,
  CREATED,
  DIGEST,
  ed25519,
  GET,
  handSigner,
  NOW,
  OPTIONS,
  p256,
  parametersOf,
  PARTNER,
  POST,
  received,
  refusalOf,
  stranger,
  UNAUTHORIZED,
  type Unsigned,
  verify,
  withAnother,
  withHeaders,
} from '../support/signed-request.ts';

const hand = handSigner(PARTNER, ed25519);
const handP256 = handSigner(PARTNER, p256);
const parameters = parametersOf(PARTNER, ed25519);
const [created = '', keyid = '', tag = ''] = parameters;

describe('verifyRequest accepts', () => {
  it.each<[string, HttpRequest, Signer?]>([
    ['Ed25519 over a body', hand()],
    ['Ed25519 without a body', hand({ request: GET })],
    ['P-256 over a body', handP256(), p256],
    ['P-256 without a body', handP256({ request: GET }), p256],
    ['any order of components', hand({ components: COVERED_WITH_BODY.toReversed() })],
    ['any order of parameters', hand({ parameters: parameters.toReversed() })],
    ['any label', hand({ label: 'x*-_.0' })],
    ['the algorithm of the key', hand({ parameters: [...parameters, 'alg="ed25519"'] })],
    [
      'the algorithm of the key, P-256',
      handP256({ parameters: [...parametersOf(PARTNER, p256), 'alg="ecdsa-p256-sha256"'] }),
      p256,
    ],
    ['a nonce', hand({ parameters: [...parameters, String.raw`nonce="a \"b\" \\ ;, c"`] })],
    ['an expiry to come', hand({ parameters: [...parameters, `expires=${CREATED + 1}`] })],
    ['a signature 300 s old', hand({ parameters: [`created=${CREATED - 300}`, keyid, tag] })],
    ['a signature from 30 s ahead', hand({ parameters: [`created=${CREATED + 30}`, keyid, tag] })],
    ['a query, signed', hand({ request: { ...GET, query: 'a=b' } })],
    ['fields that are not covered', withHeaders(hand(), { host: 'elsewhere.example', 'x-forwarded-for': '192.0.2.1' })],
    [
      'another signature with another tag before it',
      withAnother(hand({ label: 'a', components: ['"@method";req'], parameters: ['tag="other"'] }), hand()),
    ],
    ['another signature without a tag after it', withAnother(hand(), hand({ label: 'b', parameters: [created] }))],
    [
      'another signature whose label is our tag',
      withAnother(hand(), hand({ label: 'referral-relay', parameters: [created, 'tag="other"'] })),
    ],
    [
      'another signature whose tag is a token',
      withAnother(hand(), hand({ label: 'b', parameters: [created, 'tag=referral-relay'] })),
    ],
    [
      'another, unverifiable signature with another tag',
      withAnother(hand(), hand({ label: 'b', parameters: ['tag="other"'], sign: () => Buffer.alloc(3) })),
    ],
  ])('%s', (_name, request, signer = ed25519) => {
    expect(verify(request)).toEqual({ partner: PARTNER, kid: signer.kid });
  });

  it('an authority with a port, whatever the Host field says', () => {
    const request = hand({
      request: withHeaders(GET, { host: AUTHORITY }),
      values: { '"@authority"': 'relay.example:8443' },
    });
    expect(verifyRequest(request, { ...OPTIONS, authority: 'relay.example:8443' })).toMatchObject({ partner: PARTNER });
    expect(refusalOf(() => verify(request))).toEqual(UNAUTHORIZED);
  });
});

describe('verifyRequest refuses, in the same words as any other fault,', () => {
  it.each([
    ['was retired at this moment', { retiredAt: toTimestamp(NOW) }],
    ['was retired before', { retiredAt: toTimestamp(NOW - 1) }],
    ['was compromised before', { compromisedAt: toTimestamp(NOW - 1) }],
    ['is to be retired, but was compromised', { retiredAt: toTimestamp(NOW + 1), compromisedAt: toTimestamp(NOW) }],
  ])('a good signature by a key that %s', (_name, dates) => {
    const retired = { ...OPTIONS, findKey: () => ({ ...ed25519.record, ...dates }) };
    expect(refusalOf(() => verifyRequest(hand(), retired))).toEqual(UNAUTHORIZED);
  });

  it('a stale signature by nobody: what is not verified learns nothing of the clock', () => {
    const stale = ['created=1', keyid, tag];
    expect(refusalOf(() => verify(hand({ parameters: stale, sign: () => Buffer.alloc(64) })))).toEqual(UNAUTHORIZED);
    expect(refusalOf(() => verify(handSigner(PARTNER, stranger)({ parameters: stale })))).toEqual(UNAUTHORIZED);
  });
});

it('a key counts up to the moment it is retired', () => {
  const retiring = { ...OPTIONS, findKey: () => ({ ...ed25519.record, retiredAt: toTimestamp(NOW + 1) }) };
  expect(verifyRequest(hand(), retiring)).toEqual({ partner: PARTNER, kid: ed25519.kid });
});

it('keys are asked for by well-formed names only', () => {
  const asked: string[][] = [];
  const spy = (...name: [string, string]) => void asked.push(name);
  for (const name of [`${PARTNER}/${ed25519.kid}`, `__proto__/${ed25519.kid}`, `${PARTNER}/constructor`, '/', 'a-b']) {
    const request = hand({ parameters: [created, `keyid="${name}"`, tag] });
    expect(refusalOf(() => verifyRequest(request, { ...OPTIONS, findKey: spy }))).toEqual(UNAUTHORIZED);
  }
  expect(asked).toEqual([[PARTNER, ed25519.kid]]);
});

it('a key that cannot be used is not taken for a bad signature', () => {
  const unusable = { ...ed25519.record, key: createSecretKey(Buffer.alloc(32)) };
  expect(() => verifyRequest(hand(), { ...OPTIONS, findKey: () => unusable })).toThrow(TypeError);
});

it('a fault of the key store is not taken for a bad signature', () => {
  const findKey = vi.fn<typeof OPTIONS.findKey>().mockThrow(new Error('out of reach'));
  expect(() => verifyRequest(hand(), { ...OPTIONS, findKey })).toThrow('out of reach');
});

describe('a verified signature is stale, and the answer says what time it is,', () => {
  it.each<[string, string[]]>([
    ['301 s after it was made', [`created=${CREATED - 301}`, keyid, tag]],
    ['31 s before it was made', [`created=${CREATED + 31}`, keyid, tag]],
    ['if it was made before 1970', ['created=-1', keyid, tag]],
    ['if it was made at the end of time', ['created=999999999999999', keyid, tag]],
    ['at the moment it expires', [created, keyid, tag, `expires=${CREATED}`]],
    ['after it has expired', [created, keyid, tag, `expires=${CREATED - 1}`]],
    ['if it expires before 1970', [created, keyid, tag, 'expires=-1']],
  ])('%s', (_name, parameters) => {
    expect(refusalOf(() => verify(hand({ parameters })))).toMatchObject({
      code: 'stale-signature',
      members: { now: '2026-11-23T09:30:00.000Z' },
    });
  });
});

describe('checkContentDigest', () => {
  const body = Buffer.from('{"hello": "world"}');
  const SHA_512 = 'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:';

  it.each<[string, Record<string, string>, Buffer]>([
    ['sha-256', { 'content-digest': DIGEST }, body],
    ['sha-512', { 'content-digest': SHA_512 }, body],
    ['neither body nor digest', {}, Buffer.alloc(0)],
    [
      'the digest of no body',
      { 'content-digest': 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:' },
      Buffer.alloc(0),
    ],
  ])('accepts %s', (_name, headers, content) => {
    expect(() => checkContentDigest({ headers, body: content })).not.toThrow();
  });

  it.each([
    ['no digest', undefined],
    ['an empty field', ''],
    ['the digest of something else', DIGEST.replace('X', 'Y')],
    ['two digests, both right', `${DIGEST}, ${SHA_512}`],
    ['the same digest twice', `${DIGEST}, ${DIGEST}`],
    ['two digests of one name, the second one right', `sha-256=:AAAA:, ${DIGEST}`],
    ['a right digest and an unknown one', `${DIGEST}, md5=:AAAA:`],
    ['an unknown algorithm', 'md5=:Sd/dVLAcvNLSq16eXua5uQ==:'],
    ['sha-1', 'sha=:07CavjDP4u3/TungoUHJO/Wzr4c=:'],
    ['a name every object has', 'constructor=:AAAA:'],
    ['the digest of SHA-512 as sha-256', SHA_512.replace('512', '256')],
    ['a digest cut short', `sha-256=:${DIGEST.slice(9, 49)}:`],
    ['a digest in hexadecimal', 'sha-256="5f8f04f6a3a892aaabbddb6cf273894493773960d4a325b105fee46eef4304f1"'],
    ['a digest without padding', `${DIGEST.slice(0, -2)}:`],
    ['a digest with a parameter', `${DIGEST};a=1`],
    ['a digest with a line break', `${DIGEST}\r\n`],
    ['something else altogether', '{"hello": "world"}'],
  ])('refuses %s', (_name, field) => {
    const headers = field === undefined ? {} : { 'content-digest': field };
    expect(refusalOf(() => checkContentDigest({ headers, body }))).toMatchObject({
      code: 'malformed',
      message: 'Send one content-digest, sha-256 or sha-512, computed over exactly the bytes of the body.',
    });
  });

  it('refuses the digest of a body that is not there', () => {
    const empty = { headers: { 'content-digest': DIGEST }, body: Buffer.alloc(0) };
    expect(refusalOf(() => checkContentDigest(empty))).toMatchObject({ code: 'malformed' });
  });

  it('judges the bytes, not what they say', () => {
    expect(() =>
      checkContentDigest({ headers: { 'content-digest': DIGEST }, body: Buffer.from('{"hello":"world"}') }),
    ).toThrow(RelayError);
  });
});

const unsigned: fc.Arbitrary<Unsigned> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'DELETE'),
  url: fc
    .tuple(fc.stringMatching(/^[a-z0-9/-]{0,20}$/), fc.stringMatching(/^(\?[a-z0-9=&%?/-]{0,20})?$/))
    .map(([path, query]) => `https://${AUTHORITY}/v1/${path}${query}`),
  body: fc.uint8Array({ maxLength: 40 }),
  nonce: fc.option(fc.stringMatching(/^[\x20-\x7e]{0,20}$/), { nil: undefined }),
});

const fieldsFor = (body?: Uint8Array): Record<string, string> =>
  signRequest(
    { method: 'POST', url: `https://${AUTHORITY}/v1/referrals`, body },
    { partner: PARTNER, ...ed25519, now: NOW },
  );

describe('signRequest', () => {
  it.each([ed25519, p256])('makes what verifyRequest and checkContentDigest accept', (signer) => {
    fc.assert(
      fc.property(unsigned, (request) => {
        const arrived = received(request, signer);
        expect(verify(arrived)).toEqual({ partner: PARTNER, kid: signer.kid });
        expect(() => checkContentDigest(arrived)).not.toThrow();
      }),
    );
  });

  it('makes nothing that is still accepted once a covered part has changed', () => {
    const part = fc.constantFrom('method', 'path', 'query', 'content-type', 'content-digest');
    const insertion = fc.stringMatching(/^[\x20-\x7e]{1,3}$/);
    fc.assert(
      fc.property(unsigned, part, insertion, fc.nat(), (request, part, text, at) => {
        const arrived = received({ ...request, body: Buffer.from('{}') }, ed25519);
        const insert = (value: string): string => {
          const where = at % (value.length + 1);
          return value.slice(0, where) + text + value.slice(where);
        };
        const altered =
          part === 'method' || part === 'path' || part === 'query'
            ? { ...arrived, [part]: insert(arrived[part]) }
            : changed(arrived, part, insert);
        expect(refusalOf(() => verify(altered))).toEqual(UNAUTHORIZED);
      }),
    );
  });

  it('makes nothing that is still accepted once a character of a signature field has changed', () => {
    const field = fc.constantFrom('signature', 'signature-input');
    const character = fc.stringMatching(/^[\x20-\x7e]$/);
    fc.assert(
      fc.property(unsigned, field, character, fc.nat(), (request, field, character, at) => {
        const arrived = received(request, ed25519);
        const altered = changed(arrived, field, (value) => {
          const where = at % value.length;
          return value.slice(0, where) + character + value.slice(where + 1);
        });
        fc.pre(altered.headers[field] !== arrived.headers[field]);
        expect(refusalOf(() => verify(altered))).toEqual(UNAUTHORIZED);
      }),
      { numRuns: 500 },
    );
  });

  it('makes nothing whose body can change: the digest finds it', () => {
    fc.assert(
      fc.property(unsigned, fc.nat(), fc.integer({ min: 1, max: 255 }), (request, at, mask) => {
        fc.pre(request.body.length > 0);
        const arrived = received(request, ed25519);
        const where = at % arrived.body.length;
        const body = arrived.body.map((byte, index) => (index === where ? byte ^ mask : byte));
        expect(verify({ ...arrived, body })).toMatchObject({ partner: PARTNER });
        expect(refusalOf(() => checkContentDigest({ ...arrived, body }))).toMatchObject({ code: 'malformed' });
      }),
    );
  });

  it.each([
    ['in upper case', 'https://RELAY.EXAMPLE/v1/directory', 'relay.example'],
    ['with the default port of https', 'https://relay.example:443/v1/directory', 'relay.example'],
    ['with the default port of http', 'http://relay.example:80/v1/directory', 'relay.example'],
    ['with a port of its own', 'http://127.0.0.1:4566/v1/directory', '127.0.0.1:4566'],
    ['with the port of the other scheme', 'http://relay.example:443/v1/directory', 'relay.example:443'],
  ])('signs the authority as RFC 9421 section 2.2.3 writes it: %s', (_name, url, authority) => {
    const arrived = received({ method: 'GET', url, body: Buffer.alloc(0), nonce: undefined }, ed25519);
    expect(verifyRequest(arrived, { ...OPTIONS, authority })).toMatchObject({ partner: PARTNER });
  });

  it('adds the fields of the body only where there is one', () => {
    expect(Object.keys(fieldsFor(POST.body))).toEqual([
      'content-type',
      'content-digest',
      'signature-input',
      'signature',
    ]);
    expect(Object.keys(fieldsFor())).toEqual(['signature-input', 'signature']);
    expect(fieldsFor(new Uint8Array())).toEqual(fieldsFor());
    expect(fieldsFor(POST.body)).toMatchObject(POST.headers);
  });

  it('signs whole seconds', () => {
    const arrived = received(
      { method: 'GET', url: `https://${AUTHORITY}/`, body: Buffer.alloc(0), nonce: undefined },
      ed25519,
      NOW + 999,
    );
    expect(arrived.headers['signature-input']).toContain(`;created=${CREATED};`);
  });

  it('refuses a nonce that is not ASCII', () => {
    expect(() =>
      received({ method: 'GET', url: `https://${AUTHORITY}/`, body: Buffer.alloc(0), nonce: 'é' }, ed25519),
    ).toThrow();
  });
});
