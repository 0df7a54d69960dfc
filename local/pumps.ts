import { setTimeout as delay } from 'node:timers/promises';
import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';

/** An event source mapping: what takes messages off a queue and brings them to a function. */
export interface Pump {
  /** Resolves when the batches under way are done. Idempotent. */
  close: () => Promise<void>;
}

export interface PumpOptions {
  client: SQSClient;
  region: string;
  queueUrl: string;
  queueArn: string;
  /** How many batches may be under way at once. */
  maximumConcurrency: number;
  /** Answers with what the function answered; rejects when it failed. */
  invoke: (event: SQSEvent) => Promise<unknown>;
  log: (source: string, line: string) => void;
}

/** A batch without a window (AWS, "Using Lambda with Amazon SQS"). */
const BATCH = 10;
/** Pause after the queue could not be read, in milliseconds. */
const PAUSE = 500;

/**
 * Polls the queue and invokes the function with up to ten messages at a time. What the function has handled is deleted;
 * what it reports in `batchItemFailures`, or everything if it failed or answered with nonsense, is left, and comes back
 * after the queue's visibility timeout, until the queue's redrive policy takes it away.
 */
export function startPump(options: PumpOptions): Pump {
  const stop = new AbortController();
  const pollers = Array.from({ length: options.maximumConcurrency }, () => poll(options, stop.signal));
  return {
    async close() {
      stop.abort();
      await Promise.all(pollers);
    },
  };
}

async function poll(options: PumpOptions, stop: AbortSignal): Promise<void> {
  const { client, queueUrl, log } = options;
  const receive = new ReceiveMessageCommand({
    QueueUrl: queueUrl,
    MaxNumberOfMessages: BATCH,
    WaitTimeSeconds: 20,
    MessageSystemAttributeNames: ['All'],
    MessageAttributeNames: ['All'],
  });
  while (!stop.aborted) {
    try {
      const { Messages = [] } = await client.send(receive, { abortSignal: stop });
      if (Messages.length > 0) await handle(Messages, options);
    } catch (error) {
      if (stop.aborted) return;
      log('pump', `${queueUrl}: ${error instanceof Error ? error.message : 'unknown error'}`);
      await delay(PAUSE, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

async function handle(messages: readonly Message[], options: PumpOptions): Promise<void> {
  const records = messages.map((message) => toRecord(message, options));
  const failed = await findFailures(records, options);
  const done = records.filter(({ messageId }) => !failed.has(messageId));
  if (done.length === 0) return;
  await options.client.send(
    new DeleteMessageBatchCommand({
      QueueUrl: options.queueUrl,
      Entries: done.map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle })),
    }),
  );
}

/** Ids of the messages that the function did not handle. */
async function findFailures(records: SQSRecord[], { invoke, log, queueUrl }: PumpOptions): Promise<Set<string>> {
  const all = new Set(records.map(({ messageId }) => messageId));
  try {
    const failed = readFailures(await invoke({ Records: records }));
    if (failed.every((id) => all.has(id))) return new Set(failed);
    log('pump', `${queueUrl}: the answer names a message that is not of the batch`);
  } catch (error) {
    log('pump', `${queueUrl}: ${error instanceof Error ? error.name : 'unknown error'} failed the batch`);
  }
  return all;
}

const BatchResponse = z
  .looseObject({ batchItemFailures: z.array(z.looseObject({ itemIdentifier: z.string().min(1) })).nullish() })
  .nullish();

/**
 * An answer of nothing, or one that lists nothing, is a success (AWS, "Success and failure conditions").
 * @throws {z.ZodError} if the answer has another form
 */
function readFailures(answer: unknown): string[] {
  const response = BatchResponse.parse(answer);
  return response?.batchItemFailures?.map(({ itemIdentifier }) => itemIdentifier) ?? [];
}

function toRecord(message: Message, { queueArn, region }: PumpOptions): SQSRecord {
  const { Attributes = {}, MessageAttributes = {} } = message;
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: {
      ...Attributes,
      ApproximateReceiveCount: Attributes.ApproximateReceiveCount ?? '1',
      SentTimestamp: Attributes.SentTimestamp ?? '',
      SenderId: Attributes.SenderId ?? '',
      ApproximateFirstReceiveTimestamp: Attributes.ApproximateFirstReceiveTimestamp ?? '',
    },
    messageAttributes: Object.fromEntries(
      Object.entries(MessageAttributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
        name,
        {
          dataType: DataType ?? 'String',
          ...(StringValue !== undefined && { stringValue: StringValue }),
          ...(BinaryValue && { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
          stringListValues: [],
          binaryListValues: [],
        },
      ]),
    ),
    md5OfBody: message.MD5OfBody ?? '',
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: region,
  };
}
