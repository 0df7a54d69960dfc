import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CreateKeyCommand, DisableKeyCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectAws } from '../../client/aws.ts';
import { OpenError } from '../../core/open.ts';
import { type Kms, startKms } from '../../local/kms/kms.ts';

const REGION = 'eu-west-1';
const ACCOUNT = '111122223333';
const context = { hotline: 'gb-iwf', referral: '019ab3f0', agency: 'de-police', sealed: 'hash' };
const credentials = (accessKeyId: string) => ({ accessKeyId, secretAccessKey: 'secret' });

let app: ReturnType<typeof buildApp>;
let kms: Kms;
let sqsEndpoint: string;
let sqs: SQSClient;
let agencyKms: KMSClient;
let kmsKey: string;
let queues: { urgent: string; routine: string };

const folder = mkdtempSync(path.join(tmpdir(), 'aws-'));
beforeAll(async () => {
  app = buildApp({ logger: false, defaultRegion: REGION });
  await app.listen({ port: 0, host: '127.0.0.1' });
  sqsEndpoint = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  sqs = new SQSClient({ region: REGION, endpoint: sqsEndpoint, credentials: credentials('AKIDAGENCY') });
  const urls = await Promise.all(
    ['urgent', 'routine'].map(async (QueueName) => {
      const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName }));
      return sqsEndpoint + new URL(QueueUrl).pathname;
    }),
  );
  queues = { urgent: urls[0] ?? '', routine: urls[1] ?? '' };

  const callers = new Map([
    ['AKIDAGENCY', { account: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:role/agency` }],
    ['AKIDOTHER', { account: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:role/other` }],
  ]);
  kms = await startKms({
    region: REGION,
    callers,
    authorize: ({ principal }) => principal.endsWith('role/agency'),
    clock: () => Date.now(),
  });
  agencyKms = new KMSClient({ region: REGION, endpoint: kms.endpoint, credentials: credentials('AKIDAGENCY') });
  kmsKey = (await agencyKms.send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';
});

afterAll(async () => {
  sqs.destroy();
  agencyKms.destroy();
  await app.close();
  await kms.close();
  rmSync(folder, { recursive: true });
});

const connect = (changes: Partial<Parameters<typeof connectAws>[0]> = {}) =>
  connectAws({ queues, kmsKey, region: REGION, sqs, kms: agencyKms, ...changes });

async function wrap(plaintext: Uint8Array, under = kmsKey, bound: Record<string, string> = context): Promise<string> {
  const command = new EncryptCommand({ KeyId: under, Plaintext: plaintext, EncryptionContext: bound });
  return Buffer.from((await agencyKms.send(command)).CiphertextBlob ?? []).toString('base64');
}

