import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  type KeySpec,
  type KMSClient,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { vi } from 'vitest';
import { connectAws } from '../../client/aws.ts';
import {
  agencyAlias,
  agencyQueue,
  dispatchQueue,
  intakeAlias,
  type Lane,
  LANES,
  ledgerTable,
  outcomesQueue,
} from '../../core/names.ts';
import type { Telemetry } from '../../core/ports.ts';
import { QUEUE_TRAITS } from '../../core/sizing.ts';
import { createKeys } from '../../lambda/keys.ts';
import { createLedger } from '../../lambda/ledger.ts';
import { createQueues } from '../../lambda/queues.ts';
import { queueArn } from '../../local/resources.ts';
import { createSuspensions } from '../../ops/suspensions.ts';
import { makePartnerId } from '../support/rows.ts';
import type { Backend } from './contract.ts';
import type { InboxBackend } from './inbox.contract.ts';
import type { KeyRefusal, KeysBackend } from './keys.contract.ts';
import type { QueuesBackend } from './queues.contract.ts';

/*
 * The ports over the AWS SDK, on the embedded cloud and on AWS alike: all that differs is in `Surroundings`.
 */

export interface Surroundings {
  stage: string;
  /** To the table of the stage, which is there and holds nothing. */
  dynamodb: DynamoDBDocumentClient;
  sqs: SQSClient;
  /** As the client of an agency makes it, which waits longer than a function. */
  agencySqs: SQSClient;
  /** In place of the origin of what SQS gives out as the URL of a queue, which is of no use where it is emulated. */
  queueOrigin: string | undefined;
  /** Seconds that a receive waits: a short poll of SQS may not find what is there. */
  patience: number;
  kms: KmsSurroundings;
}

export interface KmsSurroundings {
  administrator: KMSClient;
  submit: KMSClient;
  deliver: KMSClient;
  /** Of the account where an agency has its own key. */
  foreignAdministrator: KMSClient;
  agency: (id: string, where: 'foreign account' | undefined) => KMSClient;
  /** The policy of a new key, of this agency or of a hotline; without it, KMS's own. */
  policyOf?: (agency?: string) => string;
  /** Lets nobody use a key until the returned function is called. */
  deny: (arn: string, agency?: string) => Promise<() => Promise<void>>;
}

export interface SdkBackend extends Backend {
  /** Removes every queue, alias and key that was made, as far as AWS removes keys: a week later. */
  clean: () => Promise<void>;
}

const telemetry: Telemetry = { record: () => undefined };

export async function openSdkBackend(surroundings: Surroundings): Promise<SdkBackend> {
  const cleaners: (() => Promise<unknown>)[] = [];
  const onClean = (cleaner: () => Promise<unknown>): void => void cleaners.unshift(cleaner);
  const clean = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const cleaner of cleaners.splice(0)) await cleaner().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything was removed.');
  };
  try {
    const { stage, dynamodb: client } = surroundings;
    const table = ledgerTable(stage);
    const ledger = createLedger({ client, table, telemetry });
    const queues = await openQueues(surroundings, onClean);
    const { suspend, resume } = createSuspensions({ client, table });
    return {
      ledger,
      suspensions: {
        ledger,
        suspend: (partner) => suspend(partner, { at: '2026-11-23T09:30:00.000Z', by: 'a test' }),
        resume,
      },
      queues,
      inbox: queues,
      keys: await openKeys(surroundings, onClean),
      clean,
    };
  } catch (error) {
    await clean();
    throw error;
  }
}

type OnClean = (cleaner: () => Promise<unknown>) => void;

