import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  ResourceInUseException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  KMSClient,
  type KeySpec,
  NotFoundException,
} from '@aws-sdk/client-kms';
import { CreateTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import {
  agencyAlias,
  agencyQueue,
  dispatchQueue,
  DUE_INDEX,
  intakeAlias,
  LANES,
  ledgerTable,
  outcomesQueue,
  pageTopic,
} from '../core/names.ts';
import type { KmsKeyRecord, Registry } from '../core/registry.ts';
import { LARGEST_MESSAGE, MESSAGE_RETENTION, QUEUE_TRAITS } from '../core/sizing.ts';
import { accountOf, administratorOf, RELAY_ACCOUNT } from './principals.ts';

/*
 * What a deployment has: the ledger, the queues, the partners' KMS keys. All of it is made through the SDK, and made
 * only where it is missing, so that a start on a folder of an earlier one finds what is there.
 */

export interface Cloud {
  stage: string;
  region: string;
  endpoints: { sqs: string; sns: string; dynamodb: string; kms: string };
}

/** ARN of the KMS key of a partner's generation. */
export type KeyArns = (partner: string, record: KmsKeyRecord) => string;

/** Every resource of a stage and its partners. */
export async function createResources(
  cloud: Cloud,
  registry: Registry,
  { hiddenSeconds = Number.POSITIVE_INFINITY }: { hiddenSeconds?: number | undefined } = {},
): Promise<KeyArns> {
  const [keyArns] = await Promise.all([
    createKeys(cloud, registry),
    createLedgerTable(cloud),
    createQueues(cloud, registry, hiddenSeconds),
    createTopics(cloud, registry),
  ]);
  return keyArns;
}

/** The ledger: one table with the sparse index over what is owed (`core/names.ts`). */
export async function createLedgerTable({ stage, region, endpoints }: Cloud): Promise<void> {
  const { credentials } = administratorOf(RELAY_ACCOUNT);
  const client = new DynamoDBClient({ region, endpoint: endpoints.dynamodb, credentials });
  try {
    await createTable(client, ledgerTable(stage));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
    await waitForTable(client, ledgerTable(stage));
  }
  client.destroy();
}

const waitForTable = (client: DynamoDBClient, TableName: string): Promise<unknown> =>
  waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { TableName });

/** Makes an empty ledger. @throws {ResourceInUseException} if there is such a table */
export async function createTable(client: DynamoDBClient, TableName: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: ['pk', 'sk', 'lane', 'dueAt'].map((AttributeName) => ({
        AttributeName,
        AttributeType: 'S',
      })),
      KeySchema: keySchema('pk', 'sk'),
      GlobalSecondaryIndexes: [
        { IndexName: DUE_INDEX, KeySchema: keySchema('lane', 'dueAt'), Projection: { ProjectionType: 'ALL' } },
      ],
    }),
  );
  await waitForTable(client, TableName);
}

const keySchema = (hash: string, range: string): CreateTableCommandInput['KeySchema'] => [
  { AttributeName: hash, KeyType: 'HASH' },
  { AttributeName: range, KeyType: 'RANGE' },
];

interface QueueSpec {
  name: string;
  visibilitySeconds: number;
  /** Where a message goes that was received `maxReceives` times and came back. */
  dead?: { name: string; maxReceives: number };
}

/** Every queue of a stage, dead-letter queues before those that name them. */
function listQueues(stage: string, registry: Registry): QueueSpec[] {
  const agencies = [...registry.agencies.keys()];
  return [
    ...LANES.map((lane) => ({ name: dispatchQueue(stage, `dead-${lane}`), visibilitySeconds: 30 })),
    ...agencies.map((agency) => ({ name: agencyQueue(stage, agency, 'dead'), visibilitySeconds: 30 })),
    ...LANES.map((lane) => ({
      name: dispatchQueue(stage, lane),
      visibilitySeconds: QUEUE_TRAITS.dispatch.visibility,
      dead: { name: dispatchQueue(stage, `dead-${lane}`), maxReceives: QUEUE_TRAITS.dispatch.receives },
    })),
    ...agencies.flatMap((agency) =>
      LANES.map((lane) => ({
        name: agencyQueue(stage, agency, lane),
        visibilitySeconds: QUEUE_TRAITS.agency.visibility,
        dead: { name: agencyQueue(stage, agency, 'dead'), maxReceives: QUEUE_TRAITS.agency.receives },
      })),
    ),
    ...[...registry.hotlines.keys()].map((hotline) => ({
      name: outcomesQueue(stage, hotline),
      visibilitySeconds: QUEUE_TRAITS.outcomes.visibility,
    })),
  ];
}

/** That a queue is there with other attributes: as SQS says it in either protocol, and as fauxqs does. */
const EXISTS: ReadonlySet<string> = new Set([
  'QueueNameExists',
  'QueueAlreadyExists',
  'AWS.SimpleQueueService.QueueNameExists',
]);

