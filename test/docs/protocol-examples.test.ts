import { createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compactDecrypt, compactVerify } from 'jose';
import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { ReferralMessage, WithdrawnMessage } from '../../core/contracts.ts';
import { readJwsHeader } from '../../core/jws.ts';
import { toVerificationKey, thumbprint } from '../../core/keys.ts';
import { openReferral } from '../../core/open-referral.ts';
import { sealReferral } from '../../core/seal.ts';
import { verifyStatement } from '../../core/statements.ts';
import { SIGNING_KEYS, readIntakeExample } from '../../scripts/protocol-examples/keys.ts';
import { fillBlocks, PAGE_FILE, protocolFiles, VECTORS_FILE } from '../../scripts/write-protocol-examples.ts';

const page = readFileSync(PAGE_FILE, 'utf8');
const text = readFileSync(VECTORS_FILE, 'utf8');

/** What somebody has who reads the published file and nothing else. */
const Jwk = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), d: z.string() });
const Statement = z.object({ payload: z.looseObject({}), token: z.string() });
const Vectors = z.object({
  signingKeys: z.record(z.string(), z.object({ kid: z.string(), jwk: Jwk })),
  intakeKey: z.object({ kid: z.string() }),
  referral: z.object({
    document: z.string(),
    paddedBytes: z.int(),
    jws: z.string(),
    contentKey: z.string(),
    sealed: z.string(),
    hash: z.string(),
  }),
  statements: z.object({ outcome: Statement, route: Statement, withdraw: Statement }),
  messages: z.object({ referral: ReferralMessage, sentOn: ReferralMessage, withdrawn: WithdrawnMessage }),
  exchanges: z.record(
    z.string(),
    z.object({
      request: z.object({ headers: z.record(z.string(), z.string()), body: z.string(), signatureBase: z.string() }),
      response: z.object({ status: z.int() }),
    }),
  ),
});
const vectors = Vectors.parse(JSON.parse(text));

const publicKeyOf = (partner: string) => {
  const { kty, crv, x } = vectors.signingKeys[partner]?.jwk ?? { kty: '', crv: '', x: '' };
  return createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
};

const block = (name: string): string => `<!-- generated: ${name} -->\n<!-- /generated -->\n`;

describe('docs/protocol.md and docs/protocol-vectors.json', () => {
  it('are what the code says: otherwise run "npm run docs:protocol"', async () => {
    const files = await protocolFiles(page);
    expect(page).toBe(files.page);
    expect(text).toBe(files.vectors);
  });

  it('are refused without a block, with one twice and with an unknown one', () => {
    const blocks = new Map([['a', 'A']]);
    expect(fillBlocks(block('a'), blocks)).toContain('A');
    expect(() => fillBlocks('', blocks)).toThrow('lacks the blocks a');
    expect(() => fillBlocks(block('a') + block('a'), blocks)).toThrow('a block "a" too many');
    expect(() => fillBlocks(block('a') + block('b'), blocks)).toThrow('a block "b" too many');
  });
});

