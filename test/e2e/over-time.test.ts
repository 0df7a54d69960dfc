import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { DescribeKeyCommand, DisableKeyCommand, EnableKeyCommand } from '@aws-sdk/client-kms';
import { SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Hotline, loadAgencyProfile, RelayProblem } from '../../client/index.ts';
import { createTransport } from '../../client/transport.ts';
import type { SigningJwk } from '../../core/keys.ts';
import { intakeAlias, ledgerTable, pageTopic } from '../../core/names.ts';
import { administratorOf, RELAY_ACCOUNT } from '../../local/principals.ts';
import { DAY, MINUTE, toTimestamp } from '../../core/time.ts';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { type AgencyAtWork, callAgency, callHotline } from '../../local/demo/cast.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { topicArnBase } from '../../local/resources.ts';
import { draft, makeRegistry, ops, removeFolder, until, writePartner } from '../ops/operator.ts';
import { collect } from '../support/waiting.ts';

/** Of a test that deploys twice, on a machine that has much else to do. */
const LONG = 120_000;

/* Keys and partners change while referrals are on their way. Each change of the registry is a deployment: the relay starts anew on what it holds. */

const HOTLINE = 'gb-lantern';
const GERMAN = 'de-kinderwacht';
const BRITISH = 'gb-crossbar';
const NORTH = 'gb-crossbar-north';
const CLEARING = 'int-clearing';

let relay: LocalRelay;
let folder: string;
let registryDir: string;
const log: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'referral-relay-over-time-'));
  registryDir = await makeRegistry({
    [HOTLINE]: {},
    [GERMAN]: { contact: { email: 'systems@example.org', page: 'https://pages.example.org/de' } },
    [BRITISH]: {},
    [CLEARING]: {},
  });
  await deploy({});
  await confirmKeys(relay.profilesDir);
});
afterAll(async () => {
  await relay?.close();
  await removeFolder(folder);
  await removeFolder(registryDir);
});

/** Stops the relay, changes these partners' files, and starts it on what it held. */
async function deploy(changes: Readonly<Record<string, object>>): Promise<void> {
  await relay?.close();
  for (const [id, change] of Object.entries(changes)) await writePartner(registryDir, id, change);
  relay = await startRelay({
    dataDir: folder,
    registryDir,
    sweepEverySeconds: 0,
    log: (_, line) => void log.push(line),
  });
  await relay.sweepNow();
}

const hotlineOf = (): Promise<Hotline> => callHotline(relay, HOTLINE);

const referralTo = (country: string, sample = 'routine'): object =>
  draft(sample, { routing: { suspect: [country], victim: [] } });

async function open(agency: AgencyAtWork, id: string): Promise<void> {
  while (!agency.opened.has(id)) {
    const left = (await agency.work()).find(({ result }) => result === 'left');
    if (left && 'error' in left) throw left.error;
  }
}

const refusalOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no refusal',
    (error: unknown) => (error instanceof RelayProblem ? error.code : error instanceof Error ? error.name : error),
  );

const statusOf = async (hotline: Hotline, id: string, agency: string): Promise<string | undefined> =>
  (await hotline.status(id)).routes.find((route) => route.agency === agency)?.status;

const untilStatus = (hotline: Hotline, id: string, agency: string, status: string): Promise<void> =>
  until(`${id} is ${status}`, async () => (await statusOf(hotline, id, agency)) === status);