async function openQueues(
  { stage, sqs, agencySqs, queueOrigin, patience, kms }: Surroundings,
  onClean: OnClean,
): Promise<QueuesBackend & InboxBackend> {
  /** @returns what the names of queues are appended to */
  const create = async (QueueName: string, redrive: { RedrivePolicy?: string } = {}): Promise<string> => {
    const Attributes = { VisibilityTimeout: '30', MaximumMessageSize: String(1024 * 1024), ...redrive };
    const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
    const { origin, pathname } = new URL(QueueUrl);
    const urlBase = (queueOrigin ?? origin) + pathname.slice(0, -QueueName.length);
    onClean(() => sqs.send(new DeleteQueueCommand({ QueueUrl: urlBase + QueueName })));
    return urlBase;
  };
  let urlBase = '';
  for (const lane of LANES) urlBase = await create(dispatchQueue(stage, lane));
  return {
    queues: createQueues({ client: sqs, stage, urlBase, telemetry }),
    stage,
    async addAgency() {
      const agency = makePartnerId('de');
      const dead = agencyQueue(stage, agency, 'dead');
      await create(dead);
      const policy = {
        deadLetterTargetArn: await queueArn(sqs, urlBase + dead),
        maxReceiveCount: QUEUE_TRAITS.agency.receives,
      };
      for (const lane of LANES)
        await create(agencyQueue(stage, agency, lane), { RedrivePolicy: JSON.stringify(policy) });
      return agency;
    },
    async addHotline() {
      const hotline = makePartnerId('gb');
      await create(outcomesQueue(stage, hotline));
      return hotline;
    },
    async drain(queue) {
      const QueueUrl = urlBase + queue;
      const bodies: string[] = [];
      const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: patience });
      for (;;) {
        const { Messages = [] } = await sqs.send(receive);
        if (Messages.length === 0) return bodies;
        for (const { ReceiptHandle, Body = '' } of Messages) {
          await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
          bodies.push(Body);
        }
      }
    },
    async depth(queue) {
      const { Attributes = {} } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: urlBase + queue, AttributeNames: ['All'] }),
      );
      return Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible);
    },
    async send(queue, MessageBody) {
      await sqs.send(new SendMessageCommand({ QueueUrl: urlBase + queue, MessageBody }));
    },
    async expire(hotline, ReceiptHandle) {
      const QueueUrl = urlBase + outcomesQueue(stage, hotline);
      await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    },
    openInbox(agency) {
      const urlOf = (lane: Lane): string => urlBase + agencyQueue(stage, agency, lane);
      const queues = { urgent: urlOf('urgent'), routine: urlOf('routine') };
      // The key is not asked for: keys have a contract of their own.
      return connectAws({ queues, sqs: agencySqs, kms: kms.submit, kmsKey: '', region: '' }).inbox;
    },
  };
}

async function openKeys({ stage, kms }: Surroundings, onClean: OnClean): Promise<KeysBackend> {
  const arns = new Map<string, string>();

  const create = async (client: KMSClient, alias: string, KeySpec: KeySpec, agency?: string): Promise<string> => {
    const { KeyMetadata } = await client.send(
      new CreateKeyCommand({ KeySpec, KeyUsage: 'ENCRYPT_DECRYPT', Policy: kms.policyOf?.(agency) }),
    );
    const arn = KeyMetadata?.Arn ?? '';
    onClean(() => client.send(new ScheduleKeyDeletionCommand({ KeyId: arn, PendingWindowInDays: 7 })));
    await client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: arn }));
    onClean(() => client.send(new DeleteAliasCommand({ AliasName: alias })));
    // A new alias is known everywhere in a while only.
    await vi.waitFor(() => client.send(new DescribeKeyCommand({ KeyId: alias })), { timeout: 90_000, interval: 250 });
    arns.set(alias, arn);
    return arn;
  };

  const refuse = async (alias: string, refusal: KeyRefusal, agency?: string): Promise<() => Promise<void>> => {
    const key = { KeyId: arns.get(alias) ?? '' };
    const { administrator } = kms;
    switch (refusal) {
      case 'disabled':
        await administrator.send(new DisableKeyCommand(key));
        return async () => void (await administrator.send(new EnableKeyCommand(key)));
      case 'pending-deletion':
        await administrator.send(new ScheduleKeyDeletionCommand(key));
        return async () => {
          await administrator.send(new CancelKeyDeletionCommand(key));
          await administrator.send(new EnableKeyCommand(key));
        };
      case 'denied':
        return kms.deny(key.KeyId, agency);
    }
  };

  const [hotline, otherHotline] = [makePartnerId('gb'), makePartnerId('us')];
  const first = intakeAlias(stage, hotline, 1);
  const intake = [first, intakeAlias(stage, hotline, 2), intakeAlias(stage, otherHotline, 1)];
  await Promise.all(intake.map((alias) => create(kms.administrator, alias, 'RSA_4096')));
  const asSubmit = createKeys({ client: kms.submit, stage });
  const asDeliver = createKeys({ client: kms.deliver, stage });
  const agencies = new Map<string, KMSClient>();
  return {
    keys: { intakeKey: asSubmit.intakeKey.bind(asSubmit), rewrap: asDeliver.rewrap.bind(asDeliver) },
    hotline,
    otherHotline,
    async addAgencyKey(agency, generation, where) {
      if (!agencies.has(agency)) agencies.set(agency, kms.agency(agency, where));
      const owner = where ? kms.foreignAdministrator : kms.administrator;
      const arn = await create(owner, agencyAlias(stage, agency, generation), 'SYMMETRIC_DEFAULT', agency);
      return { generation, ...(where && { arn }) };
    },
    async decrypt(agency, { generation }, wrapped, context) {
      const decrypt = new DecryptCommand({
        KeyId: arns.get(agencyAlias(stage, agency, generation)),
        CiphertextBlob: wrapped,
        EncryptionContext: { ...context },
      });
      const { Plaintext = new Uint8Array() } = (await agencies.get(agency)?.send(decrypt)) ?? {};
      return Plaintext;
    },
    refuse: (agency, { generation }, refusal) => refuse(agencyAlias(stage, agency, generation), refusal, agency),
    refuseIntake: (refusal) => refuse(first, refusal),
  };
}
