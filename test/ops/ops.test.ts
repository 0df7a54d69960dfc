import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Hotline, loadAgencyProfile, RelayProblem } from '../../client/index.ts';
import { createTransport } from '../../client/transport.ts';
import { agencyQueue, dispatchQueue, ledgerTable } from '../../core/names.ts';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { callAgency, callHotline } from '../../local/demo/cast.ts';
import { FunctionError, THROTTLED } from '../../local/functions.ts';
import { startLambdaApi } from '../../local/lambda.ts';
import type { OperatorFile } from '../../local/operator-file.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { awsOf, draft, makeRegistry, ops, removeFolder, until, writePartner } from './operator.ts';

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';
const LEAVING = 'gb-crossbar';
const GONE = 'fr-littoral';
const TOLD = 'gb-crossbar-north';

let relay: LocalRelay;
let hotline: Hotline;
let registryDir: string;
const log: string[] = [];

beforeAll(async () => {
  registryDir = await makeRegistry({
    [HOTLINE]: {},
    'zz-test-hotline': {},
    'zz-test-agency': {},
    'int-clearing': {},
    [AGENCY]: { countries: ['DE'] },
    [LEAVING]: { countries: ['GB'] },
    [GONE]: { countries: ['FR'] },
    [TOLD]: { countries: ['IE'] },
    'us-beacon': {},
  });
  relay = await startRelay({ sweepEverySeconds: 0, registryDir, log: (_, line) => void log.push(line) });
  await confirmKeys(relay.profilesDir);
  hotline = await callHotline(relay, HOTLINE);
});
afterAll(async () => {
  await relay?.close();
  await removeFolder(registryDir);
});

const run = (...args: string[]) => ops(relay, ...args);

const runVerify = async (...args: string[]) =>
  ops({ dataDir: relay.dataDir, aws: await awsOf(relay, 'zz-test-agency') }, 'verify', ...args);

const routeOf = async (id: string, agency: string) =>
  (await hotline.status(id)).routes.find((route) => route.agency === agency);

const untilStatus = (id: string, agency: string, status: string): Promise<void> =>
  until(`${agency} is ${status}`, async () => (await routeOf(id, agency))?.status === status);

async function submit(country: string, sample = 'routine'): Promise<string> {
  const { id } = await hotline.submit(draft(sample, { routing: { suspect: [country], victim: [] } }));
  return id;
}

/** Receives the messages of an agency's lane as often as it takes to make dead letters of them. */
async function letDie(agency: string, lane: 'urgent' | 'routine'): Promise<void> {
  const QueueUrl = relay.queueUrl(agencyQueue(relay.stage, agency, lane));
  for (let count = 0; count < 200; count++) {
    const { Messages = [] } = await relay.clients.sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }),
    );
    if (Messages.length === 0) return;
  }
  throw new Error('the messages do not die');
}

async function open(agency: string, id: string): Promise<void> {
  const atWork = await callAgency(relay, agency);
  while (!atWork.opened.has(id)) await atWork.work();
}

/** A folder for the operator's command in which some of the relay's services are elsewhere. */
async function besides(elsewhere: Partial<OperatorFile['endpoints']>): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'referral-relay-operator-'));
  const file = JSON.parse(await readFile(join(relay.dataDir, 'operator.json'), 'utf8')) as OperatorFile;
  const endpoints = { ...file.endpoints, ...elsewhere };
  const registry = join(relay.dataDir, 'registry');
  await writeFile(join(dataDir, 'operator.json'), JSON.stringify({ ...file, registry, endpoints }));
  return dataDir;
}

/** How often sweep has run to its end. */
const swept = (): number => log.filter((line) => line.includes('"event":"swept"')).length;

/** Whatever an earlier test has left to open. */
async function openAll(agency: string): Promise<void> {
  const { client } = await callAgency(relay, agency);
  await client.run(() => undefined, { drain: true, report: () => undefined });
}

/** Withdrawals that {@link TOLD} is still to be told, by what status says. */
async function countWithdrawals(): Promise<unknown> {
  const { routes } = (await run('status', '--json')).result as { routes: Record<string, unknown>[] };
  return routes.find(({ agency, urgency }) => agency === TOLD && urgency === 'routine')?.['withdrawals'];
}

