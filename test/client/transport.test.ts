import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientError, isPassing, RelayProblem } from '../../client/errors.ts';
import { attemptTimeout, createTransport, type TransportOptions, waitAfter } from '../../client/transport.ts';
import { ERRORS } from '../../core/errors.ts';
import { checkContentDigest, verifyRequest } from '../../core/profile.ts';
import { HOUR, MINUTE } from '../../core/time.ts';
import { makeSigner } from '../support/envelope.ts';

const PARTNER = 'gb-hotline';
const signer = makeSigner('Ed25519');
const START = Date.parse('2026-11-23T09:30:00.000Z');

type Answer = Response | Error | (() => Response);

/**
 * A relay that gives these answers one after the other, the last for ever, on a clock that only waiting moves.
 * @param options `setBack`: by how many milliseconds somebody sets the clock back during the first wait
 */
function scripted(answers: Answer[], options: Partial<TransportOptions> & { random?: number; setBack?: number } = {}) {
  let now = START;
  const sent: { at: number; url: string; init: RequestInit }[] = [];
  const waits: number[] = [];
  const { random = 0.5, setBack = 0, ...more } = options;
  const transport = createTransport({
    relay: 'https://relay.example',
    partner: PARTNER,
    signingKey: signer,
    runtime: {
      now: () => now,
      random: () => random,
      wait(milliseconds, signal) {
        signal?.throwIfAborted();
        now += milliseconds - (waits.length === 0 ? setBack : 0);
        waits.push(milliseconds);
        return Promise.resolve();
      },
      fetch(url, init) {
        sent.push({ at: now, url, init });
        const answer = answers[Math.min(sent.length, answers.length) - 1];
        if (answer instanceof Error) return Promise.reject(answer);
        return Promise.resolve(typeof answer === 'function' ? answer() : (answer?.clone() ?? Response.error()));
      },
    },
    ...more,
  });
  return { transport, sent, waits };
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });
const ok = json(200, { fine: true });
const network = (code: string) => new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
const GET = { method: 'GET', path: '/v1/directory' } as const;
const POST = { method: 'POST', path: '/v1/outcomes/receive', body: { max: 1, wait: 0 } } as const;

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('did not fail');
}

describe('a call', () => {
  it.each([GET, POST])('is signed so that the relay verifies it: $method', async (call) => {
    const { transport, sent } = scripted([ok]);
    expect(await transport.call(call)).toMatchObject({ status: 200, body: { fine: true } });
    const [request] = sent;
    expect(request?.url).toBe(`https://relay.example${call.path}`);
    expect(request?.init.redirect).toBe('manual');
    expect(received(sent[0])).toEqual({ partner: PARTNER, kid: signer.kid });
  });

  it('is signed anew at every attempt', async () => {
    const slow = json(503, { message: 'Service Unavailable' }, { 'retry-after': '20' });
    const { transport, sent } = scripted([slow, slow, ok]);
    await transport.call(POST);
    expect(sent.map(({ at }) => at - START)).toEqual([0, 20_250, 40_750]);
    for (const request of sent) expect(received(request)).toMatchObject({ partner: PARTNER });
    const inputs = sent.map(({ init }) => new Headers(init.headers).get('signature-input'));
    expect(new Set(inputs).size).toBe(3);
  });

  it('passes on an answer without a body, such as 304', async () => {
    const { transport } = scripted([() => new Response(null, { status: 304 })]);
    expect(await transport.call(GET)).toMatchObject({ status: 304, body: undefined });
  });
});

