import { generateKeyPairSync } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type SigningJwk, thumbprint } from '../../core/keys.ts';
import {
  acceptedIntakeKeys,
  type Agency,
  type Hotline,
  loadRegistry,
  RegistryError,
  type RegistryFault,
  wrappingKey,
} from '../../core/registry.ts';
import { SigningJwk as SigningJwkSchema } from '../../core/keys.ts';
import { readRegistryDir } from '../../lambda/registry-files.ts';
import { createAuthority } from '../support/certificates.ts';

const SAMPLE = fileURLToPath(new URL('../../registry/sample', import.meta.url));

const newJwk = (curve: 'Ed25519' | 'P-256' = 'Ed25519'): SigningJwk => {
  const { publicKey } =
    curve === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: curve });
  return SigningJwkSchema.parse(publicKey.export({ format: 'jwk' }));
};
const privateJwk = (): object => generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
const privatePem = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

const authority = createAuthority('Wacht Root');
const ANYWHERE = '/rolesAnywhere';
const page = (to: string) => ({ ...contact, page: to });
const limited = (submissionsPerMinute: number): Members => hotline({ limits: { submissionsPerMinute } });
const anywhere = (more: Members = {}): Members =>
  agency({
    rolesAnywhere: {
      certificateAuthority: authority.certificate,
      commonName: 'relay.wacht.example',
      revocations: null,
      ...more,
    },
  });

type Members = Record<string, unknown>;
const contact = { email: 'systems@partner.example' };
const hotline = (more: Members = {}): Members => ({
  kind: 'hotline',
  id: 'gb-lantern',
  name: 'Lantern',
  contact,
  keys: [],
  intakeKeys: [{ generation: 1 }],
  ...more,
});
const agency = (more: Members = {}): Members => ({
  kind: 'agency',
  id: 'de-wacht',
  name: 'Wacht',
  contact,
  keys: [],
  countries: ['DE'],
  kmsKeys: [{ generation: 1 }],
  ...more,
});

const file = (partner: Members, name = `${String(partner['id'])}.json`) => ({ name, text: JSON.stringify(partner) });
const load = (...partners: Members[]) => loadRegistry(partners.map((partner) => file(partner)));

const digest = (...partners: Members[]): string => load(...partners).digest;

const generations = (list: readonly { generation: number }[]) => list.map(({ generation }) => generation);
const lantern = (intakeKeys: object[]): Hotline => one(load(hotline({ intakeKeys })).hotlines);
const wacht = (kmsKeys: object[]): Agency => one(load(agency({ kmsKeys })).agencies);

function one<T>(partners: ReadonlyMap<string, T>): T {
  const [partner] = partners.values();
  if (!partner) throw new Error('no partner');
  return partner;
}

function faultsOf(files: { name: string; text: string }[]): readonly RegistryFault[] {
  try {
    loadRegistry(files);
  } catch (error) {
    if (error instanceof RegistryError) return error.faults;
    throw error;
  }
  throw new Error('the registry was taken');
}

describe('the sample registry', () => {
  const registry = loadRegistry(readRegistryDir(SAMPLE));
  const agencies = [...registry.agencies.values()];

  it('is sound and holds no key', () => {
    expect([...registry.hotlines.keys()]).toEqual(['gb-lantern', 'us-beacon', 'zz-test-hotline']);
    expect([...registry.hotlines.values(), ...agencies].flatMap(({ keys }) => keys)).toEqual([]);
  });

  it('serves eight countries and more, one by two agencies and several by one', () => {
    const served = new Set(agencies.flatMap(({ countries }) => countries));
    expect(served.size).toBeGreaterThanOrEqual(8);
    expect(['DE', 'CA', 'FR', 'GB', 'US', 'ZZ'].every((country) => served.has(country))).toBe(true);
    expect(registry.agenciesFor('GB').map(({ id }) => id)).toEqual(['gb-crossbar', 'gb-crossbar-north']);
    expect(registry.agenciesFor('MC')).toEqual(registry.agenciesFor('FR'));
  });

  it('has one clearing house, which is the fallback and may send on', () => {
    expect(agencies.filter(({ forwards }) => forwards).map(({ id }) => id)).toEqual(['int-clearing']);
    expect(registry.fallback?.id).toBe('int-clearing');
  });
});