const rowOf = async (hotlineId: string, id: string, sk: string): Promise<Record<string, unknown>> => {
  const { Item = {} } = await relay.clients.dynamodb.send(
    new GetItemCommand({
      TableName: ledgerTable(relay.stage),
      Key: { pk: { S: `${hotlineId}#${id}` }, sk: { S: sk } },
    }),
  );
  return unmarshall(Item);
};

describe('status', () => {
  it('shows what is not opened, by agency and urgency, and how deep the queues are', async () => {
    const id = await submit('DE', 'immediate');
    await untilStatus(id, AGENCY, 'delivered');
    const { exit, result } = await run('status', '--json');
    expect(exit).toBe(0);
    expect(result).toMatchObject({ stage: relay.stage, suspended: [], outbox: { count: 0 } });
    expect(result['routes']).toContainEqual(
      expect.objectContaining({ agency: AGENCY, urgency: 'immediate', pending: 0, delivered: 1, unreadable: 0 }),
    );
    expect(result['queues']).toContainEqual(
      expect.objectContaining({ queue: agencyQueue(relay.stage, AGENCY, 'urgent'), waiting: 1, isMissing: false }),
    );

    const { text } = await run('status');
    expect(text).toMatch(/de-kinderwacht +immediate +0 +1 +0 +0 +0 min/);
    expect(text).not.toContain('zz-test-agency');
    expect((await run('status', '--all')).text).toContain('zz-test-agency');
    await open(AGENCY, id);
    expect((await run('status')).text).toContain('Not opened, by the ledger: nothing');
    const outcomes = (await run('status', '--json')).result['inboxes'];
    expect(outcomes).toContainEqual(expect.objectContaining({ hotline: HOTLINE, count: 1 }));
  });
});

describe('suspend and resume', () => {
  it('shut out an agency at once, keep what is owed to it, and let it in again', async () => {
    const agency = await loadAgencyProfile(`${relay.profilesDir}/${AGENCY}`);
    const transport = createTransport({ ...agency, partner: AGENCY });
    const ask = () =>
      transport.call({ method: 'GET', path: '/v1/directory' }).then(
        ({ status }) => status,
        (error: unknown) => (error instanceof RelayProblem ? error.code : error),
      );
    expect(await ask()).toBe(200);

    const { exit, result } = await run('suspend', AGENCY, '--reason', 'a drill', '--json');
    expect([exit, result]).toEqual([0, expect.objectContaining({ suspended: AGENCY, reason: 'a drill' })]);
    expect(await ask()).toBe('unauthorized');
    expect((await run('suspend', AGENCY)).text).toContain('is suspended already, since');
    expect((await run('status')).text).toMatch(/SUSPENDED {2}de-kinderwacht since .*: a drill\n/);

    const id = await submit('DE');
    await until('the attempt has failed', async () => Number((await rowOf(HOTLINE, id, `route#${AGENCY}`))['rev']) > 1);
    expect((await routeOf(id, AGENCY))?.status).toBe('pending');

    expect(await run('resume', AGENCY)).toMatchObject({ exit: 0 });
    expect(await ask()).toBe(200);
    await relay.sweepNow();
    await untilStatus(id, AGENCY, 'delivered');
    await open(AGENCY, id);
    expect((await run('resume', AGENCY)).text).toMatch(/^de-kinderwacht was not suspended\.\n/);
  });

  it.each([
    ['suspend', 'gb-typo'],
    ['resume', 'gb-typo'],
  ])('%s refuses a partner that nobody knows', async (command, partner) => {
    expect(await run(command, partner)).toMatchObject({ exit: 3, text: expect.stringContaining('gb-typo') as string });
  });
});

