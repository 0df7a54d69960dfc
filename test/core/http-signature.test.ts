import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import * as fc from 'fast-check';
import { Token } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import {
  type ComponentValue,
  createSignature,
  type MessageSignature,
  parseSignatures,
  requestComponents,
  signatureBase,
  verifySignature,
} from '../../core/http-signature.ts';
import { CREATED } from '../support/signed-request.ts';
import rfc9421 from '../vectors/rfc9421.json' with { type: 'json' };

const { keys, messages, vectors } = rfc9421;

const publicKey = (key: { public: Record<string, string> }): KeyObject =>
  createPublicKey({ key: key.public, format: 'jwk' });

/** Any algorithm will do for the mechanism: the RFC's four. */
const ALGORITHMS = new Map<string, (base: Uint8Array, bytes: Uint8Array) => boolean>([
  [
    'test-key-rsa-pss',
    (base, bytes) =>
      verify(
        'sha512',
        base,
        { key: publicKey(keys['test-key-rsa-pss']), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 },
        bytes,
      ),
  ],
  [
    'test-key-ecc-p256',
    (base, bytes) =>
      verify('sha256', base, { key: publicKey(keys['test-key-ecc-p256']), dsaEncoding: 'ieee-p1363' }, bytes),
  ],
  ['test-key-ed25519', (base, bytes) => verify(null, base, publicKey(keys['test-key-ed25519']), bytes)],
  [
    'test-shared-secret',
    (base, bytes) =>
      timingSafeEqual(
        createHmac('sha256', Buffer.from(keys['test-shared-secret'].secret, 'base64')).update(base).digest(),
        bytes,
      ),
  ],
]);

interface Message {
  method?: string;
  authority?: string;
  path?: string;
  query?: string;
  headers: Record<string, string>;
}
const MESSAGES = new Map<string, Message>(Object.entries(messages));

function componentsOf(vector: { message: string; extra?: Record<string, string> }): ComponentValue {
  const { method = '', authority = '', path = '', query = '', headers } = MESSAGES.get(vector.message) ?? expect.fail();
  const valueOf = requestComponents({ method, path, query, headers }, authority);
  const extra = new Map(Object.entries(vector.extra ?? {}));
  return (identifier) => extra.get(identifier) ?? valueOf(identifier);
}

function only(signatures: readonly MessageSignature[]): MessageSignature {
  const [signature, another] = signatures;
  if (signature === undefined || another !== undefined) throw new Error(`${signatures.length} signatures`);
  return signature;
}

describe('RFC 9421, appendix B', () => {
  it.each(vectors)('$section over the $message with $key verifies: $valid', (vector) => {
    const signature = only(parseSignatures(vector.signatureInput, vector.signature));
    const algorithm = ALGORITHMS.get(vector.key) ?? expect.fail();
    expect(signature.parameters.get('keyid')).toBe(vector.key);
    expect(verifySignature(signature, componentsOf(vector), algorithm)).toBe(vector.valid);
  });

  it('B.2.6 comes out as published, Ed25519 being deterministic', () => {
    const vector = vectors.find(({ section }) => section === 'B.2.6');
    if (vector === undefined) throw new Error('no such vector');
    const key = createPrivateKey({ key: keys['test-key-ed25519'].private, format: 'jwk' });
    const components = ['date', '@method', '@path', '@authority', 'content-type', 'content-length'];
    const parameters = new Map<string, string | number>([
      ['created', 1618884473],
      ['keyid', 'test-key-ed25519'],
    ]);
    expect(
      createSignature({ label: 'sig-b26', components, parameters }, componentsOf(vector), (base) =>
        sign(null, base, key),
      ),
    ).toEqual({ 'signature-input': vector.signatureInput, signature: vector.signature });
  });
});

