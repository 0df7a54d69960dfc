import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GetQueueAttributesCommand, type QueueAttributeName } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Agency, createAgency } from '../../client/agency.ts';
import { createHotline, type Hotline } from '../../client/hotline.ts';
import { loadAgencyProfile, loadHotlineProfile } from '../../client/profile.ts';
import { agencyQueue, dispatchQueue, outcomesQueue } from '../../core/names.ts';
import type { Routing } from '../../core/schema.ts';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { forgetRelay } from '../../local/forget.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { temporaryFolder } from '../support/command.ts';
import { sampleDraft } from '../support/referrals.ts';

const draft = (routing: Routing) => ({ ...sampleDraft('four-accounts'), routing, onward: 'allowed' as const });

async function openHotline({ profilesDir }: Pick<LocalRelay, 'profilesDir'>, id: string): Promise<Hotline> {
  const hotline = createHotline(await loadHotlineProfile(join(profilesDir, id)));
  await hotline.trustKeys(await hotline.reviewKeys());
  return hotline;
}

async function openAgency({ profilesDir, agencyClients }: LocalRelay, id: string): Promise<Agency> {
  const profile = await loadAgencyProfile(join(profilesDir, id));
  const agency = createAgency({ ...profile, awsConfig: undefined, ...agencyClients(id) });
  await agency.trustKeys(await agency.reviewKeys());
  return agency;
}

/** Ids of the referrals that an agency opens, one after another, until it has opened `count`. */
async function openReferrals(agency: Agency, count: number): Promise<string[]> {
  const opened: string[] = [];
  await expect
    .poll(
      async () => {
        for (const delivery of await agency.poll({ wait: 1 })) {
          const report = await agency.handle(delivery, { referral: ({ id }) => void opened.push(id) });
          expect(report).toMatchObject({ result: 'handled' });
        }
        return opened.length;
      },
      { timeout: 20_000 },
    )
    .toBe(count);
  return opened;
}

describe('a relay in memory', () => {
  let relay: LocalRelay;
  const lines: string[] = [];
  const steps: string[] = [];
  beforeAll(async () => {
    relay = await startRelay({
      sweepEverySeconds: 0,
      log: (source, line) => lines.push(`${source} ${line}`),
      announce: (line) => steps.push(line),
    });
  });
  afterAll(() => relay.close());

  it('carries a referral across accounts: intake key, agency key and principal in three others', async () => {
    const hotline = await openHotline(relay, 'us-beacon');
    const { id } = await hotline.submit(draft({ suspect: ['DE'], victim: ['FR'] }));
    for (const agency of ['de-kinderwacht', 'fr-littoral']) {
      expect(await openReferrals(await openAgency(relay, agency), 1)).toEqual([id]);
    }
    const { routes } = await hotline.status(id);
    expect(routes.map(({ agency, status }) => [agency, status])).toEqual([
      ['de-kinderwacht', 'opened'],
      ['fr-littoral', 'opened'],
    ]);
    const decrypted = relay.kms.log.filter(({ operation, outcome }) => operation === 'Decrypt' && outcome === 'ok');
    expect(decrypted.map(({ principal }) => principal)).toEqual([
      'arn:aws:iam::222222222222:role/kinderwacht-referrals',
      'arn:aws:iam::333333333333:role/littoral-referrals',
    ]);
  });

  it('sweeps on demand, and logs what the functions say and no more', async () => {
    await relay.sweepNow();
    expect(lines.some((line) => line.startsWith('sweep {') && line.includes('"swept"'))).toBe(true);
    expect(lines).toContainEqual(expect.stringMatching(/^gateway POST \/v1\/referrals 202 \d+ ms$/));
    expect(lines.filter((line) => /eyJ|Bearer|PRIVATE/.test(line))).toEqual([]);
  });

  it.each<[string, (stage: string) => string, Partial<Record<QueueAttributeName, string>>]>([
    ['dispatch', (stage) => dispatchQueue(stage, 'urgent'), { VisibilityTimeout: '360' }],
    ['dispatch dead', (stage) => dispatchQueue(stage, 'dead-routine'), { MessageRetentionPeriod: '1209600' }],
    ['agency', (stage) => agencyQueue(stage, 'gb-crossbar', 'urgent'), { VisibilityTimeout: '300' }],
    ['agency dead', (stage) => agencyQueue(stage, 'gb-crossbar-north', 'dead'), { MessageRetentionPeriod: '1209600' }],
    ['outcomes', (stage) => outcomesQueue(stage, 'gb-lantern'), { VisibilityTimeout: '120' }],
  ])('has a queue: %s', async (_, name, attributes) => {
    const QueueUrl = relay.queueUrl(name(relay.stage));
    const { Attributes } = await relay.clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    );
    expect(Attributes).toMatchObject({ ...attributes, MaximumMessageSize: '1048576' });
  });

  it.each([
    ['dispatch-urgent', 'dispatch-dead-urgent', 5],
    ['gb-crossbar-routine', 'gb-crossbar-dead', 10],
  ])('moves what fails in %s to %s after %i receives', async (name, dead, maxReceiveCount) => {
    const { Attributes } = await relay.clients.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: relay.queueUrl(`referral-relay-local-${name}`),
        AttributeNames: ['RedrivePolicy'],
      }),
    );
    expect(JSON.parse(Attributes?.RedrivePolicy ?? '')).toEqual({
      deadLetterTargetArn: `arn:aws:sqs:eu-west-1:000000000000:referral-relay-local-${dead}`,
      maxReceiveCount,
    });
  });

  it('says what it is doing while it starts', () => {
    expect(steps.length).toBeGreaterThan(1);
  });

  it('refuses a stage that names could not hold', async () => {
    await expect(startRelay({ stage: 'Production' })).rejects.toThrow('The stage must be');
  });
});

