import { OUTCOMES } from '../../core/contracts.ts';
import { ENDPOINTS, type EndpointName } from '../../core/endpoints.ts';
import { type ErrorCode, ERRORS } from '../../core/errors.ts';
import { LIMITS, SCHEDULE } from '../../core/limits.ts';
import { BUCKETS } from '../../core/padding.ts';
import { SEALED_LENGTHS } from '../../core/sealed.ts';
import { DAY, HOUR, MINUTE } from '../../core/time.ts';

/* The tables of the protocol page whose rows are constants of the code. */

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

export const code = (text: string): string => `\`${text}\``;

export const count = (number: number): string => number.toLocaleString('en-GB');

/** Who makes each call, and what its answer is. */
const CALLS: Record<EndpointName, [by: string, answer: string]> = {
  submit: ['hotline', `${code('202')}, section 3`],
  route: ["the referral's hotline; an agency that may send on", `${code('200')}, section 8`],
  withdraw: ["the referral's hotline", `${code('200')}, section 8`],
  answer: ['an agency that is a route', `${code('201')} or ${code('200')}, section 7`],
  receive: ['hotline', `${code('200')}, section 7`],
  acknowledge: ['hotline', `${code('200')}, section 7`],
  status: ["the referral's hotline", `${code('200')}, section 7`],
  directory: ['every partner', `${code('200')} or ${code('304')}, section 7`],
};

export const endpointTable = (): string =>
  table(
    ['call', 'made by', 'answer'],
    ENDPOINTS.map(({ name, method, path }) => [code(`${method} ${path}`), ...CALLS[name]]),
  );

/** The lengths of the parts of a sealed referral follow from the bucket alone. */
export function lengthTable(): string {
  const rows = BUCKETS.map((bucket, index) => {
    const ciphertext = jwsLength(bucket);
    return [bucket, ciphertext, base64urlLength(ciphertext), SEALED_LENGTHS[index] ?? 0].map(count);
  });
  return table(
    ['padded document (bytes)', 'JWS = ciphertext (bytes)', 'ciphertext segment (characters)', 'sealed (characters)'],
    rows,
  );
}

const base64urlLength = (bytes: number): number => Math.ceil((bytes * 4) / 3);

/** Header of 118 characters, payload, signature of 64 bytes. */
const jwsLength = (payload: number): number => {
  const kid = 'x'.repeat(43);
  const header = JSON.stringify({ alg: 'EdDSA', kid, typ: 'referral+jws' }).length;
  return base64urlLength(header) + 1 + base64urlLength(payload) + 1 + base64urlLength(64);
};

export const outcomeTable = (): string =>
  table(
    ['status', 'reasons'],
    Object.entries(OUTCOMES).map(([status, reasons]) => [code(status), reasons.map(code).join(', ') || '–']),
  );

/** When each code is answered. */
const CAUSES: Record<ErrorCode, string> = {
  malformed: "path, query, body, digest, a statement's form, an id out of time",
  'invalid-envelope': '`sealed` is not as section 2 has it',
  unauthorized: 'no signature, or none that counts; always the same words',
  'stale-signature': 'the signature verifies, but is out of time; adds `now`',
  'wrong-role': 'this kind of partner may not make this call',
  'onward-refused': 'an agency sends on what `onward` refuses',
  'not-found': "no such path, method or referral, or none of the caller's",
  'id-conflict': 'the id was accepted with another tuple; adds `sealed` and `acceptedAt`',
  'limit-reached': 'too many statements',
  'content-expired': 'sending on after the content was removed or the referral withdrawn',
  'too-large': 'the body is too large',
  'unsupported-type': '`content-type` is not exactly `application/json`, or there is a `content-encoding`',
  'no-route': 'no agency takes any of the countries; nothing is stored',
  'wrong-intake-key': '`kid` of `sealed` is not a current intake key of the caller',
  'statement-mismatch': "the statement's signature does not count, or it does not fit caller, path or referral",
  'slow-down': 'too many submissions a minute, or calls that wait; with `Retry-After`',
  'try-again': 'something the relay needs did not answer; with `Retry-After`',
};

export const errorTable = (): string =>
  table(
    ['status', 'code', 'when'],
    (Object.keys(ERRORS) as ErrorCode[]).map((name) => [String(ERRORS[name].status), code(name), CAUSES[name]]),
  );

export function scheduleTable(): string {
  const [first, ...later] = SCHEDULE.reminders;
  const times = (list: readonly number[]): string => list.map(duration).join(', ');
  return table(
    ['state of the route', 'what happens, and when'],
    [
      ['`pending`, no attempt finished', `tried at once, again after ${duration(SCHEDULE.grace)}`],
      [
        '`pending`, sending failed',
        `tried again after ${duration(SCHEDULE.backoff)}, doubling to ${duration(SCHEDULE.longestBackoff.other)}, or ${duration(SCHEDULE.longestBackoff.immediate)} if \`immediate\`; jittered down to half`,
      ],
      [
        '`delivered`, `immediate`',
        `alarm after ${duration(first)}; sent again ${times(later)} after delivery, then every ${duration(SCHEDULE.laterReminders).replace(/^1 /, '')}`,
      ],
      [
        '`delivered`, `high` or `routine`',
        `sent again every ${duration(SCHEDULE.beforeQueueForgets)}, before the queue forgets it`,
      ],
      [
        '`unreadable`',
        `sent again after ${times(SCHEDULE.unreadable)}, then every ${duration(SCHEDULE.beforeQueueForgets)}`,
      ],
      [
        '`opened`, `undeliverable`, `withdrawn`',
        'never again; the news of a withdrawal every 13 days until all is forgotten',
      ],
      [
        "an item of a hotline's inbox",
        `sent again every ${duration(SCHEDULE.beforeQueueForgets)} until it is acknowledged`,
      ],
    ],
  );
}

export const limitTable = (): string =>
  table(
    ['limit', 'value'],
    [
      ['body of a request', `${count(LIMITS.requestBytes)} bytes`],
      ['a statement (JWS)', `${count(LIMITS.statementCharacters)} characters`],
      ['outcome statements of one agency about one referral', count(LIMITS.statementsPerRoute)],
      ['route statements about one referral', count(LIMITS.routeStatements)],
      ['`at` of a statement before acceptance, and after now', duration(LIMITS.statementSkew)],
      ['items in one `receive`', count(LIMITS.receiveItems)],
      ['seconds that a `receive` waits', count(LIMITS.receiveWaitSeconds)],
      ['receipts in one `acknowledge`', count(LIMITS.receipts)],
    ],
  );

function duration(milliseconds: number): string {
  const [size, unit] = milliseconds >= DAY ? [DAY, 'day'] : milliseconds >= HOUR ? [HOUR, 'hour'] : [MINUTE, 'minute'];
  const number = milliseconds / size;
  return `${number} ${unit}${number === 1 ? '' : 's'}`;
}