describe('signatureBase', () => {
  it('is the one of RFC 9421 section 2.5', () => {
    const signatureParams =
      '("@method" "@authority" "@path" "content-digest" "content-length" "content-type");created=1618884473;keyid="test-key-rsa-pss"';
    const [signature] = parseSignatures(`sig1=${signatureParams}`, 'sig1=:AA==:');
    if (signature === undefined) throw new Error('no signature');
    expect(signatureBase(signature, componentsOf({ message: 'request' })).toString()).toBe(
      [
        '"@method": POST',
        '"@authority": example.com',
        '"@path": /foo',
        '"content-digest": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
        '"content-length": 18',
        '"content-type": application/json',
        `"@signature-params": ${signatureParams}`,
      ].join('\n'),
    );
  });

  it('says "?" for a request without a query and "/" for one without a path (sections 2.2.6 and 2.2.7)', () => {
    const valueOf = requestComponents({ method: 'GET', path: '', query: '', headers: {} }, 'relay.example');
    expect([valueOf('"@query"'), valueOf('"@path"')]).toEqual(['?', '/']);
  });

  it.each(['constructor', '__proto__', 'toString', '@target-uri', 'host'])(
    'refuses a component the message has not: %s',
    (name) => {
      const valueOf = requestComponents({ method: 'GET', path: '/', query: '', headers: {} }, 'relay.example');
      expect(() => signatureBase({ components: [`"${name}"`], signatureParams: '' }, valueOf)).toThrow(SyntaxError);
    },
  );

  it.each([
    ['a line feed', 'a\n"@path": /b'],
    ['a carriage return', 'a\r'],
    ['an obsolete line folding', 'a\r\n b'],
    ['a NUL', 'a\0'],
    ['a DEL', 'a\u007f'],
    ['a character outside ASCII', 'é'],
    ['a character that would lose bits as Latin-1', '\u010a'],
    ['a line separator', 'a\u2028b'],
  ])('refuses a value with %s', (_name, value) => {
    expect(() => signatureBase({ components: ['"a"'], signatureParams: '()' }, () => value)).toThrow(SyntaxError);
  });
});

const OTHER = 'other=("@method");created=1;keyid="a"';

