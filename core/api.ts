import { type Match, matchEndpoint, type EndpointName } from './endpoints.ts';
import { ERRORS, RelayError } from './errors.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import { isPartnerId, isReferralId, type ReferralName } from './ids.ts';
import { parseJson } from './json.ts';
import { LIMITS } from './limits.ts';
import type { Relay } from './ports.ts';
import { checkContentDigest, unauthorized, verifyRequest } from './profile.ts';
import type { Agency, Hotline, Partner } from './registry.ts';

/*
 * The API's edge: what every request goes through, cheapest check first (protocol sections 3 and 6), and the one place
 * where an error becomes an answer (section 9).
 */

/** A verified request as a call sees it. */
export interface Call {
  caller: Partner;
  /** The referral in the path; both empty where the path names none. */
  name: ReferralName;
  headers: Readonly<Record<string, string>>;
  /**
   * The body, parsed strictly.
   * @throws {RelayError} `malformed`
   */
  json(): unknown;
}

export interface Reply {
  status: number;
  /** Sent as JSON; `undefined` sends nothing. */
  body?: unknown;
  headers?: Record<string, string>;
}

/** The calls that one function serves. */
export type Calls<R> = Partial<Record<EndpointName, (relay: R, call: Call) => Promise<Reply>>>;

type Parts = Pick<Relay, 'ledger' | 'registry' | 'clock' | 'telemetry'>;

const PATH = /^\/v1\/[a-z0-9/-]+$/;

/**
 * Answers one request; never rejects. What is not a refusal of ours becomes `503 try-again`, of which the log learns
 * the name of the error and nothing else.
 * @param authority the host that signatures must cover, with the port unless it is the scheme's own
 */
export async function answerRequest<R extends Parts>(
  relay: R,
  authority: string,
  calls: Calls<R>,
  request: HttpRequest,
): Promise<HttpResponse> {
  let partner: string | undefined;
  try {
    checkShape(request);
    const { registry, clock } = relay;
    const signer = verifyRequest(request, { authority, now: clock.now(), findKey: registry.findKey });
    partner = signer.partner;
    if (await relay.ledger.isSuspended(partner)) throw unauthorized();
    checkContentDigest(request);
    const caller = registry.find(partner);
    const match = matchEndpoint(request.method, request.path);
    const run = match && calls[match.endpoint.name];
    if (!caller || !match || !run) throw new RelayError('not-found', 'Check the method and the path of the call.');
    const reply = await run(relay, {
      caller,
      name: toName(match),
      headers: request.headers,
      json: () => readJson(request.body),
    });
    return toResponse(reply);
  } catch (error) {
    const refusal = error instanceof RelayError ? error : undefined;
    const fields = partner === undefined ? {} : { partner };
    if (refusal) relay.telemetry.record('refused', { ...fields, code: refusal.code });
    else relay.telemetry.record('failed', { ...fields, error: error instanceof Error ? error.name : 'unknown' });
    return toProblem(
      refusal ?? new RelayError('try-again', 'Send the same request again in a moment.', { retryAfter: 5 }),
    );
  }
}

/** @throws {RelayError} `wrong-role` unless a hotline is calling */
export function hotlineOf({ caller }: Call): Hotline {
  if (caller.kind === 'hotline') return caller;
  throw new RelayError('wrong-role', 'Only hotlines make this call.');
}

/** @throws {RelayError} `wrong-role` unless an agency is calling */
export function agencyOf({ caller }: Call): Agency {
  if (caller.kind === 'agency') return caller;
  throw new RelayError('wrong-role', 'Only agencies make this call.');
}

/** What can be told without a key: path, query, size, encoding, type. */
function checkShape({ method, path, query, headers, body }: HttpRequest): void {
  if (!PATH.test(path)) throw malformed('Use a path such as /v1/directory, without escapes.');
  if (query !== '') throw malformed('Leave the query out: no call takes one.');
  if (body.length > LIMITS.requestBytes) {
    throw new RelayError('too-large', `Send at most ${LIMITS.requestBytes} bytes.`);
  }
  if (headers['content-encoding'] !== undefined) {
    throw new RelayError('unsupported-type', 'Send the body without content-encoding.');
  }
  if (method === 'GET' && body.length > 0) throw malformed('Leave the body out of a GET.');
  if (method === 'POST' && body.length === 0) throw malformed('Send a body with a POST.');
  if (body.length > 0 && headers['content-type'] !== 'application/json') {
    throw new RelayError('unsupported-type', 'Send the content-type application/json, without parameters.');
  }
}

/** A path that can name nothing is answered like one that names nothing that is there. */
function toName({ hotline, id }: Match): ReferralName {
  if ((hotline !== '' && !isPartnerId(hotline)) || (id !== '' && !isReferralId(id))) {
    throw new RelayError('not-found', 'Check the hotline and the id in the path.');
  }
  return { hotline, id };
}

function readJson(body: Uint8Array): unknown {
  try {
    return parseJson(body);
  } catch (error) {
    throw malformed(`Correct the body: it is ${error instanceof Error ? error.message : 'not valid JSON'}.`);
  }
}

const malformed = (detail: string): RelayError => new RelayError('malformed', detail);

function toResponse({ status, body, headers = {} }: Reply): HttpResponse {
  if (body === undefined) return { status, headers, body: '' };
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** So many faults are named: an answer must not be many times as long as what it answers. */
const NAMED_FAULTS = 100;

/** RFC 9457. */
function toProblem({ code, message, faults, members, retryAfter }: RelayError): HttpResponse {
  const { status, title } = ERRORS[code];
  const problem = {
    type: `urn:referral-relay:error:${code}`,
    title,
    status,
    code,
    detail: message,
    ...(faults.length > 0 && { errors: faults.slice(0, NAMED_FAULTS) }),
    ...members,
  };
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  return { status, headers, body: JSON.stringify(problem) };
}
