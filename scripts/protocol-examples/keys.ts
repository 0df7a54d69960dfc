import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { decodeBase64url } from '../../core/base64url.ts';
import type { SigningKey } from '../../core/jws.ts';
import { IntakeJwk, SigningJwk, thumbprint } from '../../core/keys.ts';

/*
 * The keys of the worked examples. All of them are published test keys, private halves included, so that every byte of
 * an example can be made again; none of them may ever be registered anywhere.
 */

export interface ExampleKey extends SigningKey {
  /** Where it is published. */
  source: string;
  jwk: SigningJwk;
  /** Private member of the JWK. */
  d: string;
}

/** Ed25519 keys: `d` is the seed, `x` the public key, in hexadecimal as published. */
const PUBLISHED = [
  {
    partner: 'gb-lantern',
    source: 'RFC 8037, appendix A.1 (RFC 8032, section 7.1, TEST 1)',
    d: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    x: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  },
  {
    partner: 'de-kinderwacht',
    source: 'RFC 8032, section 7.1, TEST 2',
    d: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    x: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  },
  {
    partner: 'int-clearing',
    source: 'RFC 8032, section 7.1, TEST 3',
    d: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    x: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
  },
  {
    partner: 'nam-harbor',
    source: 'RFC 8032, section 7.1, TEST 1024',
    d: 'f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5',
    x: '278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e',
  },
] as const;

export type ExamplePartner = (typeof PUBLISHED)[number]['partner'];

/** The signing key of each partner in the examples. */
export const SIGNING_KEYS = Object.fromEntries(
  PUBLISHED.map(({ partner, source, ...key }) => [
    partner,
    toExampleKey(source, toBase64url(key.d), toBase64url(key.x)),
  ]),
) as Record<ExamplePartner, ExampleKey>;

function toExampleKey(source: string, d: string, x: string): ExampleKey {
  const jwk = SigningJwk.parse({ kty: 'OKP', crv: 'Ed25519', x });
  return {
    source,
    jwk,
    d,
    kid: thumbprint(jwk),
    privateKey: createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x, d }, format: 'jwk' }),
  };
}

function toBase64url(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64url');
}

const WYCHEPROOF = new URL('../../test/vectors/wycheproof/rsa_oaep_4096_sha256_mgf1sha256_test.json', import.meta.url);

/** The one valid case of that file with 32 bytes and no label: a content key, and its encryption. */
const CASE = 7;

/**
 * The intake key, a content key, and the one encrypted for the other. RSA-OAEP is randomised, so a published encryption
 * is what makes the examples come out the same each time.
 */
export function readIntakeExample(): { source: string; jwk: IntakeJwk; contentKey: Buffer; encryptedKey: Buffer } {
  const { testGroups } = JSON.parse(readFileSync(WYCHEPROOF, 'utf8')) as {
    testGroups: [{ privateKeyJwk: { n: string; e: string }; tests: { tcId: number; msg: string; ct: string }[] }];
  };
  const [{ privateKeyJwk, tests }] = testGroups;
  const published = tests.find(({ tcId }) => tcId === CASE);
  const { n, e } = privateKeyJwk;
  const modulus = decodeBase64url(n);
  if (!published || !modulus) throw new Error(`case ${CASE} is not in ${WYCHEPROOF.pathname}`);
  return {
    source: `Project Wycheproof, rsa_oaep_4096_sha256_mgf1sha256_test.json, case ${CASE}`,
    jwk: IntakeJwk.parse({ kty: 'RSA', n, e }),
    contentKey: Buffer.from(published.msg, 'hex'),
    encryptedKey: Buffer.from(published.ct, 'hex'),
  };
}