/** A new signing key in a partner's profile, and both public halves for its registry file. */
async function renewSigningKey(partner: string): Promise<{ before: SigningJwk; after: SigningJwk }> {
  const file = JSON.parse(await readFile(join(relay.dataDir, 'registry', `${partner}.json`), 'utf8')) as {
    keys: { jwk: SigningJwk }[];
  };
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const path = join(relay.profilesDir, partner, 'signing-key.pem');
  await writeFile(path, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  const before = file.keys.at(-1)?.jwk;
  if (!before) throw new Error(`${partner} has no key`);
  return { before, after: publicKey.export({ format: 'jwk' }) as SigningJwk };
}

const now = (): string => toTimestamp(Date.now());

const keyOf = (id: string, sk: string) => ({
  TableName: ledgerTable(relay.stage),
  Key: marshall({ pk: `${HOTLINE}#${id}`, sk }),
});

async function rowOf(id: string, sk: string): Promise<Record<string, unknown>> {
  const { Item = {} } = await relay.clients.dynamodb.send(
    new GetItemCommand({ ...keyOf(id, sk), ConsistentRead: true }),
  );
  return unmarshall(Item)['row'] as Record<string, unknown>;
}

/** Changes a row behind the relay's back. */
async function rewrite(id: string, sk: string, expression: string, values: Record<string, unknown>): Promise<void> {
  await relay.clients.dynamodb.send(
    new UpdateItemCommand({
      ...keyOf(id, sk),
      UpdateExpression: expression,
      ExpressionAttributeNames: { '#row': 'row' },
      ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: marshall(values) }),
    }),
  );
}

describe('an intake key', { timeout: LONG }, () => {
  it('is replaced without a gap: the old one is taken until it retires, and used until all under it is opened', async () => {
    await ops(relay, 'suspend', GERMAN);
    let hotline = await hotlineOf();
    const inFlight = await hotline.submit(referralTo('DE'));
    const late = await hotline.seal(referralTo('DE'));
    const tooLateDraft = referralTo('DE');
    const tooLate = await hotline.seal(tooLateDraft);

    await deploy({ [HOTLINE]: { intakeKeys: [{ generation: 1 }, { generation: 2 }] } });
    hotline = await hotlineOf();
    expect(await refusalOf(hotline.submit(referralTo('DE')))).toBe('UntrustedKeyError');
    await hotline.trustKeys(await hotline.reviewKeys());
    const underNew = await hotline.submit(referralTo('DE'));
    expect((await hotline.submit(late.id)).id).toBe(late.id);
    expect((await rowOf(underNew.id, 'referral'))['generation']).toBe(2);
    expect((await rowOf(late.id, 'referral'))['generation']).toBe(1);

    await deploy({ [HOTLINE]: { intakeKeys: [{ generation: 1, retiredAt: now() }, { generation: 2 }] } });
    hotline = await hotlineOf();
    expect(await refusalOf(hotline.submit(tooLate.id))).toBe('wrong-intake-key');
    const anew = await hotline.submit(tooLateDraft);
    expect(anew.id).not.toBe(tooLate.id);

    const check = await ops(relay, 'keys', `${HOTLINE}/1`, '--json');
    expect([check.exit, check.result['intakeKeys']]).toEqual([
      3,
      [{ hotline: HOTLINE, generation: 1, state: 'retired', needed: 2 }],
    ]);
    // Somebody disables it all the same: nothing is lost, and it alarms until the key is back.
    const alias = { KeyId: intakeAlias(relay.stage, HOTLINE, 1) };
    const { KeyMetadata } = await relay.clients.kms.send(new DescribeKeyCommand(alias));
    const key = { KeyId: KeyMetadata?.KeyId };
    await relay.clients.kms.send(new DisableKeyCommand(key));
    await ops(relay, 'resume', GERMAN);
    const failures = () =>
      log.filter((line) => line.includes(inFlight.id) && line.includes('"cause":"DisabledException"')).length;
    await relay.sweepNow();
    await until('the delivery was refused', async () => failures() > 0);
    expect(await statusOf(hotline, inFlight.id, GERMAN)).toBe('pending');
    await relay.clients.kms.send(new EnableKeyCommand(key));
    for (const { id } of [inFlight, late]) await ops(relay, 'redeliver', `${HOTLINE}/${id}`, GERMAN);
    await relay.sweepNow();

    const agency = await callAgency(relay, GERMAN);
    for (const { id } of [inFlight, late, underNew, anew]) await open(agency, id);

    // Forty days later, the content is removed, and the key with it may go.
    const past = toTimestamp(Date.now() - 40 * DAY);
    for (const { id } of [inFlight, late]) {
      expect((await ops(relay, 'keys', `${HOTLINE}/1`)).exit).toBe(3);
      await rewrite(id, `route#${GERMAN}`, 'SET #row.finalAt = :past', { ':past': past });
      await rewrite(id, 'retention', 'SET #row.v = :v, dueAt = :past', { ':v': 1, ':past': past });
      await relay.sweepNow();
      expect(await rowOf(id, 'referral')).toHaveProperty('contentRemovedAt');
    }
    expect(await ops(relay, 'keys', `${HOTLINE}/1`)).toMatchObject({ exit: 0 });
  });
});