describe('redrive', () => {
  it('sends anew what an agency let die, once it is in order, and deletes the letters', async () => {
    const id = await submit('DE');
    await untilStatus(id, AGENCY, 'delivered');
    await letDie(AGENCY, 'routine');
    expect((await run('status')).text).toMatch(/de-kinderwacht-dead +1 .*dead letters/);

    const { exit, result } = await run('redrive', AGENCY, '--json');
    expect([exit, result]).toEqual([0, { redrive: AGENCY, letters: { owed: 1 } }]);
    expect((await routeOf(id, AGENCY))?.status).toBe('pending');
    await relay.sweepNow();
    await open(AGENCY, id);
    expect((await run('redrive', AGENCY)).text).toContain('There are no dead letters.');
  });

  it('sends nothing that was opened meanwhile, and leaves what it does not understand', async () => {
    const id = await submit('DE');
    await untilStatus(id, AGENCY, 'delivered');
    await letDie(AGENCY, 'routine');
    await ops(relay, 'redeliver', `${HOTLINE}/${id}`, AGENCY);
    await relay.sweepNow();
    await open(AGENCY, id);
    const dead = relay.queueUrl(agencyQueue(relay.stage, AGENCY, 'dead'));
    await relay.clients.sqs.send(new SendMessageCommand({ QueueUrl: dead, MessageBody: 'not a message' }));
    const { exit, result } = await run('redrive', AGENCY, '--json');
    expect([exit, result['letters']]).toEqual([6, { opened: 1, left: 1 }]);
    const again = await run('redrive', AGENCY, '--json');
    expect([again.exit, again.result['letters']]).toEqual([6, { left: 1 }]);
  });

  it('has the relay do at once what its dispatch let die', async () => {
    const id = await submit('DE');
    await untilStatus(id, AGENCY, 'delivered');
    const send = (body: object) =>
      relay.clients.sqs.send(
        new SendMessageCommand({
          QueueUrl: relay.queueUrl(dispatchQueue(relay.stage, 'dead-urgent')),
          MessageBody: JSON.stringify(body),
        }),
      );
    const name = { v: 1, hotline: HOTLINE, id };
    await send({ ...name, attempt: { agency: AGENCY, version: 1, number: 1 } });
    await send({ ...name, attempt: { agency: AGENCY, version: 1, number: 1 } });
    await send({ ...name, attempt: { agency: AGENCY, version: 1, number: 0 } });
    await send(name);
    const { exit, result } = await run('redrive', 'dispatch', '--json');
    expect([exit, result['letters']]).toEqual([0, { owed: 2, 'nothing-owed': 2 }]);
    await relay.sweepNow();
    await until('it was sent again', async () => {
      const { row } = (await rowOf(HOTLINE, id, `route#${AGENCY}`)) as { row: { attempts: number } };
      return row.attempts === 2;
    });
    await openAll(AGENCY);
  });

  it('does not take letters that somebody holds for none', async () => {
    const QueueUrl = relay.queueUrl(agencyQueue(relay.stage, AGENCY, 'dead'));
    const { sqs } = relay.clients;
    await run('redrive', AGENCY);
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'not a message' }));
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    const { exit, text } = await run('redrive', AGENCY);
    expect([exit, text]).toEqual([4, expect.stringContaining(`${Messages.length} dead letters are held`)]);
    for (const { ReceiptHandle } of Messages) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    expect((await run('redrive', AGENCY)).exit).toBe(0);
  });

  it('refuses a queue that nobody has', async () => {
    expect((await run('redrive', 'gb-typo')).exit).toBe(3);
  });
});

describe('redeliver', () => {
  it('says what keeps it from an agency that is suspended', async () => {
    const id = await submit('DE');
    await untilStatus(id, AGENCY, 'delivered');
    await run('suspend', AGENCY);
    const { exit, text } = await run('redeliver', `${HOTLINE}/${id}`, AGENCY);
    expect([exit, text]).toEqual([0, expect.stringContaining('it goes out after "resume de-kinderwacht"')]);
    await letDie(AGENCY, 'routine');
    const { result } = await run('redrive', AGENCY, '--json');
    expect(result).toMatchObject({ redrive: AGENCY, letters: { owed: 1 }, held: 'suspended' });
    await run('resume', AGENCY);
    await relay.sweepNow();
    await open(AGENCY, id);
  });

  it('brings what was opened only if asked for, as a new version', async () => {
    const id = await submit('DE');
    await open(AGENCY, id);
    const refused = await run('redeliver', `${HOTLINE}/${id}`, AGENCY);
    expect([refused.exit, refused.text]).toEqual([3, expect.stringContaining('add --opened')]);
    expect((await run('redeliver', `${HOTLINE}/${id}`, AGENCY, '--opened')).exit).toBe(0);
    await relay.sweepNow();
    const again = await callAgency(relay, AGENCY);
    while (!again.opened.has(id)) await again.work();
    expect(again.opened.get(id)?.version).toBe(2);
  });

  it.each([
    ['gb-lantern', 2],
    ['gb-lantern/not-an-id', 2],
    ['gb-lantern/0197a5b0-1111-7abc-8def-000000000000', 3],
  ])('refuses %s with exit code %i', async (name, exit) => {
    expect((await run('redeliver', name, AGENCY)).exit).toBe(exit);
  });
});