describe('a folder that holds something else', () => {
  const folder = temporaryFolder();

  it.each([[['thesis.txt']], [['profiles/gb-example/signing-key.pem']], [['emulators/sqs/fauxqs.db', 'thesis.txt']]])(
    'is not emptied: %s',
    async (files) => {
      for (const file of files) {
        mkdirSync(dirname(folder.path(file)), { recursive: true });
        writeFileSync(folder.path(file), '');
      }
      await expect(forgetRelay(folder.path())).rejects.toThrow('nothing was removed');
      for (const file of files) expect(existsSync(folder.path(file))).toBe(true);
    },
  );
});

describe('a relay on a folder', () => {
  const script = fileURLToPath(new URL('../support/relay-process.ts', import.meta.url));
  let dataDir: string;
  beforeAll(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'relay-kill-'));
  });
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  it('refuses a port that is in use, and leaves nothing behind', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = (server.address() as AddressInfo).port;
    await expect(startRelay({ port, dataDir })).rejects.toThrow(
      `Port ${port} on 127.0.0.1 is in use, perhaps by another relay: stop that program, or choose another with --port.`,
    );
    server.close();
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('has everything again after kill -9: keys, referrals, messages', async () => {
    const child = spawn(process.execPath, [script, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    await expect(startRelay({ dataDir })).rejects.toThrow(/another relay is running on this data folder/);
    await expect(forgetRelay(dataDir)).rejects.toThrow(/another relay is running on this data folder/);

    const profilesDir = join(dataDir, 'profiles');
    const before = await openHotline({ profilesDir }, 'gb-lantern');
    const accepted = await before.submit(draft({ suspect: ['GB'], victim: [] }));
    const statuses = async () => (await before.status(accepted.id)).routes.map(({ status }) => status);
    await expect.poll(statuses, { timeout: 20_000 }).toEqual(['delivered', 'delivered']);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const key = readFileSync(join(profilesDir, 'gb-lantern', 'signing-key.pem'), 'utf8');

    const relay = await startRelay({ dataDir, sweepEverySeconds: 0 });
    expect(relay.url).not.toBe(String(line).trim());
    // What is left of a partner that was in the registry once.
    mkdirSync(join(profilesDir, 'gb-gone'));
    await confirmKeys(profilesDir);
    expect(readFileSync(join(profilesDir, 'gb-lantern', 'signing-key.pem'), 'utf8')).toBe(key);
    const hotline = await openHotline(relay, 'gb-lantern');
    expect(await hotline.submit(accepted.id, { resend: true })).toEqual(accepted);
    for (const id of ['gb-crossbar', 'gb-crossbar-north']) {
      expect(await openReferrals(await openAgency(relay, id), 1)).toEqual([accepted.id]);
    }
    expect(existsSync(join(dataDir, 'relay.log'))).toBe(true);
    await relay.close();

    await forgetRelay(dataDir);
    expect(readdirSync(dataDir)).toEqual([]);
  }, 60_000);
});
