import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateAliasCommand,
  CreateGrantCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  KMSClient,
  ListKeysCommand,
} from '@aws-sdk/client-kms';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DUE_INDEX, ledgerTable } from '../../core/names.ts';
import { type Emulators, startEmulators } from '../../local/emulators.ts';
import { type Kms, startKms } from '../../local/kms/kms.ts';
import { createLedgerTable, queueArn, queueUrl } from '../../local/resources.ts';

/* Where the embedded cloud is not like AWS, as docs/emulators.md says: an upgrade that changes it is noticed. */

const REGION = 'eu-west-1';
const TableName = ledgerTable('test');
const PAGE = readFileSync(new URL('../../docs/emulators.md', import.meta.url), 'utf8');
const DENY_ALL = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Deny', Principal: '*', Action: '*', Resource: '*' }],
});

let emulators: Emulators;
let server: Kms;
let sqs: SQSClient;
let dynamodb: DynamoDBClient;
let kms: KMSClient;

beforeAll(async () => {
  emulators = await startEmulators({
    region: REGION,
    onCrash: (error) => {
      throw error;
    },
  });
  const caller = { account: '111111111111', arn: 'arn:aws:iam::111111111111:root' };
  server = await startKms({
    region: REGION,
    callers: new Map([['LOCAL', caller]]),
    authorize: () => true,
    clock: Date.now,
  });
  const settings = { region: REGION, maxAttempts: 1, credentials: { accessKeyId: 'LOCAL', secretAccessKey: 'wrong' } };
  sqs = new SQSClient({ ...settings, endpoint: emulators.endpoints.sqs });
  dynamodb = new DynamoDBClient({ ...settings, endpoint: emulators.endpoints.dynamodb });
  kms = new KMSClient({ ...settings, endpoint: server.endpoint });
  await createLedgerTable({ stage: 'test', region: REGION, endpoints: { ...emulators.endpoints, kms: '' } });
});
afterAll(() => Promise.all([emulators?.close(), server?.close()]));

const faultOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'none',
    (error: unknown) => (error instanceof Error ? error.name : String(error)),
  );

async function makeQueue(Attributes: Record<string, string> = {}) {
  const QueueName = `queue-${randomUUID()}`;
  const { QueueUrl: given = '' } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
  return { QueueName, given, QueueUrl: queueUrl(emulators.endpoints.sqs, QueueName) };
}

async function receive(QueueUrl: string) {
  const asked = { QueueUrl, MessageSystemAttributeNames: ['ApproximateReceiveCount' as const] };
  const [{ ReceiptHandle, Attributes } = {}] = (await sqs.send(new ReceiveMessageCommand(asked))).Messages ?? [];
  const hide = (VisibilityTimeout: number): Promise<string> =>
    faultOf(sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout })));
  const remove = () => sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  return { hide, remove, receives: Attributes?.ApproximateReceiveCount };
}

const row = (pk: string) => ({
  pk: { S: pk },
  sk: { S: 'outbox' },
  lane: { S: pk },
  dueAt: { S: '1' },
});

/** Two rows that dynalite takes for one where both keys of an index are equal: six digits of a hash are all that is left. */
async function putTwo(lane: string, dueAt: (pk: string) => string): Promise<string[]> {
  for (const pk of ['zz-hotline#1031', 'zz-hotline#3005']) {
    const Item = { pk: { S: pk }, sk: { S: 'route#zz-agency' }, lane: { S: lane }, dueAt: { S: dueAt(pk) } };
    await dynamodb.send(new PutItemCommand({ TableName, Item }));
  }
  const { Items = [] } = await dynamodb.send(
    new QueryCommand({
      TableName,
      IndexName: DUE_INDEX,
      KeyConditionExpression: 'lane = :lane',
      ExpressionAttributeValues: { ':lane': { S: lane } },
    }),
  );
  return Items.map(({ pk }) => pk?.S ?? '');
}

