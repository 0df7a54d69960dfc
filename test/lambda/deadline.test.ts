import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { GetPublicKeyCommand } from '@aws-sdk/client-kms';
import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signRequest } from '../../core/profile.ts';
import { createApiHandler } from '../../lambda/api-handler.ts';
import { createKeyClient, createLedgerClient, createQueueClient } from '../../lambda/clients.ts';
import { withinTime } from '../../lambda/deadline.ts';
import { createLedger } from '../../lambda/ledger.ts';
import { signerOf, World } from '../support/world.ts';

/** A service that answers no request once it is `silent`; before, it refuses them, which warms a client up. */
let service: Server;
let silent: boolean;
let unanswered: Socket[] = [];
let endpoint: string;

beforeAll(async () => {
  service = createServer((request, response) => {
    request.resume();
    if (silent) unanswered.push(request.socket);
    else response.writeHead(400).end('{}');
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
  endpoint = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
});

beforeEach(() => {
  [silent, unanswered] = [false, []];
});

afterAll(async () => {
  service.closeAllConnections();
  service.close();
  await once(service, 'close');
});

const options = () => ({
  region: 'eu-west-2',
  endpoint,
  credentials: { accessKeyId: 'LOCAL', secretAccessKey: 'local' },
});

/** An invocation that has so many milliseconds beyond what is kept for its end. */
const left = (milliseconds: number) => ({ getRemainingTimeInMillis: () => 4000 + milliseconds });

type Send = () => Promise<unknown>;

async function silence(warm: Send): Promise<void> {
  await expect(warm()).rejects.toThrow();
  silent = true;
}

function getItem(): Send {
  const client = createLedgerClient(options());
  return () => client.send(new GetCommand({ TableName: 'ledger', Key: { pk: 'a' } }));
}

function sendMessage(): Send {
  const client = createQueueClient(options());
  return () => client.send(new SendMessageCommand({ QueueUrl: endpoint, MessageBody: 'a' }));
}

function receiveMessage(): Send {
  const client = createQueueClient(options());
  const own = { abortSignal: AbortSignal.timeout(60_000) };
  return () => client.send(new ReceiveMessageCommand({ QueueUrl: endpoint }), own);
}

function getPublicKey(): Send {
  const client = createKeyClient(options());
  return () => client.send(new GetPublicKeyCommand({ KeyId: 'alias/a' }));
}

describe('a request to a service that does not answer', () => {
  it.each([
    ['DynamoDB', getItem],
    ['SQS', sendMessage],
    ['SQS, under a deadline of its own', receiveMessage],
    ['KMS', getPublicKey],
  ])('is cut off when the time of its invocation ends, and not repeated: %s', async (_service, connect) => {
    const send = connect();
    await silence(send);
    await expect(withinTime(left(200), send)).rejects.toThrow('aborted');
    const [socket, ...others] = unanswered;
    if (socket && !socket.closed) await once(socket, 'close');
    expect([socket?.closed, others]).toEqual([true, []]);
  });

  it('does not even begin once that time is over', async () => {
    const send = getItem();
    await silence(send);
    const twice = () => send().catch(send);
    await expect(withinTime(left(200), twice)).rejects.toThrow('aborted');
    expect(unanswered.length).toBeLessThan(2);
  });

  it('keeps the deadline of its own invocation, however many share the client', async () => {
    const send = getItem();
    await silence(send);
    const ended: string[] = [];
    const run = (name: string, milliseconds: number) =>
      withinTime(left(milliseconds), () => send().catch(() => void ended.push(name)));
    await Promise.all([run('second', 400), run('first', 50)]);
    expect(ended).toEqual(['first', 'second']);
  });
});

describe('a call of the API', () => {
  it('is answered with 503 and Retry-After before its function times out', async () => {
    const world = new World();
    const { registry, clock, telemetry } = world.relay();
    const ledger = createLedger({ client: createLedgerClient(options()), table: 'ledger', telemetry });
    await silence(() => ledger.isSuspended('gb-hotline'));
    const handler = createApiHandler({ ledger, registry, clock, telemetry }, 'relay.example', {});
    const signer = { partner: 'gb-hotline', ...signerOf('gb-hotline'), now: clock.now() };
    const event = {
      version: '2.0',
      rawPath: '/v1/directory',
      rawQueryString: '',
      headers: signRequest({ method: 'GET', url: 'https://relay.example/v1/directory' }, signer),
      requestContext: { http: { method: 'GET' } },
      isBase64Encoded: false,
    };
    const answer = await handler(event, left(50));
    expect(answer).toMatchObject({ statusCode: 503, headers: { 'retry-after': '5' } });
    expect(world.recorded).toEqual([{ event: 'failed', fields: { partner: 'gb-hotline', error: 'AbortError' } }]);
  });
});
