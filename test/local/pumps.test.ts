import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Emulators, startEmulators } from '../../local/emulators.ts';
import { type Pump, startPump } from '../../local/pumps.ts';
import { queueArn, queueUrl } from '../../local/resources.ts';

const REGION = 'eu-west-1';
const MAX_RECEIVES = 3;

let emulators: Emulators;
let client: SQSClient;
let counter = 0;
let url: string;
let deadUrl: string;
let pump: Pump | undefined;
let lines: string[];
/** Bodies of each batch that the function got. */
let batches: string[][];
let events: SQSEvent[];

beforeAll(async () => {
  emulators = await startEmulators({
    region: REGION,
    onCrash: (error) => {
      throw error;
    },
  });
  client = new SQSClient({
    region: REGION,
    endpoint: emulators.endpoints.sqs,
    credentials: { accessKeyId: 'LOCAL', secretAccessKey: 'local' },
  });
});
afterAll(async () => {
  client.destroy();
  await emulators.close();
});

beforeEach(async () => {
  counter += 1;
  [batches, events, lines] = [[], [], []];
  deadUrl = await createQueue(`dead-${counter}`, {});
  url = await createQueue(`queue-${counter}`, {
    VisibilityTimeout: '0',
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: await queueArn(client, deadUrl),
      maxReceiveCount: MAX_RECEIVES,
    }),
  });
});
afterEach(async () => {
  await pump?.close();
  pump = undefined;
});

async function createQueue(name: string, attributes: Record<string, string>): Promise<string> {
  await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  return queueUrl(emulators.endpoints.sqs, name);
}

async function send(...bodies: string[]): Promise<void> {
  for (const body of bodies) await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body }));
}

async function start(respond: (event: SQSEvent) => unknown, maximumConcurrency = 1): Promise<void> {
  pump = startPump({
    client,
    region: REGION,
    queueUrl: url,
    queueArn: await queueArn(client, url),
    maximumConcurrency,
    invoke: async (event) => {
      events.push(event);
      batches.push(event.Records.map(({ body }) => body));
      return respond(event);
    },
    log: (source, line) => lines.push(`${source}: ${line}`),
  });
}

/** Messages in a queue, hidden or not. */
async function count(QueueUrl: string): Promise<number> {
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible);
}

const deadBodies = async (): Promise<string[]> => {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({ QueueUrl: deadUrl, MaxNumberOfMessages: 10 }),
  );
  return Messages.map(({ Body = '' }) => Body).sort((a, b) => (a < b ? -1 : 1));
};

const failuresOf = (event: SQSEvent, bodies: readonly string[]) => ({
  batchItemFailures: event.Records.filter(({ body }) => bodies.includes(body)).map(({ messageId }) => ({
    itemIdentifier: messageId,
  })),
});