/** By what the page says of it. */
const DIFFERENCES: Readonly<Record<string, () => Promise<void>>> = {
  'an unknown receipt is deleted without a word': async () => {
    const { QueueUrl } = await makeQueue();
    const Entries = [{ Id: '0', ReceiptHandle: 'never given' }];
    expect((await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))).Failed ?? []).toEqual([]);
  },

  'an earlier receipt neither hides nor removes what was received again': async () => {
    const { QueueUrl } = await makeQueue();
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' }));
    const first = await receive(QueueUrl);
    await first.hide(0);
    const second = await receive(QueueUrl);
    expect(await first.hide(0)).toBe('MessageNotInflight');
    await first.remove();
    expect(await second.hide(0)).toBe('none');
    expect((await receive(QueueUrl)).receives).toBe('3');
  },

  'a receipt that no longer stands is refused as `MessageNotInflight`': async () => {
    const { QueueUrl } = await makeQueue();
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' }));
    const { hide, remove } = await receive(QueueUrl);
    await remove();
    expect(await hide(60)).toBe('MessageNotInflight');
    const unknown = { QueueUrl, ReceiptHandle: 'never given', VisibilityTimeout: 60 };
    expect(await faultOf(sqs.send(new ChangeMessageVisibilityCommand(unknown)))).toBe('MessageNotInflight');
  },

  'twelve hours count from each change': async () => {
    const { QueueUrl } = await makeQueue();
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' }));
    const { hide } = await receive(QueueUrl);
    expect([await hide(43_200), await hide(43_200)]).toEqual(['none', 'none']);
  },

  'a move to the dead letters counts as a receipt': async () => {
    const dead = await makeQueue();
    const deadLetterTargetArn = await queueArn(sqs, dead.QueueUrl);
    const { QueueUrl } = await makeQueue({
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 }),
    });
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' }));
    const { hide, receives } = await receive(QueueUrl);
    await hide(0);
    await receive(QueueUrl);
    expect([receives, (await receive(dead.QueueUrl)).receives]).toEqual(['1', '3']);
  },

  'a standard queue forgets the message group': async () => {
    const { QueueUrl } = await makeQueue();
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a', MessageGroupId: 'gb-lantern' }));
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MessageSystemAttributeNames: ['MessageGroupId'] }),
    );
    expect(Messages?.map(({ Body, Attributes }) => [Body, Attributes?.MessageGroupId])).toEqual([['a', undefined]]);
  },

  'a queue’s policy is not asked': async () => {
    const { QueueUrl } = await makeQueue({ Policy: DENY_ALL });
    expect(await faultOf(sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' })))).toBe('none');
  },

  'a queue with other attributes is refused by another name of the error': async () => {
    const { QueueName } = await makeQueue();
    const again = new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: '7' } });
    expect(await faultOf(sqs.send(again))).toBe('AWS.SimpleQueueService.QueueNameExists');
  },

  'a queue can be made anew at once': async () => {
    const { QueueName, QueueUrl } = await makeQueue();
    await sqs.send(new DeleteQueueCommand({ QueueUrl }));
    expect(await faultOf(sqs.send(new CreateQueueCommand({ QueueName })))).toBe('none');
  },

  'messages are not moved by a task': async () => {
    const { QueueUrl } = await makeQueue();
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    const move = new StartMessageMoveTaskCommand({ SourceArn: Attributes?.QueueArn });
    expect(await faultOf(sqs.send(move))).not.toBe('none');
  },

  'the URL of a queue names a host that does not resolve': async () => {
    const { given } = await makeQueue();
    expect(new URL(given).hostname).toBe(`sqs.${REGION}.localhost`);
  },

  'every queue is in account 000000000000': async () => {
    const { QueueUrl } = await makeQueue();
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    expect(Attributes?.QueueArn).toMatch(/^arn:aws:sqs:eu-west-1:000000000000:/);
  },

  'counts are exact, and a short poll finds everything': async () => {
    for (let count = 1; count <= 10; count++) {
      const { QueueUrl } = await makeQueue();
      for (let sent = 0; sent < count; sent++) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' }));
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
      expect(Attributes?.ApproximateNumberOfMessages).toBe(String(count));
      const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 });
      expect((await sqs.send(receive)).Messages).toHaveLength(count);
    }
  },

  'there are no transactions': async () => {
    const write = new TransactWriteItemsCommand({ TransactItems: [{ Put: { TableName, Item: row('transaction') } }] });
    expect(await faultOf(dynamodb.send(write))).toBe('UnknownOperationException');
  },

  'there is no time to live': async () => {
    const TimeToLiveSpecification = { AttributeName: 'expires', Enabled: true };
    const call = dynamodb.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
    expect(await faultOf(call)).toBe('UnknownOperationException');
  },

  'a condition that fails does not show the item': async () => {
    const put = new PutItemCommand({
      TableName,
      Item: row('condition'),
      ConditionExpression: 'attribute_not_exists(pk)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
    await dynamodb.send(put);
    const error: unknown = await dynamodb.send(put).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'ConditionalCheckFailedException' });
    expect((error as { Item?: unknown }).Item).toBeUndefined();
  },

  'an index is up to date at once': async () => {
    for (let count = 0; count < 20; count++) {
      const lane = `index-${count}`;
      await dynamodb.send(new PutItemCommand({ TableName, Item: row(lane) }));
      const { Items } = await dynamodb.send(
        new QueryCommand({
          TableName,
          IndexName: DUE_INDEX,
          KeyConditionExpression: 'lane = :lane',
          ExpressionAttributeValues: { ':lane': { S: lane } },
        }),
      );
      expect(Items).toHaveLength(1);
    }
  },

  'an index may lose one of two rows with the same lane and due time': async () => {
    expect(await putTwo('same-moment', () => '1')).toEqual(['zz-hotline#3005']);
    expect(await putTwo('each-its-own', (pk) => pk)).toEqual(['zz-hotline#1031', 'zz-hotline#3005']);
  },

  'the access key id alone says who calls': async () => {
    expect(await faultOf(kms.send(new CreateKeyCommand({})))).toBe('none');
  },

  'a key policy is kept and not interpreted': async () => {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({ Policy: DENY_ALL }));
    expect(await faultOf(kms.send(new DescribeKeyCommand({ KeyId: KeyMetadata?.KeyId })))).toBe('none');
  },

  'grants are not supported': async () => {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    const grant = { KeyId: KeyMetadata?.KeyId, GranteePrincipal: 'arn:aws:iam::111111111111:root' };
    const create = new CreateGrantCommand({ ...grant, Operations: ['Decrypt'] });
    expect(await faultOf(kms.send(create))).toBe('UnsupportedOperationException');
  },

  'aliases and states are known at once': async () => {
    for (let count = 0; count < 5; count++) {
      const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
      const alias = { AliasName: `alias/referral-relay/test/${count}`, TargetKeyId: KeyMetadata?.KeyId };
      await kms.send(new CreateAliasCommand(alias));
      await kms.send(new DisableKeyCommand({ KeyId: KeyMetadata?.KeyId }));
      const seen = await kms.send(new DescribeKeyCommand({ KeyId: alias.AliasName }));
      expect(seen.KeyMetadata?.KeyState).toBe('Disabled');
    }
  },

  'an unknown operation is answered with `UnsupportedOperationException`': async () => {
    expect(await faultOf(kms.send(new ListKeysCommand({})))).toBe('UnsupportedOperationException');
  },
};

describe('the embedded cloud is not like AWS', () => {
  it.each(Object.entries(DIFFERENCES))('%s, as the page says', async (title, show) => {
    expect(PAGE).toContain(`| ${title} `);
    await show();
  });
});
