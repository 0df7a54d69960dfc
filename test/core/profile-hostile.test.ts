import { sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { HttpRequest } from '../../core/http.ts';
import { signBytes } from '../../core/raw-signature.ts';
import {
  AUTHORITY,
  bytes,
  changed,
  COVERED,
  COVERED_WITH_BODY,
  CREATED,
  DIGEST,
  ed25519,
  GET,
  handSigner,
  neighbour,
  p256,
  parametersOf,
  PARTNER,
  POST,
  refusalOf,
  stranger,
  UNAUTHORIZED,
  verify,
  withAnother,
  withHeaders,
  without,
} from '../support/signed-request.ts';

/*
 * Every request here is properly signed for what it says, unless the signature itself is the fault: `handSigner` covers
 * whatever it is told to. So each of these is refused by the profile, not by chance.
 */

const hand = handSigner(PARTNER, ed25519);
const handP256 = handSigner(PARTNER, p256);
const parameters = parametersOf(PARTNER, ed25519);
const [created = '', keyid = '', tag = ''] = parameters;
const der = (base: Buffer): Buffer => sign('sha256', base, p256.privateKey);

describe('verifyRequest refuses, in one and the same words,', () => {
  it.each<[string, HttpRequest]>([
    // Signature fields.
    ['a request without signature fields', POST],
    ['signature-input alone', without(hand(), 'signature')],
    ['signature alone', without(hand(), 'signature-input')],
    ['empty signature fields', withHeaders(POST, { 'signature-input': '', signature: '' })],
    [
      'a signature under another label than its input',
      changed(hand(), 'signature', (text) => text.replace('sig', 'sig1')),
    ],
    ['a label twice, the second one good', withAnother(hand({ parameters: ['tag="other"'] }), hand())],
    ['a label twice, the first one good', withAnother(hand(), hand({ parameters: ['tag="other"'] }))],
    ['a label twice in signature only', changed(hand(), 'signature', (text) => `sig=:AAAA:, ${text}`)],
    ['a label twice in signature-input only', changed(hand(), 'signature-input', (text) => `sig=(), ${text}`)],
    ['the fields twice, as a proxy might', withAnother(hand(), hand())],
    [
      'a duplicate parameter in a signature that is none of ours',
      withAnother(hand(), hand({ label: 'b', parameters: ['tag="other"', 'x=1', 'x=1'] })),
    ],
    [
      'a duplicate label among signatures that are none of ours',
      withAnother(hand(), withAnother(hand({ label: 'b', parameters: [] }), hand({ label: 'b', parameters: [] }))),
    ],

    // The tag selects, and exactly once.
    ['no tag', hand({ parameters: [created, keyid] })],
    ['another tag', hand({ parameters: [created, keyid, 'tag="referral-relay2"'] })],
    ['the tag in another case', hand({ parameters: [created, keyid, 'tag="Referral-Relay"'] })],
    ['the tag with a space', hand({ parameters: [created, keyid, 'tag="referral-relay "'] })],
    ['the tag as a token', hand({ parameters: [created, keyid, 'tag=referral-relay'] })],
    [
      'the tag as a byte sequence',
      hand({ parameters: [created, keyid, `tag=${bytes(Buffer.from('referral-relay'))}`] }),
    ],
    ['the tag as a label only', hand({ label: 'referral-relay', parameters: [created, keyid] })],
    ['two good signatures with our tag', withAnother(hand(), hand({ label: 'b' }))],
    ['two good signatures with our tag, by two keys', withAnother(hand(), handP256({ label: 'b' }))],
    [
      'a bad signature with our tag before a good one',
      withAnother(hand({ label: 'a', sign: () => Buffer.alloc(64) }), hand()),
    ],
    [
      'a bad signature with our tag after a good one',
      withAnother(hand(), hand({ label: 'b', sign: () => Buffer.alloc(64) })),
    ],

    // Covered components: exactly these.
    ...COVERED.map((name): [string, HttpRequest] => [
      `a request that does not cover ${name}`,
      hand({ request: GET, components: COVERED.filter((other) => other !== name) }),
    ]),
    ...COVERED_WITH_BODY.map((name): [string, HttpRequest] => [
      `a request with a body that does not cover ${name}`,
      hand({ components: COVERED_WITH_BODY.filter((other) => other !== name) }),
    ]),
    ['a signature that covers nothing', hand({ components: [] })],
    [
      'a request without a body that covers content-type',
      hand({ request: withHeaders(GET, POST.headers), components: COVERED_WITH_BODY }),
    ],
    ['a body without a content-digest', hand({ request: without(POST, 'content-digest') })],
    ['a body without a content-type', hand({ request: without(POST, 'content-type') })],
    ['a body whose digest is not covered', hand({ components: COVERED })],
    [
      'one component too many',
      hand({ request: withHeaders(POST, { date: 'today' }), components: [...COVERED_WITH_BODY, '"date"'] }),
    ],
    [
      'one component in the place of another',
      hand({ request: withHeaders(POST, { date: 'today' }), components: COVERED_WITH_BODY.with(0, '"date"') }),
    ],
    ['a component twice', hand({ components: [...COVERED_WITH_BODY, '"@method"'] })],
    ['a component twice in the place of another', hand({ components: COVERED_WITH_BODY.with(0, '"@path"') })],
    ['@target-uri for its parts', hand({ components: COVERED_WITH_BODY.with(2, '"@target-uri"') })],
    ['@request-target for its parts', hand({ components: COVERED_WITH_BODY.with(2, '"@request-target"') })],
    [
      'a derived component in upper case',
      hand({ components: COVERED_WITH_BODY.with(0, '"@Method"'), values: { '"@Method"': 'POST' } }),
    ],
    [
      'a field in upper case',
      hand({ components: COVERED_WITH_BODY.with(5, '"Content-Digest"'), values: { '"Content-Digest"': DIGEST } }),
    ],
    [
      'a component as a token',
      hand({ components: COVERED_WITH_BODY.with(4, 'content-type'), values: { 'content-type': 'application/json' } }),
    ],
    ...[
      ['"content-digest";key="sha-256"', DIGEST.slice('sha-256='.length)],
      ['"content-digest";sf', DIGEST],
      ['"content-digest";bs', bytes(Buffer.from(DIGEST))],
      ['"content-digest";tr', DIGEST],
      ['"content-digest";req', DIGEST],
      ['"content-digest";x=1', DIGEST],
    ].flatMap(([name = '', value = '']): [string, HttpRequest][] => [
      [
        `${name} for the plain component`,
        hand({ components: COVERED_WITH_BODY.with(5, name), values: { [name]: value } }),
      ],
      [
        `${name} beside the plain component`,
        hand({ components: [...COVERED_WITH_BODY, name], values: { [name]: value } }),
      ],
    ]),
    [
      '"@method";req',
      hand({ components: COVERED_WITH_BODY.with(0, '"@method";req'), values: { '"@method";req': 'POST' } }),
    ],
    [
      '"@query-param";name="a" for the query',
      hand({ components: COVERED_WITH_BODY.with(3, '"@query-param";name="a"') }),
    ],
    ['"@signature-params" as a component', hand({ components: [...COVERED_WITH_BODY, '"@signature-params"'] })],

    // Parameters.
    ['no created', hand({ parameters: [keyid, tag] })],
    ['no keyid', hand({ parameters: [created, tag] })],
    ...[
      ['a string', `"${CREATED}"`],
      ['a token', 'now'],
      ['a decimal', `${CREATED}.5`],
      ['a whole decimal', `${CREATED}.0`],
      ['true', '?1'],
      ['false', '?0'],
      ['a date', `@${CREATED}`],
      ['a byte sequence', ':AAAA:'],
      ['a number with leading zeros', `0${CREATED}`],
      ['a number in exponent form', '17e8'],
      ['a number too long', `${CREATED}000000`],
      ['nothing', ''],
    ].map(([name = '', value = '']): [string, HttpRequest] => [
      `created as ${name}`,
      hand({ parameters: [`created=${value}`, keyid, tag] }),
    ]),
    ['created as a bare key', hand({ parameters: ['created', keyid, tag] })],
    ['created twice', hand({ parameters: [created, created, keyid, tag] })],
    ['created twice, the first one stale', hand({ parameters: ['created=1', created, keyid, tag] })],
    ['keyid twice', hand({ parameters: [created, `keyid="de-eco/${neighbour.kid}"`, keyid, tag] })],
    ['tag twice', hand({ parameters: [created, keyid, 'tag="other"', tag] })],
    ['expires as a string', hand({ parameters: [...parameters, `expires="${CREATED + 60}"`] })],
    ['expires as a decimal', hand({ parameters: [...parameters, `expires=${CREATED + 60}.5`] })],
    ['a nonce that is no string', hand({ parameters: [...parameters, 'nonce=1'] })],
    ['a parameter that is not known', hand({ parameters: [...parameters, 'x="y"'] })],
    ['a parameter called constructor', hand({ parameters: [...parameters, 'constructor="y"'] })],
    ['a parameter in upper case', hand({ parameters: [...parameters, 'Nonce="y"'] })],
    ['alg of the other algorithm', hand({ parameters: [...parameters, 'alg="ecdsa-p256-sha256"'] })],
    ['alg of the other algorithm, P-256', handP256({ parameters: [...parametersOf(PARTNER, p256), 'alg="ed25519"'] })],
    ['alg in upper case', hand({ parameters: [...parameters, 'alg="ED25519"'] })],
    ['alg as a token', hand({ parameters: [...parameters, 'alg=ed25519'] })],
    ['an alg unknown here', hand({ parameters: [...parameters, 'alg="hmac-sha256"'] })],
    ['an alg that is empty', hand({ parameters: [...parameters, 'alg=""'] })],

    // Whose key.
    ...[
      ['a key that is not registered', `${PARTNER}/${stranger.kid}`],
      ['a partner that is not registered', `fr-nobody/${ed25519.kid}`],
      ['a key of another partner', `de-eco/${ed25519.kid}`],
      ['a key of another partner, the partner being ours', `${PARTNER}/${neighbour.kid}`],
      ['no partner', ed25519.kid],
      ['no key', `${PARTNER}/`],
      ['nothing', ''],
      ['a slash too many', `${PARTNER}/${ed25519.kid}/`],
      ['a partner in upper case', `GB-IWF/${ed25519.kid}`],
      ['a space', `${PARTNER} /${ed25519.kid}`],
      ['a thumbprint with padding', `${PARTNER}/${ed25519.kid}=`],
      ['a thumbprint cut short', `${PARTNER}/${ed25519.kid.slice(1)}`],
      ['a name every object has', `constructor/${ed25519.kid}`],
      ['a name every object has, as key', `${PARTNER}/__proto__`],
    ].map(([name = '', value = '']): [string, HttpRequest] => [
      `keyid with ${name}`,
      hand({ parameters: [created, `keyid="${value}"`, tag] }),
    ]),
    ['keyid as a token', hand({ parameters: [created, `keyid=${PARTNER}/${ed25519.kid}`, tag] })],
    ['a signature by another key of the partner', handP256({ parameters })],
    ['a signature by the key of another partner', handSigner('de-eco', neighbour)({ parameters })],

    // The signature itself.
    ['ECDSA in DER', handP256({ sign: der })],
    ['ECDSA in DER cut to 64 bytes', handP256({ sign: (base) => der(base).subarray(0, 64) })],
    ['ECDSA with R and S exchanged', handP256({ sign: (base) => swapHalves(signBytes(p256.privateKey, base)) })],
    ['ECDSA of zeros', handP256({ sign: () => Buffer.alloc(64) })],
    ['Ed25519 of zeros', hand({ sign: () => Buffer.alloc(64) })],
    ['a signature of 63 bytes', hand({ sign: (base) => signBytes(ed25519.privateKey, base).subarray(1) })],
    [
      'a signature of 65 bytes',
      hand({ sign: (base) => Buffer.concat([signBytes(ed25519.privateKey, base), Buffer.alloc(1)]) }),
    ],
    ['an empty signature', hand({ sign: () => Buffer.alloc(0) })],
    [
      'a signature over the hash of the base',
      hand({ sign: (base) => sign(null, Buffer.from(base.toString('hex')), ed25519.privateKey) }),
    ],
    ['a signature without padding', changed(hand(), 'signature', (text) => text.replace('==:', ':'))],
    ['a signature with stray bits', changed(hand(), 'signature', strayBits)],
    [
      'a signature in base64url',
      changed(hand(), 'signature', (text) => text.replaceAll('+', '-').replaceAll('/', '_').replace('==', '')),
    ],
    ['a signature as a string', changed(hand(), 'signature', (text) => text.replace('=:', '="').replace(/:$/, '"'))],
    ['a signature with a parameter', changed(hand(), 'signature', (text) => `${text};a=1`)],

    // The message is another.
    ['another method', { ...hand(), method: 'PUT' }],
    ['the method in lower case', { ...hand(), method: 'post' }],
    ['another path', { ...hand(), path: '/v1/referral' }],
    ['the path encoded', { ...hand(), path: '/v1/%72eferrals' }],
    ['the path with a slash at its end', { ...hand(), path: '/v1/referrals/' }],
    ['a query that was not signed', { ...hand(), query: 'a=b' }],
    ['a query that was signed and is gone', { ...hand({ request: { ...GET, query: 'a=b' } }), query: '' }],
    ['an empty query signed as nothing', hand({ values: { '"@query"': '' } })],
    ['another content-type', withHeaders(hand(), { 'content-type': 'text/plain' })],
    ['content-type twice', withHeaders(hand(), { 'content-type': 'application/json, application/json' })],
    ['content-type in another case', withHeaders(hand(), { 'content-type': 'application/JSON' })],
    ['another digest', withHeaders(hand(), { 'content-digest': DIGEST.replace('X', 'Y') })],
    ['content-digest twice', withHeaders(hand(), { 'content-digest': `${DIGEST}, ${DIGEST}` })],
    ['a body that came to a request without one', { ...hand({ request: GET }), body: Buffer.from('{}') }],
    ['a body that is gone', { ...hand(), body: Buffer.alloc(0) }],
    ['the authority in upper case', hand({ values: { '"@authority"': AUTHORITY.toUpperCase() } })],
    ['the authority with its default port', hand({ values: { '"@authority"': `${AUTHORITY}:443` } })],
    [
      'another authority, also in the Host field',
      hand({ request: withHeaders(POST, { host: 'other.example' }), values: { '"@authority"': 'other.example' } }),
    ],

    // Lines smuggled into the signature base.
    [
      'a line feed in content-type',
      hand({ request: withHeaders(POST, { 'content-type': 'application/json\n"@path": /v1/other' }) }),
    ],
    [
      'a line folding in content-type',
      hand({ request: withHeaders(POST, { 'content-type': 'application/json\r\n ' }) }),
    ],
    ['a carriage return in content-digest', hand({ request: withHeaders(POST, { 'content-digest': `${DIGEST}\r` }) })],
    ['a NUL in content-type', hand({ request: withHeaders(POST, { 'content-type': 'application/json\0' }) })],
    [
      'a character outside ASCII in content-type',
      hand({ request: withHeaders(POST, { 'content-type': 'application/jsön' }) }),
    ],
    ['a line feed in the path', hand({ request: { ...POST, path: '/v1/referrals\n"@query": ?' } })],
    ['a line feed in the method', hand({ request: { ...POST, method: 'POST\n"@path": /' } })],
    ['a line feed in keyid', hand({ parameters: [created, `${keyid.slice(0, -1)}\n"`, tag] })],
    ['a line feed in a nonce', hand({ parameters: [...parameters, 'nonce="a\nb"'] })],
    [
      'a line folding between signatures',
      changed(withAnother(hand(), hand({ label: 'b', parameters: [] })), 'signature-input', (text) =>
        text.replace(', ', ',\r\n '),
      ),
    ],
    ['a line feed after the signature', changed(hand(), 'signature', (text) => `${text}\n`)],
  ])('%s', (_name, request) => {
    expect(refusalOf(() => verify(request))).toEqual(UNAUTHORIZED);
  });
});

const swapHalves = (signature: Buffer): Buffer => Buffer.concat([signature.subarray(32), signature.subarray(0, 32)]);

/** Another spelling of the same 64 bytes: a bit set that base64 has no use for. */
function strayBits(field: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return field.replace(/(.)==:$/, (_match, last: string) => `${alphabet[alphabet.indexOf(last) + 1]}==:`);
}
