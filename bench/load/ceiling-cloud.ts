import { createPublicKey, publicEncrypt, randomBytes } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateKeyCommand,
  DecryptCommand,
  GetPublicKeyCommand,
  KMSClient,
  ReEncryptCommand,
} from '@aws-sdk/client-kms';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import {
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { ledgerTable } from '../../core/names.ts';
import { administratorOf, RELAY_ACCOUNT } from '../../local/principals.ts';
import { createLedgerTable, queueUrl } from '../../local/resources.ts';
import type { EmulatorsUp } from './emulators-process.ts';

/* Single SDK calls, as the ports in `lambda/` and the agency's client make them, with bodies of the same size. */

const REGION = 'eu-west-1';
const STAGE = 'ceiling';
/** Some 400 bytes, as the rows of routes and the facts of an acceptance are. */
const FACTS = { v: 1, hash: 'h'.repeat(43), note: 'x'.repeat(320) };

const dueNow = (lane: string) => ({ lane, dueAt: new Date().toISOString() });

export type CeilingCloud = Awaited<ReturnType<typeof connectCeiling>>;

/** Makes the ledger's table, the queues and the keys anew. */
export async function connectCeiling(endpoints: EmulatorsUp['endpoints'], queues: readonly string[]) {
  const { credentials } = administratorOf(RELAY_ACCOUNT);
  const settings = { region: REGION, credentials };
  const sqs = new SQSClient({ ...settings, endpoint: endpoints.sqs });
  const kms = new KMSClient({ ...settings, endpoint: endpoints.kms });
  const plain = new DynamoDBClient({ ...settings, endpoint: endpoints.dynamodb });
  const dynamodb = DynamoDBDocumentClient.from(plain);
  const TableName = ledgerTable(STAGE);
  await createLedgerTable({ stage: STAGE, region: REGION, endpoints });
  for (const QueueName of queues) await sqs.send(new CreateQueueCommand({ QueueName }));
  const urlOf = (queue: string): string => queueUrl(endpoints.sqs, queue);

  async function createKey(KeySpec: 'RSA_4096' | 'SYMMETRIC_DEFAULT'): Promise<string | undefined> {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeySpec, KeyUsage: 'ENCRYPT_DECRYPT' }));
    return KeyMetadata?.KeyId;
  }
  const intakeKey = await createKey('RSA_4096');
  const agencyKey = await createKey('SYMMETRIC_DEFAULT');
  const { PublicKey = new Uint8Array() } = await kms.send(new GetPublicKeyCommand({ KeyId: intakeKey }));
  const intake = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
  const wrapped = publicEncrypt({ key: intake, oaepHash: 'sha256' }, randomBytes(32));

  return {
    async isSuspended(partner: string): Promise<void> {
      const Key = { pk: `suspended#${partner}`, sk: 'partner' };
      await dynamodb.send(new GetCommand({ TableName, Key, ProjectionExpression: 'pk', ConsistentRead: true }));
    },

    async read(pk: string, content = false): Promise<void> {
      await dynamodb.send(
        new QueryCommand({
          TableName,
          KeyConditionExpression: 'pk = :pk',
          ProjectionExpression: `pk, sk, rev, kind, #row, lane, dueAt${content ? ', sealed' : ''}`,
          ExpressionAttributeNames: { '#row': 'row' },
          ExpressionAttributeValues: { ':pk': pk },
          ConsistentRead: true,
        }),
      );
    },

    /** @param more e.g. `{ sealed }` */
    async put(pk: string, sk: string, lane?: string, more: object = {}): Promise<void> {
      const Item = { pk, sk, rev: 1, kind: 'row', row: FACTS, ...(lane !== undefined && dueNow(lane)), ...more };
      await dynamodb.send(new PutCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' }));
    },

    async update(pk: string, sk: string, lane?: string): Promise<void> {
      const due = lane === undefined ? undefined : dueNow(lane);
      await dynamodb.send(
        new UpdateCommand({
          TableName,
          Key: { pk, sk },
          ConditionExpression: 'rev < :rev',
          UpdateExpression: `SET rev = :rev, #row = :row${due ? ', lane = :lane, dueAt = :at' : ' REMOVE lane, dueAt'}`,
          ExpressionAttributeNames: { '#row': 'row' },
          ExpressionAttributeValues: {
            ':rev': Date.now(),
            ':row': FACTS,
            ...(due && { ':lane': due.lane, ':at': due.dueAt }),
          },
        }),
      );
    },

    async remove(pk: string, sk: string): Promise<void> {
      await dynamodb.send(
        new DeleteCommand({
          TableName,
          Key: { pk, sk },
          ConditionExpression: 'rev = :rev',
          ExpressionAttributeValues: { ':rev': 1 },
        }),
      );
    },

    async send(queue: string, body: object): Promise<void> {
      await sqs.send(new SendMessageCommand({ QueueUrl: urlOf(queue), MessageBody: JSON.stringify(body) }));
    },

    /** Receipts of at most so many messages. */
    async receive(queue: string, most: number): Promise<string[]> {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: urlOf(queue), MaxNumberOfMessages: most, WaitTimeSeconds: 5 }),
      );
      return Messages.map(({ ReceiptHandle = '' }) => ReceiptHandle);
    },

    async take(queue: string, receipts: readonly string[]): Promise<void> {
      const [ReceiptHandle] = receipts;
      await sqs.send(new DeleteMessageCommand({ QueueUrl: urlOf(queue), ReceiptHandle }));
    },

    async takeBatch(queue: string, receipts: readonly string[]): Promise<void> {
      const Entries = receipts.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: urlOf(queue), Entries }));
    },

    async rewrap(agency: string): Promise<Uint8Array> {
      const { CiphertextBlob = new Uint8Array() } = await kms.send(
        new ReEncryptCommand({
          CiphertextBlob: wrapped,
          SourceKeyId: intakeKey,
          SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
          DestinationKeyId: agencyKey,
          DestinationEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
          DestinationEncryptionContext: { agency },
        }),
      );
      return CiphertextBlob;
    },

    async decrypt(key: Uint8Array, agency: string): Promise<void> {
      const EncryptionContext = { agency };
      await kms.send(new DecryptCommand({ CiphertextBlob: key, KeyId: agencyKey, EncryptionContext }));
    },

    close(): void {
      sqs.destroy();
      kms.destroy();
      plain.destroy();
    },
  };
}