async function createQueues(
  { stage, region, endpoints }: Cloud,
  registry: Registry,
  hiddenSeconds: number,
): Promise<void> {
  const { credentials } = administratorOf(RELAY_ACCOUNT);
  const client = new SQSClient({ region, endpoint: endpoints.sqs, credentials });
  for (const { name, visibilitySeconds, dead } of listQueues(stage, registry)) {
    const attributes = {
      MessageRetentionPeriod: String(MESSAGE_RETENTION),
      MaximumMessageSize: String(LARGEST_MESSAGE),
      VisibilityTimeout: String(Math.min(visibilitySeconds, hiddenSeconds)),
      SqsManagedSseEnabled: 'true',
      ...(dead && {
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: await queueArn(client, queueUrl(endpoints.sqs, dead.name)),
          maxReceiveCount: dead.maxReceives,
        }),
      }),
    };
    try {
      await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
    } catch (error) {
      if (!(error instanceof Error && EXISTS.has(error.name))) throw error;
      const QueueUrl = queueUrl(endpoints.sqs, name);
      await client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: attributes }));
    }
  }
  client.destroy();
}

/** A topic for each agency that has named whom to page. Nobody subscribes to it but tests. */
async function createTopics({ stage, region, endpoints }: Cloud, registry: Registry): Promise<void> {
  const { credentials } = administratorOf(RELAY_ACCOUNT);
  const client = new SNSClient({ region, endpoint: endpoints.sns, credentials });
  for (const { id, contact } of registry.agencies.values()) {
    if (contact.page !== undefined) await client.send(new CreateTopicCommand({ Name: pageTopic(stage, id) }));
  }
  client.destroy();
}

/** What topic names are appended to. */
export const topicArnBase = (region: string): string => `arn:aws:sns:${region}:${RELAY_ACCOUNT}:`;

/** What queue names are appended to; the URLs that the emulator itself gives out do not resolve. */
export const queueUrlBase = (endpoint: string): string => `${endpoint}/${RELAY_ACCOUNT}/`;

export const queueUrl = (endpoint: string, name: string): string => queueUrlBase(endpoint) + name;

export async function queueArn(client: SQSClient, url: string): Promise<string> {
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] }),
  );
  if (Attributes?.QueueArn === undefined) throw new Error(`The queue ${url} has no ARN.`);
  return Attributes.QueueArn;
}

interface WantedKey {
  partner: string;
  record: KmsKeyRecord;
  alias: string;
  spec: KeySpec;
}

/**
 * A key for every generation of every partner, under its alias. A record that names an ARN gets a key in that ARN's
 * account instead of the relay's: the ARN is a placeholder, for nobody chooses the id of a KMS key.
 */
async function createKeys(cloud: Cloud, registry: Registry): Promise<KeyArns> {
  const wanted: WantedKey[] = [
    ...[...registry.hotlines.values()].flatMap(({ id, intakeKeys }) =>
      intakeKeys.map((record) => ({
        partner: id,
        record,
        alias: intakeAlias(cloud.stage, id, record.generation),
        spec: 'RSA_4096' as const,
      })),
    ),
    ...[...registry.agencies.values()].flatMap(({ id, kmsKeys }) =>
      kmsKeys.map((record) => ({
        partner: id,
        record,
        alias: agencyAlias(cloud.stage, id, record.generation),
        spec: 'SYMMETRIC_DEFAULT' as const,
      })),
    ),
  ];
  const arns = new Map(
    await Promise.all(
      wanted.map(async (key) => [generationOf(key.partner, key.record), await createKey(cloud, key)] as const),
    ),
  );
  return (partner, record) => {
    const arn = arns.get(generationOf(partner, record));
    if (arn === undefined) throw new Error(`There is no KMS key of generation ${record.generation} for ${partner}.`);
    return arn;
  };
}

const generationOf = (partner: string, { generation }: KmsKeyRecord): string => `${partner}/${generation}`;

async function createKey({ region, endpoints }: Cloud, { partner, record, alias, spec }: WantedKey): Promise<string> {
  const account = record.arn === undefined ? RELAY_ACCOUNT : accountOf(record.arn);
  const client = new KMSClient({ region, endpoint: endpoints.kms, credentials: administratorOf(account).credentials });
  try {
    const arn = await findKey(client, alias);
    if (arn !== undefined) return arn;
    const { KeyMetadata } = await client.send(
      new CreateKeyCommand({
        Description: `referral-relay: ${partner}, generation ${record.generation}`,
        KeySpec: spec,
        KeyUsage: 'ENCRYPT_DECRYPT',
      }),
    );
    if (KeyMetadata?.KeyId === undefined || KeyMetadata.Arn === undefined)
      throw new Error('KMS made a key with no id.');
    await client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: KeyMetadata.KeyId }));
    return KeyMetadata.Arn;
  } finally {
    client.destroy();
  }
}

async function findKey(client: KMSClient, alias: string): Promise<string | undefined> {
  try {
    return (await client.send(new DescribeKeyCommand({ KeyId: alias }))).KeyMetadata?.Arn;
  } catch (error) {
    if (error instanceof NotFoundException) return undefined;
    throw error;
  }
}
