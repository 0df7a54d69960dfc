import type { KeyObject } from 'node:crypto';
import * as z from 'zod/mini';
import { decodeBase64url } from './base64url.ts';
import { digest, formatContentDigest, isDigestAlgorithm, parseContentDigest } from './content-digest.ts';
import { RelayError } from './errors.ts';
import {
  createSignature,
  type MessageSignature,
  parseSignatures,
  requestComponents,
  verifySignature,
} from './http-signature.ts';
import type { HttpRequest } from './http.ts';
import { isPartnerId } from './ids.ts';
import { ALGORITHMS, countsAt, type VerificationKey } from './keys.ts';
import { signBytes, verifyBytes } from './raw-signature.ts';
import { SECOND, toTimestamp } from './time.ts';

/* Protocol section 6: which RFC 9421 signatures this relay makes and takes. */

const TAG = 'referral-relay';
/** Means nothing: a signature is found by its tag. */
const LABEL = 'relay';
/** How long before `now` a signature may have been made, and how long after, in milliseconds. */
const MAX_AGE = 300 * SECOND;
const MAX_AHEAD = 30 * SECOND;

const COMPONENTS = ['@method', '@authority', '@path', '@query'];
const COMPONENTS_WITH_BODY = [...COMPONENTS, 'content-type', 'content-digest'];

const Parameters = z.strictObject({
  created: z.int(),
  keyid: z.string(),
  tag: z.literal(TAG),
  alg: z.optional(z.string()),
  expires: z.optional(z.int()),
  nonce: z.optional(z.string()),
});
type Parameters = z.infer<typeof Parameters>;

/** Who signed a request, and with which of its keys (thumbprint). */
export interface Caller {
  partner: string;
  kid: string;
}

export interface VerifyOptions {
  /** The configured one: lower-case host, with the port unless it is 443 (https) or 80 (http). */
  authority: string;
  /** Milliseconds since 1970. */
  now: number;
  /** The key of that name **of that partner**; `undefined` for an unknown partner or key. Retired keys may be found. */
  findKey: (partner: string, kid: string) => VerificationKey | undefined;
}

/**
 * Who signed `request`. Says nothing of whether the body fits: see {@link checkContentDigest}.
 * @throws {RelayError} `unauthorized`, always in the same words, unless one signature with our tag is as the profile
 *   wants it and verifies; then still `stale-signature` if it is out of time
 */
export function verifyRequest(request: HttpRequest, { authority, now, findKey }: VerifyOptions): Caller {
  const { signature, parameters } = selectSignature(request);
  const caller = parseKeyId(parameters.keyid);
  const key = findKey(caller.partner, caller.kid);
  if (key === undefined || !countsAt(key, toTimestamp(now))) throw unauthorized();
  if (parameters.alg !== undefined && parameters.alg !== ALGORITHMS[key.jwk.crv].http) throw unauthorized();

  const verified = orUnauthorized(() =>
    verifySignature(signature, requestComponents(request, authority), (base, bytes) => verifyBytes(key, base, bytes)),
  );
  if (!verified) throw unauthorized();
  if (!isCurrent(parameters, now)) {
    throw new RelayError('stale-signature', 'Set the clock by the time given in "now" and sign the request anew.', {
      members: { now: toTimestamp(now) },
    });
  }
  return caller;
}

/** The one signature with our tag, if it covers and says what it must and nothing else. */
function selectSignature({ headers, body }: HttpRequest): { signature: MessageSignature; parameters: Parameters } {
  const signatures = orUnauthorized(() => parseSignatures(headers['signature-input'], headers['signature']));
  const [signature, another] = signatures.filter(({ parameters }) => parameters.get('tag') === TAG);
  if (signature === undefined || another !== undefined) throw unauthorized();

  const wanted = (body.length === 0 ? COMPONENTS : COMPONENTS_WITH_BODY).map((name) => `"${name}"`);
  const covered = new Set(signature.components);
  if (covered.size !== wanted.length || !wanted.every((name) => covered.has(name))) throw unauthorized();

  const parameters = Parameters.safeParse(Object.fromEntries(signature.parameters));
  if (!parameters.success) throw unauthorized();
  return { signature, parameters: parameters.data };
}