describe('offboard', () => {
  it('refuses an agency that new referrals still go to, or that nobody knows', async () => {
    expect(await run('offboard', LEAVING)).toMatchObject({ exit: 3, text: expect.stringContaining('GB') as string });
    expect(await run('offboard', 'int-clearing')).toMatchObject({
      exit: 3,
      text: expect.stringContaining('is the fallback') as string,
    });
    expect((await run('offboard', 'gb-typo')).exit).toBe(3);
  });

  it('refuses while anything is open, and hands it to the fallback if told to, which can open it', async () => {
    const id = await submit('GB', 'onward-refused');
    await untilStatus(id, LEAVING, 'delivered');
    await letDie(LEAVING, 'urgent');
    await writePartner(`${relay.dataDir}/registry`, LEAVING, { countries: [] });
    const refused = await run('offboard', LEAVING);
    expect(refused).toMatchObject({ exit: 3 });
    expect(refused.text).toContain('has not opened 1 referrals (1 high)');
    expect((await run('status')).text).not.toContain('SUSPENDED');

    const { exit, result, audit } = await run('offboard', LEAVING, '--hand-over', '--json');
    expect([exit, result]).toEqual([
      0,
      { offboarded: LEAVING, handedOver: 1, released: 0, open: 0, to: 'int-clearing' },
    ]);
    expect(audit).toMatchObject({ what: `offboard ${LEAVING} --hand-over`, exit: 0 });
    const redriven = await run('redrive', LEAVING, '--json');
    expect([redriven.exit, redriven.result['letters']]).toEqual([0, { 'handed-over': 1 }]);
    expect(await run('redeliver', `${HOTLINE}/${id}`, LEAVING)).toMatchObject({
      exit: 3,
      text: expect.stringContaining('Another agency has taken it over') as string,
    });
    await relay.sweepNow();
    await open('int-clearing', id);
    await relay.sweepNow();
    const { routes } = await hotline.status(id);
    expect(routes.map((route) => [route.agency, route.status])).toEqual([
      [LEAVING, 'undeliverable'],
      ['int-clearing', 'opened'],
    ]);
    const events: unknown[] = [];
    for await (const outcome of hotline.outcomes({ drain: true })) {
      if (outcome.referral === id && outcome.kind === 'event') events.push(outcome.event);
    }
    expect(events).toEqual(['handed-over']);
    expect((await run('status')).text).toContain(`SUSPENDED  ${LEAVING}`);
    expect((await run('offboard', LEAVING)).text).toContain('nothing was open');
  });
});

describe('the news of a withdrawal', () => {
  it('is owed until it lies in the queue, and keeps nobody from being let go from then on', async () => {
    const id = await submit('IE');
    await open(TOLD, id);
    await run('suspend', TOLD);
    await hotline.withdraw(id, 'error');
    await until('the news is owed', async () => (await countWithdrawals()) === 1);
    await writePartner(`${relay.dataDir}/registry`, TOLD, { countries: [] });
    const refused = await run('offboard', TOLD);
    expect([refused.exit, refused.text]).toEqual([
      3,
      expect.stringMatching(/was not told of 1 withdrawals\.\n.*--hand-over: it is then not told any more/),
    ]);

    await run('resume', TOLD);
    await relay.sweepNow();
    await until('the news is in the queue', async () => (await countWithdrawals()) === 0);
    expect((await run('status')).text).not.toContain(`${TOLD} `);
    const { exit, result } = await run('offboard', TOLD, '--json');
    expect([exit, result]).toMatchObject([0, { offboarded: TOLD, handedOver: 0, released: 1, open: 0 }]);
  });
});