describe('the digest', () => {
  const files = [hotline(), anywhere()];

  it('is the same for the same partners, however their files are written and ordered', () => {
    const reversed = files.map((file) => Object.fromEntries(Object.entries(file).toReversed())).toReversed();
    expect(digest(...reversed)).toBe(digest(...files));
    const spread = files.map((file) => ({ name: `${String(file['id'])}.json`, text: JSON.stringify(file, null, 2) }));
    expect(loadRegistry(spread).digest).toBe(digest(...files));
  });

  it('does not depend on certificates, which the functions are not given', () => {
    expect(digest(hotline(), agency())).toBe(digest(...files));
  });

  it.each([
    ['a country', [hotline(), agency({ countries: ['DE', 'AT'] })]],
    ['a key', [hotline({ keys: [{ jwk: newJwk() }] }), agency()]],
    ['a retired key', [hotline({ intakeKeys: [{ generation: 1, retiredAt: '2026-01-01T00:00:00.000Z' }] }), agency()]],
    ['a partner', [agency()]],
  ])('is another with %s more or less', (_, changed) => {
    expect(digest(...changed)).not.toBe(digest(...files));
  });
});

describe('look-ups', () => {
  const jwk = newJwk('P-256');
  const registry = load(hotline({ keys: [{ jwk }, { jwk: newJwk() }] }), agency({ keys: [{ jwk: newJwk() }] }));

  it('finds a partner of either kind, and nobody else', () => {
    expect(registry.find('gb-lantern')).toBe(registry.hotlines.get('gb-lantern'));
    expect(registry.find('de-wacht')).toBe(registry.agencies.get('de-wacht'));
    expect(registry.find('constructor')).toBeUndefined();
  });

  it('finds a key by partner and thumbprint only', () => {
    expect(registry.findKey('gb-lantern', thumbprint(jwk))).toMatchObject({ jwk, kid: thumbprint(jwk) });
    expect(registry.findKey('de-wacht', thumbprint(jwk))).toBeUndefined();
    expect(registry.findKey('gb-lantern', '__proto__')).toBeUndefined();
  });

  it('finds a retired and a compromised key, with the moment', () => {
    const keys = [{ jwk, retiredAt: '2026-01-01T00:00:00.000Z', compromisedAt: '2026-02-01T00:00:00.000Z' }];
    expect(load(hotline({ keys })).findKey('gb-lantern', thumbprint(jwk))).toMatchObject({
      retiredAt: '2026-01-01T00:00:00.000Z',
      compromisedAt: '2026-02-01T00:00:00.000Z',
    });
  });

  it('answers with no agency for a country nobody serves, and with no fallback where none is named', () => {
    expect(registry.agenciesFor('FR')).toEqual([]);
    expect(registry.agenciesFor('toString')).toEqual([]);
    expect(registry.fallback).toBeUndefined();
  });

  it('takes an empty registry', () => {
    expect(loadRegistry([]).find('gb-lantern')).toBeUndefined();
  });
});

describe('the limit of a hotline', () => {
  it('may be left out, or be a number of submissions a minute', () => {
    expect(one(load(hotline()).hotlines).limits).toBeUndefined();
    expect(one(load(limited(600)).hotlines).limits).toEqual({ submissionsPerMinute: 600 });
  });
});

describe('access of an agency', () => {
  it.each(['on-call@wacht.example', 'https://pager.wacht.example/hook?team=1'])('may page %s', (to) => {
    expect(one(load(agency({ contact: page(to) })).agencies).contact.page).toBe(to);
  });

  it.each([
    ['with its list of revoked ones', authority.revocations],
    ['which has never revoked one', null],
  ])('may be by a certificate of its own authority, %s', (_title, revocations) => {
    const { rolesAnywhere } = one(load(anywhere({ revocations })).agencies);
    expect(rolesAnywhere).toEqual({
      certificateAuthority: authority.certificate,
      commonName: 'relay.wacht.example',
      revocations,
    });
  });
});

