import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadProfile } from '../../client/profile.ts';
import { SigningJwk, thumbprint } from '../../core/keys.ts';
import { loadRegistry, type Registry, type RegistryFile } from '../../core/registry.ts';
import { readRegistryDir } from '../../lambda/registry-files.ts';
import { addSigningKeys, writeProfiles, writeRegistry } from '../../local/partners.ts';
import { agencyPrincipal, listCallers } from '../../local/principals.ts';
import type { KeyArns } from '../../local/resources.ts';

const SAMPLE = readRegistryDir(fileURLToPath(new URL('../../registry/sample', import.meta.url)));
const REAL = '11111111-2222-4333-8444-555555555555';
/** As if KMS had made a key in the account that the record names, or in the relay's. */
const keyArns: KeyArns = (_partner, { arn }) =>
  `arn:aws:kms:eu-west-1:${arn?.split(':')[4] ?? '000000000000'}:key/${REAL}`;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'partners-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const partnersOf = ({ hotlines, agencies }: Registry) => [...hotlines.values(), ...agencies.values()];
const kidsOf = (registry: Registry): Record<string, string[]> =>
  Object.fromEntries(partnersOf(registry).map(({ id, keys }) => [id, keys.map(({ jwk }) => thumbprint(jwk))]));
const modeOf = (...path: string[]): string => (statSync(join(dir, ...path)).mode & 0o777).toString(8);

describe('signing keys', () => {
  it('are made for every partner without one, of both kinds, for the owner of the folder alone', async () => {
    const registry = await addSigningKeys(SAMPLE, dir);
    expect(new Set(partnersOf(registry).map(({ keys }) => keys[0]?.jwk.crv))).toEqual(new Set(['Ed25519', 'P-256']));
    expect(Object.values(kidsOf(registry)).every((kids) => kids.length === 1)).toBe(true);
    expect(readFileSync(join(dir, 'gb-lantern', 'signing-key.pem'), 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect([modeOf('gb-lantern'), modeOf('gb-lantern', 'signing-key.pem')]).toEqual(['700', '600']);
  });

  it('are the same ones the next time', async () => {
    const first = kidsOf(await addSigningKeys(SAMPLE, dir));
    expect(kidsOf(await addSigningKeys(SAMPLE, dir))).toEqual(first);
  });

  it('are not made for a partner that brings its own', async () => {
    const jwk = SigningJwk.parse(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }));
    const files = SAMPLE.map((file) => (file.name === 'gb-lantern.json' ? withKey(file, jwk) : file));
    const registry = await addSigningKeys(files, dir);
    expect(registry.hotlines.get('gb-lantern')?.keys).toEqual([{ jwk }]);
    expect(readdirSync(dir)).not.toContain('gb-lantern');
  });

  it('that cannot be read are named, and not replaced', async () => {
    await addSigningKeys(SAMPLE, dir);
    const path = join(dir, 'gb-lantern', 'signing-key.pem');
    writeFileSync(path, 'not a key');
    await expect(addSigningKeys(SAMPLE, dir)).rejects.toThrow(`${path} does not hold a private key`);
    expect(readFileSync(path, 'utf8')).toBe('not a key');
  });
});

const withKey = ({ name, text }: RegistryFile, jwk: SigningJwk): RegistryFile => ({
  name,
  text: JSON.stringify({ ...(JSON.parse(text) as object), keys: [{ jwk }] }),
});

describe('the registry that the functions read', () => {
  it('is what was returned, with the real keys of those who have an account of their own, and nothing else', async () => {
    writeFileSync(join(dir, 'xx-gone.json'), '{}');
    const profiles = join(dir, 'profiles');
    const signing = await addSigningKeys(SAMPLE, profiles);
    rmSync(profiles, { recursive: true });
    const registry = await writeRegistry(signing, keyArns, dir);
    const written = loadRegistry(readRegistryDir(dir));
    expect(partnersOf(written)).toEqual(partnersOf(registry));
    expect(kidsOf(written)).toEqual(kidsOf(signing));
    expect(written.agencies.get('fr-littoral')?.kmsKeys[0]?.arn).toBe(`arn:aws:kms:eu-west-1:333333333333:key/${REAL}`);
    expect(written.hotlines.get('us-beacon')?.intakeKeys[0]?.arn).toContain(`:444444444444:key/${REAL}`);
    expect(written.agencies.get('gb-crossbar')?.kmsKeys).toEqual([{ generation: 1 }]);
  });
});

describe('profiles', () => {
  const cloud = {
    stage: 'test',
    region: 'eu-west-1',
    endpoints: {
      sqs: 'http://127.0.0.1:1',
      sns: 'http://127.0.0.1:1',
      dynamodb: 'http://127.0.0.1:2',
      kms: 'http://127.0.0.1:3',
    },
  };

  async function write(relayUrl = 'http://127.0.0.1:4'): Promise<Registry> {
    const registry = await addSigningKeys(SAMPLE, dir);
    await writeProfiles({ cloud, registry, keyArns, relayUrl, profilesDir: dir, now: Date.now() });
    return registry;
  }

  it('are what the client loads', async () => {
    const registry = await write();
    for (const { id, kind, keys } of partnersOf(registry)) {
      const profile = await loadProfile(join(dir, id));
      expect(profile).toMatchObject({ id, kind, relay: 'http://127.0.0.1:4' });
      expect(profile.signingKey.kid).toBe(keys[0] && thumbprint(keys[0].jwk));
    }
  });

  it('name what an agency polls and decrypts with', async () => {
    await write();
    expect(JSON.parse(readFileSync(join(dir, 'fr-littoral', 'profile.json'), 'utf8'))).toEqual({
      kind: 'agency',
      id: 'fr-littoral',
      relay: 'http://127.0.0.1:4',
      signingKey: 'signing-key.pem',
      countries: ['FR', 'BE', 'LU', 'MC'],
      fallback: false,
      queues: {
        urgent: 'http://127.0.0.1:1/000000000000/referral-relay-test-fr-littoral-urgent',
        routine: 'http://127.0.0.1:1/000000000000/referral-relay-test-fr-littoral-routine',
      },
      kmsKey: `arn:aws:kms:eu-west-1:333333333333:key/${REAL}`,
      region: 'eu-west-1',
      awsConfig: 'aws-config',
    });
    expect(modeOf('fr-littoral', 'aws-config')).toBe('600');
  });

  it('are written anew when the relay has moved', async () => {
    await write();
    await write('http://127.0.0.1:5');
    expect(await loadProfile(join(dir, 'gb-lantern'))).toMatchObject({ relay: 'http://127.0.0.1:5' });
  });

  it('have the credentials of the principal that KMS knows', async () => {
    const registry = await write();
    const callers = listCallers('test', registry);
    for (const agency of registry.agencies.values()) {
      const config = readFileSync(join(dir, agency.id, 'aws-config'), 'utf8');
      const accessKeyId = /^aws_access_key_id = (\w+)$/m.exec(config)?.[1] ?? '';
      const { arn, account } = agencyPrincipal('test', agency);
      expect(callers.get(accessKeyId)).toEqual({ arn, account });
    }
    expect(callers.get(agencyPrincipal('test', must(registry, 'de-kinderwacht')).credentials.accessKeyId)).toEqual({
      arn: 'arn:aws:iam::222222222222:role/kinderwacht-referrals',
      account: '222222222222',
    });
  });
});

function must({ agencies }: Registry, id: string) {
  const agency = agencies.get(id);
  if (!agency) throw new Error(`no ${id}`);
  return agency;
}
