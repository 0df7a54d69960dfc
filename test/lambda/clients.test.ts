import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetPublicKeyCommand } from '@aws-sdk/client-kms';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createKeyClient, createLedgerClient, createQueueClient } from '../../lambda/clients.ts';

/** A service that is out of order, and how often it was asked. */
let service: Server;
let requests = 0;
let endpoint: string;

beforeAll(async () => {
  service = createServer((request, response) => {
    requests += 1;
    request.resume();
    response.writeHead(503).end('{}');
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
  endpoint = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
});

beforeEach(() => {
  requests = 0;
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

describe('a service that is out of order', () => {
  it.each([
    ['DynamoDB', () => createLedgerClient(options()).send(new GetCommand({ TableName: 'ledger', Key: { pk: 'a' } }))],
    ['SQS', () => createQueueClient(options()).send(new SendMessageCommand({ QueueUrl: endpoint, MessageBody: 'a' }))],
    ['KMS', () => createKeyClient(options()).send(new GetPublicKeyCommand({ KeyId: 'alias/a' }))],
  ])('is asked three times, then the call to %s rejects', async (_service, call) => {
    await expect(call()).rejects.toThrow();
    expect(requests).toBe(3);
  });
});
