import { RelayError } from '../../core/errors.ts';
import type { HttpRequest } from '../../core/http.ts';
import type { VerificationKey } from '../../core/keys.ts';
import { type Caller, signRequest, verifyRequest } from '../../core/profile.ts';
import { signBytes } from '../../core/raw-signature.ts';
import { makeSigner, type Signer } from './envelope.ts';

/** The moment at which requests are signed and verified unless a test says otherwise. */
export const NOW = Date.parse('2026-11-23T09:30:00.000Z');
export const CREATED = NOW / 1_000;
export const AUTHORITY = 'relay.example';
/** Of `{"hello": "world"}`, from RFC 9530 appendix D. */
export const DIGEST = 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:';

export const POST: HttpRequest = {
  method: 'POST',
  path: '/v1/referrals',
  query: '',
  headers: { 'content-type': 'application/json', 'content-digest': DIGEST },
  body: Buffer.from('{"hello": "world"}'),
};

export const GET: HttpRequest = {
  method: 'GET',
  path: '/v1/directory',
  query: '',
  headers: {},
  body: Buffer.alloc(0),
};

export const PARTNER = 'gb-iwf';
export const NEIGHBOUR = 'de-eco';
/** The keys of {@link PARTNER}. */
export const ed25519 = makeSigner('Ed25519');
export const p256 = makeSigner('P-256');
/** The key of {@link NEIGHBOUR}. */
export const neighbour = makeSigner('Ed25519');
/** A key of nobody. */
export const stranger = makeSigner('Ed25519');

const directory = new Map<string, readonly Signer[]>([
  [PARTNER, [ed25519, p256]],
  [NEIGHBOUR, [neighbour]],
]);
const findKey = (partner: string, kid: string): VerificationKey | undefined =>
  directory.get(partner)?.find((signer) => signer.kid === kid)?.record;

export const OPTIONS = { authority: AUTHORITY, now: NOW, findKey };
export const verify = (request: HttpRequest): Caller => verifyRequest(request, OPTIONS);

/** What a signature made by hand says; each part as it stands in the field, so that it can be wrong in any way. */
export interface Hand {
  request?: HttpRequest;
  label?: string;
  components?: readonly string[];
  parameters?: readonly string[];
  /** Values in the signature base that are not the request's own. */
  values?: Readonly<Record<string, string>>;
  sign?: (base: Buffer) => Uint8Array;
}

export const COVERED = ['"@method"', '"@authority"', '"@path"', '"@query"'];
export const COVERED_WITH_BODY = [...COVERED, '"content-type"', '"content-digest"'];

/**
 * Signs with text alone and none of the code under test: whatever the parts say, the signature is right for them, so
 * that a refusal is the profile's.
 */
export function handSigner(partner: string, signer: Signer) {
  return (hand: Hand = {}): HttpRequest => {
    const { request = POST, label = 'sig', sign = (base) => signBytes(signer.privateKey, base) } = hand;
    const components = hand.components ?? (request.body.length > 0 ? COVERED_WITH_BODY : COVERED);
    const parameters = hand.parameters ?? parametersOf(partner, signer);
    const values: Readonly<Record<string, string>> = {
      '"@method"': request.method,
      '"@authority"': AUTHORITY,
      '"@path"': request.path,
      '"@query"': `?${request.query}`,
      ...Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [`"${name}"`, value])),
      ...hand.values,
    };
    const input = [`(${components.join(' ')})`, ...parameters].join(';');
    const base = [...components.map((name) => `${name}: ${values[name] ?? ''}`), `"@signature-params": ${input}`];
    return withHeaders(request, {
      'signature-input': `${label}=${input}`,
      signature: `${label}=${bytes(sign(Buffer.from(base.join('\n'))))}`,
    });
  };
}

export const parametersOf = (partner: string, { kid }: Signer): string[] => [
  `created=${CREATED}`,
  `keyid="${partner}/${kid}"`,
  'tag="referral-relay"',
];

/** A byte sequence (RFC 8941 section 3.3.5). */
export const bytes = (value: Uint8Array): string => `:${Buffer.from(value).toString('base64')}:`;

export const withHeaders = (request: HttpRequest, headers: Readonly<Record<string, string>>): HttpRequest => ({
  ...request,
  headers: { ...request.headers, ...headers },
});

/** `request` with the fields that another signature brought, joined as a server joins fields of one name. */
export const withAnother = (request: HttpRequest, { headers }: HttpRequest): HttpRequest =>
  withHeaders(request, {
    'signature-input': `${request.headers['signature-input']}, ${headers['signature-input']}`,
    signature: `${request.headers['signature']}, ${headers['signature']}`,
  });

/** `request` with one field changed. */
export const changed = (request: HttpRequest, field: string, change: (value: string) => string): HttpRequest =>
  withHeaders(request, { [field]: change(request.headers[field] ?? '') });

export function without(request: HttpRequest, ...fields: string[]): HttpRequest {
  return {
    ...request,
    headers: Object.fromEntries(Object.entries(request.headers).filter(([n]) => !fields.includes(n))),
  };
}

/** A request of {@link PARTNER}, not signed yet. */
export interface Unsigned {
  method: string;
  url: string;
  body: Uint8Array;
  nonce: string | undefined;
}

/** What reaches the edge of a request that was signed for `url`. */
export function received({ method, url, body, nonce }: Unsigned, signer: Signer, now = NOW): HttpRequest {
  const { pathname, search } = new URL(url);
  const headers = signRequest({ method, url, body }, { partner: PARTNER, ...signer, now, nonce });
  return { method, path: pathname, query: search.slice(1), headers, body };
}

/** What a refusal tells the caller: the whole of it, so that two refusals can be compared. */
export function refusalOf(act: () => unknown): object {
  try {
    act();
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    const { code, message, faults, members, retryAfter } = error;
    return { code, message, faults, members, retryAfter };
  }
  throw new Error('was accepted');
}

/** The one answer to everything that is not a verified signature. */
export const UNAUTHORIZED = {
  code: 'unauthorized',
  message: 'Sign the request, as protocol section 6 describes, with a key registered for you.',
  faults: [],
  members: {},
  retryAfter: undefined,
};
