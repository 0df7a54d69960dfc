import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { create, type Item, type Store, updateIndexes } from 'dynalite/db/index.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DUE_INDEX, ledgerTable } from '../../core/names.ts';
import { type Emulators, startEmulators } from '../../local/emulators.ts';
import { createLedgerTable, queueUrl } from '../../local/resources.ts';

const REGION = 'eu-west-1';
const TABLE = ledgerTable('test');
const credentials = { accessKeyId: 'LOCAL', secretAccessKey: 'local' };

let dataDir: string;
let running: Emulators[];
let crashes: Error[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'emulators-'));
  running = [];
  crashes = [];
});
afterEach(async () => {
  await Promise.all(running.map((emulators) => emulators.close()));
  rmSync(dataDir, { recursive: true });
});

async function start(where: 'folder' | 'memory' = 'folder') {
  const dir = where === 'folder' ? dataDir : undefined;
  const emulators = await startEmulators({ region: REGION, dataDir: dir, onCrash: (error) => crashes.push(error) });
  running.push(emulators);
  const { endpoints, close } = emulators;
  await createLedgerTable({ stage: 'test', region: REGION, endpoints: { ...endpoints, kms: '' } });
  return {
    endpoints,
    close,
    sqs: new SQSClient({ region: REGION, endpoint: endpoints.sqs, credentials }),
    dynamodb: new DynamoDBClient({ region: REGION, endpoint: endpoints.dynamodb, credentials }),
  };
}

const row = (id: string, dueAt: string): Record<string, { S: string }> => ({
  pk: { S: id },
  sk: { S: 'outbox' },
  lane: { S: 'outbox#0' },
  dueAt: { S: dueAt },
});

async function queryDue(client: DynamoDBClient): Promise<(string | undefined)[][]> {
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName: TABLE,
      IndexName: DUE_INDEX,
      KeyConditionExpression: 'lane = :lane',
      ExpressionAttributeValues: { ':lane': { S: 'outbox#0' } },
    }),
  );
  return Items.map(({ pk, dueAt }) => [pk?.S, dueAt?.S]);
}

describe('what was answered', () => {
  it('is there again after a close and a start on the same folder', async () => {
    const first = await start();
    await first.sqs.send(new CreateQueueCommand({ QueueName: 'inbox' }));
    const url = queueUrl(first.endpoints.sqs, 'inbox');
    await first.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'kept' }));
    await first.dynamodb.send(new PutItemCommand({ TableName: TABLE, Item: row('a', '1') }));
    await first.close();

    const second = await start();
    const { Messages } = await second.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl(second.endpoints.sqs, 'inbox') }),
    );
    expect(Messages?.map(({ Body }) => Body)).toEqual(['kept']);
    const { Item } = await second.dynamodb.send(
      new GetItemCommand({ TableName: TABLE, Key: { pk: { S: 'a' }, sk: { S: 'outbox' } } }),
    );
    expect(Item).toEqual(row('a', '1'));
  });

  it.each(['folder', 'memory'] as const)('comes back when its receiver gives it back (%s)', async (where) => {
    const { sqs, endpoints } = await start(where);
    await sqs.send(new CreateQueueCommand({ QueueName: 'inbox' }));
    const QueueUrl = queueUrl(endpoints.sqs, 'inbox');
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'kept' }));
    for (let count = 1; count <= 3; count++) {
      const { Messages: [message] = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MessageSystemAttributeNames: ['ApproximateReceiveCount'] }),
      );
      expect(message).toMatchObject({ Body: 'kept', Attributes: { ApproximateReceiveCount: String(count) } });
      const { ReceiptHandle } = message ?? {};
      await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    }
  });

  it('is forgotten without a folder', async () => {
    const first = await start('memory');
    await first.sqs.send(new CreateQueueCommand({ QueueName: 'inbox' }));
    await first.close();
    const second = await start('memory');
    await expect(second.sqs.send(new GetQueueUrlCommand({ QueueName: 'inbox' }))).rejects.toThrow();
  });

  it('is indexed anew after anything but a clean close', async () => {
    const first = await start();
    for (const id of ['a', 'b']) {
      await first.dynamodb.send(new PutItemCommand({ TableName: TABLE, Item: row(id, '1') }));
    }
    await first.close();
    // As a kill between two writes leaves it: the entry of one row is gone, and there is one of a row never written.
    const store = create({ path: join(dataDir, 'dynamodb', 'leveldb') });
    await store.db.open();
    await deleteIndex(store);
    await addToIndex(store, row('a', '9'));
    await store.db.close();
    rmSync(join(dataDir, 'dynamodb', 'closed-cleanly'));

    const second = await start();
    expect(await queryDue(second.dynamodb)).toEqual([
      ['a', '1'],
      ['b', '1'],
    ]);
  });
});

const deleteIndex = (store: Store): Promise<void> =>
  new Promise((resolve) => {
    store.deleteIndexDb('Global', TABLE, DUE_INDEX, () => resolve());
  });

async function addToIndex(store: Store, item: Item): Promise<void> {
  await new Promise<void>((resolve) => {
    store.tableDb.get(TABLE, (_error, table) => updateIndexes(store, table, undefined, item, () => resolve()));
  });
}

it('refuse a folder that is in use, and leave it alone', async () => {
  const first = await start();
  await first.dynamodb.send(new PutItemCommand({ TableName: TABLE, Item: row('a', '1') }));
  await expect(start()).rejects.toThrow('another relay is running on this data folder: stop it, or choose another');
  expect(await queryDue(first.dynamodb)).toEqual([['a', '1']]);
});

it('say what keeps their folder from being opened', async () => {
  mkdirSync(join(dataDir, 'dynamodb', 'leveldb'), { recursive: true });
  writeFileSync(join(dataDir, 'dynamodb', 'leveldb', 'CURRENT'), 'damaged');
  await expect(start()).rejects.toThrow(/did not start: Database failed to open: .*CURRENT/);
});

it('report that they have died, and close all the same', async () => {
  const { endpoints, close } = await start('memory');
  // dynalite falls over a body of "null".
  const call = fetch(endpoints.dynamodb, {
    method: 'POST',
    body: 'null',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.GetItem',
      'x-amz-date': '20261123T000000Z',
      authorization: 'AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c',
    },
  });
  await expect(call).rejects.toThrow();
  await expect
    .poll(() => crashes.map(({ message }) => message))
    .toEqual([expect.stringContaining('The queues and tables stopped: ')]);
  await close();
});