describe('a failure that may pass', () => {
  it.each([
    ['429 of the relay', json(429, problem('slow-down', 429), { 'retry-after': '3' })],
    ['503 of the relay', json(503, problem('try-again', 503), { 'retry-after': '3' })],
    ['429 of the gateway', json(429, { message: 'Too Many Requests' })],
    ['503 of the gateway', json(503, { message: 'Service Unavailable' })],
    ['408 of the gateway', json(408, { message: 'Request Timeout' })],
    ['500', json(500, { message: 'Internal Server Error' })],
    ['502 without JSON', new Response('<html>', { status: 502 })],
    ['504', json(504, { message: 'Endpoint request timed out' })],
    ['a reset connection', network('ECONNRESET')],
    ['a name server that is busy', network('EAI_AGAIN')],
    ['a time-out', Object.assign(new Error('timed out'), { name: 'TimeoutError' })],
  ])('is tried again: %s', async (_, failure) => {
    const { transport, sent } = scripted([failure, failure, ok]);
    expect(await transport.call(POST)).toMatchObject({ status: 200 });
    expect(sent).toHaveLength(3);
  });

  it('waits at least as long as it was asked to, in seconds or by a date', async () => {
    const seconds = json(429, {}, { 'retry-after': '9' });
    const date = json(503, {}, { 'retry-after': new Date(START + 21_000).toUTCString() });
    const { transport, waits } = scripted([seconds, date, ok], { random: 0 });
    await transport.call(POST);
    expect(waits).toEqual([9_000, 12_000]);
  });

  it('gives up within the time it has, with the last failure', async () => {
    const { transport, sent } = scripted([json(503, { message: 'Service Unavailable' })], { patience: 10_000 });
    const failure = await failureOf(transport.call(GET));
    expect(failure).toMatchObject({ name: 'RelayProblem', status: 503, code: 'try-again' });
    expect(sent.length).toBeGreaterThan(2);
    expect((sent.at(-1)?.at ?? 0) - START).toBeLessThan(10_000);
  });

  it('is given up as soon where the clock is set back meanwhile', async () => {
    const { transport, waits } = scripted([json(503, { message: 'Service Unavailable' })], { setBack: HOUR });
    await failureOf(transport.call(GET));
    expect(waits.reduce((sum, wait) => sum + wait)).toBeLessThan(2 * MINUTE);
  });

  it('is not waited for if that would take longer than the time there is', async () => {
    const { transport, sent, waits } = scripted([json(429, problem('slow-down', 429), { 'retry-after': '3600' })]);
    expect(await failureOf(transport.call(GET))).toMatchObject({ code: 'slow-down', retryAfter: 3_600_000 });
    expect([sent.length, waits.length]).toEqual([1, 0]);
  });

  it('never ends before the relay was asked to answer, however little time is left', () => {
    fc.assert(
      fc.property(fc.integer({ min: -60_000, max: 600_000 }), fc.nat({ max: 20_000 }), (left, hold) => {
        const timeout = attemptTimeout(left, hold);
        expect(timeout).toBeGreaterThan(hold);
        expect(timeout).toBeLessThanOrEqual(hold + 30_000);
      }),
    );
  });

  it('waits by full jitter on top of what it was asked for, whatever the attempt', () => {
    fc.assert(
      fc.property(
        fc.option(fc.nat({ max: 600_000 }), { nil: undefined }),
        fc.nat({ max: 1_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (retryAfter, attempt, fraction) => {
          const wait = waitAfter(
            new RelayProblem({ status: 429, code: 'slow-down', detail: '', retryAfter }),
            attempt,
            fraction,
          );
          expect(wait).toBeGreaterThanOrEqual(retryAfter ?? 0);
          expect(wait).toBeLessThanOrEqual((retryAfter ?? 0) + 20_000);
        },
      ),
    );
  });

  it('ends with the reason of the signal when the caller has enough', async () => {
    const stop = new AbortController();
    const enough = new Error('enough');
    const { transport, sent } = scripted([
      () => {
        stop.abort(enough);
        return json(503, {});
      },
    ]);
    expect(await failureOf(transport.call({ ...GET, signal: stop.signal }))).toBe(enough);
    expect(sent).toHaveLength(1);
  });
});

describe('a refusal', () => {
  it.each(Object.entries(ERRORS).filter(([, { status }]) => status !== 429 && status !== 503))(
    'with the code %s is final',
    async (code, { status }) => {
      const { transport, sent } = scripted([json(status, problem(code, status)), ok]);
      expect(await failureOf(transport.call(POST))).toMatchObject({ name: 'RelayProblem', status, code });
      expect(sent).toHaveLength(1);
    },
  );

  it('with a code of a later version is a refusal all the same', async () => {
    const { transport } = scripted([json(418, problem('teapot', 418))]);
    expect(await failureOf(transport.call(POST))).toMatchObject({ name: 'RelayProblem', status: 418, code: 'unknown' });
  });

  it('is a problem with its code, its faults and its members', async () => {
    const errors = [{ pointer: '/routing/suspect/0', detail: 'must be a country' }];
    const body = { ...problem('id-conflict', 409), errors, sealed: 'hash', acceptedAt: '2026-11-23T09:00:00.000Z' };
    const { transport } = scripted([json(409, body)]);
    const failure = await failureOf(transport.call(POST));
    expect(failure).toBeInstanceOf(RelayProblem);
    expect(failure).toMatchObject({
      status: 409,
      code: 'id-conflict',
      detail: 'Do this.',
      message: 'Do this.',
      errors,
      members: { sealed: 'hash', acceptedAt: '2026-11-23T09:00:00.000Z' },
    });
  });

  it('tells both clocks when they differ', async () => {
    const body = { ...problem('stale-signature', 401), now: '2026-11-23T10:30:00.000Z' };
    const failure = await failureOf(scripted([json(401, body)]).transport.call(GET));
    expect(failure).toMatchObject({ code: 'stale-signature' });
    expect(String(failure)).toContain('2026-11-23T09:30:00.000Z here');
    expect(String(failure)).toContain('2026-11-23T10:30:00.000Z at the relay');
    expect(String(failure)).toContain("Set this machine's clock");
  });

  it('of the signature names the partner and the key that must be registered', async () => {
    const failure = await failureOf(scripted([json(401, problem('unauthorized', 401))]).transport.call(GET));
    expect(failure).toMatchObject({ code: 'unauthorized' });
    expect(String(failure)).toContain(PARTNER);
    expect(String(failure)).toContain(signer.kid);
  });
});

describe('an answer that is none of the relay', () => {
  it.each<[number, unknown]>([
    [400, 'no problem document'],
    [400, { message: 'Bad Request' }],
    [401, { message: 'Unauthorized' }],
    [403, { message: 'Forbidden' }],
    [404, { message: 'Not Found' }],
    [404, { code: 'not-found', detail: 'Of another service.' }],
    [400, { ...problem('malformed', 400), type: 'https://proxy.example/malformed' }],
    [404, problem('malformed', 400)],
    [413, { message: 'Request Too Long' }],
    [431, ''],
  ])('is no verdict of the relay: %i %j', async (status, body) => {
    const { transport, sent } = scripted([json(status, body)]);
    const failure = await failureOf(transport.call(POST));
    expect(failure).toBeInstanceOf(ClientError);
    expect(failure).toMatchObject({ code: 'relay-unreachable', message: expect.stringContaining(`${status}`) });
    expect([isPassing(failure), sent.length]).toEqual([true, 1]);
  });

  it.each([
    ['a redirect', () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.example/' } })],
    ['a page', () => new Response('<html>Sign in to the Wi-Fi</html>')],
    ['a member twice', () => new Response('{"routes":[],"routes":[]}')],
  ])('is refused: %s', async (_, answer) => {
    const { transport, sent } = scripted([answer]);
    expect(await failureOf(transport.call(POST))).toMatchObject({ name: 'ClientError', code: 'unexpected-answer' });
    expect(sent).toHaveLength(1);
  });

  it.each([
    ['ECONNREFUSED', 'No relay is running at https://relay.example'],
    ['ENOTFOUND', 'There is no host relay.example'],
    ['CERT_HAS_EXPIRED', 'The certificate of relay.example does not hold'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'The certificate of relay.example does not hold'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'The certificate of relay.example does not hold'],
  ])('is told apart at once: %s', async (code, text) => {
    const { transport, sent } = scripted([network(code)]);
    const failure = await failureOf(transport.call(GET));
    expect(failure).toBeInstanceOf(ClientError);
    expect(failure).toMatchObject({ code: 'relay-unreachable', message: expect.stringContaining(text) });
    expect(sent).toHaveLength(1);
  });

  it('is a clear error when nothing listens there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const relay = `http://127.0.0.1:${port}`;
    const transport = createTransport({ relay, partner: PARTNER, signingKey: signer });
    expect(await failureOf(transport.call(GET))).toMatchObject({
      code: 'relay-unreachable',
      message: `No relay is running at ${relay}: start it, or correct "relay".`,
    });
  });
});

const connect = (relay: string) => () => createTransport({ relay, partner: PARTNER, signingKey: signer });

describe('the address of the relay', () => {
  it.each(['https://relay.example', 'https://relay.example:8443/', 'http://127.0.0.1:3000', 'http://localhost:1'])(
    'may be %s',
    (relay) => {
      expect(connect(relay)).not.toThrow();
    },
  );

  it.each([
    ['', 'must be a URL'],
    ['relay.example', 'must be a URL'],
    ['ftp://relay.example', 'must be a URL'],
    ['https://relay.example/v1', 'must be an origin alone'],
    ['https://relay.example?x', 'must be an origin alone'],
    ['https://user:secret@relay.example', 'must be an origin alone'],
    ['http://relay.example', 'must begin with "https://"'],
    ['http://127.0.0.1.example', 'must begin with "https://"'],
  ])('is refused: %j', (relay, text) => {
    expect(connect(relay)).toThrow(text);
    expect(connect(relay)).not.toThrow('secret');
  });
});

function problem(code: string, status: number) {
  return { type: `urn:referral-relay:error:${code}`, title: 'Title', status, code, detail: 'Do this.' };
}

/** Who the relay takes a request to be from, at the moment at which it was sent. */
function received(request: { at: number; url: string; init: RequestInit } | undefined) {
  if (!request) throw new Error('nothing was sent');
  const { pathname, search, host } = new URL(request.url);
  const body = request.init.body instanceof Uint8Array ? request.init.body : new Uint8Array();
  const headers = Object.fromEntries(new Headers(request.init.headers));
  const message = { method: request.init.method ?? '', path: pathname, query: search.slice(1), headers, body };
  checkContentDigest(message);
  return verifyRequest(message, {
    authority: host,
    now: request.at,
    findKey: (partner, kid) => (partner === PARTNER && kid === signer.kid ? signer.record : undefined),
  });
}
