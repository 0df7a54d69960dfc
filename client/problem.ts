import * as z from 'zod/mini';
import { type ErrorCode, ERRORS } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { toTimestamp } from '../core/time.ts';
import { RelayProblem } from './errors.ts';
import { readRetryAfter } from './retry.ts';

/* Refusals (protocol section 9): problem documents of the relay, and the gateway's own bare `{"message": …}`. */

const Problem = z.looseObject({
  code: z.string(),
  detail: z.string(),
  errors: z.optional(z.array(z.object({ pointer: z.string(), detail: z.string() }))),
});

/** What is known of a bare answer: the gateway in front of the relay refuses with these before the relay sees anything. */
const BARE: ReadonlyMap<number, { code: ErrorCode; detail: string }> = new Map([
  [404, { code: 'not-found', detail: 'There is no relay at this address: check "relay" and its certificate.' }],
  [408, { code: 'try-again', detail: 'The request did not reach the relay in time: try again.' }],
  [413, { code: 'too-large', detail: 'The request is too large for the relay.' }],
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

/** The refusal that an answer of `4xx` or `5xx` stands for. */
export function readProblem({ status, headers }: Response, content: Uint8Array, asker: Asker): RelayProblem {
  const retryAfter = readRetryAfter(headers, asker.now);
  const problem = Problem.safeParse(parseOrNothing(content));
  if (!problem.success) {
    const unknown = { code: 'unknown' as const, detail: `The relay's address answers with HTTP status ${status}.` };
    return new RelayProblem({ status, retryAfter, ...(BARE.get(status) ?? unknown) });
  }
  const { code, detail, errors = [], ...others } = problem.data;
  const members = Object.fromEntries(
    Object.entries(others).filter((member): member is [string, string] => typeof member[1] === 'string'),
  );
  const known = isErrorCode(code) ? code : 'unknown';
  const message = explain(known, detail, members, asker);
  return new RelayProblem({ status, code: known, detail, message, errors, members, retryAfter });
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
