import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Hotline } from '../../client/index.ts';
import { agencyQueue, ledgerTable } from '../../core/names.ts';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { callHotline } from '../../local/demo/cast.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { deployPartner, draft, makeRegistry, ops, removeFolder, until } from './operator.ts';

/* The operator's command where the ledger holds rows that it does not understand: of a later version, or damaged. */

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

let relay: LocalRelay;
let hotline: Hotline;
let registryDir: string;
/** The referral whose row is not understood, and one that is in order. */
let strange: string;
let sound: string;

beforeAll(async () => {
  registryDir = await makeRegistry({ [HOTLINE]: {}, 'int-clearing': {}, [AGENCY]: { countries: ['DE'] } });
  relay = await startRelay({ sweepEverySeconds: 0, registryDir, log: () => undefined });
  await confirmKeys(relay.profilesDir);
  hotline = await callHotline(relay, HOTLINE);
  strange = await submit();
  sound = await submit();
  await relay.sweepNow();
});
afterAll(async () => {
  await relay?.close();
  await removeFolder(registryDir);
});

const run = (...args: string[]) => ops(relay, ...args);

async function submit(): Promise<string> {
  const { id } = await hotline.submit(draft('routine', { routing: { suspect: ['DE'], victim: [] } }));
  await untilDelivered(id);
  return id;
}

const untilDelivered = (id: string): Promise<void> =>
  until('it is delivered', async () => (await hotline.status(id)).routes[0]?.status === 'delivered');

const rowNamed = (sk: string): string => `${HOTLINE}#${strange} ${sk}`;

async function setVersion(sk: string, version: number): Promise<void> {
  await relay.clients.dynamodb.send(
    new UpdateItemCommand({
      TableName: ledgerTable(relay.stage),
      Key: { pk: { S: `${HOTLINE}#${strange}` }, sk: { S: sk } },
      UpdateExpression: 'SET #row.#v = :v',
      ExpressionAttributeNames: { '#row': 'row', '#v': 'v' },
      ExpressionAttributeValues: { ':v': { N: String(version) } },
    }),
  );
}

/** While `body` runs, one row of {@link strange} is of a later version. */
async function withStrange(sk: string, body: () => Promise<void>): Promise<void> {
  await setVersion(sk, 2);
  try {
    await body();
  } finally {
    await setVersion(sk, 1);
  }
}

const ROUTE = `route#${AGENCY}`;

describe('A row that this version does not understand', () => {
  it('is named by status, which cannot count it', async () => {
    await withStrange(ROUTE, async () => {
      const { exit, result, text } = await run('status', '--json');
      expect([exit, result['notUnderstood']]).toEqual([0, [rowNamed(ROUTE)]]);
      expect(text).toContain(`row ${rowNamed(ROUTE)}`);
    });
    expect((await run('status', '--json')).result['notUnderstood']).toEqual([]);
  });

  it('keeps a key from being called needless', async () => {
    await deployPartner(relay, HOTLINE, {
      intakeKeys: [{ generation: 1, retiredAt: '2026-01-01T00:00:00.000Z' }, { generation: 2 }],
    });
    for (const id of [strange, sound]) {
      await relay.clients.dynamodb.send(
        new UpdateItemCommand({
          TableName: ledgerTable(relay.stage),
          Key: { pk: { S: `${HOTLINE}#${id}` }, sk: { S: 'retention' } },
          UpdateExpression: 'SET #row.generation = :g',
          ExpressionAttributeNames: { '#row': 'row' },
          ExpressionAttributeValues: { ':g': id === sound ? { NULL: true } : { N: '1' } },
        }),
      );
    }
    await withStrange('retention', async () => {
      const { exit, text } = await run('keys', `${HOTLINE}/1`);
      expect([exit, text]).toEqual([1, expect.stringContaining(`row ${rowNamed('retention')}`)]);
    });
    expect((await run('keys', `${HOTLINE}/1`)).text).toContain('1 referrals are sealed for it');
  });

  it('holds up no other dead letter', async () => {
    const QueueUrl = relay.queueUrl(agencyQueue(relay.stage, AGENCY, 'routine'));
    for (let received = 1; received > 0;) {
      const { Messages = [] } = await relay.clients.sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }),
      );
      received = Messages.length;
    }
    await withStrange(ROUTE, async () => {
      const { exit, result, text } = await run('redrive', AGENCY, '--json');
      expect([exit, result['letters']]).toEqual([6, { owed: 1, 'not-understood': 1 }]);
      expect(text).toContain(`row ${rowNamed(ROUTE)}`);
    });
    const { exit, result } = await run('redrive', AGENCY, '--json');
    expect([exit, result['letters']]).toEqual([0, { owed: 1 }]);
  });

  it('keeps an agency from being let go, before anything is done', async () => {
    await deployPartner(relay, AGENCY, { countries: [] });
    await Promise.all([untilDelivered(strange), untilDelivered(sound)]);
    await withStrange(ROUTE, async () => {
      const { exit, text } = await run('offboard', AGENCY, '--hand-over');
      expect([exit, text]).toEqual([1, expect.stringContaining(`row ${rowNamed(ROUTE)}`)]);
      expect((await run('status', '--json')).result['suspended']).toEqual([]);
    });
  });

  it('holds up no other referral that is handed over', async () => {
    await withStrange('referral', async () => {
      const { exit, result, text } = await run('offboard', AGENCY, '--hand-over', '--json');
      expect([exit, result]).toEqual([
        6,
        { offboarded: AGENCY, handedOver: 1, released: 0, open: 1, to: 'int-clearing' },
      ]);
      expect(text).toContain(`row ${rowNamed('referral')}`);
    });
    const { exit, result } = await run('offboard', AGENCY, '--hand-over', '--json');
    expect([exit, result]).toMatchObject([0, { handedOver: 1, open: 0 }]);
  });
});
