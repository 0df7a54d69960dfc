import { once } from 'node:events';
import { connect } from 'node:net';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FunctionError, THROTTLED } from '../../local/functions.ts';
import { type Gateway, startGateway } from '../../local/gateway.ts';

let gateway: Gateway;
let port: number;
let invocations: { name: string; event: APIGatewayProxyEventV2 }[];
let lines: string[];
/** What the function answers; a test puts its own here. */
let respond: () => unknown;

beforeAll(async () => {
  gateway = await startGateway({
    port: 0,
    invoke: async (name, event) => {
      invocations.push({ name, event: event as APIGatewayProxyEventV2 });
      return respond();
    },
    log: (_source, line) => lines.push(line),
  });
  port = Number(new URL(gateway.url).port);
});
afterAll(() => gateway.close());
beforeEach(() => {
  invocations = [];
  lines = [];
  respond = () => ({ statusCode: 204 });
});

/** Sends bytes as they are and reads the answer to its end. */
async function raw(...parts: (string | Uint8Array)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  for (const part of parts) socket.write(part);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

const request = (line: string, headers: string[], body: string | Uint8Array = '') =>
  raw(`${line} HTTP/1.1\r\n${['Host: relay.test', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`, body);

function onlyEvent(): APIGatewayProxyEventV2 {
  const [invocation, ...others] = invocations;
  if (!invocation || others.length > 0) throw new Error(`${invocations.length} invocations`);
  return invocation.event;
}

describe('the event', () => {
  it('has the members of payload format 2.0', async () => {
    await request(
      'POST /v1/referrals',
      ['Content-Type: application/json', 'User-Agent: test/1', 'Content-Length: 2'],
      '{}',
    );
    const event = onlyEvent();
    expect(event).toEqual({
      version: '2.0',
      routeKey: 'POST /v1/referrals',
      rawPath: '/v1/referrals',
      rawQueryString: '',
      headers: {
        host: 'relay.test',
        'content-type': 'application/json',
        'content-length': '2',
        'user-agent': 'test/1',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-port': String(port),
        'x-forwarded-proto': 'http',
      },
      requestContext: {
        accountId: '000000000000',
        apiId: 'local',
        domainName: '127.0.0.1',
        domainPrefix: '127',
        http: {
          method: 'POST',
          path: '/v1/referrals',
          protocol: 'HTTP/1.1',
          sourceIp: '127.0.0.1',
          userAgent: 'test/1',
        },
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        routeKey: 'POST /v1/referrals',
        stage: '$default',
        time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
        timeEpoch: expect.any(Number),
      },
      body: '{}',
      isBase64Encoded: false,
    });
    expect(Date.parse(event.requestContext.time.replace(':', ' '))).toBe(
      Math.floor(event.requestContext.timeEpoch / 1000) * 1000,
    );
  });

  it('joins duplicate headers with a comma, in order and whatever their case, also those Node would drop', async () => {
    await request('GET /v1/directory', [
      'Signature: a=:AA==:',
      'X-Two: 1',
      'x-two: 2, 3',
      'SIGNATURE: b=:BB==:',
      'Content-Type: application/json',
      'Content-Type: text/plain',
      'Authorization: one',
      'Authorization: two',
    ]);
    expect(onlyEvent().headers).toMatchObject({
      signature: 'a=:AA==:,b=:BB==:',
      'x-two': '1,2, 3',
      'content-type': 'application/json,text/plain',
      authorization: 'one,two',
    });
  });

  it('keeps cookies apart and hop-by-hop headers to itself', async () => {
    await request('GET /v1/directory', ['Cookie: a=1; b=2', 'TE: trailers', 'cookie: c=3']);
    const { cookies, headers } = onlyEvent();
    expect(cookies).toEqual(['a=1', 'b=2', 'c=3']);
    expect(Object.keys(headers).filter((name) => ['cookie', 'te', 'connection'].includes(name))).toEqual([]);
  });

  it.each([
    ['/v1/referrals/gb%2Dlantern/%41', '/v1/referrals/gb-lantern/A', ''],
    ['/v1/a%2Fb%23c', '/v1/a/b#c', ''],
    ['/v1/a%3Fb?c=%20d&c=e', '/v1/a', 'c=%20d&c=e'],
    ['/v1/caf%C3%A9', '/v1/café', ''],
    ['/v1/directory?', '/v1/directory', ''],
    ['http://elsewhere.test/v1/directory?x', '/v1/directory', 'x'],
    ['http://elsewhere.test', '/', ''],
    ['/v1//referrals/', '/v1//referrals/', ''],
  ])('decodes the path and not the query of %s', async (target, path, query) => {
    await request(`GET ${target}`, []);
    expect(onlyEvent()).toMatchObject({ rawPath: path, rawQueryString: query });
    expect(onlyEvent().requestContext.http.path).toBe(path);
  });

  it('parses the query beside, values of one name joined', async () => {
    await request('GET /v1/directory?a=1&b=%20x&a=2', []);
    expect(onlyEvent().queryStringParameters).toEqual({ a: '1,2', b: ' x' });
  });

  it.each([
    ['text/plain', false],
    ['text/csv', false],
    ['application/json', false],
    ['Application/JSON', false],
    ['application/json; charset=UTF-8', false],
    ['application/xml', false],
    ['text/plain; charset=iso-8859-1', true],
    ['application/json; profile=x', true],
    ['application/problem+json', true],
    ['application/x-www-form-urlencoded', true],
    ['application/octet-stream', true],
    ['application/json,application/json', true],
    [undefined, true],
  ])('has a body of %s in base64: %s', async (type, isBase64Encoded) => {
    await request('POST /v1/referrals', [...(type ? [`Content-Type: ${type}`] : []), 'Content-Length: 4'], '{ü}');
    const body = isBase64Encoded ? Buffer.from('{ü}').toString('base64') : '{ü}';
    expect(onlyEvent()).toMatchObject({ body, isBase64Encoded });
  });

  it('keeps every byte of a binary body', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await request('POST /x', ['Content-Type: application/octet-stream', 'Content-Length: 256'], bytes);
    expect(Buffer.from(onlyEvent().body ?? '', 'base64')).toEqual(Buffer.from(bytes));
  });

  it('has no body where none was sent, and takes one in chunks', async () => {
    await request('GET /v1/directory', []);
    expect(onlyEvent()).not.toHaveProperty('body');
    expect(onlyEvent().isBase64Encoded).toBe(false);
    invocations = [];
    await request(
      'POST /x',
      ['Content-Type: text/plain', 'Transfer-Encoding: chunked'],
      '2\r\nab\r\n1\r\nc\r\n0\r\n\r\n',
    );
    expect(onlyEvent()).toMatchObject({ body: 'abc', headers: { 'content-length': '3' } });
  });
});

