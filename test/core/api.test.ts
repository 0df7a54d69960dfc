import { describe, expect, it } from 'vitest';
import { answerRequest, type Calls } from '../../core/api.ts';
import * as calls from '../../core/calls.ts';
import type { HttpRequest, HttpResponse } from '../../core/http.ts';
import type { Relay } from '../../core/ports.ts';
import { signRequest } from '../../core/profile.ts';
import { SECOND } from '../../core/time.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import { faultAt, Invocation } from '../doubles/faults.ts';
import { signerOf, World } from '../support/world.ts';

const AUTHORITY = 'relay.example';
const GB = 'gb-hotline';

interface Signed {
  partner?: string;
  method?: string;
  path?: string;
  query?: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** Moment of the signature, relative to the world's clock in milliseconds. */
  skew?: number;
  authority?: string;
}

/** A request as a partner signs it; `headers` are put over the signed ones. */
function signed(world: World, request: Signed): HttpRequest {
  const { partner = GB, path = '/v1/directory', query = '', authority = AUTHORITY, skew = 0 } = request;
  const body = request.body === undefined ? new Uint8Array() : Buffer.from(toText(request.body));
  const method = request.method ?? (request.body === undefined ? 'GET' : 'POST');
  const url = `https://${authority}${path}${query && `?${query}`}`;
  const { kid, privateKey } = signerOf(partner);
  const headers = signRequest({ method, url, body }, { partner, kid, privateKey, now: world.clock.now() + skew });
  return { method, path, query, headers: { ...headers, ...request.headers }, body };
}

const toText = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));

const ask = (world: World, request: HttpRequest, served: Calls<Relay> = calls): Promise<HttpResponse> =>
  answerRequest(world.relay(), AUTHORITY, served, request);

const problem = async (response: Promise<HttpResponse>): Promise<{ code: string } & Record<string, unknown>> => {
  const { body, headers, status } = await response;
  expect(headers['content-type']).toBe('application/problem+json');
  const parsed = JSON.parse(body) as { code: string; status: number };
  expect(parsed.status).toBe(status);
  return parsed;
};

