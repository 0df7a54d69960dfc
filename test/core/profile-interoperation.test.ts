import { sign as nodeSign, verify as nodeVerify } from 'node:crypto';
import * as cloudflare from 'http-message-sig';
import { httpbis } from 'http-message-signatures';
import { describe, expect, it } from 'vitest';
import { ALGORITHMS } from '../../core/keys.ts';
import { signBytes, verifyBytes } from '../../core/raw-signature.ts';
import type { Signer } from '../support/envelope.ts';
import {
  AUTHORITY,
  COVERED,
  COVERED_WITH_BODY,
  CREATED,
  ed25519,
  GET,
  NOW,
  p256,
  PARTNER,
  POST,
  received,
  refusalOf,
  UNAUTHORIZED,
  type Unsigned,
  verify,
} from '../support/signed-request.ts';

/** Two implementations that owe us nothing; each is held to what the profile wants as far as it can be told. */
describe.each([
  ['ed25519', ed25519],
  ['ecdsa-p256-sha256', p256],
] as const)('with %s', (algorithm, signer) => {
  const url = `https://${AUTHORITY}/v1/referrals?a=b`;
  const keyId = `${PARTNER}/${signer.kid}`;
  const cases = [
    ['a body', { method: 'POST', url, body: POST.body, nonce: 'a1' }, COVERED_WITH_BODY],
    [
      'no body and no query',
      { method: 'GET', url: `https://${AUTHORITY}/v1/directory`, body: GET.body, nonce: undefined },
      COVERED,
    ],
  ] satisfies [string, Unsigned, string[]][];

  it.each(cases)('http-message-signatures verifies what we sign: %s', async (_name, request, covered) => {
    const { headers } = received(request, signer);
    const verdict = (method: string) =>
      httpbis.verifyMessage(
        {
          keyLookup: async ({ keyid }) =>
            keyid === keyId
              ? { id: keyid, algs: [algorithm], verify: async (data, bytes) => checkByNode(signer, data, bytes) }
              : null,
          notAfter: NOW / 1_000,
          requiredParams: ['created', 'keyid', 'tag'],
          requiredFields: covered.map((name) => name.slice(1, -1)),
          all: true,
        },
        { method, url: request.url, headers },
      );
    await expect(verdict(request.method)).resolves.toBe(true);
    await expect(verdict('PATCH')).resolves.toBe(false);
  });

  it.each(cases)('we verify what http-message-signatures signs: %s', async (_name, request, covered) => {
    const { headers: unsignedHeaders, body } = request.body.length > 0 ? POST : GET;
    const { headers } = await httpbis.signMessage(
      {
        key: { id: keyId, alg: algorithm, sign: async (data) => signByNode(signer, data) },
        fields: covered.map((name) => name.slice(1, -1)),
        params: ['created', 'keyid', 'alg', 'expires', 'tag'],
        paramValues: { created: new Date(NOW), tag: 'referral-relay' },
      },
      { method: request.method, url: request.url, headers: unsignedHeaders },
    );
    const { pathname: path, search } = new URL(request.url);
    const lowerCase = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const arrived = { method: request.method, path, query: search.slice(1), headers: lowerCase, body };
    expect(verify(arrived)).toEqual({ partner: PARTNER, kid: signer.kid });
    expect(refusalOf(() => verify({ ...arrived, method: 'PATCH' }))).toEqual(UNAUTHORIZED);
  });

  it.each(cases)('http-message-sig verifies what we sign: %s', async (_name, request, covered) => {
    const { headers } = received(request, signer);
    const verdict = (method: string) =>
      cloudflare.verifySignature(toDescriptor(method, request.url, headers), {
        policy: {
          algorithms: [algorithm],
          requiredComponents: covered.map((name) => name.slice(1, -1)),
          requiredParameters: ['created', 'keyid', 'tag'],
          maxAge: 300,
          now: NOW / 1_000,
        },
        resolveVerifier: () => ({ algorithm, verify: (data, bytes) => checkByNode(signer, data, bytes) }),
      });
    await expect(verdict(request.method)).resolves.toMatchObject({
      parameters: { keyid: keyId, tag: 'referral-relay' },
    });
    await expect(verdict('PATCH')).rejects.toThrow('Signature verification failed');
  });

  it.each(cases)('we verify what http-message-sig signs: %s', async (_name, request, covered) => {
    const { headers: unsignedHeaders, body } = request.body.length > 0 ? POST : GET;
    const { signature, signatureInput } = await cloudflare.createSignature(
      toDescriptor(request.method, request.url, unsignedHeaders),
      {
        components: covered.map((name) => name.slice(1, -1)),
        parameters: { keyid: keyId, tag: 'referral-relay', created: CREATED, nonce: 'a1', alg: algorithm },
        signer: { algorithm, sign: (data) => new Uint8Array(signByNode(signer, data)) },
      },
    );
    const { pathname: path, search } = new URL(request.url);
    const headers = { ...unsignedHeaders, 'signature-input': signatureInput, signature };
    const arrived = { method: request.method, path, query: search.slice(1), headers, body };
    expect(verify(arrived)).toEqual({ partner: PARTNER, kid: signer.kid });
    expect(refusalOf(() => verify({ ...arrived, method: 'PATCH' }))).toEqual(UNAUTHORIZED);
  });

  it('a signature made in one place is one in the other', () => {
    const data = Buffer.from('invented');
    expect(verifyBytes(signer.record, data, signByNode(signer, data))).toBe(true);
    expect(checkByNode(signer, data, signBytes(signer.privateKey, data))).toBe(true);
    expect(ALGORITHMS[signer.record.jwk.crv].http).toBe(algorithm);
  });
});

function signByNode({ privateKey, record }: Signer, data: Uint8Array): Buffer {
  return record.jwk.crv === 'Ed25519'
    ? nodeSign(null, data, privateKey)
    : nodeSign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
}

function checkByNode({ record }: Signer, data: Uint8Array, signature: Uint8Array): boolean {
  return record.jwk.crv === 'Ed25519'
    ? nodeVerify(null, data, record.key, signature)
    : nodeVerify('sha256', data, { key: record.key, dsaEncoding: 'ieee-p1363' }, signature);
}

const toDescriptor = (
  method: string,
  targetUri: string,
  headers: Readonly<Record<string, string>>,
): cloudflare.RequestDescriptor => ({
  kind: 'request',
  method,
  targetUri,
  fields: Object.entries(headers).map(([name, value]) => ({ name, value })),
});