describe('the route', () => {
  it.each([
    ['POST', '/v1/referrals', 'submit', 'POST /v1/referrals', undefined],
    [
      'POST',
      '/v1/referrals/gb-x/1/routes',
      'submit',
      'POST /v1/referrals/{hotline}/{id}/routes',
      { hotline: 'gb-x', id: '1' },
    ],
    [
      'POST',
      '/v1/referrals/gb-x/1/outcomes',
      'answer',
      'POST /v1/referrals/{hotline}/{id}/outcomes',
      { hotline: 'gb-x', id: '1' },
    ],
    ['GET', '/v1/referrals/gb-x/1', 'query', 'GET /v1/referrals/{hotline}/{id}', { hotline: 'gb-x', id: '1' }],
    ['POST', '/v1/outcomes/receive', 'collect', 'POST /v1/outcomes/receive', undefined],
    ['GET', '/v1/referrals', 'query', '$default', undefined],
    ['DELETE', '/v1/referrals', 'query', '$default', undefined],
    ['OPTIONS', '/v1/referrals', 'query', '$default', undefined],
    ['POST', '/v1/referrals/', 'query', '$default', undefined],
    ['POST', '/v1/referrals/gb-x//outcomes', 'query', '$default', undefined],
    ['GET', '/', 'query', '$default', undefined],
  ])('of %s %s is served by %4$s', async (method, path, name, routeKey, pathParameters) => {
    await request(`${method} ${path}`, ['Content-Length: 0']);
    expect(invocations[0]?.name).toBe(name);
    expect(onlyEvent().routeKey).toBe(routeKey);
    expect(onlyEvent().pathParameters).toEqual(pathParameters);
  });
});

const get = () => fetch(`${gateway.url}/v1/directory`);

