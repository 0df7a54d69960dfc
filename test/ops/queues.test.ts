import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Emulator } from '../../local/emulators/emulator.ts';
import { startFauxqs } from '../../local/emulators/fauxqs.ts';
import { drain } from '../../ops/queues.ts';
import { localQueues } from './session.ts';

let emulator: Emulator;
let cloud: ReturnType<typeof localQueues>;

beforeAll(async () => {
  emulator = await startFauxqs(undefined, 'eu-west-1');
  cloud = localQueues(emulator.port);
});
afterAll(async () => {
  cloud.sqs.destroy();
  await emulator.close();
});

const never = new AbortController().signal;

async function makeQueue(queue: string, bodies: readonly string[]): Promise<string> {
  const { QueueUrl = '' } = await cloud.sqs.send(new CreateQueueCommand({ QueueName: queue }));
  const url = cloud.local.endpoints.sqs + new URL(QueueUrl).pathname;
  await sendAll(url, bodies);
  return url;
}

async function sendAll(QueueUrl: string, bodies: readonly string[]): Promise<void> {
  for (const MessageBody of bodies) await cloud.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
}

/**
 * A client to which what it has received so far comes back where `isOver` says so, as if two minutes had passed; before
 * these further ones, for the emulator hands out what lies there longest.
 */
function slow(QueueUrl: string, isOver: () => boolean, further: string[] = []): SQSClient {
  const { sqs } = cloud;
  const hidden: (string | undefined)[] = [];
  const send = async (command: Parameters<typeof sqs.send>[0]): Promise<unknown> => {
    for (const ReceiptHandle of isOver() ? hidden.splice(0) : []) {
      await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    }
    if (isOver()) await sendAll(QueueUrl, further.splice(0));
    const answer = (await sqs.send(command)) as { Messages?: { ReceiptHandle?: string }[] };
    hidden.push(...(answer.Messages ?? []).map(({ ReceiptHandle }) => ReceiptHandle));
    return answer;
  };
  return Object.assign(Object.create(sqs) as SQSClient, { send });
}

const numbered = (what: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${what} ${at}`);

describe('a queue that is drained', () => {
  it('is so to its end, also where what stays comes back before that is reached', async () => {
    const [stays, goes] = [numbered('stays', 10), numbered('goes', 3)];
    const url = await makeQueue('mixed', stays);
    const settled: string[] = [];
    const sqs = slow(url, () => settled.length === 10, [...goes]);
    await drain({ ...cloud, sqs }, 'mixed', never, (body) => {
      settled.push(body);
      return Promise.resolve(body.startsWith('goes'));
    });
    expect(settled.toSorted()).toEqual([...stays, ...goes].toSorted());
  });

  it('ends where nothing in it goes, however fast it comes back', async () => {
    const bodies = numbered('stays', 3);
    const url = await makeQueue('stubborn', bodies);
    const settled: string[] = [];
    const sqs = slow(url, () => true);
    await drain({ ...cloud, sqs }, 'stubborn', never, (body) => Promise.resolve(settled.push(body) === 0));
    expect(settled.toSorted()).toEqual(bodies);
  });

  it('is left as it is from an interrupt on, and what was received lies there again', async () => {
    const bodies = numbered('goes', 5);
    await makeQueue('interrupted', bodies);
    const interrupt = new AbortController();
    const settled: string[] = [];
    const settle = (body: string): Promise<boolean> => {
      settled.push(body);
      interrupt.abort();
      return Promise.resolve(true);
    };
    await drain(cloud, 'interrupted', interrupt.signal, settle);
    expect(settled).toHaveLength(1);
    await drain(cloud, 'interrupted', never, settle);
    expect(settled.toSorted()).toEqual(bodies);
  });

  it('is left as it is by a failure, and what was received lies there again', async () => {
    const bodies = numbered('goes', 5);
    await makeQueue('failing', bodies);
    const settled: string[] = [];
    const fail = (body: string): Promise<boolean> =>
      settled.length === 2 ? Promise.reject(new Error('no ledger')) : Promise.resolve(settled.push(body) > 0);
    await expect(drain(cloud, 'failing', never, fail)).rejects.toThrow('no ledger');
    await drain(cloud, 'failing', never, (body) => Promise.resolve(settled.push(body) > 0));
    expect(settled.toSorted()).toEqual(bodies);
  });
});
