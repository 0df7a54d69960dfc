import * as z from 'zod/mini';
import { type ErrorCode, ERRORS } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { toTimestamp } from '../core/time.ts';
import { ClientError, RelayProblem } from './errors.ts';
import { readRetryAfter } from './retry.ts';

/*
 * Refusals (protocol section 9). Only the relay's own problem document is a verdict: whatever else answers at its address,
 * the gateway in front of it or a proxy in between, has not asked the relay.
 */

const Problem = z.looseObject({
  type: z.string(),
  code: z.string(),
  detail: z.string(),
  errors: z.optional(z.array(z.object({ pointer: z.string(), detail: z.string() }))),
});

/** Bare answers that pass by themselves (RFC 9110 sections 15.5.9 and 15.6, RFC 6585 section 4). */
const BARE: ReadonlyMap<number, { code: ErrorCode; detail: string }> = new Map([
  [408, { code: 'try-again', detail: 'The request did not reach the relay in time: try again.' }],
  [429, { code: 'slow-down', detail: 'The relay has too many requests: try again later.' }],
  [503, { code: 'try-again', detail: 'The relay cannot take this right now: try again later.' }],
]);

/** Who asked, and when: what a refusal of the signature is explained with. */
interface Asker {
  partner: string;
  kid: string;
  /** By the clock here, in milliseconds. */
  now: number;
}

/**
 * What an answer of `4xx` or `5xx` stands for.
 * @returns a {@link ClientError} `relay-unreachable` where something else than the relay refuses
 */
export function readProblem(
  { status, headers }: Response,
  content: Uint8Array,
  asker: Asker,
): RelayProblem | ClientError {
  const retryAfter = readRetryAfter(headers, asker.now);
  const problem = Problem.safeParse(parseOrNothing(content));
  if (!problem.success || !isOwn(problem.data, status)) return readBare(status, retryAfter);
  const { type: _, code, detail, errors = [], ...others } = problem.data;
  const members = Object.fromEntries(
    Object.entries(others).filter((member): member is [string, string] => typeof member[1] === 'string'),
  );
  const known = isErrorCode(code) ? code : 'unknown';
  const message = explain(known, detail, members, asker);
  return new RelayProblem({ status, code: known, detail, message, errors, members, retryAfter });
}

/** A code of a later version is the relay's own as well; one that is known comes with its status. */
const isOwn = ({ type, code }: { type: string; code: string }, status: number): boolean =>
  type === `urn:referral-relay:error:${code}` && (!isErrorCode(code) || ERRORS[code].status === status);

function readBare(status: number, retryAfter: number | undefined): RelayProblem | ClientError {
  const detail = `The relay's address answers with HTTP status ${status}.`;
  const problem = new RelayProblem({ status, retryAfter, ...(BARE.get(status) ?? { code: 'unknown', detail }) });
  if (problem.transient) return problem;
  return new ClientError(
    'relay-unreachable',
    `What answers at the relay's address is not the relay (HTTP status ${status}). Check "relay" and any proxy in between, and ask the operator if that lasts.`,
  );
}

function explain(
  code: ErrorCode | 'unknown',
  detail: string,
  { now: serverTime }: Readonly<Record<string, string>>,
  { partner, kid, now }: Asker,
): string {
  switch (code) {
    case 'stale-signature':
      return `The clocks differ: it is ${toTimestamp(now)} here and ${serverTime ?? 'another time'} at the relay. Set this machine's clock, best by NTP, and try again.`;
    case 'unauthorized':
      return `The relay does not know this signature. Check that the profile is that of ${partner}, that the operator has registered the signing key ${kid} for it, and that nothing in between changes requests.`;
    default:
      return detail;
  }
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);

function parseOrNothing(content: Uint8Array): unknown {
  try {
    return parseJson(content);
  } catch {
    return undefined;
  }
}
