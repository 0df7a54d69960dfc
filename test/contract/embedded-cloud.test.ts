import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  type KMSClient,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe } from 'vitest';
import {
  agencyAlias,
  agencyQueue,
  dispatchQueue,
  intakeAlias,
  LANES,
  ledgerTable,
  outcomesQueue,
  roleName,
} from '../../core/names.ts';
import type { Ledger, Telemetry } from '../../core/ports.ts';
import { createKeyClient, createLedgerClient, createQueueClient } from '../../lambda/clients.ts';
import { createKeys } from '../../lambda/keys.ts';
import { createLedger } from '../../lambda/ledger.ts';
import { createQueues } from '../../lambda/queues.ts';
import { type Emulators, startEmulators } from '../../local/emulators.ts';
import { type Caller, deployedPolicy, type Kms, startKms } from '../../local/kms/kms.ts';
import { createLedgerTable } from '../../local/resources.ts';
import { createSuspensions } from '../../ops/suspensions.ts';
import { makePartnerId } from '../support/rows.ts';
import { closeContract } from './contract.ts';
import { describeKeys, type KeysBackend } from './keys.contract.ts';
import { describeLedger } from './ledger.contract.ts';
import { describeLimits } from './limits.contract.ts';
import { describeQueues, type QueuesBackend } from './queues.contract.ts';
import { describeSuspensions, type SuspensionsBackend } from './suspensions.contract.ts';

const STAGE = 'test';
const REGION = 'eu-west-2';
const ACCOUNT = '111111111111';
const FOREIGN_ACCOUNT = '222222222222';
const telemetry: Telemetry = { record: () => undefined };

const denied = new Set<string>();
const callers = new Map<string, Caller>();
const principals = new Map<string, string>();
const policy = deployedPolicy({ stage: STAGE, account: ACCOUNT, principals });

let emulators: Emulators;
let kms: Kms;
let ledger: Ledger;
let suspensions: SuspensionsBackend;
let queues: QueuesBackend;
let keys: KeysBackend;

beforeAll(async () => {
  emulators = await startEmulators({
    region: REGION,
    onCrash: (error) => {
      throw error;
    },
  });
  kms = await startKms({
    region: REGION,
    callers,
    authorize: (request) => !denied.has(request.key?.arn ?? '') && policy(request),
    clock: Date.now,
  });
  [suspensions, queues, keys] = await Promise.all([openLedger(), openQueues(), openKeys()]);
  ({ ledger } = suspensions);
});

afterAll(() => Promise.all([emulators.close(), kms.close()]));

describe('the ports over the AWS SDK', () => {
  closeContract('the embedded cloud', [
    describeLedger(() => ledger),
    describeSuspensions(() => suspensions),
    describeLimits(() => ledger),
    describeQueues(() => queues),
    describeKeys(() => keys),
  ]);
});

const credentials = { accessKeyId: 'LOCAL', secretAccessKey: 'local' };

async function openLedger(): Promise<SuspensionsBackend> {
  const options = { region: REGION, endpoint: emulators.endpoints.dynamodb, credentials };
  await createLedgerTable({ stage: STAGE, region: REGION, endpoints: { ...emulators.endpoints, kms: kms.endpoint } });
  const [client, table] = [createLedgerClient(options), ledgerTable(STAGE)];
  const { suspend, resume } = createSuspensions({ client, table });
  return {
    ledger: createLedger({ client, table, telemetry }),
    suspend: (partner) => suspend(partner, { at: '2026-11-23T09:30:00.000Z', by: 'a test' }),
    resume,
  };
}

