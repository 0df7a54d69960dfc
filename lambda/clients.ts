import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { keepDeadline } from './deadline.ts';

export interface ClientOptions {
  region: string;
  /** Where the service listens; left out in AWS. */
  endpoint?: string;
  /** Left out in AWS, where the function's role supplies them. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

/**
 * Three attempts of at most five seconds each and the waits between them: some 16 seconds at worst for one request that
 * hangs. All requests of an invocation together end before the function does (`lambda/deadline.ts`).
 */
const settings = (options: ClientOptions) => ({
  ...options,
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1000, requestTimeout: 5000, throwOnRequestTimeout: true },
});

export const createLedgerClient = (options: ClientOptions): DynamoDBDocumentClient =>
  DynamoDBDocumentClient.from(keepDeadline(new DynamoDBClient(settings(options))), {
    marshallOptions: { removeUndefinedValues: true },
  });

export const createQueueClient = (options: ClientOptions): SQSClient => keepDeadline(new SQSClient(settings(options)));

export const createTopicClient = (options: ClientOptions): SNSClient => keepDeadline(new SNSClient(settings(options)));

export const createKeyClient = (options: ClientOptions): KMSClient => keepDeadline(new KMSClient(settings(options)));
