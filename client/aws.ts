import { DecryptCommand, KMSClient } from '@aws-sdk/client-kms';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Lane } from '../core/names.ts';
import { OpenError } from '../core/open.ts';
import { SECOND } from '../core/time.ts';
import { toClientError } from './aws-errors.ts';
import { ClientError } from './errors.ts';
import { type AgencyInbox, type ContentKeys, VISIBILITY } from './inbox.ts';

/* The only file of the client that loads the AWS SDK; an agency's client imports it when it is first needed. */

export interface AwsOptions {
  /** URLs of the agency's queues, of one origin. */
  queues: Readonly<Record<Lane, string>>;
  /** ARN of the agency's KMS key. */
  kmsKey: string;
  region: string;
  /** Absolute path of a shared configuration file for the SDK to use instead of the user's own. */
  awsConfig?: string | undefined;
  sqs?: SQSClient | undefined;
  kms?: KMSClient | undefined;
}

/** A KMS error that says that the key was not wrapped like this; all others are no verdict (protocol section 5). */
const VERDICTS = new Set(['InvalidCiphertextException', 'IncorrectKeyException']);
const CONTENT_KEY_BYTES = 32;

/**
 * In milliseconds, of each of the SDK's three attempts: until there is a connection, until the answer begins, and without a
 * byte of it. The longest poll is held for 20 seconds. By itself the SDK waits for ever, and a queue is not looked at.
 */
const TIME_LIMITS = {
  connectionTimeout: 5 * SECOND,
  requestTimeout: 30 * SECOND,
  throwOnRequestTimeout: true,
  socketTimeout: 30 * SECOND,
};

/** Node's own connections go by the proxy that the environment names where this says so; those of the SDK would not. */
const throughProxy = (env: NodeJS.ProcessEnv) => (env['NODE_USE_ENV_PROXY'] === '1' ? { proxyEnv: env } : {});

/**
 * An agency's queues and key, through the SDK's default chain of credentials unless clients are given.
 * @throws {ClientError} `profile` if this process uses another `awsConfig` already
 */
export function connectAws(options: AwsOptions): { inbox: AgencyInbox; contentKeys: ContentKeys } {
  const { queues, kmsKey, region } = options;
  if (options.awsConfig !== undefined) useConfigFile(options.awsConfig);
  // With the origin as endpoint the SDK does not warn about queue URLs of emulators and VPC endpoints.
  const endpoint = new URL(queues.urgent).origin;
  const agent = throughProxy(process.env);
  const requestHandler = { ...TIME_LIMITS, httpAgent: agent, httpsAgent: agent };
  const sqs = options.sqs ?? new SQSClient({ region, endpoint, requestHandler });
  const kms = options.kms ?? new KMSClient({ region, requestHandler });

  const inbox: AgencyInbox = {
    async receive(lane, max, wait, signal) {
      const command = new ReceiveMessageCommand({
        QueueUrl: queues[lane],
        MaxNumberOfMessages: max,
        WaitTimeSeconds: wait,
        VisibilityTimeout: VISIBILITY,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      });
      const { Messages = [] } = await orClientError(
        sqs.send(command, signal && { abortSignal: signal }),
        `the queue ${queues[lane]}`,
      );
      return Messages.map(({ ReceiptHandle = '', Body = '', Attributes }) => ({
        lane,
        handle: ReceiptHandle,
        body: Body,
        receives: Number(Attributes?.ApproximateReceiveCount ?? 1),
      }));
    },
    async hide({ lane, handle }, seconds) {
      const command = { QueueUrl: queues[lane], ReceiptHandle: handle, VisibilityTimeout: seconds };
      await orClientError(sqs.send(new ChangeMessageVisibilityCommand(command)), `the queue ${queues[lane]}`);
    },
    async remove({ lane, handle }) {
      const command = { QueueUrl: queues[lane], ReceiptHandle: handle };
      await orClientError(sqs.send(new DeleteMessageCommand(command)), `the queue ${queues[lane]}`);
    },
  };

  const contentKeys: ContentKeys = {
    async unwrap(key, context) {
      const command = new DecryptCommand({
        CiphertextBlob: Buffer.from(key, 'base64'),
        KeyId: kmsKey,
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        EncryptionContext: { ...context },
      });
      const { Plaintext } = await orClientError(kms.send(command), `the KMS key ${kmsKey}`);
      if (Plaintext?.length !== CONTENT_KEY_BYTES) throw new OpenError('decryption');
      return Plaintext;
    },
  };
  return { inbox, contentKeys };
}

async function orClientError<T>(call: Promise<T>, resource: string): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && VERDICTS.has(error.name)) throw new OpenError('decryption');
    throw toClientError(error, resource);
  }
}

/**
 * The SDK looks for endpoints only in the shared files that the environment names, so that this is the process's own
 * business: it can use one such file, which then comes before the user's own files, profile and access keys.
 */
function useConfigFile(file: string): void {
  if (used !== undefined && used !== file) {
    throw new ClientError(
      'profile',
      `This process uses the AWS configuration ${used} already: run one agency per process, or give "sqs" and "kms" clients.`,
    );
  }
  used = file;
  Object.assign(process.env, {
    AWS_CONFIG_FILE: file,
    AWS_SHARED_CREDENTIALS_FILE: file,
    AWS_PROFILE: 'default',
  });
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) delete process.env[name];
}

let used: string | undefined;