describe('answerRequest', () => {
  it('names so many faults and no more, however many a body has', async () => {
    const world = new World();
    const strange = Array.from({ length: 20_000 }, (_, number) => [`member${number}`, 0] as const);
    const body = { max: 1, wait: 0, ...Object.fromEntries(strange) };
    const response = await ask(world, signed(world, { path: '/v1/outcomes/receive', body }));
    expect(response.status).toBe(400);
    expect((JSON.parse(response.body) as { errors: unknown[] }).errors).toHaveLength(100);
  });

  it('answers a signed call', async () => {
    const world = new World();
    const response = await ask(world, signed(world, {}));
    expect(response.status).toBe(200);
    const directory = JSON.parse(response.body) as { agencies: unknown[]; intakeKeys: { current: boolean }[] };
    expect(directory.agencies).toHaveLength(5);
    expect(directory.intakeKeys).toMatchObject([{ current: true }]);
  });

  it.each([
    ['submit', { partner: GB, path: '/v1/referrals', body: {} }],
    [
      'answer',
      { partner: 'de-police', path: `/v1/referrals/${GB}/0197a5b0-0000-7000-8000-000000000000/outcomes`, body: {} },
    ],
    ['receive', { partner: GB, path: '/v1/outcomes/receive', body: { max: 1, wait: 0 } }],
    ['directory', { partner: 'de-police' }],
    ['no call', { partner: GB, path: '/v1/nothing' }],
  ] satisfies [string, Signed][])('answers a suspended partner as a stranger: %s', async (_title, request) => {
    const world = new World();
    const stranger = await ask(world, {
      ...signed(world, request),
      headers: {
        ...signed(world, request).headers,
        signature: 'relay=:AAAA:',
      },
    });
    world.ledger.suspended.add(request.partner);
    const response = await ask(world, signed(world, request));
    expect(response.status).toBe(401);
    expect(response).toEqual(stranger);
    expect(world.recorded.at(-1)).toEqual({
      event: 'refused',
      fields: { partner: request.partner, code: 'unauthorized' },
    });
    world.ledger.suspended.delete(request.partner);
    expect((await ask(world, signed(world, request))).status).not.toBe(401);
  });

  it('refuses rather than serves while it cannot see who is suspended', async () => {
    const world = new World();
    const relay = world.relay(new Invocation(faultAt(0, 'throttle')));
    const response = await answerRequest(relay, AUTHORITY, calls, signed(world, {}));
    expect(response.status).toBe(503);
  });

  it('shows an agency the directory without intake keys', async () => {
    const world = new World();
    const { body } = await ask(world, signed(world, { partner: 'de-police' }));
    expect(JSON.parse(body)).not.toHaveProperty('intakeKeys');
  });

  it('answers 304 without a body to the tag it gave', async () => {
    const world = new World();
    const { headers } = await ask(world, signed(world, {}));
    const again = await ask(world, signed(world, { headers: { 'if-none-match': `W/"x", ${headers['etag']}` } }));
    expect(again).toMatchObject({ status: 304, body: '', headers: { etag: headers['etag'] } });
  });

  it('takes a submission and answers the same again', async () => {
    const world = new World();
    const { submission, hash } = await world.seal(GB, { suspect: ['DE'], victim: [] });
    const post = () => ask(world, signed(world, { path: '/v1/referrals', body: submission }));
    const first = await post();
    expect(first.status).toBe(202);
    expect(JSON.parse(first.body)).toMatchObject({ status: 'accepted', sealed: hash, hotline: GB });
    expect(await post()).toEqual(first);
  });

  const submit = '/v1/referrals';
  it.each([
    ['an escaped path', { path: '/v1/%64irectory' }, 'malformed'],
    ['a path with upper case', { path: '/v1/Directory' }, 'malformed'],
    ['a path outside the API', { path: '/' }, 'malformed'],
    ['a query', { query: 'a=1' }, 'malformed'],
    ['a body above 512 KiB', { path: submit, body: 'x'.repeat(512 * 1024 + 1) }, 'too-large'],
    ['a compressed body', { path: submit, body: {}, headers: { 'content-encoding': 'gzip' } }, 'unsupported-type'],
    ['another content type', { path: submit, body: {}, headers: { 'content-type': 'text/plain' } }, 'unsupported-type'],
    [
      'a content type with parameters',
      { path: submit, body: {}, headers: { 'content-type': 'application/json; charset=utf-8' } },
      'unsupported-type',
    ],
    ['a GET with a body', { method: 'GET', body: {} }, 'malformed'],
    ['a POST without one', { method: 'POST', path: submit }, 'malformed'],
    ['no signature', { headers: { signature: '', 'signature-input': '' } }, 'unauthorized'],
    ['a signature for another host', { authority: 'other.example' }, 'unauthorized'],
    ['an old signature', { skew: -301 * SECOND }, 'stale-signature'],
    ['a signature from the future', { skew: 32 * SECOND }, 'stale-signature'],
    ['an unknown path', { path: '/v1/nothing' }, 'not-found'],
    ['an unknown method', { method: 'DELETE', path: '/v1/directory' }, 'not-found'],
    ['a path that names nothing possible', { path: '/v1/referrals/gb/not-a-uuid' }, 'not-found'],
    ['an agency that submits', { partner: 'de-police', path: submit, body: '{' }, 'wrong-role'],
    [
      'a hotline that answers',
      { path: `${submit}/${GB}/${ID()}/outcomes`, body: { statement: 'a.b.c' } },
      'wrong-role',
    ],
    ['an agency that receives', { partner: 'de-police', path: '/v1/outcomes/receive', body: {} }, 'wrong-role'],
    [
      'an agency that acknowledges',
      { partner: 'de-police', path: '/v1/outcomes/acknowledge', body: { receipts: [] } },
      'wrong-role',
    ],
    [
      'an agency that withdraws',
      { partner: 'de-police', path: `${submit}/${GB}/${ID()}/withdraw`, body: { statement: 'a.b.c' } },
      'wrong-role',
    ],
    ['an agency that asks for a status', { partner: 'de-police', path: `${submit}/${GB}/${ID()}` }, 'wrong-role'],
    ['broken JSON', { path: submit, body: '{' }, 'malformed'],
    ['a doubled member', { path: submit, body: '{"id":1,"id":1}' }, 'malformed'],
    ['a statement that is none', { path: `${submit}/${GB}/${ID()}/withdraw`, body: { statement: 'x' } }, 'malformed'],
    ['a referral of another hotline', { path: `${submit}/us-hotline/${ID()}` }, 'not-found'],
    ['a referral that is not there', { path: `${submit}/${GB}/${ID()}` }, 'not-found'],
  ] as const)('refuses %s', async (_, request, code) => {
    const world = new World();
    expect(await problem(ask(world, signed(world, request)))).toMatchObject({
      code,
      type: `urn:referral-relay:error:${code}`,
    });
    expect(world.ledger.names()).toEqual([]);
  });

  it('judges the signature before the digest, and the digest before the role', async () => {
    const world = new World();
    const request = signed(world, { partner: 'de-police', path: submit, body: {} });
    const tampered = { ...request, body: Buffer.from('{ }') };
    expect(await problem(ask(world, tampered))).toMatchObject({ code: 'malformed' });
    const headers = { ...tampered.headers, signature: 'relay=:AAAA:' };
    expect(await problem(ask(world, { ...tampered, headers }))).toMatchObject({ code: 'unauthorized' });
  });

  it('tells nobody apart who is not authorized', async () => {
    const world = new World();
    const request = signed(world, {});
    const input = request.headers['signature-input'] ?? '';
    const bodies = await Promise.all(
      [
        { ...request, headers: {} },
        { ...request, headers: { ...request.headers, 'signature-input': input.replace(GB, 'xx-nobody') } },
        { ...request, headers: { ...request.headers, 'signature-input': input.replace('"@query"', '"@path"') } },
        signed(world, { authority: 'other.example' }),
      ].map(async (each) => (await ask(world, each)).body),
    );
    expect(new Set(bodies).size).toBe(1);
  });

  it('names the fields at fault and never quotes them', async () => {
    const world = new World();
    const { submission } = await world.seal(GB, { suspect: ['DE'], victim: [] });
    const body = {
      ...submission,
      routing: { suspect: ['de', 'DE'], victim: 'CANARY' },
      extra: 'CANARY',
      urgency: 'CANARY',
    };
    const response = ask(world, signed(world, { path: submit, body }));
    const { errors } = await problem(response);
    expect(errors).toEqual([
      { pointer: '/routing/suspect/0', detail: expect.stringContaining('ISO 3166-1') },
      { pointer: '/routing/victim', detail: expect.stringContaining('array') },
      { pointer: '/urgency', detail: 'must be "immediate" or "high" or "routine"' },
      { pointer: '/extra', detail: 'is not a member known here' },
    ]);
    expect((await response).body).not.toContain('CANARY');
    expect(JSON.stringify(world.recorded)).not.toContain('CANARY');
  });

  it('adds the moment to a stale signature and what was accepted to a conflict', async () => {
    const world = new World();
    expect(await problem(ask(world, signed(world, { skew: -600 * SECOND })))).toMatchObject({ now: world.at() });
    const { submission, hash } = await world.seal(GB, { suspect: ['DE'], victim: [] });
    await submitReferral(world.relay(), world.hotline(GB), submission);
    const body = { ...submission, urgency: 'high' };
    expect(await problem(ask(world, signed(world, { path: submit, body })))).toMatchObject({
      code: 'id-conflict',
      sealed: hash,
      acceptedAt: world.at(),
    });
  });

  it('answers a statement with 201, and its repetition with 200 and the same', async () => {
    const world = new World();
    const { submission, name, hash } = await world.seal(GB, { suspect: ['DE'], victim: [] });
    await submitReferral(world.relay(), world.hotline(GB), submission);
    await world.dispatch();
    const state = async () => {
      const body = { statement: await world.outcome('de-police', name, hash) };
      return ask(world, signed(world, { partner: 'de-police', path: `${submit}/${GB}/${name.id}/outcomes`, body }));
    };
    const first = await state();
    world.clock.advance(SECOND);
    expect(first.status).toBe(201);
    expect(await state()).toEqual({ ...first, status: 200 });
  });

  it('answers a fault of its own with 503 and Retry-After, and logs no more than the name of the error', async () => {
    const world = new World();
    const failing: Calls<Relay> = { directory: () => Promise.reject(new TypeError('CANARY')) };
    const response = await ask(world, signed(world, {}), failing);
    expect(response).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(response.body).not.toContain('CANARY');
    expect(world.recorded).toEqual([{ event: 'failed', fields: { partner: GB, error: 'TypeError' } }]);
  });

  it('serves no call that its function does not serve', async () => {
    const world = new World();
    const { status } = calls;
    expect(await problem(ask(world, signed(world, {}), { status }))).toMatchObject({ code: 'not-found' });
  });
});

function ID(): string {
  return '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e';
}
