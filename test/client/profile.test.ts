import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createAgency } from '../../client/agency.ts';
import { createHotline } from '../../client/hotline.ts';
import { loadAgencyProfile, loadHotlineProfile, loadProfile } from '../../client/profile.ts';
import { toSigner } from '../support/envelope.ts';

const root = mkdtempSync(path.join(tmpdir(), 'profile-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

const ed25519 = generateKeyPairSync('ed25519');
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: KeyObject) =>
  key.export({ format: 'pem', type: key.type === 'private' ? 'pkcs8' : 'spki' }).toString();

const hotline = { kind: 'hotline', id: 'gb-iwf', relay: 'https://relay.example', signingKey: 'signing-key.pem' };
const agency = {
  ...hotline,
  kind: 'agency',
  id: 'de-police',
  countries: ['DE'],
  queues: { urgent: 'https://sqs.example/1/urgent', routine: 'https://sqs.example/1/routine' },
  kmsKey: 'arn:aws:kms:eu-west-1:111122223333:key/0a1b',
  region: 'eu-west-1',
};

interface Given {
  profile?: object | string;
  key?: string;
  mode?: number;
}

function folderWith({ profile = hotline, key = pem(ed25519.privateKey), mode = 0o600 }: Given = {}): string {
  const folder = path.join(root, String((count += 1)));
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'profile.json'), typeof profile === 'string' ? profile : JSON.stringify(profile));
  writeFileSync(path.join(folder, 'signing-key.pem'), key);
  chmodSync(path.join(folder, 'signing-key.pem'), mode);
  return folder;
}

describe('a profile', () => {
  it.each([ed25519, p256])('of a hotline is all that createHotline needs', async ({ privateKey }) => {
    const profile = await loadHotlineProfile(folderWith({ key: pem(privateKey) }));
    expect(profile).toMatchObject({ kind: 'hotline', id: 'gb-iwf', signingKey: { kid: toSigner(privateKey).kid } });
    expect(await createHotline(profile).unfinished()).toEqual([]);
  });

  it('of an agency is all that createAgency needs, with paths made absolute', async () => {
    const folder = folderWith({ profile: { ...agency, awsConfig: 'aws-config' } });
    const profile = await loadAgencyProfile(folder);
    expect(profile).toMatchObject({ ...agency, signingKey: { kid: expect.any(String) }, fallback: false });
    expect(profile.awsConfig).toBe(path.join(folder, 'aws-config'));
    expect(() => createAgency(profile)).not.toThrow();
  });

  it('is not taken for one of the other kind', async () => {
    await expect(loadAgencyProfile(folderWith())).rejects.toThrow('is the profile of a hotline, gb-iwf');
    await expect(loadHotlineProfile(folderWith({ profile: agency }))).rejects.toThrow('is the profile of an agency');
  });

  it.each<[string, Given, string]>([
    ['no JSON', { profile: '{' }, 'it is not strict JSON'],
    ['a byte order mark', { profile: '\uFEFF{}' }, 'save it as UTF-8 without'],
    ['a member twice', { profile: '{"kind":"hotline","kind":"agency"}' }, 'it is not strict JSON'],
    ['no kind', { profile: { ...hotline, kind: undefined } }, '/kind'],
    ['an id that is none', { profile: { ...hotline, id: 'GB' } }, '/id must be a partner id'],
    ['a relay that is no URL', { profile: { ...hotline, relay: 'relay' } }, '/relay must be a URL'],
    ['an unknown member', { profile: { ...hotline, password: 'x' } }, '/password is not a member known here'],
    ['a hotline with queues', { profile: { ...hotline, queues: agency.queues } }, '/queues is not a member'],
    ['a queue missing', { profile: { ...agency, queues: { urgent: agency.queues.urgent } } }, '/queues/routine'],
    [
      'queues in two places',
      { profile: { ...agency, queues: { ...agency.queues, routine: 'https://elsewhere.example/1' } } },
      '/queues must be queues of one account',
    ],
    ['a KMS key that is no ARN', { profile: { ...agency, kmsKey: '0a1b' } }, '/kmsKey must be the ARN'],
    ['a Region that is none', { profile: { ...agency, region: 'Ireland' } }, '/region must be a Region'],
    ['a country that is none', { profile: { ...agency, countries: ['XX'] } }, '/countries/0'],
    ['another file as key', { profile: { ...hotline, signingKey: 'missing.pem' } }, 'missing.pem does not exist'],
    ['a public key', { key: pem(ed25519.publicKey) }, 'holds no private key'],
    ['a damaged key', { key: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' }, 'is damaged'],
    [
      'an RSA key',
      { key: pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey) },
      'is not an Ed25519 or P-256 key',
    ],
    [
      'a key on another curve',
      { key: pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey) },
      'is not an Ed25519 or P-256 key',
    ],
    [
      'an encrypted key',
      {
        key: ed25519.privateKey
          .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' })
          .toString(),
      },
      'is encrypted with a passphrase',
    ],
  ])('is refused with %s', async (_, given, text) => {
    const folder = folderWith(given);
    const refusal = loadProfile(folder);
    await expect(refusal).rejects.toMatchObject({ name: 'ClientError', code: 'profile' });
    await expect(refusal).rejects.toThrow(text);
    await expect(refusal).rejects.toThrow(folder);
  });

  it.each([0o644, 0o640, 0o660, 0o604, 0o601])(
    'is refused when others have access to its key (mode %o)',
    async (mode) => {
      const refusal = loadProfile(folderWith({ mode }));
      await expect(refusal).rejects.toMatchObject({ code: 'profile' });
      await expect(refusal).rejects.toThrow('chmod 600');
    },
  );

  it('that is missing is a clear error', async () => {
    await expect(loadProfile(path.join(root, 'none'))).rejects.toThrow('name the folder of a profile');
    await expect(loadProfile(path.join(folderWith(), 'profile.json'))).rejects.toThrow('name the folder of a profile');
  });
});
