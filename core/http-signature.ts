import {
  type BareItem,
  type InnerList,
  isInnerList,
  type Item,
  serializeDictionary,
  serializeInnerList,
  serializeItem,
} from 'structured-headers';
import type { HttpRequest } from './http.ts';
import { parseCanonicalDictionary } from './structured-fields.ts';

/*
 * HTTP Message Signatures (RFC 9421): parsing, the signature base, signing, verifying. Mechanism only: which signature
 * counts, what it must cover, whose key it is and how old it may be is for the caller (`profile.ts`).
 *
 * Of the components, `requestComponents` supplies @method, @authority, @path, @query and plain fields. Component
 * parameters (section 2.1: `sf`, `key`, `bs`, `req`, `tr`) are kept in the identifier, so that `"x";key="a"` is never
 * taken for `"x"`, and no value is supplied for them.
 */

/** One signature of a message, well-formed and not yet verified. */
export interface MessageSignature {
  /** Chosen by the signer; says nothing. */
  label: string;
  /** Component identifiers as serialised (section 2): `"@method"`, `"x";key="a"`. None twice. */
  components: readonly string[];
  parameters: ReadonlyMap<string, BareItem>;
  /** The value of `@signature-params` (section 2.3). */
  signatureParams: string;
  bytes: Uint8Array;
}

/** The value of the component that a serialised identifier names, or `undefined` if the message has none. */
export type ComponentValue = (identifier: string) => string | undefined;

/** A lower-case field name or the name of a derived component. */
const COMPONENT_NAME = /^(?:@[a-z-]+|[!#$%&'*+.^_`|~0-9a-z-]+)$/;
/** What may stand in a signature base line: a value with a line break in it could pass for several lines. */
const LINE = /^[\t\x20-\x7e]*$/;

/**
 * The signatures in the two fields of sections 4.1 and 4.2 (absent fields: none); any fault in any of them refuses all.
 * @throws {SyntaxError} if a field is malformed, says something twice, or has a label that the other has not
 */
export function parseSignatures(signatureInput = '', signature = ''): MessageSignature[] {
  const inputs = parseCanonicalDictionary(signatureInput);
  const values = parseCanonicalDictionary(signature);
  if (inputs.size !== values.size) throw new SyntaxError('signature-input and signature have different labels');
  return Array.from(inputs, ([label, input]) => ({
    label,
    ...parseInput(input),
    bytes: parseBytes(values.get(label)),
  }));
}

function parseInput(input: Item | InnerList): Pick<MessageSignature, 'components' | 'parameters' | 'signatureParams'> {
  if (!isInnerList(input)) throw new SyntaxError('a member of signature-input is not a list of components');
  const [items, parameters] = input;
  for (const [name] of items) {
    if (typeof name !== 'string' || !COMPONENT_NAME.test(name) || name === '@signature-params') {
      throw new SyntaxError('a covered component has no valid name');
    }
  }
  const components = items.map((item) => serializeItem(item));
  if (new Set(components).size !== components.length) throw new SyntaxError('a component is covered twice');
  return { components, parameters, signatureParams: serializeInnerList(input) };
}

function parseBytes(value: Item | InnerList | undefined): Uint8Array {
  if (value === undefined) throw new SyntaxError('signature-input and signature have different labels');
  if (isInnerList(value) || !(value[0] instanceof ArrayBuffer) || value[1].size > 0) {
    throw new SyntaxError('a member of signature is not a byte sequence');
  }
  return new Uint8Array(value[0]);
}

/**
 * The components of a request (sections 2.1 and 2.2). Field values are taken as they are: without surrounding white
 * space and line folding, as HTTP delivers them (RFC 9110 section 5.5).
 * @param authority lower-case host, with the port unless it is the scheme's own; never the request's Host field
 */
export function requestComponents(request: Omit<HttpRequest, 'body'>, authority: string): ComponentValue {
  const values = new Map(Object.entries(request.headers).map(([name, value]) => [`"${name}"`, value]));
  values.set('"@method"', request.method);
  values.set('"@authority"', authority);
  values.set('"@path"', request.path === '' ? '/' : request.path);
  values.set('"@query"', `?${request.query}`);
  return (identifier) => values.get(identifier);
}

/**
 * What is signed (section 2.5).
 * @throws {SyntaxError} if a component has no value, or one that is not a single line of ASCII
 */
export function signatureBase(
  { components, signatureParams }: Pick<MessageSignature, 'components' | 'signatureParams'>,
  valueOf: ComponentValue,
): Buffer {
  const lines = components.map((identifier) => {
    const value = valueOf(identifier);
    if (value === undefined) throw new SyntaxError('a covered component is not in the message');
    if (!LINE.test(value)) throw new SyntaxError('a covered component has a line break or is not ASCII');
    return `${identifier}: ${value}`;
  });
  return Buffer.from([...lines, `"@signature-params": ${signatureParams}`].join('\n'), 'ascii');
}

/**
 * Section 3.2 once the key is known.
 * @throws {SyntaxError} as `signatureBase`
 */
export const verifySignature = (
  signature: MessageSignature,
  valueOf: ComponentValue,
  verify: (base: Uint8Array, bytes: Uint8Array) => boolean,
): boolean => verify(signatureBase(signature, valueOf), signature.bytes);

/** What a signature is to be; `components` by their names, without parameters. */
export interface SignatureDescription {
  label: string;
  components: readonly string[];
  parameters: ReadonlyMap<string, string | number>;
}

/**
 * Section 3.1.
 * @returns the two fields, with this signature alone in them
 * @throws {SyntaxError} as `signatureBase`
 */
export function createSignature(
  { label, components, parameters }: SignatureDescription,
  valueOf: ComponentValue,
  sign: (base: Uint8Array) => Uint8Array,
): { 'signature-input': string; signature: string } {
  const input: InnerList = [components.map((name) => [name, new Map()]), new Map(parameters)];
  const base = signatureBase(parseInput(input), valueOf);
  return {
    'signature-input': serializeDictionary(new Map([[label, input]])),
    signature: serializeDictionary(new Map([[label, [sign(base), new Map()]]])),
  };
}
