import { describe, expect, it } from 'vitest';
import { CommandError, EXIT, usageError } from '../../../client/cli/exit.ts';
import { explain, isInterrupt, quote } from '../../../client/cli/failure.ts';
import { toClientError } from '../../../client/aws-errors.ts';
import { ClientError, RelayProblem, UntrustedKeyError } from '../../../client/errors.ts';
import { readProblem } from '../../../client/problem.ts';
import { type ErrorCode, ERRORS, RelayError } from '../../../core/errors.ts';
import { RegistryError } from '../../../core/registry.ts';

/* What a user meets, as issue and guide promise it: the exit code, and in at most three lines what to do. */

const KID = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';
const NOW = Date.parse('2026-11-23T09:30:00.000Z');

/** The relay's own answer, as the transport reads it. */
function refused(code: ErrorCode, detail: string, more: object = {}): unknown {
  const { status } = ERRORS[code];
  const type = `urn:referral-relay:error:${code}`;
  const body = Buffer.from(JSON.stringify({ type, code, detail, ...more }));
  return readProblem(new Response(null, { status }), body, { partner: 'gb-iwf', kid: KID, now: NOW });
}

const fault = (pointer: string, detail: string) => ({ pointer, detail });
const malformed = (...faults: { pointer: string; detail: string }[]) => new RelayError('malformed', 'No.', { faults });
const named = (name: string) => Object.assign(new Error('quotes what it choked on'), { name });
const coded = (code: string, more: object = {}) => Object.assign(new Error(`${code}: quotes`), { code, ...more });
const changed = new UntrustedKeyError({ partner: 'gb-nca', use: 'signing', kid: KID, situation: 'changed' });
const unknown = new UntrustedKeyError({ partner: 'gb-iwf', use: 'intake', kid: KID, situation: 'unknown' });

const FAILURES: [what: string, error: unknown, exit: number, ...says: RegExp[]][] = [
  [
    'clocks that differ',
    refused('stale-signature', 'x', { now: '2026-11-23T10:00:00.000Z' }),
    3,
    /it is 2026-11-23T09:30.* here and 2026-11-23T10:00.* at the relay/,
    /Set this machine's clock/,
  ],
  [
    'a wrong key, or one that is not registered',
    refused('unauthorized', 'x'),
    3,
    /the operator has registered the signing key NzbL.* for it/,
  ],
  ['a partner of the wrong kind', refused('wrong-role', 'Ask the operator.'), 3, /^Ask the operator\.$/],
  ['a referral that is too large', refused('too-large', 'Shorten the referral.'), 3, /Shorten/],
  ['no agency for any country', refused('no-route', 'Name another country.'), 3, /Name another country/],
  [
    'a fault that the relay finds',
    refused('malformed', 'Correct it.', { errors: [fault('/routing/suspect/0', 'must be a code')] }),
    3,
    /Correct it/,
    /^\/routing\/suspect\/0: must be a code$/,
  ],
  ['a relay that is busy', refused('try-again', 'Try again.'), 4, /Try again/],
  ['too many requests', refused('slow-down', 'Try again.'), 4, /Try again/],
  [
    'an error page of a gateway',
    new RelayProblem({ status: 502, code: 'unknown', detail: 'HTTP status 502.' }),
    4,
    /502/,
  ],
  ['one fault of a draft', malformed(fault('/incident/at', 'must be a time')), 3, /^\/incident\/at: must be a time$/],
  [
    'an unknown country',
    malformed(fault('/routing/victim/1', 'must be an assigned ISO 3166-1 code')),
    3,
    /^\/routing\/victim\/1: /,
  ],
  [
    'many faults of a draft',
    malformed(...['/a', '/b', '/c', '/d'].map((at) => fault(at, 'is wrong'))),
    3,
    /^\/a: is wrong$/,
    /and 2 more faults: "check" lists them all/,
  ],
  [
    'a draft that is too long',
    new RelayError('malformed', 'Shorten the referral to 212,992 bytes.'),
    3,
    /Shorten the referral/,
  ],
  [
    'a faulty registry',
    new RegistryError([{ file: 'gb-iwf.json', ...fault('/keys/0/jwk/d', 'is a private key') }]),
    3,
    /^gb-iwf\.json \/keys\/0\/jwk\/d: is a private key$/,
  ],
  ['no relay', new ClientError('relay-unreachable', 'No relay is running at https://x: start it.'), 4, /start it/],
  ['an answer that is none', new ClientError('unexpected-answer', 'The answer is not JSON.'), 1, /not JSON/],
  ['a faulty profile', new ClientError('profile', 'Correct /x/profile.json: /id is missing.'), 2, /Correct/],
  ['a damaged journal', new ClientError('storage', 'x.json is damaged: restore it.'), 1, /restore it/],
  ['a referral nobody knows', new ClientError('not-known', 'Poll for it first.'), 3, /Poll/],
  [
    'no AWS credentials',
    toClientError(named('CredentialsProviderError'), 'the queue'),
    2,
    /No AWS credentials were found/,
    /AWS_PROFILE/,
  ],
  ['expired AWS credentials', toClientError(named('ExpiredTokenException'), 'the queue'), 2, /Renew them/],
  [
    'AWS credentials of somebody else',
    toClientError(named('AccessDeniedException'), 'the queue q'),
    3,
    /refuses access to the queue q/,
  ],
  [
    'a missing queue',
    toClientError(named('QueueDoesNotExist'), 'the queue q'),
    3,
    /no such queue: the queue q/,
    /Correct "queues"/,
  ],
  ['a disabled KMS key', toClientError(named('DisabledException'), 'the KMS key k'), 3, /cannot use the KMS key k/],
  ['AWS out of reach', toClientError(named('TimeoutError'), 'the queue q'), 4, /check the network/],
  [
    'a changed fingerprint',
    changed,
    5,
    /its fingerprint is now NzbL/,
    /referral-relay trust gb-nca/,
    /posing as gb-nca/,
  ],
  ['a key never confirmed', unknown, 5, /is not trusted yet/, /the operator of the relay gives you by telephone/],
  [
    'a file that is not there',
    coded('ENOENT', { path: 'case.json' }),
    2,
    /^There is no such file or folder: case\.json \(ENOENT\)\.$/,
  ],
  [
    'a file that may not be read',
    coded('EACCES', { path: 'case.json' }),
    2,
    /may not be read or written by you: case\.json/,
  ],
  ['a full disk', coded('ENOSPC'), 1, /no space left/],
  ['what nobody foresaw', named('RangeError'), 1, /unexpected happened \(RangeError\)/, /REFERRAL_RELAY_DEBUG=1/],
  ['a code that nobody foresaw', coded('EMFILE'), 1, /unexpected happened \(EMFILE\)/],
  ['a thrown string', 'quotes what it choked on', 1, /unexpected/],
  ['wrong usage', usageError('Name a file.'), 2, /Name a file/],
  ['a failure of the command', new CommandError(EXIT.partial, 'some', 'First.\nSecond.'), 6, /^First\.$/, /^Second\.$/],
];