describe('a signing key', { timeout: LONG }, () => {
  it('that has retired still proves what was stated before, and nothing after', async () => {
    const hotline = await hotlineOf();
    await collect(hotline);
    const before = await hotline.submit(referralTo('DE'));
    await open(await callAgency(relay, GERMAN), before.id);
    const { signingKey: old } = await loadAgencyProfile(join(relay.profilesDir, GERMAN));
    const keys = await renewSigningKey(GERMAN);
    await deploy({ [GERMAN]: { keys: [{ jwk: keys.before, retiredAt: now() }, { jwk: keys.after }] } });

    const profile = await loadAgencyProfile(join(relay.profilesDir, GERMAN));
    const ask = (signingKey: typeof old) =>
      refusalOf(
        createTransport({ ...profile, partner: GERMAN, signingKey }).call({ method: 'GET', path: '/v1/directory' }),
      );
    expect(await ask(old)).toBe('unauthorized');
    expect(await ask(profile.signingKey)).toBe('no refusal');

    const later = await hotlineOf();
    const after = await later.submit(referralTo('DE'));
    await open(await callAgency(relay, GERMAN), after.id);
    const checks = async () =>
      Object.fromEntries(
        (await collect(later)).map((outcome) => [outcome.referral, outcome.kind === 'outcome' ? outcome.check : '']),
      );
    expect(await checks()).toEqual({ [before.id]: 'verified', [after.id]: 'untrusted' });
    await later.trustKeys(await later.reviewKeys());
    const { statements = [] } = (await later.status(after.id)).routes[0] ?? {};
    expect(statements.map(({ check }) => check)).toEqual(['verified']);
  });

  it('that was stolen proves nothing that the relay took in since, and everything it took in before', async () => {
    const hotline = await hotlineOf();
    await ops(relay, 'suspend', GERMAN);
    const honest = await hotline.submit(referralTo('DE'));
    const stolenAt = now();
    const forged = await hotline.submit(referralTo('DE'));
    const keys = await renewSigningKey(HOTLINE);
    await deploy({ [HOTLINE]: { keys: [{ jwk: keys.before, compromisedAt: stolenAt }, { jwk: keys.after }] } });
    await ops(relay, 'resume', GERMAN);
    await relay.sweepNow();

    const agency = await callAgency(relay, GERMAN);
    await agency.client.trustKeys(await agency.client.reviewKeys());
    const results = new Map<string, string>();
    while (!results.has(honest.id) || !results.has(forged.id)) {
      for (const report of await agency.work()) {
        results.set(report.id ?? '', report.result === 'unreadable' ? report.reason : report.result);
      }
    }
    expect(Object.fromEntries(results)).toMatchObject({ [honest.id]: 'handled', [forged.id]: 'signature' });
    expect(await statusOf(await hotlineOf(), forged.id, GERMAN)).toBe('unreadable');
  });
});

describe('a suspended hotline', () => {
  it('submits nothing more from that moment on, and loses nothing that was accepted', async () => {
    const hotline = await hotlineOf();
    const { id } = await hotline.submit(referralTo('DE'));
    await ops(relay, 'suspend', HOTLINE);
    expect(await refusalOf(hotline.submit(referralTo('DE')))).toBe('unauthorized');
    expect(await refusalOf(hotline.status(id))).toBe('unauthorized');
    await open(await callAgency(relay, GERMAN), id);
    await ops(relay, 'resume', HOTLINE);
    expect(await statusOf(hotline, id, GERMAN)).toBe('opened');
    expect((await collect(hotline)).map(({ referral }) => referral)).toContain(id);
  });
});