async function openQueues(): Promise<QueuesBackend> {
  const endpoint = emulators.endpoints.sqs;
  const client: SQSClient = createQueueClient({ region: REGION, endpoint, credentials });
  const urlBase = `${endpoint}/000000000000/`;
  const create = async (QueueName: string) => {
    await client.send(new CreateQueueCommand({ QueueName }));
  };
  for (const lane of LANES) await create(dispatchQueue(STAGE, lane));
  return {
    queues: createQueues({ client, stage: STAGE, urlBase, telemetry }),
    stage: STAGE,
    async addAgency() {
      const agency = makePartnerId('de');
      for (const lane of LANES) await create(agencyQueue(STAGE, agency, lane));
      return agency;
    },
    async addHotline() {
      const hotline = makePartnerId('gb');
      await create(outcomesQueue(STAGE, hotline));
      return hotline;
    },
    async drain(queue) {
      const QueueUrl = urlBase + queue;
      const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
      for (const { ReceiptHandle } of Messages) {
        await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
      return Messages.map(({ Body = '' }) => Body);
    },
    async depth(queue) {
      const { Attributes = {} } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl: urlBase + queue, AttributeNames: ['All'] }),
      );
      return Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible);
    },
    async send(queue, MessageBody) {
      await client.send(new SendMessageCommand({ QueueUrl: urlBase + queue, MessageBody }));
    },
    async expire(hotline, ReceiptHandle) {
      const QueueUrl = urlBase + outcomesQueue(STAGE, hotline);
      await client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    },
  };
}

/** A client with the credentials of `arn`, whom the KMS knows from then on. */
function clientOf(arn: string): KMSClient {
  const accessKeyId = `KEY${callers.size}`;
  callers.set(accessKeyId, { arn, account: arn.split(':')[4] ?? '' });
  return createKeyClient({
    region: REGION,
    endpoint: kms.endpoint,
    credentials: { accessKeyId, secretAccessKey: 'local' },
  });
}

const roleArn = (holder: string): string => `arn:aws:iam::${ACCOUNT}:role/${roleName(STAGE, holder)}`;

async function openKeys(): Promise<KeysBackend> {
  const administrator = clientOf(`arn:aws:iam::${ACCOUNT}:root`);
  const foreignAdministrator = clientOf(`arn:aws:iam::${FOREIGN_ACCOUNT}:root`);
  const arns = new Map<string, string>();
  const agencies = new Map<string, KMSClient>();

  const create = async (client: KMSClient, alias: string, spec: 'RSA_4096' | 'SYMMETRIC_DEFAULT'): Promise<string> => {
    const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage: 'ENCRYPT_DECRYPT' }));
    const arn = KeyMetadata?.Arn ?? '';
    await client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: arn }));
    arns.set(alias, arn);
    return arn;
  };
  const refuse = async (alias: string, refusal: 'disabled' | 'pending-deletion' | 'denied') => {
    const arn = arns.get(alias) ?? '';
    const key = { KeyId: arn };
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
        denied.add(arn);
        return async () => void denied.delete(arn);
    }
  };

  const [hotline, otherHotline] = [makePartnerId('gb'), makePartnerId('us')];
  await Promise.all(
    [intakeAlias(STAGE, hotline, 1), intakeAlias(STAGE, hotline, 2), intakeAlias(STAGE, otherHotline, 1)].map((alias) =>
      create(administrator, alias, 'RSA_4096'),
    ),
  );
  const asSubmit = createKeys({ client: clientOf(roleArn('submit')), stage: STAGE });
  const asDeliver = createKeys({ client: clientOf(roleArn('deliver')), stage: STAGE });
  return {
    keys: { intakeKey: asSubmit.intakeKey.bind(asSubmit), rewrap: asDeliver.rewrap.bind(asDeliver) },
    hotline,
    otherHotline,
    async addAgencyKey(agency, generation, where) {
      const principal = where ? `arn:aws:iam::${FOREIGN_ACCOUNT}:role/${agency}` : roleArn(agency);
      if (where) principals.set(agency, principal);
      if (!agencies.has(agency)) agencies.set(agency, clientOf(principal));
      const alias = agencyAlias(STAGE, agency, generation);
      const arn = await create(where ? foreignAdministrator : administrator, alias, 'SYMMETRIC_DEFAULT');
      return { generation, ...(where && { arn }) };
    },
    async decrypt(agency, { generation }, wrapped, context) {
      const { Plaintext = new Uint8Array() } =
        (await agencies.get(agency)?.send(
          new DecryptCommand({
            KeyId: arns.get(agencyAlias(STAGE, agency, generation)),
            CiphertextBlob: wrapped,
            EncryptionContext: { ...context },
          }),
        )) ?? {};
      return Plaintext;
    },
    refuse: (agency, { generation }, refusal) => refuse(agencyAlias(STAGE, agency, generation), refusal),
    refuseIntake: (refusal) => refuse(intakeAlias(STAGE, hotline, 1), refusal),
  };
}
