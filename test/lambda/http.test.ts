import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toRequest, toResult } from '../../lambda/http.ts';

/** As API Gateway sends it (payload format 2.0), cut down to what varies. */
const EVENT = {
  version: '2.0',
  routeKey: 'POST /v1/referrals',
  rawPath: '/v1/referrals',
  rawQueryString: '',
  cookies: ['session=1'],
  headers: { 'content-type': 'application/json', host: 'relay.example', accept: 'a, b' },
  requestContext: {
    accountId: '111111111111',
    http: { method: 'POST', path: '/v1/referrals', protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
    stage: '$default',
  },
  body: '{"id":"ä"}',
  isBase64Encoded: false,
};

const utf8 = (body: Uint8Array): string => Buffer.from(body).toString();

describe('toRequest', () => {
  it('takes what the core wants and nothing else', () => {
    expect(toRequest(EVENT)).toEqual({
      method: 'POST',
      path: '/v1/referrals',
      query: '',
      headers: EVENT.headers,
      body: Buffer.from('{"id":"ä"}'),
    });
  });

  it('hands over the query as it was received', () => {
    expect(toRequest({ ...EVENT, rawQueryString: 'a=%20b&a=c' }).query).toBe('a=%20b&a=c');
  });

  it('decodes a body that came as base64, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const body = Buffer.from(bytes).toString('base64');
        expect(Buffer.from(toRequest({ ...EVENT, body, isBase64Encoded: true }).body)).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('takes a text for its UTF-8 bytes, even one that looks like base64', () => {
    expect(utf8(toRequest({ ...EVENT, body: 'e30=' }).body)).toBe('e30=');
  });

  it('takes no body for an empty one', () => {
    const { body: _body, ...event } = EVENT;
    expect(toRequest(event).body).toHaveLength(0);
  });

  it.each([
    ['nothing', undefined],
    ['an event of SQS', { Records: [] }],
    ['payload format 1.0', { ...EVENT, version: '1.0' }],
    ['no path', { ...EVENT, rawPath: undefined }],
    ['no query', { ...EVENT, rawQueryString: undefined }],
    ['no headers', { ...EVENT, headers: undefined }],
    ['a header of several values', { ...EVENT, headers: { accept: ['a', 'b'] } }],
    ['no method', { ...EVENT, requestContext: { http: {} } }],
    ['a body that is no text', { ...EVENT, body: {} }],
    ['a body of unknown encoding', { ...EVENT, isBase64Encoded: undefined }],
  ])('refuses %s', (_title, event) => {
    expect(() => toRequest(event)).toThrow('payload format 2.0');
  });
});

describe('toResult', () => {
  it('answers with status, headers and text', () => {
    const response = { status: 202, headers: { 'content-type': 'application/json' }, body: '{"status":"accepted"}' };
    expect(toResult(response)).toEqual({
      statusCode: 202,
      headers: { 'content-type': 'application/json' },
      body: '{"status":"accepted"}',
      isBase64Encoded: false,
    });
  });
});