describe('an agency that is gone from the registry', () => {
  it('keeps what is owed to it, and can be offboarded', async () => {
    await relay.sweepNow();
    const [first, second] = [await submit('FR'), await submit('FR')];
    await untilStatus(first, GONE, 'delivered');
    await untilStatus(second, GONE, 'delivered');
    await rm(`${relay.dataDir}/registry/${GONE}.json`);

    const again = await run('redeliver', `${HOTLINE}/${first}`, GONE);
    expect([again.exit, again.text]).toEqual([0, expect.stringContaining('it goes out when its file is back')]);
    await letDie(GONE, 'routine');
    expect(await run('redrive', GONE)).toMatchObject({
      exit: 0,
      text: expect.stringContaining('2  owed anew') as string,
    });
    expect(await run('offboard', GONE)).toMatchObject({
      exit: 3,
      text: expect.stringContaining('has not opened 2') as string,
    });
    const { exit, text } = await run('offboard', GONE, '--hand-over');
    expect([exit, text]).toEqual([0, expect.stringMatching(/2 referrals went to int-clearing.*Put its file back/)]);
    await relay.sweepNow();
    const heir = await callAgency(relay, 'int-clearing');
    while (!heir.opened.has(first) || !heir.opened.has(second)) await heir.work();
    expect((await run('status')).text).toMatch(/SUSPENDED {2}fr-littoral since .*: offboarded\n/);
  });
});

describe('keys', () => {
  it('says that a key is needed until the content that is sealed for it is gone', async () => {
    await submit('DE');
    const { exit, text, result } = await run('keys', `${HOTLINE}/1`, '--json');
    expect([exit, result['intakeKeys']]).toEqual([
      3,
      [{ hotline: HOTLINE, generation: 1, state: 'accepted', needed: expect.any(Number) as number }],
    ]);
    expect(text).toContain('Keep gb-lantern/1 enabled');
    expect((await run('keys', 'zz-test-hotline')).exit).toBe(0);
    expect((await run('keys', 'zz-test-hotline/1')).text).toContain('Retire zz-test-hotline/1 first');
    expect((await run('keys', 'zz-test-hotline/7')).exit).toBe(3);
    expect((await run('keys', 'gb-typo')).exit).toBe(3);
    expect((await run('keys', 'gb-lantern/one')).exit).toBe(2);
    await openAll(AGENCY);
  });

  it('knows the key of a hotline that is gone from the registry, as long as it is needed', async () => {
    const beacon = await callHotline(relay, 'us-beacon');
    await beacon.submit(draft('routine', { routing: { suspect: ['DE'], victim: [] } }));
    await rm(`${relay.dataDir}/registry/us-beacon.json`);
    const { exit, result } = await run('keys', 'us-beacon/1', '--json');
    const use = { hotline: 'us-beacon', generation: 1, state: 'unknown', needed: 1 };
    expect([exit, result]).toEqual([3, { intakeKeys: [use] }]);
    expect((await run('keys', '--json')).result['intakeKeys']).toContainEqual(use);
    await openAll(AGENCY);
  });
});

