import {
  CreateAliasCommand,
  CreateKeyCommand,
  type CreateKeyCommandInput,
  DecryptCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyRotationCommand,
  EncryptCommand,
  GetPublicKeyCommand,
  type KMSClient,
  ListAliasesCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
} from '@aws-sdk/client-kms';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Kms, KmsOptions } from '../../../local/kms/kms.ts';
import { AWAY, connect, NOW, outcome, present, startTestKms } from './fixture.ts';

let dataDir: string;
const open: { kms: Kms; client: KMSClient }[] = [];

beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'kms-')), 'keys');
});

afterEach(async () => {
  await Promise.all(open.splice(0).map(stop));
  await rm(join(dataDir, '..'), { recursive: true, force: true });
});

async function start(options: Partial<KmsOptions> = {}) {
  const kms = await startTestKms({ dataDir, ...options });
  const running = { kms, client: connect(kms) };
  open.push(running);
  return running;
}

async function stop({ kms, client }: { kms: Kms; client: KMSClient }): Promise<void> {
  client.destroy();
  await kms.close();
}

const create = async (client: KMSClient, input: CreateKeyCommandInput = {}): Promise<string> =>
  present((await client.send(new CreateKeyCommand(input))).KeyMetadata?.KeyId);

const describeKey = async (client: KMSClient, KeyId: string) =>
  (await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata;

describe('a KMS with a folder', () => {
  it('has its keys, states and aliases again after a restart, and they still work', async () => {
    const first = await start();
    const symmetric = await create(first.client, { Description: 'Invented', Policy: '{"Statement":[]}' });
    const rsa = await create(first.client, { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    const curve = await create(first.client, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    const disabled = await create(first.client);
    const pending = await create(first.client);
    await first.client.send(new EnableKeyRotationCommand({ KeyId: symmetric }));
    await first.client.send(new DisableKeyCommand({ KeyId: disabled }));
    await first.client.send(new ScheduleKeyDeletionCommand({ KeyId: pending }));
    for (const AliasName of ['alias/kept', 'alias/dropped']) {
      await first.client.send(new CreateAliasCommand({ AliasName, TargetKeyId: symmetric }));
    }
    await first.client.send(new DeleteAliasCommand({ AliasName: 'alias/dropped' }));
    const Plaintext = Buffer.from('invented');
    const sealed = await first.client.send(new EncryptCommand({ KeyId: symmetric, Plaintext }));
    const all = [symmetric, rsa, curve, disabled, pending];
    const before = await Promise.all(all.map((id) => describeKey(first.client, id)));
    const publicKey = await first.client.send(new GetPublicKeyCommand({ KeyId: rsa }));
    await stop(first);

    const second = await start();
    expect(await Promise.all(all.map((id) => describeKey(second.client, id)))).toEqual(before);
    const { CiphertextBlob } = sealed;
    const opened = await second.client.send(new DecryptCommand({ CiphertextBlob }));
    expect(Buffer.from(present(opened.Plaintext))).toEqual(Plaintext);
    const { PublicKey } = await second.client.send(new GetPublicKeyCommand({ KeyId: rsa }));
    expect(PublicKey).toEqual(publicKey.PublicKey);
    const signing = { KeyId: curve, Message: Plaintext, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    expect(await outcome(second.client.send(new SignCommand(signing)))).toBe('ok');
    const { Aliases } = await second.client.send(new ListAliasesCommand({}));
    expect(Aliases?.map((alias) => alias.AliasName)).toEqual(['alias/kept']);
  });

  it('keeps accounts apart after a restart', async () => {
    const first = await start();
    const away = connect(first.kms, 'AKIDAWAY');
    const theirs = await create(away);
    away.destroy();
    await stop(first);
    const second = await start();
    expect(await outcome(describeKey(second.client, theirs))).toBe('NotFoundException');
    const arn = `arn:aws:kms:eu-west-2:${AWAY}:key/${theirs}`;
    expect((await describeKey(second.client, arn))?.AWSAccountId).toBe(AWAY);
  });

  it('lets nobody but its user read a key file', async () => {
    const { client } = await start();
    const id = await create(client);
    await client.send(new CreateAliasCommand({ AliasName: 'alias/mode', TargetKeyId: id }));
    await chmod(join(dataDir, `key-${id}.json`), 0o644);
    await client.send(new DisableKeyCommand({ KeyId: id }));
    const names = await readdir(dataDir);
    expect(names.toSorted()).toEqual(['aliases.json', `key-${id}.json`]);
    const modes = await Promise.all(names.map(async (name) => (await stat(join(dataDir, name))).mode & 0o777));
    expect(modes).toEqual([0o600, 0o600]);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  });

  it('removes the file of a key whose deletion date has come', async () => {
    let now = NOW;
    const first = await start({ clock: () => now });
    const id = await create(first.client);
    await first.client.send(new CreateAliasCommand({ AliasName: 'alias/doomed', TargetKeyId: id }));
    await first.client.send(new ScheduleKeyDeletionCommand({ KeyId: id, PendingWindowInDays: 7 }));
    await stop(first);
    now += 7 * 86_400_000;
    const second = await start({ clock: () => now });
    const { Aliases } = await second.client.send(new ListAliasesCommand({}));
    expect(Aliases).toEqual([]);
    expect(await readdir(dataDir)).toEqual(['aliases.json']);
  });

  it('clears away what a killed writer left, and nothing else', async () => {
    const first = await start();
    const id = await create(first.client);
    await stop(first);
    const leftovers = [`key-${id}.json.123456`, 'aliases.json.99'];
    for (const name of [...leftovers, 'notes.txt']) await writeFile(join(dataDir, name), 'half a fi');
    await start();
    expect((await readdir(dataDir)).toSorted()).toEqual([`key-${id}.json`, 'notes.txt']);
  });

  it.each<[string, (text: string) => string, string]>([
    ['cut short', (text) => text.slice(0, -10), 'is damaged'],
    ['of another form', (text) => text.replace('"v":1', '"v":2'), 'is damaged'],
    ['with other material', (text) => text.replace(/"material":"[^"]*"/, '"material":"AAAA"'), 'material'],
    ['of another Region', (text) => text.replace('eu-west-2', 'us-east-1'), 'us-east-1'],
  ])('does not start on a key file %s, and names it', async (_, damage, said) => {
    const first = await start();
    const file = join(dataDir, `key-${await create(first.client)}.json`);
    await stop(first);
    const text = await readFile(file, 'utf8');
    await writeFile(file, damage(text));
    const fault = await start().then(
      () => 'started',
      (thrown: unknown) => String(thrown),
    );
    expect(fault).toContain(file);
    expect(fault).toContain(said);
    const { material } = JSON.parse(text) as { material: string };
    expect(fault).not.toContain(material);
  });

  it('does not start on a key file under the name of another key, nor on an alias without its key', async () => {
    const first = await start();
    const id = await create(first.client);
    await first.client.send(new CreateAliasCommand({ AliasName: 'alias/orphan', TargetKeyId: id }));
    await stop(first);
    const file = join(dataDir, `key-${id}.json`);
    await rename(file, file.replace(id, '00000000-0000-4000-8000-000000000000'));
    await expect(start()).rejects.toThrow('another key than its name says');
    await rm(file.replace(id, '00000000-0000-4000-8000-000000000000'));
    await expect(start()).rejects.toThrow('alias/orphan has no key file');
  });

  it('does nothing when the folder cannot be written', async () => {
    const faults: unknown[] = [];
    const { client } = await start({ onFault: (fault) => faults.push(fault) });
    const id = await create(client);
    await rm(dataDir, { recursive: true });
    expect(await outcome(client.send(new DisableKeyCommand({ KeyId: id })))).toBe('KMSInternalException');
    const alias = new CreateAliasCommand({ AliasName: 'alias/lost', TargetKeyId: id });
    expect(await outcome(client.send(alias))).toBe('KMSInternalException');
    expect((await describeKey(client, id))?.KeyState).toBe('Enabled');
    expect(await outcome(describeKey(client, 'alias/lost'))).toBe('NotFoundException');
    expect(faults).toHaveLength(2);
  });
});

describe('kill -9', () => {
  const children: ChildProcess[] = [];

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function startProcess(): Promise<{ endpoint: string; child: ChildProcess }> {
    const program = join(import.meta.dirname, 'kms-process.ts');
    const child = spawn(process.execPath, [program, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const [endpoint] = (await once(createInterface(present(child.stdout ?? undefined)), 'line')) as [string];
    return { endpoint, child };
  }

  it('loses nothing that was answered, and leaves a folder that opens', async () => {
    const answered = new Map<string, string>();
    for (let round = 0; round < 3; round += 1) {
      const { endpoint, child } = await startProcess();
      const client = connect({ endpoint });
      const write = async (worker: number): Promise<void> => {
        for (let n = 0; ; n += 1) {
          const AliasName = `alias/${round}/${worker}/${n}`;
          const TargetKeyId = await create(client);
          await client.send(new CreateAliasCommand({ AliasName, TargetKeyId }));
          answered.set(AliasName, TargetKeyId);
          if (answered.size === (round + 1) * 12) child.kill('SIGKILL');
        }
      };
      await Promise.allSettled([0, 1, 2, 3].map(write));
      client.destroy();
      expect(child.killed).toBe(true);
    }
    const { client } = await start();
    for (const [alias, id] of answered) expect((await describeKey(client, alias))?.KeyId).toBe(id);
    expect(answered.size).toBeGreaterThanOrEqual(36);
  });
});