describe('a new agency', { timeout: LONG }, () => {
  it('gets what is submitted from then on, and nothing changes for what was accepted before', async () => {
    await confirmKeys(relay.profilesDir);
    await ops(relay, 'suspend', BRITISH);
    const accepted = await (await hotlineOf()).submit(referralTo('GB'));
    expect(accepted.routes.map(({ agency }) => agency)).toEqual([BRITISH]);
    await deploy({ [NORTH]: {} });
    const [hotline, north] = [await hotlineOf(), await callAgency(relay, NORTH)];
    for (const client of [hotline, north.client]) await client.trustKeys(await client.reviewKeys());
    expect(await hotline.submit(accepted.id, { resend: true })).toEqual(accepted);
    const later = await hotline.submit(referralTo('GB'));
    expect(later.routes.map(({ agency }) => agency)).toEqual([BRITISH, NORTH]);
    await open(north, later.id);

    await ops(relay, 'resume', BRITISH);
    await relay.sweepNow();
    const agency = await callAgency(relay, BRITISH);
    await open(agency, accepted.id);
    await open(agency, later.id);
    expect((await hotline.status(accepted.id)).routes.map((route) => route.agency)).toEqual([BRITISH]);
  });
});

describe('an agency that leaves', { timeout: LONG }, () => {
  it('is let go when nothing is open, and what it has stated still counts', async () => {
    const before = await hotlineOf();
    await collect(before);
    const opened = await before.submit(referralTo('IE'));
    await open(await callAgency(relay, BRITISH), opened.id);
    const unopened = await before.submit(referralTo('IE', 'onward-refused'));
    await untilStatus(before, unopened.id, BRITISH, 'delivered');
    expect((await ops(relay, 'offboard', BRITISH)).text).toContain('registered for GB, IE');

    await deploy({ [BRITISH]: { countries: [] } });
    const hotline = await hotlineOf();
    expect((await hotline.submit(referralTo('IE'))).routes.map(({ agency }) => agency)).toEqual([CLEARING]);
    expect(await ops(relay, 'offboard', BRITISH)).toMatchObject({ exit: 3 });
    expect(await ops(relay, 'offboard', BRITISH, '--hand-over')).toMatchObject({ exit: 0 });
    await relay.sweepNow();
    await open(await callAgency(relay, CLEARING), unopened.id);
    expect(await statusOf(hotline, unopened.id, BRITISH)).toBe('undeliverable');

    const profile = await loadAgencyProfile(join(relay.profilesDir, BRITISH));
    const transport = createTransport({ ...profile, partner: BRITISH });
    expect(await refusalOf(transport.call({ method: 'GET', path: '/v1/directory' }))).toBe('unauthorized');
    await relay.sweepNow();
    const outcomes = await collect(hotline);
    expect(outcomes).toContainEqual(
      expect.objectContaining({ kind: 'event', referral: unopened.id, event: 'handed-over', agency: BRITISH }),
    );
    const stated = outcomes.filter(({ referral }) => referral === opened.id);
    expect(stated).toMatchObject([{ kind: 'outcome', check: 'verified', payload: { agency: BRITISH } }]);
  });
});