describe('a hotline that is gone from the registry', () => {
  it('is shown as long as answers are owed to it, or agencies are still to open what it referred', async () => {
    await writePartner(`${relay.dataDir}/registry`, 'us-beacon', {});
    await relay.sweepNow();
    const beacon = await callHotline(relay, 'us-beacon');
    const seen = async (): Promise<unknown> => (await run('status', '--json')).result['gone'];
    for await (const _ of beacon.outcomes({ drain: true }));
    const { id } = await beacon.submit(draft('routine', { routing: { suspect: ['DE'], victim: [] } }));
    await until('it is delivered', async () => (await beacon.status(id)).routes[0]?.status === 'delivered');
    expect(await seen()).toEqual([]);
    await rm(`${relay.dataDir}/registry/us-beacon.json`);
    expect(await seen()).toEqual(['us-beacon']);
    expect((await run('status')).text).toMatch(/GONE {2}us-beacon is not in the registry, and .* not opened/);

    await openAll(AGENCY);
    const { result, text } = await ops({ dataDir: relay.dataDir }, 'status', '--json');
    expect(result['gone']).toEqual(['us-beacon']);
    expect(result['inboxes']).toContainEqual(expect.objectContaining({ hotline: 'us-beacon', count: 1 }));
    expect(text).toContain('us-beacon-outcomes');
    expect((await run('status')).text).toMatch(/GONE {2}us-beacon is not in the registry, and .* not acknowledged/);

    for await (const _ of beacon.outcomes({ drain: true }));
    expect(await seen()).toEqual([]);
  });

  it('is shown as suspended if it is, and may be let in again', async () => {
    await writePartner(`${relay.dataDir}/registry`, 'us-beacon', {});
    await run('suspend', 'us-beacon', '--reason', 'left');
    await rm(`${relay.dataDir}/registry/us-beacon.json`);
    expect((await run('status')).text).toMatch(/SUSPENDED {2}us-beacon since .*: left\n/);
    expect((await run('resume', 'us-beacon')).exit).toBe(0);
    expect((await run('status')).text).not.toContain('us-beacon');
  });
});

describe('sweep', () => {
  it('runs the deployed function once and says what it did', async () => {
    const { exit, result } = await run('sweep', '--json');
    expect([exit, result]).toEqual([0, { sweep: { rows: expect.any(Number) as number, failures: 0, complete: true } }]);
  });

  it('is left to a run that is under way', async () => {
    const busy = await startLambdaApi({
      stage: relay.stage,
      invoke: () => Promise.reject(new FunctionError('sweep', THROTTLED, '1 invocations are under way')),
    });
    const dataDir = await besides({ lambda: busy.endpoint });
    const { exit, text } = await ops({ dataDir }, 'sweep');
    expect([exit, text]).toEqual([4, expect.stringContaining('Sweep is running already')]);
    await busy.close();
    await removeFolder(dataDir);
  });
});

describe('something unexpected', () => {
  it('is said where it happened, if one asks for that as one is told to', async () => {
    const strange = await startLambdaApi({ stage: relay.stage, invoke: () => Promise.resolve({ rows: 'no number' }) });
    const dataDir = await besides({ lambda: strange.endpoint });
    const { exit, text } = await ops({ dataDir }, 'sweep');
    expect([exit, text]).toEqual([1, expect.stringContaining('again with REFERRAL_RELAY_DEBUG=1')]);
    const asked = await ops({ dataDir, env: { REFERRAL_RELAY_DEBUG: '1' } }, 'sweep');
    expect(asked.text).toMatch(/\n +at .*cloud\.ts/);
    await strange.close();
    await removeFolder(dataDir);
  });
});

describe('verify', () => {
  it('brings a canary through the whole relay and back, as often as it is asked for', async () => {
    for (let count = 0; count < 2; count++) {
      const { exit, result } = await runVerify('--json');
      expect(exit).toBe(0);
      const { steps } = result as { steps: { step: string }[] };
      expect(steps.map(({ step }) => step)).toEqual(['accepted', 'opened', 'answered', 'shown as opened']);
    }
  });

  it('fails with exit code 4 where the canary does not arrive in time', async () => {
    await run('suspend', 'zz-test-agency');
    const { exit, text } = await runVerify('--timeout', '1');
    expect([exit, text]).toEqual([4, expect.stringContaining('has not come to the test agency in time')]);
    await run('resume', 'zz-test-agency');
    await relay.sweepNow();
    expect((await runVerify()).exit).toBe(0);
  });

  it('ends with exit code 6 where it is interrupted, which is no fault to report', async () => {
    await run('suspend', 'zz-test-agency');
    const interrupt = new AbortController();
    const aws = await awsOf(relay, 'zz-test-agency');
    const receive: typeof aws.inbox.receive = (...args) => {
      interrupt.abort();
      return aws.inbox.receive(...args);
    };
    const io = { dataDir: relay.dataDir, aws: { ...aws, inbox: { ...aws.inbox, receive } }, signal: interrupt.signal };
    const { exit, text } = await ops(io, 'verify');
    expect([exit, text]).toEqual([6, expect.stringMatching(/verify: interrupted \(exit 6\).*\n.*Interrupted/)]);
    await run('resume', 'zz-test-agency');
    await relay.sweepNow();
  });

  it('refuses what another relay than the one that is meant has taken', async () => {
    const other = await startRelay({ sweepEverySeconds: 0, registryDir, log: () => undefined });
    await confirmKeys(other.profilesDir);
    const profiles = (['hotline', 'agency'] as const).flatMap((role) => [
      `--${role}`,
      `${other.profilesDir}/zz-test-${role}`,
    ]);
    const { exit, text } = await ops(
      { dataDir: relay.dataDir, aws: await awsOf(other, 'zz-test-agency') },
      'verify',
      ...profiles,
    );
    expect([exit, text]).toEqual([3, expect.stringContaining('by another relay')]);
    await other.close();
  });

  it('refuses an agency that takes real referrals', async () => {
    const { exit, text } = await runVerify('--agency', `${relay.profilesDir}/${AGENCY}`);
    expect([exit, text]).toEqual([3, expect.stringContaining('takes real referrals')]);
  });
});

