import {
  DeleteTableCommand,
  DynamoDBClient,
  ResourceInUseException,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb';
import { KMSClient, PutKeyPolicyCommand } from '@aws-sdk/client-kms';
import { SQSClient } from '@aws-sdk/client-sqs';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe } from 'vitest';
import { ledgerTable, STAGE } from '../../core/names.ts';
import { createKeyClient, createLedgerClient, createQueueClient } from '../../lambda/clients.ts';
import { createTable } from '../../local/resources.ts';
import { describeEveryPort } from './every-port.ts';
import { openSdkBackend, type SdkBackend } from './sdk-backend.ts';

/*
 * The contract on AWS itself, if a stage and a Region are named and the SDK finds credentials; what it touches and costs
 * stands in docs/emulators.md. The stage must be one that is not there: everything is made under its name, and removed.
 */

const { REFERRAL_RELAY_CONTRACT_STAGE: stage, AWS_REGION: region } = process.env;

describe.skipIf(stage === undefined)('AWS', { timeout: 300_000 }, () => {
  let backend: SdkBackend | undefined;
  let removeTable: (() => Promise<unknown>) | undefined;

  beforeAll(async () => {
    if (stage === undefined || region === undefined || !STAGE.test(stage)) {
      throw new Error('Set REFERRAL_RELAY_CONTRACT_STAGE to a stage that is not there, such as ct1, and AWS_REGION.');
    }
    const account = await findAccount(region);
    removeTable = await makeTable(stage, region);
    // One principal for all: who may do what is for the audit to show (`audit/`), and for the embedded cloud.
    const everybody = createKeyClient({ region });
    const administrator = new KMSClient({ region });
    backend = await openSdkBackend({
      stage,
      dynamodb: createLedgerClient({ region }),
      sqs: createQueueClient({ region }),
      agencySqs: new SQSClient({ region }),
      queueOrigin: process.env['AWS_ENDPOINT_URL_SQS'],
      patience: 2,
      kms: {
        administrator,
        foreignAdministrator: administrator,
        submit: everybody,
        deliver: everybody,
        agency: () => everybody,
        policyOf: (agency) => keyPolicy(account, agency),
        async deny(KeyId, agency) {
          const put = (Policy: string) => administrator.send(new PutKeyPolicyCommand({ KeyId, Policy }));
          await put(keyPolicy(account, agency, 'denied'));
          return async () => void (await put(keyPolicy(account, agency)));
        },
      },
    });
  }, 300_000);

  afterAll(async () => {
    await backend?.clean();
    await removeTable?.();
  }, 300_000);

  describeEveryPort('AWS', () => {
    if (!backend) throw new Error('There is no backend.');
    return backend;
  });
});

async function findAccount(region: string): Promise<string> {
  const { Account } = await new STSClient({ region }).send(new GetCallerIdentityCommand({}));
  if (Account === undefined) throw new Error('AWS does not say whose credentials these are.');
  return Account;
}

/** @returns what removes it */
async function makeTable(stage: string, region: string): Promise<() => Promise<unknown>> {
  const client = new DynamoDBClient({ region });
  const TableName = ledgerTable(stage);
  try {
    await createTable(client, TableName);
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
    throw new Error(`There is a stage "${stage}" already: name one that is not there.`, { cause: error });
  }
  return async () => {
    await client.send(new DeleteTableCommand({ TableName }));
    await waitUntilTableNotExists({ client, maxWaitTime: 120, minDelay: 1, maxDelay: 2 }, { TableName });
  };
}

/** Whoever the account lets use it may; an agency's key only with that agency in the context, as deployed. */
function keyPolicy(account: string, agency?: string, denied?: 'denied'): string {
  const everybody = { Principal: { AWS: '*' }, Resource: '*' };
  const Statement = [
    {
      Sid: 'Account',
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${account}:root` },
      Action: 'kms:*',
      Resource: '*',
    },
    ...(agency === undefined
      ? []
      : [
          {
            Sid: 'ForNoOtherAgency',
            Effect: 'Deny',
            ...everybody,
            Action: ['kms:ReEncryptTo', 'kms:Decrypt'],
            Condition: { StringNotEquals: { 'kms:EncryptionContext:agency': agency } },
          },
        ]),
    ...(denied
      ? [{ Sid: 'Nobody', Effect: 'Deny', ...everybody, Action: ['kms:ReEncryptFrom', 'kms:ReEncryptTo'] }]
      : []),
  ];
  return JSON.stringify({ Version: '2012-10-17', Statement });
}
