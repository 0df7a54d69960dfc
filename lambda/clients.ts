import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

export interface ClientOptions {
  region: string;
  /** Where the service listens; left out in AWS. */
  endpoint?: string;
  /** Left out in AWS, where the function's role supplies them. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

/**
 * Three attempts of at most five seconds each and the waits between them: some 16 seconds at worst, so that one call
 * that hangs ends before a function behind the API does (30 seconds), and is answered as such.
 */
const settings = (options: ClientOptions) => ({
  ...options,
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1000, requestTimeout: 5000, throwOnRequestTimeout: true },
});

export const createLedgerClient = (options: ClientOptions): DynamoDBDocumentClient =>
  DynamoDBDocumentClient.from(new DynamoDBClient(settings(options)), {
    marshallOptions: { removeUndefinedValues: true },
  });

export const createQueueClient = (options: ClientOptions): SQSClient => new SQSClient(settings(options));

export const createTopicClient = (options: ClientOptions): SNSClient => new SNSClient(settings(options));

export const createKeyClient = (options: ClientOptions): KMSClient => new KMSClient(settings(options));