describe('the answer', () => {
  it('is status, headers, cookies and body of the function', async () => {
    respond = () => ({
      statusCode: 202,
      headers: { 'Content-Type': 'application/problem+json', 'X-N': 7 },
      cookies: ['a=1', 'b=2'],
      body: '{"a":"ü"}',
    });
    const response = await get();
    expect(response.status).toBe(202);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-n')).toBe('7');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('apigw-requestid')).toBe(onlyEvent().requestContext.requestId);
    expect(await response.json()).toEqual({ a: 'ü' });
    expect(lines).toEqual([expect.stringMatching(/^GET \/v1\/directory 202 \d+ ms$/)]);
  });

  it('is decoded from base64', async () => {
    respond = () => ({ statusCode: 200, body: Buffer.from([0, 255]).toString('base64'), isBase64Encoded: true });
    expect(Buffer.from(await (await get()).arrayBuffer())).toEqual(Buffer.from([0, 255]));
  });

  it('without a status is JSON with 200', async () => {
    respond = () => ({ hello: 'world' });
    const response = await get();
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await response.json()).toEqual({ hello: 'world' });
  });

  it.each<[string, () => unknown]>([
    ['throws', () => Promise.reject(new Error('secret'))],
    ['answers with a status that is no number', () => ({ statusCode: 'ok' })],
    ['answers with a status that HTTP does not know', () => ({ statusCode: 99 })],
    ['answers with a body that is no text', () => ({ statusCode: 200, body: { a: 1 } })],
    ['answers with a header that HTTP does not know', () => ({ statusCode: 200, headers: { 'x y': '1' } })],
    ['answers with a line break in a header', () => ({ statusCode: 200, headers: { x: 'a\r\nb: c' } })],
  ])('is an internal error where the function %s', async (_, behaviour) => {
    respond = behaviour;
    const response = await get();
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ message: 'Internal Server Error' });
  });

  it('is 503 where the function has no room', async () => {
    respond = () => {
      throw new FunctionError('query', THROTTLED, '50 invocations are under way');
    };
    const response = await get();
    expect([response.status, await response.json()]).toEqual([503, { message: 'Service Unavailable' }]);
  });

  it('is 503 where the function takes too long', async () => {
    const hasty = await startGateway({
      port: 0,
      timeout: 20,
      invoke: () => new Promise(() => undefined),
      log: () => undefined,
    });
    const response = await fetch(`${hasty.url}/v1/directory`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ message: 'Service Unavailable' });
    await hasty.close();
  });
});

describe('refused before any function sees it', () => {
  it('a request that does not come in, with 408, which says that it may be repeated', async () => {
    const invoked: string[] = [];
    const hasty = await startGateway({
      port: 0,
      patience: 20,
      invoke: (name) => Promise.resolve(void invoked.push(name)),
      log: () => undefined,
    });
    const socket = connect(Number(new URL(hasty.url).port), '127.0.0.1');
    socket.write('POST /v1/referrals HTTP/1.1\r\nHost: relay.test\r\nContent-Length: 2\r\n\r\n{');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n(?:.+\r\n)+\r\n\{"message":"Request Timeout"\}$/);
    expect(invoked).toEqual([]);
    await hasty.close();
  });

  it('a body of more than 10 MB', async () => {
    const body = Buffer.alloc(10 * 1024 * 1024 + 1, 'a');
    const response = await fetch(`${gateway.url}/v1/referrals`, { method: 'POST', body });
    expect(response.status).toBe(413);
    expect(await response.json()).toEqual({ message: 'Request Entity Too Large' });
    expect(invocations).toEqual([]);
  });

  it('an event beyond the payload limit of Lambda', async () => {
    const body = Buffer.alloc(6 * 1024 * 1024, 'a');
    const response = await fetch(`${gateway.url}/v1/referrals`, { method: 'POST', body });
    expect(response.status).toBe(413);
    expect(invocations).toEqual([]);
  });

  it.each([
    ['a path that cannot be decoded', 'GET /v1/%zz', [], 400, 'Bad Request'],
    ['a path that is not UTF-8', 'GET /v1/%ff', [], 400, 'Bad Request'],
    ['a target that is no path', 'OPTIONS *', [], 400, 'Bad Request'],
    ['more than 10 KB of headers', 'GET /', [`X: ${'a'.repeat(11_000)}`], 431, 'Request Header Fields Too Large'],
    ['a header that is none', 'GET /', ['no colon here'], 400, 'Bad Request'],
  ])('%s', async (_, line, headers, status, message) => {
    const answer = await request(line, headers);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(JSON.stringify({ message }));
    expect(invocations).toEqual([]);
  });
});

it('says what to do when its port is in use', async () => {
  const options = { invoke: () => Promise.resolve(undefined), log: () => undefined };
  await expect(startGateway({ ...options, port })).rejects.toThrow(
    `Port ${port} on 127.0.0.1 is in use, perhaps by another relay: stop that program, or choose another with --port.`,
  );
});
