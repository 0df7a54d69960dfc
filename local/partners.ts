import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { SigningJwk } from '../core/keys.ts';
import { agencyQueue } from '../core/names.ts';
import {
  type Agency,
  loadRegistry,
  type Partner,
  type Registry,
  type RegistryFile,
  wrappingKey,
} from '../core/registry.ts';
import { parse } from '../core/schema.ts';
import { toTimestamp } from '../core/time.ts';
import { agencyPrincipal } from './principals.ts';
import { type Cloud, type KeyArns, queueUrl } from './resources.ts';

/*
 * The partners of a relay on this machine: their signing keys, the registry that lists them, and a profile each, as a
 * partner would have it after registration.
 */

const KEY_FILE = 'signing-key.pem';
/** For the owner alone: the folders hold private keys. */
const FOLDER = { recursive: true, mode: 0o700 } as const;
const SECRET = { mode: 0o600 };

/**
 * The registry with a signing key for every partner that the files list without one. A partner's private key lies in
 * its profile folder and is made only where there is none; half of the partners sign with Ed25519, half with P-256.
 * @throws {RegistryError} if the files are not sound
 */
export async function addSigningKeys(files: readonly RegistryFile[], profilesDir: string): Promise<Registry> {
  const partners = listPartners(loadRegistry(files));
  const withKeys = partners.map(async (partner, index): Promise<Partner> => {
    if (partner.keys.length > 0) return partner;
    const jwk = await ensureSigningKey(join(profilesDir, partner.id), index % 2 === 0 ? 'Ed25519' : 'P-256');
    return { ...partner, keys: [{ jwk }] };
  });
  return loadRegistry((await Promise.all(withKeys)).map(toFile));
}

/**
 * The registry with the real ARNs of the keys that partners have in accounts of their own, written to `dir`, where
 * nothing else stays.
 */
export async function writeRegistry(registry: Registry, keyArns: KeyArns, dir: string): Promise<Registry> {
  const files = listPartners(registry)
    .map((partner): Partner => {
      const named = (records: Agency['kmsKeys']): Agency['kmsKeys'] =>
        records.map((record) => (record.arn === undefined ? record : { ...record, arn: keyArns(partner.id, record) }));
      return partner.kind === 'hotline'
        ? { ...partner, intakeKeys: named(partner.intakeKeys) }
        : { ...partner, kmsKeys: named(partner.kmsKeys) };
    })
    .map(toFile);
  await mkdir(dir, FOLDER);
  await Promise.all(files.map(({ name, text }) => writeFileAtomic(join(dir, name), text, SECRET)));
  const known = new Set(files.map(({ name }) => name));
  const stale = (await readdir(dir)).filter((name) => !known.has(name));
  await Promise.all(stale.map((name) => rm(join(dir, name), { recursive: true })));
  return loadRegistry(files);
}

const listPartners = ({ hotlines, agencies }: Registry): Partner[] =>
  [...hotlines.values(), ...agencies.values()].sort((a, b) => (a.id < b.id ? -1 : 1));

const toFile = (partner: Partner): RegistryFile => ({
  name: `${partner.id}.json`,
  text: `${JSON.stringify(partner, null, 2)}\n`,
});

async function ensureSigningKey(dir: string, curve: SigningJwk['crv']): Promise<SigningJwk> {
  const path = join(dir, KEY_FILE);
  const existing = await readKey(path);
  if (existing) return publicJwk(existing);
  const { privateKey } =
    curve === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: curve });
  await mkdir(dir, FOLDER);
  await writeFileAtomic(path, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), SECRET);
  return publicJwk(privateKey);
}

async function readKey(path: string): Promise<KeyObject | undefined> {
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Error(`${path} does not hold a private key: remove it, and a new one is made.`, { cause });
  }
}

const publicJwk = (key: KeyObject): SigningJwk =>
  parse(SigningJwk, createPublicKey(key).export({ format: 'jwk' }), 'malformed');

export interface ProfileOptions {
  cloud: Cloud;
  registry: Registry;
  keyArns: KeyArns;
  /** Where the relay's API listens, without a path. */
  relayUrl: string;
  profilesDir: string;
  /** Milliseconds since 1970. */
  now: number;
}

/** Writes `<profilesDir>/<partner>/profile.json`, and for an agency the AWS configuration of its principal beside it. */
export async function writeProfiles(options: ProfileOptions): Promise<void> {
  const { registry, profilesDir } = options;
  for (const partner of listPartners(registry)) {
    const dir = join(profilesDir, partner.id);
    await mkdir(dir, FOLDER);
    if (partner.kind === 'agency') {
      await writeFileAtomic(join(dir, 'aws-config'), awsConfig(partner, options.cloud), SECRET);
    }
    await writeFileAtomic(
      join(dir, 'profile.json'),
      `${JSON.stringify(toProfile(partner, options), null, 2)}\n`,
      SECRET,
    );
  }
}

function toProfile(partner: Partner, { cloud, keyArns, relayUrl, now }: ProfileOptions): object {
  const shared = { kind: partner.kind, id: partner.id, relay: relayUrl, signingKey: KEY_FILE };
  if (partner.kind === 'hotline') return shared;
  const { stage, region, endpoints } = cloud;
  return {
    ...shared,
    countries: partner.countries,
    fallback: partner.fallback,
    queues: {
      urgent: queueUrl(endpoints.sqs, agencyQueue(stage, partner.id, 'urgent')),
      routine: queueUrl(endpoints.sqs, agencyQueue(stage, partner.id, 'routine')),
    },
    kmsKey: keyArns(partner.id, wrappingKey(partner, toTimestamp(now))),
    region,
    awsConfig: 'aws-config',
  };
}

/** A shared config file (AWS SDKs and Tools Reference, "Service-specific endpoints"); good for the emulators only. */
function awsConfig(agency: Agency, { stage, region, endpoints }: Cloud): string {
  const { credentials } = agencyPrincipal(stage, agency);
  return [
    '[default]',
    `region = ${region}`,
    `aws_access_key_id = ${credentials.accessKeyId}`,
    `aws_secret_access_key = ${credentials.secretAccessKey}`,
    'services = local',
    '',
    '[services local]',
    'sqs =',
    `  endpoint_url = ${endpoints.sqs}`,
    'kms =',
    `  endpoint_url = ${endpoints.kms}`,
    '',
  ].join('\n');
}