describe('the audit', () => {
  it('notes who ordered what and when, also what was refused, and is never changed', async () => {
    const before = await run('redrive', 'gb-typo');
    expect(before.text).toMatch(
      /audit: \S+ local user \S+: redrive gb-typo: unknown-agency \(exit 3\), the relay on this machine\n/,
    );
    const { exit, text } = await run('audit');
    expect(exit).toBe(0);
    expect(text).toMatch(/redrive gb-typo: begun\n.*redrive gb-typo: unknown-agency \(exit 3\)\n/);
    expect(text).toMatch(/suspend de-kinderwacht \(a drill\): suspended \(exit 0\)/);
    expect((await run('audit', '1999-01')).text).not.toContain('redrive');
    expect((await run('audit', 'yesterday')).exit).toBe(2);
  });

  it('holds two entries for every command, under the month', async () => {
    const { Items = [] } = await relay.clients.dynamodb.send(
      new ScanCommand({
        TableName: ledgerTable(relay.stage),
        FilterExpression: 'begins_with(pk, :audit)',
        ExpressionAttributeValues: { ':audit': { S: 'audit#' } },
      }),
    );
    const entries = Items.map((item) => unmarshall(item));
    expect(entries.every(({ pk, at }) => pk === `audit#${String(at).slice(0, 7)}`)).toBe(true);
    const phases = Map.groupBy(entries, ({ run: id }) => String(id));
    for (const [, group] of phases) {
      expect(group.map(({ phase }) => String(phase))).toEqual(['begun', 'ended']);
    }
    expect(phases.size).toBeGreaterThan(30);
  });

  it('stands before the deed: what cannot be noted is not done', async () => {
    const dataDir = await besides({ dynamodb: 'http://127.0.0.1:9' });
    const before = swept();
    const { exit, text } = await ops({ dataDir }, 'sweep');
    expect([exit, text]).toEqual([4, expect.stringContaining('Nothing answers for the relay on this machine')]);
    expect(swept()).toBe(before);
    await removeFolder(dataDir);
  });
});

describe('a command that is not understood', () => {
  it.each([
    ['no such command', ['resurrect']],
    ['nothing to suspend', ['suspend']],
    ['a stage besides a relay on this machine', ['status', '--stage', 'prod']],
    ['a timeout that is none', ['verify', '--timeout', 'long']],
    ['a reason that is too long', ['suspend', AGENCY, '--reason', 'x'.repeat(201)]],
  ])('ends with exit code 2: %s', async (_title, args) => {
    expect((await run(...args)).exit).toBe(2);
  });

  it('has help that shows how a program reads the answer', async () => {
    expect((await run('status', '--help')).text).toContain('$ npm run -s ops -- status --stage prod --json');
  });

  it('says what to do where there is no relay', async () => {
    const { exit, text } = await ops({ dataDir: registryDir }, 'status');
    expect([exit, text]).toEqual([2, expect.stringContaining('npm start')]);
  });
});
