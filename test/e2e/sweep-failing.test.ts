import { join } from 'node:path';
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateQueueCommand, DeleteQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Hotline } from '../../client/index.ts';
import { ledgerTable, outcomesQueue } from '../../core/names.ts';
import { MINUTE, toTimestamp } from '../../core/time.ts';
import { readRegistryDir } from '../../lambda/registry-files.ts';
import { callAgency, callHotline } from '../../local/demo/cast.ts';
import type { LocalRelay } from '../../local/relay.ts';
import { draft, ops, until } from '../ops/operator.ts';
import type { FaultyCloud, Refusal } from '../support/faulty-cloud.ts';
import { startFaultyRelay } from '../support/faulty-relay.ts';
import { raisedBy, readMetrics } from '../support/raised-alarms.ts';
import { SETTINGS, type SynthesizedStage, synthesizeStage } from '../support/synthesized-stage.ts';

/*
 * What sweep cannot look after, run after run: it is named in the log with its cause, rings the one alarm of the deployed
 * templates, and is looked after once the fault is mended.
 */

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';
const STATEMENT = `statement#outcome#${AGENCY}#00`;
const INBOX: Refusal = { service: 'sqs', operation: 'SendMessage', error: 'AccessDenied', about: 'outcomes' };
const DISPATCH: Refusal = { ...INBOX, about: 'dispatch-' };

let cloud: FaultyCloud;
let log: string[];
let relay: LocalRelay;
let close: (() => Promise<void>) | undefined;
let deployed: SynthesizedStage;
let hotline: Hotline;

beforeAll(async () => {
  ({ relay, cloud, log, close } = await startFaultyRelay({
    [HOTLINE]: {},
    [AGENCY]: { countries: ['DE'] },
    'int-clearing': {},
  }));
  hotline = await callHotline(relay, HOTLINE);
  deployed = synthesizeStage(readRegistryDir(join(relay.dataDir, 'registry')), {
    stage: relay.stage,
    settings: { ...SETTINGS, region: relay.region },
  });
});
beforeEach(() => {
  cloud.relent();
  log.length = 0;
});
afterAll(() => close?.());

const submit = async (sample = 'routine'): Promise<string> =>
  (await hotline.submit(draft(sample, { routing: { suspect: ['DE'], victim: [] } }))).id;

/** Submitted while nothing is dispatched: only sweep knows of it. */
async function submitUnnoticed(sample?: string): Promise<string> {
  cloud.refuse(DISPATCH);
  const id = await submit(sample);
  cloud.relent();
  return id;
}

async function open(id: string): Promise<void> {
  const agency = await callAgency(relay, AGENCY);
  while (!agency.opened.has(id)) await agency.work();
}

/** Opened while its hotline's inbox takes nothing: the agency's answer is owed. */
async function openUnheard(id: string): Promise<void> {
  cloud.refuse(INBOX);
  await open(id);
  cloud.relent();
}

/** Changes a row behind the relay's back. */
async function rewrite(id: string, sk: string, expression: string, value: string | number): Promise<void> {
  await relay.clients.dynamodb.send(
    new UpdateItemCommand({
      TableName: ledgerTable(relay.stage),
      Key: marshall({ pk: `${HOTLINE}#${id}`, sk }),
      UpdateExpression: expression,
      ...(expression.includes('#row') && { ExpressionAttributeNames: { '#row': 'row' } }),
      ExpressionAttributeValues: marshall({ ':value': value }),
    }),
  );
}

/** The wait for the row's turn is over. */
const makeDue = (id: string, sk: string): Promise<void> =>
  rewrite(id, sk, 'SET dueAt = :value', toTimestamp(Date.now() - MINUTE));

/** Layouts other than 1 are not known here. */
const setLayout = (id: string, sk: string, version: number): Promise<void> =>
  rewrite(id, sk, 'SET #row.v = :value', version);

async function sweepWithDue(id: string, sk: string): Promise<void> {
  await makeDue(id, sk);
  await relay.sweepNow();
}

const events = (name: string): Record<string, unknown>[] =>
  log
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === name);

const alarms = (): string[] => [
  ...new Set(log.flatMap(readMetrics).flatMap((datapoint) => raisedBy(deployed, datapoint))),
];

async function expectAlarm(): Promise<void> {
  await until('the run is over', async () => events('swept').length > 0);
  expect(alarms()).toEqual(['referral-relay-local-sweep-failing']);
}

/** Sweep has nothing to complain of any more. */
async function expectSilence(): Promise<void> {
  log.length = 0;
  await relay.sweepNow();
  await until('the run is over', async () => events('swept').length > 0);
  expect([alarms(), events('swept')]).toMatchObject([[], [{ failures: 0 }]]);
}