describe('what is wrong within a file is refused, with file and field', () => {
  const jwk = newJwk();
  const offCurve = { ...newJwk('P-256'), y: Buffer.alloc(32, 1).toString('base64url') };
  const smallOrder = { kty: 'OKP', crv: 'Ed25519', x: Buffer.alloc(32).toString('base64url') };
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  const key = (jwk: object, more: Members = {}) => hotline({ keys: [{ jwk, ...more }] });

  it.each<[string, Members, string, RegExp]>([
    ['a key of small order', key(smallOrder), '/keys/0/jwk', /small order/],
    ['a key that is not on its curve', key(offCurve), '/keys/0/jwk', /not on its curve/],
    ['an RSA signing key', key(rsa), '/keys/0/jwk/kty', /"OKP" or "EC"/],
    ['another curve', key({ ...jwk, crv: 'Ed448' }), '/keys/0/jwk/crv', /must be "Ed25519"/],
    ['a short coordinate', key({ ...jwk, x: 'AAAA' }), '/keys/0/jwk/x', /32 bytes/],
    ['a coordinate that is not canonical', key({ ...jwk, x: `${jwk.x}=` }), '/keys/0/jwk/x', /unpadded/],
    ['a key with a further member', key({ ...jwk, use: 'sig' }), '/keys/0/jwk/use', /not a member/],
    ['a private key as JWK', key(privateJwk()), '/keys/0/jwk/d', /is a private key/],
    ['a private key in place of a record', hotline({ keys: [privateJwk()] }), '/keys/0/d', /is a private key/],
    ['a private key as PEM', hotline({ keys: [{ jwk: privatePem() }] }), '/keys/0/jwk', /is a private key/],
    ['a private key as a name', hotline({ name: privatePem() }), '/name', /is a private key/],
    ['a key retired on no day', key(jwk, { retiredAt: '2026-02-30T00:00:00.000Z' }), '/keys/0/retiredAt', /a time/],
    ['an unknown country', agency({ countries: ['DE', 'UK'] }), '/countries/1', /ISO 3166-1/],
    ['a country in lower case', agency({ countries: ['de'] }), '/countries/0', /upper case/],
    ['a country twice', agency({ countries: ['DE', 'FR', 'DE'] }), '/countries', /twice/],
    ['countries that are no list', agency({ countries: 'DE' }), '/countries', /of type array/],
    ['an unknown member', agency({ country: 'DE' }), '/country', /not a member/],
    ['a member of the other kind', hotline({ countries: ['GB'] }), '/countries', /not a member/],
    ['no kind', { ...hotline(), kind: undefined }, '/kind', /must be "hotline" or "agency"/],
    ['another kind', hotline({ kind: 'police' }), '/kind', /must be "hotline" or "agency"/],
    ['no name', { ...hotline(), name: undefined }, '/name', /is missing/],
    ['a limit of nothing', limited(0), '/limits/submissionsPerMinute', /at least 1/],
    ['a limit that is a fraction', limited(1.5), '/limits/submissionsPerMinute', /of type int/],
    ['a limit that no item can count', limited(60_001), '/limits/submissionsPerMinute', /at most 60000/],
    ['a limit without a number', hotline({ limits: {} }), '/limits/submissionsPerMinute', /is missing/],
    ['a limit for an agency', agency({ limits: { submissionsPerMinute: 1 } }), '/limits', /not a member/],
    ['an empty name', hotline({ name: '' }), '/name', /at least 1 characters/],
    ['no e-mail address', hotline({ contact: { email: 'nobody' } }), '/contact/email', /e-mail/],
    ['no intake key', hotline({ intakeKeys: [] }), '/intakeKeys', /at least one key/],
    ['a generation of 0', agency({ kmsKeys: [{ generation: 0 }] }), '/kmsKeys/0/generation', /at least 1/],
    [
      'a generation twice',
      agency({ kmsKeys: [{ generation: 2 }, { generation: 2 }] }),
      '/kmsKeys',
      /not name a generation twice/,
    ],
    ['a KMS alias as ARN', agency({ kmsKeys: [{ generation: 1, arn: 'alias/x' }] }), '/kmsKeys/0/arn', /ARN of a KMS/],
    ['an account as principal', agency({ principal: 'arn:aws:iam::222222222222:root' }), '/principal', /role or user/],
    ['a page that is a telephone', agency({ contact: page('tel:+49301') }), '/contact/page', /https URL/],
    ['a page over plain http', agency({ contact: page('http://x.example/p') }), '/contact/page', /https URL/],
    ['a page with a password', agency({ contact: page('https://u:p@x.example/') }), '/contact/page', /https URL/],
    [
      'a page with a token of CDK',
      agency({ contact: page('https://x.example/${Token[TOKEN.1]}') }),
      '/contact/page',
      /braces/,
    ],
    ['a page that steers a terminal', agency({ contact: page('a\u009b2J@x.example') }), '/contact/page', /ASCII/],
    ['a page for a hotline', hotline({ contact: page('on@call.example') }), '/contact/page', /not a member/],
    ['no certificate', anywhere({ certificateAuthority: 'none' }), `${ANYWHERE}/certificateAuthority`, /in PEM/],
    [
      'two certificates',
      anywhere({ certificateAuthority: authority.certificate.repeat(2) }),
      `${ANYWHERE}/certificateAuthority`,
      /one X.509 certificate/,
    ],
    [
      'a certificate that may not issue others',
      anywhere({ certificateAuthority: createAuthority('Leaf', false).certificate }),
      `${ANYWHERE}/certificateAuthority`,
      /authority/,
    ],
    ['a policy variable as name', anywhere({ commonName: '${aws:username}' }), `${ANYWHERE}/commonName`, /common name/],
    ['a wildcard as name', anywhere({ commonName: '*' }), `${ANYWHERE}/commonName`, /common name/],
    [
      'a certificate as revocation list',
      anywhere({ revocations: authority.certificate }),
      `${ANYWHERE}/revocations`,
      /revocation list/,
    ],
    ['a revocation list that is lost', anywhere({ revocations: undefined }), `${ANYWHERE}/revocations`, /, or null/],
    [
      'two ways in',
      { ...anywhere(), principal: 'arn:aws:iam::222222222222:role/wacht' },
      '/rolesAnywhere',
      /one way in/,
    ],
    ['a fallback in words', agency({ fallback: 'yes' }), '/fallback', /of type boolean/],
    ['an id in capitals', hotline({ id: 'GB-LANTERN' }), '/id', /partner id/],
    ['an id that is too long', hotline({ id: `gb-${'a'.repeat(38)}` }), '/id', /at most 40/],
  ])('%s', (_, partner, pointer, detail) => {
    const name = `${String(partner['id'])}.json`;
    const faults = faultsOf([file(partner, name), file(agency({ id: 'us-sound' }))]);
    expect(faults).toEqual([{ file: name, pointer, detail: expect.stringMatching(detail) }]);
  });

  it.each([
    ['no JSON', '{"kind":', /not valid JSON/],
    ['a duplicate member', '{"kind":"hotline","kind":"agency"}', /appears twice/],
    ['a list', '[]', /of type object/],
    ['nothing', '', /not valid JSON/],
    ['a private key alone', privatePem(), /is a private key/],
  ])('%s', (_, text, detail) => {
    const [fault] = faultsOf([{ name: 'gb-lantern.json', text }]);
    expect(fault).toEqual({ file: 'gb-lantern.json', pointer: '', detail: expect.stringMatching(detail) });
  });

  it('a file that is not named after its partner', () => {
    expect(faultsOf([file(hotline(), 'gb-lanterns.json')])).toEqual([
      { file: 'gb-lanterns.json', pointer: '/id', detail: expect.stringContaining('gb-lantern.json') },
    ]);
  });

  it('never repeats what a private key says', () => {
    const secret = privatePem();
    const [fault] = faultsOf([file(hotline({ keys: [{ jwk: secret }] }))]);
    expect(secret.split('\n').slice(1, -2)).not.toEqual([]);
    for (const line of secret.split('\n').slice(1, -2)) expect(JSON.stringify(fault)).not.toContain(line);
  });
});

