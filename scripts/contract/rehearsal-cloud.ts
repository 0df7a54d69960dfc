import { devNull } from 'node:os';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { KMSClient, ListAliasesCommand } from '@aws-sdk/client-kms';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { actionsOf } from '../../audit/actions.ts';
import { WHATEVER } from '../../audit/deployment.ts';
import { ask } from '../../audit/simulator.ts';
import { startEmulators } from '../../local/emulators.ts';
import { type Authorize, startKms } from '../../local/kms/kms.ts';
import { administratorOf, RELAY_ACCOUNT } from '../../local/principals.ts';
import { PolicyStatement } from '../../test/support/synthesized-policies.ts';

/*
 * Stands for AWS, so that what the contract does there can be tried: emulators of which nothing is known but where they
 * listen, and a KMS that does as each key's own policy says.
 */

export interface RehearsalCloud {
  /** Leads the SDK there, from a process that knows of no endpoint. */
  environment: Record<string, string>;
  /** Names of what is still there. */
  leftovers: () => Promise<string[]>;
  close: () => Promise<void>;
}

const REGION = 'eu-west-1';

const KeyPolicy = z.object({ Statement: z.array(PolicyStatement) });

/** As IAM does for somebody whom his account lets do everything. */
const asPoliciesSay: Authorize = async ({ principal, account, action, key, encryptionContext }) => {
  if (!key) return true;
  const takesContext = (await actionsOf('kms', 'key')).some((one) => one.name === action && one.takesContext);
  const { Statement: statements } = KeyPolicy.parse(JSON.parse(key.policy ?? '{"Statement":[]}'));
  const { allowed } = await ask(
    {
      principal,
      action,
      resource: key.arn,
      account,
      context: { 'aws:PrincipalArn': principal, 'aws:SecureTransport': 'true' },
      encryptionContext: takesContext ? encryptionContext : undefined,
    },
    { identity: [WHATEVER], resource: { title: 'a key', stack: '', statements } },
  );
  return allowed;
};

export async function startRehearsalCloud(): Promise<RehearsalCloud> {
  const { credentials, arn, account } = administratorOf(RELAY_ACCOUNT);
  const emulators = await startEmulators({
    region: REGION,
    onCrash: (error) => {
      throw error;
    },
  });
  const kms = await startKms({
    region: REGION,
    callers: new Map([[credentials.accessKeyId, { arn, account }]]),
    authorize: asPoliciesSay,
    clock: Date.now,
  });
  const { sqs, dynamodb } = emulators.endpoints;
  const settings = { region: REGION, credentials };
  return {
    environment: {
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL_SQS: sqs,
      AWS_ENDPOINT_URL_STS: sqs,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
      AWS_ENDPOINT_URL_KMS: kms.endpoint,
      AWS_CONFIG_FILE: devNull,
      AWS_SHARED_CREDENTIALS_FILE: devNull,
    },
    async leftovers() {
      const queues = await new SQSClient({ ...settings, endpoint: sqs }).send(new ListQueuesCommand({}));
      const tables = await new DynamoDBClient({ ...settings, endpoint: dynamodb }).send(new ListTablesCommand({}));
      const aliases = await new KMSClient({ ...settings, endpoint: kms.endpoint }).send(new ListAliasesCommand({}));
      return [
        ...(queues.QueueUrls ?? []),
        ...(tables.TableNames ?? []),
        ...(aliases.Aliases ?? []).map(({ AliasName = '' }) => AliasName),
      ];
    },
    async close() {
      await Promise.all([emulators.close(), kms.close()]);
    },
  };
}