describe('rows of older and newer code', () => {
  it('are worked on side by side, and keep what this version does not know', async () => {
    const hotline = await hotlineOf();
    const { id } = await hotline.submit(referralTo('DE'));
    await untilStatus(hotline, id, GERMAN, 'delivered');
    // As the first version wrote them, and as a later one may.
    await rewrite(id, `route#${GERMAN}`, 'SET #row.added = :added REMOVE #row.owedSince', {
      ':added': { later: true },
    });
    await rewrite(id, 'retention', 'REMOVE #row.generation', {});
    await rewrite(id, 'referral', 'SET #row.added = :added', { ':added': [1] });
    expect((await ops(relay, 'keys', HOTLINE)).exit).toBe(0);
    await ops(relay, 'redeliver', `${HOTLINE}/${id}`, GERMAN);
    await relay.sweepNow();
    await open(await callAgency(relay, GERMAN), id);
    expect(await rowOf(id, `route#${GERMAN}`)).toMatchObject({ status: 'opened', added: { later: true } });
    expect(await rowOf(id, 'referral')).toMatchObject({ added: [1] });
  });

  it('that are of a layout not known here are left alone and reported, and hold up nobody', async () => {
    const hotline = await hotlineOf();
    const strange = await hotline.submit(referralTo('DE'));
    await untilStatus(hotline, strange.id, GERMAN, 'delivered');
    const past = toTimestamp(Date.now() - MINUTE);
    await rewrite(strange.id, `route#${GERMAN}`, 'SET #row.v = :v, dueAt = :past', { ':v': 2, ':past': past });
    const other = await hotline.submit(referralTo('DE'));
    await untilStatus(hotline, other.id, GERMAN, 'delivered');
    await ops(relay, 'redeliver', `${HOTLINE}/${other.id}`, GERMAN);
    await relay.sweepNow();
    await untilStatus(hotline, other.id, GERMAN, 'delivered');
    expect(log.some((line) => line.includes(strange.id) && line.includes('"what":"ledger-row"'))).toBe(true);
    expect(await rowOf(strange.id, `route#${GERMAN}`)).toMatchObject({ v: 2, attempts: 1 });
    expect((await ops(relay, 'status')).text).toContain(strange.id);
    await rewrite(strange.id, `route#${GERMAN}`, 'SET #row.v = :v', { ':v': 1 });
    const agency = await callAgency(relay, GERMAN);
    await open(agency, strange.id);
    await open(agency, other.id);
  });
});

/** What the alarm of unopened immediate referrals has seen. */
const alarms = (): string[] => log.filter((line) => line.includes('"event":"unopened-immediate"'));

describe('an immediate referral that nobody opens', () => {
  it('pages its agency once, without content, and holds the alarm as long as it waits', async () => {
    const { sqs } = relay.clients;
    const QueueName = `pages-${randomUUID()}`;
    await sqs.send(new CreateQueueCommand({ QueueName }));
    const QueueUrl = relay.queueUrl(QueueName);
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    const { credentials } = administratorOf(RELAY_ACCOUNT);
    const sns = new SNSClient({ region: relay.region, endpoint: relay.endpoints.sns, credentials });
    await sns.send(
      new SubscribeCommand({
        TopicArn: topicArnBase(relay.region) + pageTopic(relay.stage, GERMAN),
        Protocol: 'sqs',
        Endpoint: Attributes?.QueueArn,
        Attributes: { RawMessageDelivery: 'true' },
      }),
    );
    sns.destroy();
    const pages = async () => {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }),
      );
      return Messages.map(({ Body }) => Body);
    };
    const hotline = await hotlineOf();
    const { id } = await hotline.submit(referralTo('DE', 'immediate'));
    await untilStatus(hotline, id, GERMAN, 'delivered');
    await relay.sweepNow();
    expect([await pages(), alarms()]).toEqual([[], []]);

    const past = toTimestamp(Date.now() - 16 * MINUTE);
    const sets = 'SET #row.owedSince = :past, #row.deliveredAt = :past, dueAt = :past';
    await rewrite(id, `route#${GERMAN}`, sets, { ':past': past });
    await relay.sweepNow();
    await relay.sweepNow();
    expect(await pages()).toEqual([expect.stringContaining(`${HOTLINE}/${id} for 16 minutes`)]);
    expect(alarms().map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { Agency: GERMAN, 'unopened-immediate': 1 },
      { Agency: GERMAN, 'unopened-immediate': 1 },
    ]);
    await open(await callAgency(relay, GERMAN), id);
    await relay.sweepNow();
    expect(alarms()).toHaveLength(2);
  });
});

describe('a row that is no referral’s', () => {
  it('disturbs nobody: audit and suspensions live in the same table', async () => {
    await relay.clients.dynamodb.send(
      new PutItemCommand({
        TableName: ledgerTable(relay.stage),
        Item: marshall({ pk: `partner#${NORTH}`, sk: 'suspended', at: now(), by: 'a hand', added: 'later' }),
      }),
    );
    expect((await ops(relay, 'status')).text).toMatch(/SUSPENDED {2}gb-crossbar-north since \S+ by a hand/);
    expect((await ops(relay, 'resume', NORTH)).exit).toBe(0);
    expect((await ops(relay, 'sweep')).exit).toBe(0);
  });
});
