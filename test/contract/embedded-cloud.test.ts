import { KMSClient } from '@aws-sdk/client-kms';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe } from 'vitest';
import { roleName } from '../../core/names.ts';
import { createKeyClient, createLedgerClient, createQueueClient } from '../../lambda/clients.ts';
import { type Emulators, startEmulators } from '../../local/emulators.ts';
import { type Caller, deployedPolicy, type Kms, startKms } from '../../local/kms/kms.ts';
import { createLedgerTable } from '../../local/resources.ts';
import { describeEveryPort } from './every-port.ts';
import { openSdkBackend, type SdkBackend } from './sdk-backend.ts';

const STAGE = 'test';
const REGION = 'eu-west-2';
const ACCOUNT = '111111111111';
const FOREIGN_ACCOUNT = '222222222222';

const denied = new Set<string>();
const callers = new Map<string, Caller>();
const principals = new Map<string, string>();
const policy = deployedPolicy({ stage: STAGE, account: ACCOUNT, principals });

let emulators: Emulators;
let kms: Kms;
let backend: SdkBackend;

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
  const endpoints = { ...emulators.endpoints, kms: kms.endpoint };
  await createLedgerTable({ stage: STAGE, region: REGION, endpoints });
  const credentials = { accessKeyId: 'LOCAL', secretAccessKey: 'local' };
  backend = await openSdkBackend({
    stage: STAGE,
    dynamodb: createLedgerClient({ region: REGION, endpoint: endpoints.dynamodb, credentials }),
    sqs: createQueueClient({ region: REGION, endpoint: endpoints.sqs, credentials }),
    agencySqs: new SQSClient({ region: REGION, endpoint: endpoints.sqs, credentials }),
    queueOrigin: endpoints.sqs,
    patience: 0,
    kms: {
      // Patient, for it makes RSA keys.
      administrator: new KMSClient(settingsOf(`arn:aws:iam::${ACCOUNT}:root`)),
      foreignAdministrator: new KMSClient(settingsOf(`arn:aws:iam::${FOREIGN_ACCOUNT}:root`)),
      submit: clientOf(roleArn('submit')),
      deliver: clientOf(roleArn('deliver')),
      agency(id, where) {
        const principal = where ? `arn:aws:iam::${FOREIGN_ACCOUNT}:role/${id}` : roleArn(id);
        if (where) principals.set(id, principal);
        return clientOf(principal);
      },
      async deny(arn) {
        denied.add(arn);
        return async () => void denied.delete(arn);
      },
    },
  });
});

afterAll(() => Promise.all([emulators?.close(), kms?.close()]));

describe('the embedded cloud', () => {
  describeEveryPort('the embedded cloud', () => backend);
});

const roleArn = (holder: string): string => `arn:aws:iam::${ACCOUNT}:role/${roleName(STAGE, holder)}`;

/** Of a client with the credentials of `arn`, whom the KMS knows from then on. */
function settingsOf(arn: string) {
  const accessKeyId = `KEY${callers.size}`;
  callers.set(accessKeyId, { arn, account: arn.split(':')[4] ?? '' });
  return { region: REGION, endpoint: kms.endpoint, credentials: { accessKeyId, secretAccessKey: 'local' } };
}

/** As the functions use. */
const clientOf = (arn: string): KMSClient => createKeyClient(settingsOf(arn));