describe('what is wrong between files is refused, with file and field', () => {
  const jwk = newJwk();
  const arn = 'arn:aws:kms:eu-west-1:222222222222:key/00000000-0000-4000-8000-000000000001';

  it('a key twice in one file', () => {
    expect(faultsOf([file(hotline({ keys: [{ jwk }, { jwk }] }))])).toEqual([
      { file: 'gb-lantern.json', pointer: '/keys/1/jwk', detail: 'this key appears twice' },
    ]);
  });

  it('the key of another partner', () => {
    expect(
      faultsOf([file(hotline({ keys: [{ jwk }] })), file(agency({ keys: [{ jwk: newJwk() }, { jwk }] }))]),
    ).toEqual([{ file: 'gb-lantern.json', pointer: '/keys/0/jwk', detail: 'this key is already in de-wacht.json' }]);
  });

  it('the KMS key of another partner', () => {
    const files = [
      file(hotline({ intakeKeys: [{ generation: 1, arn }] })),
      file(agency({ kmsKeys: [{ generation: 1, arn }] })),
    ];
    expect(faultsOf(files)).toEqual([
      { file: 'gb-lantern.json', pointer: '/intakeKeys/0/arn', detail: 'this KMS key is already in de-wacht.json' },
    ]);
  });

  it('an id twice', () => {
    expect(faultsOf([file(hotline()), file(agency({ id: 'gb-lantern' }))])).toContainEqual({
      file: 'gb-lantern.json',
      pointer: '/id',
      detail: 'this id appears twice',
    });
  });

  it('a second fallback', () => {
    expect(faultsOf([file(agency({ fallback: true })), file(agency({ id: 'int-house', fallback: true }))])).toEqual([
      { file: 'int-house.json', pointer: '/fallback', detail: 'de-wacht.json is the fallback already' },
    ]);
  });

  it('every fault at once, in a message for a terminal', () => {
    const files = [file(hotline({ name: 1 })), file(agency({ countries: ['XX'] }))];
    expect(() => loadRegistry(files)).toThrow(
      'The registry is not sound:\n' +
        '  de-wacht.json /countries/0: must be an assigned ISO 3166-1 alpha-2 code in upper case\n' +
        '  gb-lantern.json /name: must be of type string',
    );
  });
});