/** `<partner id>/<thumbprint>`. */
function parseKeyId(keyid: string): Caller {
  const [partner = '', kid = '', ...rest] = keyid.split('/');
  if (rest.length > 0 || !isPartnerId(partner) || decodeBase64url(kid)?.length !== 32) throw unauthorized();
  return { partner, kid };
}

function isCurrent({ created, expires }: Parameters, now: number): boolean {
  const age = now - created * SECOND;
  return age <= MAX_AGE && age >= -MAX_AHEAD && (expires === undefined || now < expires * SECOND);
}

/** One answer for every reason, so that it tells nobody which partners and keys there are, or who is suspended. */
export const unauthorized = (): RelayError =>
  new RelayError('unauthorized', 'Sign the request, as protocol section 6 describes, with a key registered for you.');

function orUnauthorized<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw error instanceof SyntaxError ? unauthorized() : error;
  }
}

/**
 * Holds the body against its Content-Digest: one member, `sha-256` or `sha-512`. To be called once the signature has
 * verified. A request with neither passes.
 * @throws {RelayError} `malformed`
 */
export function checkContentDigest({ headers, body }: Pick<HttpRequest, 'headers' | 'body'>): void {
  const field = headers['content-digest'];
  if (field === undefined && body.length === 0) return;
  if (!isDigestOf(body, field ?? '')) {
    throw new RelayError(
      'malformed',
      'Send one content-digest, sha-256 or sha-512, computed over exactly the bytes of the body.',
    );
  }
}

function isDigestOf(body: Uint8Array, field: string): boolean {
  try {
    const [[algorithm, value] = ['', undefined], another] = parseContentDigest(field);
    if (value === undefined || another !== undefined || !isDigestAlgorithm(algorithm)) return false;
    return digest(body, algorithm).equals(value);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

export interface RequestToSign {
  /** In upper case, as it will be sent. */
  method: string;
  /** Absolute; what it normalises to (`new URL`) is signed and must be sent. */
  url: string | URL;
  /** Exactly the bytes that will be sent; absent or empty for none. */
  body?: Uint8Array | undefined;
  /** Of the body; `application/json` if not given. */
  contentType?: string | undefined;
}

export interface SigningOptions extends Caller {
  /** Of the key whose thumbprint `kid` is: Ed25519 or P-256. */
  privateKey: KeyObject;
  /** Milliseconds since 1970. */
  now: number;
  /** Anything in ASCII; the relay does not look at it. */
  nonce?: string | undefined;
}

/**
 * The header fields that make a request the partner's: `signature-input` and `signature` and, where there is a body,
 * `content-type` and `content-digest`. `alg` is left out: the algorithm follows from the registered key.
 * @throws {TypeError} if the URL is not absolute or the key is of another kind
 */
export function signRequest(
  { method, url, body = new Uint8Array(), contentType = 'application/json' }: RequestToSign,
  { partner, kid, privateKey, now, nonce }: SigningOptions,
): Record<string, string> {
  const { host, pathname, search } = new URL(url);
  const hasBody = body.length > 0;
  const headers = hasBody ? { 'content-type': contentType, 'content-digest': formatContentDigest(body) } : {};
  const parameters = new Map<string, string | number>([
    ['created', Math.floor(now / SECOND)],
    ['keyid', `${partner}/${kid}`],
    ['tag', TAG],
  ]);
  if (nonce !== undefined) parameters.set('nonce', nonce);
  const valueOf = requestComponents({ method, path: pathname, query: search.slice(1), headers }, host);
  const components = hasBody ? COMPONENTS_WITH_BODY : COMPONENTS;
  return {
    ...headers,
    ...createSignature({ label: LABEL, components, parameters }, valueOf, (base) => signBytes(privateKey, base)),
  };
}