/** The hotline hears that its referral was opened, once. */
async function expectHeard(id: string): Promise<void> {
  const heard = [];
  for await (const outcome of hotline.outcomes({ drain: true })) heard.push(outcome);
  expect(heard.filter(({ referral }) => referral === id)).toMatchObject([
    { kind: 'outcome', check: 'verified', payload: { status: 'opened' } },
  ]);
}

interface Fault {
  begin: () => Promise<unknown>;
  mend: () => Promise<unknown>;
  error: string;
}

const refusing: Fault = {
  begin: async () => cloud.refuse(INBOX),
  mend: async () => cloud.relent(),
  error: 'AccessDenied',
};

function deleted(): Fault {
  const QueueName = outcomesQueue('local', HOTLINE);
  let Attributes: Record<string, string> | undefined;
  return {
    begin: async () => {
      const QueueUrl = relay.queueUrl(QueueName);
      const AttributeNames = ['VisibilityTimeout' as const, 'MessageRetentionPeriod' as const];
      ({ Attributes } = await relay.clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames })));
      await relay.clients.sqs.send(new DeleteQueueCommand({ QueueUrl }));
    },
    mend: () => relay.clients.sqs.send(new CreateQueueCommand({ QueueName, Attributes })),
    error: 'QueueDoesNotExist',
  };
}

describe('an inbox', { timeout: 60_000 }, () => {
  it.each([
    ['refuses', refusing],
    ['is gone', deleted()],
  ])('that %s for long alarms, and its hotline hears what was answered once it is mended', async (_title, fault) => {
    const id = await submit();
    await fault.begin();
    await open(id);
    expect((await hotline.status(id)).routes).toMatchObject([{ status: 'opened' }]);
    expect(events('inbox-failed')).toMatchObject([{ id }]);
    expect(alarms()).toEqual([]);

    for (const times of [1, 2]) {
      await sweepWithDue(id, STATEMENT);
      const failure = { what: 'statement', hotline: HOTLINE, id, error: fault.error };
      await until('it fails', async () => events('due-failed').length === times);
      expect(events('due-failed')).toMatchObject(Array.from({ length: times }, () => failure));
    }
    await expectAlarm();
    expect((await ops(relay, 'status', '--json')).result['inboxes']).toMatchObject([{ hotline: HOTLINE, count: 1 }]);

    await fault.mend();
    await sweepWithDue(id, STATEMENT);
    await expectHeard(id);
    await expectSilence();
  });
});

describe('a dispatch queue', { timeout: 60_000 }, () => {
  it.each([
    ['routine', 'routine'],
    ['high', 'text-only-grooming'],
  ])('that refuses for long alarms, and what is %s arrives once it is mended', async (_urgency, sample) => {
    const id = await submitUnnoticed(sample);
    expect(events('dispatch-failed')).toMatchObject([{ id }]);
    expect(alarms()).toEqual([]);

    cloud.refuse(DISPATCH);
    await sweepWithDue(id, 'outbox');
    await expectAlarm();
    expect(events('due-failed')).toMatchObject([{ what: 'outbox', hotline: HOTLINE, id, error: 'AccessDenied' }]);

    cloud.relent();
    await sweepWithDue(id, 'outbox');
    await open(id);
    await expectHeard(id);
    await expectSilence();
  });
});

describe('a run of sweep', { timeout: 60_000 }, () => {
  it.each([
    ['no row can be taken', 'UpdateItem', 'outbox'],
    ['no lane can be read', 'Query', 'lane'],
  ])(
    'in which %s alarms although it ends as ever, and the next one makes up for it',
    async (_title, operation, what) => {
      const id = await submitUnnoticed();
      await makeDue(id, 'outbox');
      cloud.refuse({ service: 'dynamodb', operation, error: 'AccessDeniedException' });
      await relay.sweepNow();
      await expectAlarm();
      const failures = events('due-failed');
      expect(new Set(failures.map((failure) => `${String(failure['what'])} ${String(failure['error'])}`))).toEqual(
        new Set([`${what} AccessDeniedException`]),
      );
      expect(events('swept')).toMatchObject([{ failures: failures.length }]);

      cloud.relent();
      await relay.sweepNow();
      await open(id);
      await expectHeard(id);
      await expectSilence();
    },
  );
});

describe('an answer', { timeout: 60_000 }, () => {
  it.each([
    ['whose referral cannot be read', 'retention', { what: 'statement', error: 'LedgerItemError' }],
    ['that cannot be read itself', STATEMENT, { what: 'ledger-row' }],
  ])('%s alarms, and is heard once the row is in order', async (_title, strange, failure) => {
    const id = await submit();
    await openUnheard(id);
    await setLayout(id, strange, 2);
    await sweepWithDue(id, STATEMENT);
    await expectAlarm();
    expect(events('due-failed')).toMatchObject([failure]);
    expect(JSON.stringify(events('due-failed'))).toContain(id);

    await setLayout(id, strange, 1);
    await sweepWithDue(id, STATEMENT);
    await expectHeard(id);
    await expectSilence();
  });
});
