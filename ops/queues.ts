import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs';
import type { Cloud } from './cloud.ts';
import { mapSome } from './concurrency.ts';

/* The relay's queues as the operator sees them. Messages are never moved: what was in them is sent anew. */

type Parts = Pick<Cloud, 'sqs' | 'local'>;

/** How many messages wait, and how many somebody has received and not deleted; about. */
export interface Depth {
  waiting: number;
  inFlight: number;
}

/** `undefined` if there is no such queue. */
export async function readDepth(cloud: Parts, queue: string): Promise<Depth | undefined> {
  try {
    const { Attributes = {} } = await cloud.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: await findUrl(cloud, queue),
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    return {
      waiting: Number(Attributes['ApproximateNumberOfMessages'] ?? 0),
      inFlight: Number(Attributes['ApproximateNumberOfMessagesNotVisible'] ?? 0),
    };
  } catch (error) {
    if (error instanceof Error && MISSING.has(error.name)) return undefined;
    throw error;
  }
}

const MISSING: ReadonlySet<string> = new Set(['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue']);

const BATCH = {
  MaxNumberOfMessages: 10,
  /** Long enough to look after ten messages, in seconds. */
  VisibilityTimeout: 120,
  /** Only a receive that waits asks all of SQS. */
  WaitTimeSeconds: 1,
};

/**
 * Takes the messages of a queue that were there when it was called, one after the other. `settle` says whether its
 * message is done with; one that is not stays where it is, as do all others where it rejects. Once `signal` is aborted, no
 * further message is begun.
 */
export async function drain(
  cloud: Parts,
  queue: string,
  signal: AbortSignal,
  settle: (body: string) => Promise<boolean>,
): Promise<void> {
  const QueueUrl = await findUrl(cloud, queue);
  /** Latest receipts of what was received and not deleted, by message. */
  const held = new Map<string, string>();
  /** What of it has come back since the last message that was new: after two minutes, before those that wait still. */
  const again = new Set<string>();
  try {
    while (!signal.aborted) {
      const { Messages = [] } = await cloud.sqs.send(new ReceiveMessageCommand({ QueueUrl, ...BATCH }));
      if (Messages.every(({ MessageId = '' }) => again.has(MessageId))) break;
      const fresh = Messages.filter(({ MessageId = '' }) => !held.has(MessageId));
      if (fresh.length > 0) again.clear();
      else for (const { MessageId = '' } of Messages) again.add(MessageId);
      for (const { MessageId = '', ReceiptHandle = '' } of Messages) held.set(MessageId, ReceiptHandle);
      for (const { MessageId = '', Body = '', ReceiptHandle = '' } of fresh) {
        if (signal.aborted || !(await settle(Body))) continue;
        await cloud.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
        held.delete(MessageId);
      }
    }
  } finally {
    await mapSome([...held.values()], (receipt) => giveBack(cloud, QueueUrl, receipt));
  }
}

async function giveBack({ sqs }: Parts, QueueUrl: string, ReceiptHandle: string): Promise<void> {
  const back = new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 });
  // If its time is over, or this fails, it comes back by itself.
  await sqs.send(back).catch(() => undefined);
}

/** Of a relay on this machine, the URL that its queues give themselves does not resolve. */
async function findUrl({ sqs, local }: Parts, queue: string): Promise<string> {
  const { QueueUrl = '' } = await sqs.send(new GetQueueUrlCommand({ QueueName: queue }));
  return local ? local.endpoints.sqs + new URL(QueueUrl).pathname : QueueUrl;
}