describe('a batch', () => {
  it('has at most ten messages, as Lambda would bring them', async () => {
    await send(...Array.from({ length: 12 }, (_, index) => `body-${index}`));
    await start(() => undefined);
    await expect.poll(() => count(url)).toBe(0);
    expect(batches.map((bodies) => bodies.length)).toEqual([10, 2]);
    expect(events[0]?.Records[0]).toEqual({
      messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      receiptHandle: expect.any(String),
      body: 'body-0',
      attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: expect.stringMatching(/^\d{13}$/),
        SenderId: expect.any(String),
        ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
      },
      messageAttributes: {},
      md5OfBody: expect.stringMatching(/^[0-9a-f]{32}$/),
      eventSource: 'aws:sqs',
      eventSourceARN: `arn:aws:sqs:${REGION}:000000000000:queue-${counter}`,
      awsRegion: REGION,
    });
  });

  it('brings message attributes', async () => {
    const MessageAttributes = { kind: { DataType: 'String', StringValue: 'x' } };
    await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'a', MessageAttributes }));
    await start(() => undefined);
    await expect.poll(() => events.length).toBe(1);
    expect(events[0]?.Records[0]?.messageAttributes).toEqual({
      kind: { dataType: 'String', stringValue: 'x', stringListValues: [], binaryListValues: [] },
    });
  });

  it('comes while another is under way', async () => {
    const Attributes = { VisibilityTimeout: '30' };
    await client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes }));
    const release: (() => void)[] = [];
    await start(() => new Promise<void>((resolve) => release.push(resolve)), 2);
    await send('a');
    await expect.poll(() => batches).toEqual([['a']]);
    await send('b');
    await expect.poll(() => batches).toEqual([['a'], ['b']]);
    await send('c');
    release[0]?.();
    await expect.poll(() => batches).toEqual([['a'], ['b'], ['c']]);
    release.forEach((resolve) => resolve());
    await expect.poll(() => count(url)).toBe(0);
  });

  it.each([
    ['nothing', null],
    ['no list', {}],
    ['a list of null', { batchItemFailures: null }],
    ['an empty list', { batchItemFailures: [] }],
  ])('is deleted when the function answers with %s', async (_, answer) => {
    await send('a', 'b');
    await start(() => answer);
    await expect.poll(() => count(url)).toBe(0);
    expect(await deadBodies()).toEqual([]);
  });
});

describe('what was not handled', () => {
  it('comes back alone, counted, and is dead after the last receive that the queue allows', async () => {
    await send('good', 'bad');
    await start((event) => failuresOf(event, ['bad']));
    await expect.poll(() => count(deadUrl)).toBe(1);
    expect(batches.flat().filter((body) => body === 'good')).toHaveLength(1);
    const receives = events
      .flatMap(({ Records }) => Records)
      .filter(({ body }) => body === 'bad')
      .map(({ attributes }) => attributes.ApproximateReceiveCount);
    expect(receives).toEqual(['1', '2', '3']);
    expect(await deadBodies()).toEqual(['bad']);
    expect(await count(url)).toBe(0);
  });

  it.each<[string, (event: SQSEvent) => unknown]>([
    ['the function failed', () => Promise.reject(new Error('secret'))],
    ['the answer is text', () => 'done'],
    ['the answer lists what is no list', () => ({ batchItemFailures: 'all' })],
    ['an identifier is empty', () => ({ batchItemFailures: [{ itemIdentifier: '' }] })],
    ['an identifier is missing', ({ Records }) => ({ batchItemFailures: [{ messageId: Records[0]?.messageId }] })],
    ['an identifier is of another batch', () => ({ batchItemFailures: [{ itemIdentifier: 'other' }] })],
  ])('is all of the batch where %s', async (_, respond) => {
    await send('a', 'b');
    await start(respond);
    await expect.poll(() => count(deadUrl)).toBe(2);
    expect(await deadBodies()).toEqual(['a', 'b']);
    expect(lines.join('\n')).not.toContain('secret');
  });
});

describe('closing', () => {
  it('waits for the batch under way, and deletes what it handled', async () => {
    const held = Promise.withResolvers<void>();
    await send('a');
    await start(() => held.promise);
    await expect.poll(() => batches).toEqual([['a']]);
    const closed = pump?.close();
    held.resolve();
    await closed;
    expect(await count(url)).toBe(0);
  });
});

it('goes on after the queue could not be read', async () => {
  const sound = url;
  url = queueUrl(emulators.endpoints.sqs, `later-${counter}`);
  pump = startPump({
    client,
    region: REGION,
    queueUrl: url,
    queueArn: await queueArn(client, sound),
    maximumConcurrency: 1,
    invoke: async ({ Records }) => void batches.push(Records.map(({ body }) => body)),
    log: (source, line) => lines.push(`${source}: ${line}`),
  });
  await expect.poll(() => lines.length).toBeGreaterThan(0);
  await createQueue(`later-${counter}`, {});
  await send('a');
  await expect.poll(() => batches, { timeout: 5_000 }).toEqual([['a']]);
});