describe('explain', () => {
  it.each(FAILURES)('%s', (_, error, exit, ...says) => {
    const explained = explain(error);
    expect(explained.exit).toBe(exit);
    expect(explained.lines.length).toBeGreaterThan(0);
    expect(explained.lines.length).toBeLessThanOrEqual(3);
    for (const text of says) expect(explained.lines).toContainEqual(expect.stringMatching(text));
    expect(explained.lines.join('\n')).not.toContain('quotes');
  });

  it('says nothing once the output is closed', () => {
    expect(explain(coded('EPIPE'))).toMatchObject({ exit: 1, lines: [] });
  });

  it('names the profile in a command to run next', () => {
    const { lines } = explain(changed, "my police's");
    expect(lines.join(' ')).toContain(`run "referral-relay trust gb-nca --profile 'my police'\\''s'"`);
  });

  it('keeps all faults for programs', () => {
    const faults = ['/a', '/b', '/c', '/d'].map((at) => fault(at, 'is wrong'));
    expect(explain(malformed(...faults)).faults).toEqual(faults);
  });

  it('shows nothing that could steer a terminal', () => {
    const hostile = new RelayProblem({ status: 400, code: 'malformed', detail: 'a\u001b[2Jb\r\nc\u202ed' });
    expect(explain(hostile).lines).toEqual(['a\\u001b[2Jb c\\u202ed']);
  });
});

describe('isInterrupt', () => {
  it('tells what an interrupt caused from what failed by itself', () => {
    const reason = new Error('interrupted');
    const aborted = AbortSignal.abort(reason);
    expect(isInterrupt(reason, aborted)).toBe(true);
    expect(isInterrupt(named('AbortError'), aborted)).toBe(true);
    expect(isInterrupt(new Error('other'), aborted)).toBe(false);
    expect(isInterrupt(named('AbortError'), new AbortController().signal)).toBe(false);
  });
});

describe('quote', () => {
  it.each([
    ['profiles/gb-iwf', 'profiles/gb-iwf'],
    ['my profile', "'my profile'"],
    ['$HOME', "'$HOME'"],
    ["it's", "'it'\\''s'"],
    ['', "''"],
  ])('%j is typed as %s', (text, typed) => {
    expect(quote(text)).toBe(typed);
  });
});
