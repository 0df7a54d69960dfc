import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import * as z from 'zod';
import { keyArn } from './key-names.ts';
import { KEY_SPECS, keySpecs } from './key-specs.ts';
import type { Alias, Key } from './key-store.ts';
import { decodeMaterial, encodeMaterial } from './material.ts';

/*
 * Keys in a folder: `key-<id>.json` for each key and `aliases.json`, all 0600 in a folder of 0700. Every file is
 * written beside itself, synced and renamed, so kill -9 leaves the old state or the new one. One process a folder.
 */

export interface KeyFolder {
  saveKey(key: Key): Promise<void>;
  removeKey(key: Key): Promise<void>;
  saveAliases(aliases: readonly Alias[]): Promise<void>;
}

const PRIVATE = { mode: 0o600 };

const Time = z.number().int().nonnegative();

const KeyFile = z.strictObject({
  v: z.literal(1),
  id: z.uuid(),
  region: z.string(),
  account: z.string().regex(/^\d{12}$/),
  createdAt: Time,
  description: z.string(),
  policy: z.string().optional(),
  tags: z.array(z.strictObject({ TagKey: z.string(), TagValue: z.string() })),
  spec: z.enum(keySpecs),
  usage: z.enum(['ENCRYPT_DECRYPT', 'SIGN_VERIFY']),
  status: z.strictObject({
    state: z.enum(['Enabled', 'Disabled', 'PendingDeletion']),
    deletionDate: Time.optional(),
    rotation: z.boolean(),
  }),
  material: z.base64(),
});

const AliasFile = z.strictObject({
  v: z.literal(1),
  aliases: z.array(
    z.strictObject({
      account: z.string(),
      name: z.string(),
      keyId: z.uuid(),
      createdAt: Time,
      updatedAt: Time,
    }),
  ),
});

/**
 * Opens `path`, made if absent, and reads what it holds.
 * @throws {Error} naming the file that cannot be read, is of another Region, or holds an alias without its key
 */
export async function openKeyFolder(
  path: string,
  region: string,
): Promise<[KeyFolder, { keys: Key[]; aliases: Alias[] }]> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const names = await readdir(path);
  await Promise.all(names.filter(isLeftover).map((name) => rm(join(path, name), { force: true })));
  const keys = await Promise.all(names.filter(isKeyFile).map((name) => readKey(path, name, region)));
  const aliases = names.includes('aliases.json') ? await readAliases(path, new Set(keys.map((key) => key.id))) : [];

  const folder: KeyFolder = {
    saveKey: (key) => writeFileAtomic(join(path, fileOf(key.id)), encodeKey(key, region), PRIVATE),
    removeKey: (key) => rm(join(path, fileOf(key.id)), { force: true }),
    saveAliases: (aliases) => writeFileAtomic(join(path, 'aliases.json'), JSON.stringify({ v: 1, aliases }), PRIVATE),
  };
  return [folder, { keys, aliases }];
}

const fileOf = (keyId: string): string => `key-${keyId}.json`;

const isKeyFile = (name: string): boolean => /^key-[0-9a-f-]{36}\.json$/.test(name);

/** What a process that was killed while writing leaves beside a file. */
const isLeftover = (name: string): boolean => /^(?:key-[0-9a-f-]{36}|aliases)\.json\.\d+$/.test(name);

function encodeKey(key: Key, region: string): string {
  const { arn: _, material, ...facts } = key;
  const file: z.input<typeof KeyFile> = {
    v: 1,
    region,
    ...facts,
    tags: [...key.tags],
    material: encodeMaterial(material),
  };
  return JSON.stringify(file);
}

async function readKey(path: string, name: string, region: string): Promise<Key> {
  const { v: _, region: home, material, ...facts } = await read(path, name, KeyFile);
  if (fileOf(facts.id) !== name) throw new Error(`${join(path, name)} holds another key than its name says.`);
  if (home !== region) throw new Error(`${join(path, name)} belongs to ${home}; this KMS was started for ${region}.`);
  const { type } = KEY_SPECS[facts.spec];
  try {
    const arn = keyArn(region, facts.account, facts.id);
    return { ...facts, policy: facts.policy, arn, material: decodeMaterial(facts.spec, material) };
  } catch {
    throw new Error(`${join(path, name)} does not hold the material of its ${type} key.`);
  }
}

async function readAliases(path: string, keys: ReadonlySet<string>): Promise<Alias[]> {
  const { aliases } = await read(path, 'aliases.json', AliasFile);
  const dangling = aliases.find((alias) => !keys.has(alias.keyId));
  if (dangling) throw new Error(`${join(path, 'aliases.json')}: ${dangling.name} has no key file.`);
  return aliases;
}

/** Neither the text nor a parser's message goes into the error: it could quote key material. */
async function read<T extends z.ZodType>(path: string, name: string, schema: T): Promise<z.output<T>> {
  const text = await readFile(join(path, name), 'utf8');
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${join(path, name)} is damaged. Restore it, or remove the folder to start with no keys.`);
  }
}