describe('parseSignatures', () => {
  it('finds none in absent or empty fields', () => {
    expect(parseSignatures(undefined, undefined)).toEqual([]);
    expect(parseSignatures('', '')).toEqual([]);
  });

  it('reads several signatures, whatever their order and white space', () => {
    const signatures = parseSignatures('a=( "@method"  "@path" );created=5,\tb=();x=tok', 'b=:AQ==: ,  a=:Ag==:');
    expect(signatures).toEqual([
      {
        label: 'a',
        components: ['"@method"', '"@path"'],
        parameters: new Map([['created', 5]]),
        signatureParams: '("@method" "@path");created=5',
        bytes: new Uint8Array([2]),
      },
      {
        label: 'b',
        components: [],
        parameters: new Map([['x', new Token('tok')]]),
        signatureParams: '();x=tok',
        bytes: new Uint8Array([1]),
      },
    ]);
  });

  it('keeps component parameters in the identifier', () => {
    expect(only(parseSignatures('a=("@query-param";name="Pet" "x";key="y" "x")', 'a=:AA==:')).components).toEqual([
      '"@query-param";name="Pet"',
      '"x";key="y"',
      '"x"',
    ]);
  });

  it.each([
    ['a label twice in signature-input', 'a=("@method"), a=("@path")', 'a=:AA==:'],
    ['a label twice in signature-input, the same', 'a=(), a=()', 'a=:AA==:'],
    ['a label twice in signature', 'a=()', 'a=:AA==:, a=:AQ==:'],
    ['a label twice, with another between', `a=(), ${OTHER}, a=()`, 'a=:AA==:, other=:AA==:'],
    ['a parameter twice', 'a=();created=1;created=2', 'a=:AA==:'],
    ['a parameter twice, the same', 'a=();created=1;created=1', 'a=:AA==:'],
    ['a parameter twice that holds delimiters', 'a=();x=";,";x=";,"', 'a=:AA==:'],
    ['a parameter twice without a value', 'a=();x;x', 'a=:AA==:'],
    ['a parameter twice in another signature', 'a=(), b=();x=1;x=1', 'a=:AA==:, b=:AA==:'],
    ['a component parameter twice', 'a=("x";key="a";key="b")', 'a=:AA==:'],
    ['a component twice', 'a=("@method" "@method")', 'a=:AA==:'],
    ['a component with a parameter twice', 'a=("x";sf "x";sf)', 'a=:AA==:'],
    ['a label without a signature', 'a=(), b=()', 'a=:AA==:'],
    ['a signature without its input', 'a=()', 'a=:AA==:, b=:AA==:'],
    ['labels that differ', 'a=()', 'b=:AA==:'],
    ['signature-input alone', 'a=()', undefined],
    ['signature alone', undefined, 'a=:AA==:'],
    ['an input that is no list', 'a="@method"', 'a=:AA==:'],
    ['an input that is a bare label', 'a', 'a=:AA==:'],
    ['a component as a token', 'a=(method)', 'a=:AA==:'],
    ['a component as a byte sequence', 'a=(:AA==:)', 'a=:AA==:'],
    ['a component in upper case', 'a=("@Method")', 'a=:AA==:'],
    ['a field in upper case', 'a=("Date")', 'a=:AA==:'],
    ['an empty component', 'a=("")', 'a=:AA==:'],
    ['a component with a space', 'a=("x y")', 'a=:AA==:'],
    ['a component with a quote', String.raw`a=("x\": y")`, 'a=:AA==:'],
    ['@signature-params as a component', 'a=("@signature-params")', 'a=:AA==:'],
    ['components that are not separated', 'a=("@method""@path")', 'a=:AA==:'],
    ['a list that does not end', 'a=("@method"', 'a=:AA==:'],
    ['a label in upper case', 'A=()', 'A=:AA==:'],
    ['a trailing comma', 'a=(),', 'a=:AA==:'],
    ['a line break', 'a=();x=1,\r\n b=()', 'a=:AA==:, b=:AA==:'],
    ['a line break in a string', 'a=();keyid="x\ny"', 'a=:AA==:'],
    ['a character outside ASCII', 'a=();keyid="é"', 'a=:AA==:'],
    ['an integer with leading zeros', 'a=();created=01', 'a=:AA==:'],
    ['a negative zero', 'a=();created=-0', 'a=:AA==:'],
    ['an integer written as a decimal', 'a=();created=1.0', 'a=:AA==:'],
    ['an integer that is too long', 'a=();created=1000000000000000', 'a=:AA==:'],
    ['a true that is spelled out', 'a=();x=?1', 'a=:AA==:'],
    ['a signature as a string', 'a=()', 'a="AA=="'],
    ['a signature as a token', 'a=()', 'a=AA'],
    ['a signature in a list', 'a=()', 'a=(:AA==:)'],
    ['a signature with a parameter', 'a=()', 'a=:AA==:;x'],
    ['a signature without padding', 'a=()', 'a=:AA:'],
    ['a signature with stray bits', 'a=()', 'a=:AB==:'],
    ['a signature in the URL-safe alphabet', 'a=()', 'a=:_-8=:'],
    ['a signature with a space in it', 'a=()', 'a=:AA AA:'],
    ['a signature that does not end', 'a=()', 'a=:AA=='],
  ])('refuses %s', (_name, signatureInput, signature) => {
    expect(() => parseSignatures(signatureInput, signature)).toThrow(SyntaxError);
  });

  it('never quotes what it refuses', () => {
    expect(() => parseSignatures('secret=();x=1;x=2', 'secret=:AA==:')).toThrow(/^(?!.*secret)/);
  });
});

describe('a created signature', () => {
  const text = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCodePoint(code)) });

  it('is parsed back as it was described, and its base is the one that was signed', () => {
    const values = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), text, {
      maxKeys: 5,
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(values, text, fc.uint8Array({ maxLength: 70 }), (headers, nonce, bytes) => {
        const components = ['@path', ...Object.keys(headers), '@method'];
        const parameters = new Map<string, string | number>([
          ['created', CREATED],
          ['nonce', nonce],
        ]);
        const valueOf = requestComponents({ method: 'GET', path: '/a', query: '', headers }, 'relay.example');
        let signed: Uint8Array | undefined;
        const fields = createSignature({ label: 'a', components, parameters }, valueOf, (base) => {
          signed = base;
          return bytes;
        });
        const parsed = only(parseSignatures(fields['signature-input'], fields.signature));
        expect(parsed).toMatchObject({ components: components.map((name) => `"${name}"`), parameters, bytes });
        expect(signatureBase(parsed, valueOf)).toEqual(signed);
      }),
    );
  });

  it.each([
    ['a component twice', ['@method', '@method']],
    ['a component in upper case', ['Date']],
    ['a component the message has not', ['date']],
  ])('is not made with %s', (_name, components) => {
    const valueOf = requestComponents({ method: 'GET', path: '/', query: '', headers: {} }, 'relay.example');
    const make = () => createSignature({ label: 'a', components, parameters: new Map() }, valueOf, (base) => base);
    expect(make).toThrow(SyntaxError);
  });
});