describe('KMS keys over time', () => {
  const before = '2026-01-01T00:00:00.000Z';
  const at = '2026-06-01T00:00:00.000Z';
  const after = '2026-06-01T00:00:00.001Z';
  const keys = [{ generation: 1, retiredAt: at }, { generation: 3 }, { generation: 2 }];

  it('accepts every intake key up to its retirement, the newest generation first', () => {
    expect(generations(acceptedIntakeKeys(lantern(keys), before))).toEqual([3, 2, 1]);
    expect(generations(acceptedIntakeKeys(lantern(keys), at))).toEqual([3, 2]);
    expect(generations(acceptedIntakeKeys(lantern([{ generation: 1, retiredAt: at }]), after))).toEqual([]);
  });

  it('wraps for the newest generation that is not retired', () => {
    expect(wrappingKey(wacht(keys), before).generation).toBe(3);
    expect(wrappingKey(wacht([{ generation: 1 }, { generation: 2, retiredAt: at }]), before).generation).toBe(2);
    expect(wrappingKey(wacht([{ generation: 1 }, { generation: 2, retiredAt: at }]), at).generation).toBe(1);
  });

  it('wraps for the newest generation where all are retired, rather than for nobody', () => {
    const retired = [
      { generation: 1, retiredAt: before },
      { generation: 2, retiredAt: at },
    ];
    expect(wrappingKey(wacht(retired), after).generation).toBe(2);
  });
});