describe('the queues of an agency', () => {
  it('yield messages with how often they were received, hide them, and remove them', async () => {
    const { inbox } = connect();
    await sqs.send(new SendMessageCommand({ QueueUrl: queues.routine, MessageBody: 'hello' }));
    expect(await inbox.receive('urgent', 10, 0)).toEqual([]);
    const [message] = await inbox.receive('routine', 10, 0);
    expect(message).toEqual({ lane: 'routine', body: 'hello', receives: 1, handle: expect.any(String) });
    if (!message) throw new Error('expected a message');
    expect(await inbox.receive('routine', 10, 0)).toEqual([]);
    await inbox.hide(message, 0);
    const [again] = await inbox.receive('routine', 10, 0);
    expect(again).toMatchObject({ body: 'hello', receives: 2 });
    if (again) await inbox.remove(again);
    await inbox.hide(message, 0).catch(() => undefined);
    expect(await inbox.receive('routine', 10, 0)).toEqual([]);
  });

  it('stop waiting when they are told to', async () => {
    const stop = new AbortController();
    const waiting = connect().inbox.receive('urgent', 1, 20, stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('are a clear error when they are missing', async () => {
    const { inbox } = connect({ queues: { ...queues, urgent: `${queues.urgent}-gone` } });
    await expect(inbox.receive('urgent', 1, 0)).rejects.toMatchObject({
      code: 'queue-missing',
      message: expect.stringContaining(`${queues.urgent}-gone`),
    });
  });
});

describe('the key of an agency', () => {
  it('opens what was wrapped for this very referral', async () => {
    const contentKey = Buffer.alloc(32, 7);
    expect(Buffer.from(await connect().contentKeys.unwrap(await wrap(contentKey), context))).toEqual(contentKey);
  });

  it.each<[string, () => Promise<string>]>([
    ['for another referral', () => wrap(Buffer.alloc(32), kmsKey, { ...context, referral: 'another' })],
    ['for another agency', () => wrap(Buffer.alloc(32), kmsKey, { ...context, agency: 'ca-police' })],
    ['of 16 bytes', () => wrap(Buffer.alloc(16))],
    ['of 33 bytes', () => wrap(Buffer.alloc(33))],
    ['that is none', () => Promise.resolve('AAAA')],
    [
      'under another key',
      async () => wrap(Buffer.alloc(32), (await agencyKms.send(new CreateKeyCommand({}))).KeyMetadata?.Arn),
    ],
  ])('gives one and the same verdict about a content key %s', async (_, make) => {
    const opening = connect().contentKeys.unwrap(await make(), context);
    await expect(opening).rejects.toEqual(new OpenError('decryption'));
  });

  it('gives no verdict where it cannot be used', async () => {
    const key = await wrap(Buffer.alloc(32));
    const { KeyMetadata } = await agencyKms.send(new CreateKeyCommand({}));
    await agencyKms.send(new DisableKeyCommand({ KeyId: KeyMetadata?.KeyId }));
    const other = new KMSClient({ region: REGION, endpoint: kms.endpoint, credentials: credentials('AKIDOTHER') });
    const unknown = new KMSClient({ region: REGION, endpoint: kms.endpoint, credentials: credentials('AKIDNOBODY') });
    const cases = [
      [{ kms: other }, 'aws-access-denied'],
      [{ kms: unknown }, 'aws-credentials'],
      [{ kmsKey: KeyMetadata?.Arn ?? '' }, 'kms-key'],
      [{ kmsKey: kmsKey.replace(/[^/]*$/, '00000000-0000-4000-8000-000000000000') }, 'kms-key'],
    ] as const;
    for (const [changes, code] of cases) {
      await expect(connect(changes).contentKeys.unwrap(key, context)).rejects.toMatchObject({
        name: 'ClientError',
        code,
      });
    }
    other.destroy();
    unknown.destroy();
  });
});

describe('AWS', () => {
  it('that has no credentials for us is a clear error', async () => {
    const none = new SQSClient({
      region: REGION,
      endpoint: sqsEndpoint,
      credentials: () => Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' })),
    });
    await expect(connect({ sqs: none }).inbox.receive('urgent', 1, 0)).rejects.toMatchObject({
      code: 'aws-credentials',
      transient: false,
      message: expect.stringContaining('AWS_PROFILE'),
    });
    none.destroy();
  });

  it('that cannot be reached is one that may pass', async () => {
    const endpoint = await closedEndpoint();
    const away = new SQSClient({ region: REGION, endpoint, credentials: credentials('AKIDAGENCY'), maxAttempts: 1 });
    await expect(connect({ sqs: away }).inbox.receive('urgent', 1, 0)).rejects.toMatchObject({
      code: 'aws-unreachable',
      transient: true,
      message: expect.stringContaining('ECONNREFUSED'),
    });
    away.destroy();
  });

  it('that finds fault with what it is asked is none, for it would again', async () => {
    const strict = createServer((_, answer) => {
      answer.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end('{"__type":"ValidationException"}');
    }).listen(0, '127.0.0.1');
    await once(strict, 'listening');
    const endpoint = `http://127.0.0.1:${(strict.address() as AddressInfo).port}`;
    const unwilling = new KMSClient({ region: REGION, endpoint, credentials: credentials('AKIDAGENCY') });
    await expect(connect({ kms: unwilling }).contentKeys.unwrap('AAAA', context)).rejects.toMatchObject({
      code: 'aws-request',
      transient: false,
      message: expect.stringContaining(`AWS does not take what was asked of the KMS key ${kmsKey}`),
    });
    unwilling.destroy();
    strict.close();
  });

  it.each<[string, (aws: ReturnType<typeof connectAws>) => Promise<unknown>]>([
    ['queues', ({ inbox }) => inbox.receive('urgent', 10, 20)],
    ['keys', ({ contentKeys }) => contentKeys.unwrap('AAAA', context)],
  ])('whose %s take a request and never answer is given up within minutes', async (_, call) => {
    let seconds = Number.NEGATIVE_INFINITY;
    const silent = createServer(() => {
      seconds = 0;
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const origin = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const before = { ...process.env };
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: 'AKIDAGENCY',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_ENDPOINT_URL: origin,
    });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const urls = { urgent: `${origin}/urgent`, routine: `${origin}/routine` };
      const errors: unknown[] = [];
      call(connectAws({ queues: urls, kmsKey, region: REGION })).catch((error: unknown) => errors.push(error));
      for (; seconds < 600 && errors.length === 0; seconds += 1) {
        await vi.advanceTimersByTimeAsync(1000);
        // For what is on its way to the server.
        await new Promise(setImmediate);
      }
      expect(errors).toEqual([expect.objectContaining({ code: 'aws-unreachable', transient: true })]);
    } finally {
      vi.useRealTimers();
      process.env = before;
      silent.closeAllConnections();
      silent.close();
    }
  });

  it('is reached through the proxy of the environment where Node is told to use it', async () => {
    const asked: (string | undefined)[] = [];
    const proxy = createServer((request, answer) => {
      asked.push(request.url);
      answer.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end('{"__type":"ValidationException"}');
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const before = { ...process.env };
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: 'AKIDAGENCY',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_ENDPOINT_URL: 'http://keys.invalid',
      HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      NODE_USE_ENV_PROXY: '1',
    });
    try {
      const urls = { urgent: 'http://queues.invalid/urgent', routine: 'http://queues.invalid/routine' };
      const { inbox, contentKeys } = connectAws({ queues: urls, kmsKey, region: REGION });
      await expect(inbox.receive('urgent', 1, 0)).rejects.toMatchObject({ code: 'aws-request' });
      await expect(contentKeys.unwrap('AAAA', context)).rejects.toMatchObject({ code: 'aws-request' });
      expect(asked).toEqual(['http://queues.invalid/', 'http://keys.invalid/']);
    } finally {
      process.env = before;
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it('is found through the configuration file of the profile, of which a process has one', async () => {
    const awsConfig = path.join(folder, 'aws-config');
    const text = `[default]
region = ${REGION}
aws_access_key_id = AKIDAGENCY
aws_secret_access_key = secret
services = local

[services local]
kms =
  endpoint_url = ${kms.endpoint}
`;
    writeFileSync(awsConfig, text);
    const before = { ...process.env };
    // What the user's own environment says must not win.
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIDNOBODY', AWS_SECRET_ACCESS_KEY: 'x' });
    try {
      const key = await wrap(Buffer.alloc(32, 1));
      const { contentKeys, inbox } = connectAws({ queues, kmsKey, region: REGION, awsConfig });
      expect(Buffer.from(await contentKeys.unwrap(key, context))).toEqual(Buffer.alloc(32, 1));
      expect(await inbox.receive('urgent', 1, 0)).toEqual([]);
      expect(() => connect({ awsConfig: `${awsConfig}-other` })).toThrow('one agency per process');
    } finally {
      process.env = before;
    }
  });
});

/** Where nothing listens any more. */
async function closedEndpoint(): Promise<string> {
  const server: Server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