describe('The sealed example', () => {
  const { referral, intakeKey } = vectors;

  /** The private half of the published intake key. */
  const privateKey = (() => {
    const file = new URL('../vectors/wycheproof/rsa_oaep_4096_sha256_mgf1sha256_test.json', import.meta.url);
    const { testGroups } = JSON.parse(readFileSync(file, 'utf8')) as { testGroups: [{ privateKeyPem: string }] };
    return createPrivateKey(testGroups[0].privateKeyPem);
  })();

  it('opens with a JOSE library and the private intake key, and holds the JWS', async () => {
    const { plaintext, protectedHeader } = await compactDecrypt(referral.sealed, privateKey);
    expect(Buffer.from(plaintext).toString()).toBe(referral.jws);
    expect(protectedHeader.kid).toBe(intakeKey.kid);
  });

  it('is signed by the hotline, and holds the document and spaces', async () => {
    const { payload } = await compactVerify(referral.jws, publicKeyOf('gb-lantern'));
    const padded = Buffer.from(payload).toString();
    expect(padded.length).toBe(referral.paddedBytes);
    expect(padded.trimEnd()).toBe(referral.document);
  });

  it('has the header and the length of what the code seals', async () => {
    const { jwk } = readIntakeExample();
    const { sealed } = await sealReferral(referral.document, {
      signingKey: SIGNING_KEYS['gb-lantern'],
      intakeKey: jwk,
    });
    expect(sealed.length).toBe(referral.sealed.length);
    expect(sealed.split('.')[0]).toBe(referral.sealed.split('.')[0]);
    expect(thumbprint(jwk)).toBe(intakeKey.kid);
  });

  it.each([
    { agency: 'de-kinderwacht', message: vectors.messages.referral, ours: ['AT', 'DE'], country: 'DE' },
    { agency: 'nam-harbor', message: vectors.messages.sentOn, ours: ['CA', 'US'], country: 'CA' },
  ])('is opened by $agency, to which it is addressed', async ({ message, ours, country }) => {
    const opened = await openReferral({
      message,
      contentKey: Buffer.from(referral.contentKey, 'base64url'),
      agency: { countries: ours, fallback: false },
      directory: {
        findKey: (partner) => {
          const jwk = SIGNING_KEYS[partner as keyof typeof SIGNING_KEYS].jwk;
          return Promise.resolve(toVerificationKey({ jwk }));
        },
        mayForward: (partner) => Promise.resolve(partner === 'int-clearing'),
      },
    });
    expect(opened.countries).toEqual([country]);
    expect(opened.sealed).toBe(referral.hash);
  });
});

describe('The example statements', () => {
  it.each([
    { kind: 'outcome', signer: 'de-kinderwacht' },
    { kind: 'route', signer: 'int-clearing' },
    { kind: 'withdraw', signer: 'gb-lantern' },
  ] as const)('include a valid one of the kind $kind, signed by $signer', async ({ kind, signer }) => {
    const { token, payload } = vectors.statements[kind];
    const key = toVerificationKey({ jwk: SIGNING_KEYS[signer].jwk });
    const verified = await verifyStatement(kind, token, () => key);
    expect(verified.payload).toEqual(payload);
    // In the order that was signed, so that who signs it anew gets the same token.
    expect(JSON.stringify(payload)).toBe(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(readJwsHeader(token, `${kind}+jws`).kid).toBe(vectors.signingKeys[signer]?.kid);
  });
});

describe('The example requests', () => {
  it.each(Object.entries(vectors.exchanges))(
    'include "%s", whose signature fits its base and body',
    (_, { request }) => {
      const { headers, body, signatureBase } = request;
      const signature = /^relay=:(?<value>[^:]+):$/.exec(headers['signature'] ?? '')?.groups?.['value'] ?? '';
      const partner = /keyid="(?<partner>[a-z-]+)\//.exec(headers['signature-input'] ?? '')?.groups?.['partner'] ?? '';
      expect(verify(null, Buffer.from(signatureBase), publicKeyOf(partner), Buffer.from(signature, 'base64'))).toBe(
        true,
      );
      expect(signatureBase.endsWith(headers['signature-input']?.slice('relay='.length) ?? '?')).toBe(true);
      expect(signatureBase.includes(headers['content-digest'] ?? '"@method": GET')).toBe(true);
      expect(body === '').toBe(headers['content-digest'] === undefined);
    },
  );

  it('are answered as the page says', () => {
    const statuses = Object.entries(vectors.exchanges).map(([name, { response }]) => [name, response.status]);
    expect(Object.fromEntries(statuses)).toEqual({
      submission: 202,
      answer: 201,
      receiving: 200,
      acknowledging: 200,
      status: 200,
      directory: 200,
      sendingOn: 200,
      withdrawal: 200,
      malformed: 400,
      conflict: 409,
      stale: 401,
    });
  });
});
