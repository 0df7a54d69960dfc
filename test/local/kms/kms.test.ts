import {
  CreateGrantCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  type KMSClient,
  ListAliasesCommand,
  SignCommand,
} from '@aws-sdk/client-kms';
import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Caller, Kms } from '../../../local/kms/kms.ts';
import { connect, HOME, NOW, outcome, present, refusal, REGION, startTestKms } from './fixture.ts';

let kms: Kms;
let client: KMSClient;
let key: string;
let authorize: () => boolean | Promise<boolean>;
const faults: unknown[] = [];
const callers = new Map<string, Caller>([['AKIDHOME', { account: HOME, arn: `arn:aws:iam::${HOME}:role/home` }]]);

beforeAll(async () => {
  authorize = () => true;
  kms = await startTestKms({ callers, authorize: () => authorize(), onFault: (fault) => faults.push(fault) });
  client = connect(kms);
  key = present((await client.send(new CreateKeyCommand({}))).KeyMetadata?.Arn);
});

beforeEach(() => {
  authorize = () => true;
  faults.length = 0;
});

afterAll(async () => {
  client.destroy();
  await kms.close();
});

const AUTHORIZATION = `AWS4-HMAC-SHA256 Credential=AKIDHOME/20261123/${REGION}/kms/aws4_request, SignedHeaders=host, Signature=00`;

interface Raw {
  method?: string;
  path?: string;
  target?: string | undefined;
  authorization?: string | undefined;
  body?: string | Uint8Array;
}

/** A request that no SDK would send. */
async function post(raw: Raw): Promise<{ status: number; type: unknown; headers: Record<string, unknown> }> {
  const { method = 'POST', path = '/', body = '{}' } = raw;
  const target = 'target' in raw ? raw.target : 'TrentService.ListAliases';
  const authorization = 'authorization' in raw ? raw.authorization : AUTHORIZATION;
  const headers = { ...(target !== undefined && { 'x-amz-target': target }), ...(authorization && { authorization }) };
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof post>>>();
  const sent = request(`${kms.endpoint}${path}`, { method, headers, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      const { __type: type } = JSON.parse(Buffer.concat(chunks).toString()) as { __type?: unknown };
      resolve({ status: response.statusCode ?? 0, type, headers: response.headers });
    });
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

describe('the wire', () => {
  it('answers in AWS JSON 1.1 with a request id', async () => {
    const { status, type, headers } = await post({});
    expect({ status, type }).toEqual({ status: 200, type: undefined });
    expect(headers['content-type']).toBe('application/x-amz-json-1.1');
    expect(headers['x-amzn-requestid']).toBe(kms.log.at(-1)?.requestId);
  });

  const scoped = (scope: string): string => AUTHORIZATION.replace(`${REGION}/kms`, scope);

  it.each<[string, Raw, string]>([
    ['a GET', { method: 'GET', body: '' }, 'UnknownOperationException'],
    ['another path', { path: '/keys' }, 'UnknownOperationException'],
    ['no target', { target: undefined }, 'UnknownOperationException'],
    ['a target of another service', { target: 'AmazonSQS.ListAliases' }, 'UnknownOperationException'],
    ['a target with more to it', { target: 'TrentService.List/Aliases' }, 'UnknownOperationException'],
    ['an operation not built here', { target: 'TrentService.CreateGrant' }, 'UnsupportedOperationException'],
    ['a member of every object', { target: 'TrentService.constructor' }, 'UnsupportedOperationException'],
    ['no authorization', { authorization: undefined }, 'MissingAuthenticationTokenException'],
    ['another authorization', { authorization: 'Bearer token' }, 'IncompleteSignatureException'],
    ['another Region', { authorization: scoped('us-east-1/kms') }, 'InvalidSignatureException'],
    ['another service', { authorization: scoped(`${REGION}/sqs`) }, 'InvalidSignatureException'],
    ['an unknown access key', { authorization: AUTHORIZATION.replace('HOME', 'NONE') }, 'UnrecognizedClientException'],
    ['no body', { body: '' }, 'SerializationException'],
    ['half a document', { body: '{"Limit":' }, 'SerializationException'],
    ['a member twice', { body: '{"Limit":1,"Limit":2}' }, 'SerializationException'],
    ['bytes that are not UTF-8', { body: Uint8Array.of(0x22, 0xff, 0x22) }, 'SerializationException'],
    ['a megabyte', { body: `{"Marker":"${'x'.repeat(1_000_000)}"}` }, 'SerializationException'],
    ['a list', { body: '[]' }, 'ValidationException'],
    ['a number for a string', { body: '{"Marker":1}' }, 'ValidationException'],
    ['a member KMS does not have', { body: '{"Colour":"red"}' }, 'ValidationException'],
  ])('refuses %s', async (_, raw, type) => {
    expect(await post(raw)).toMatchObject({ status: 400, type });
    expect(kms.log.at(-1)).toMatchObject({ outcome: type });
  });

  it.each<[string, string]>([
    ['a blob that is not base64', '{"CiphertextBlob":"%%%"}'],
    ['a context that is no object', '{"CiphertextBlob":"AAAA","EncryptionContext":["a"]}'],
    ['a context with a number', '{"CiphertextBlob":"AAAA","EncryptionContext":{"a":1}}'],
    ['null for a context', '{"CiphertextBlob":"AAAA","EncryptionContext":null}'],
  ])('refuses %s', async (_, body) => {
    expect(await post({ target: 'TrentService.Decrypt', body })).toMatchObject({ type: 'ValidationException' });
  });

  it('does not lose a context member called __proto__', async () => {
    const EncryptionContext = Object.fromEntries([['__proto__', 'x']]);
    const sealed = await client.send(
      new EncryptCommand({ KeyId: key, Plaintext: Buffer.from('x'), EncryptionContext }),
    );
    const body = JSON.stringify({ CiphertextBlob: Buffer.from(present(sealed.CiphertextBlob)).toString('base64') });
    const decrypt = (context: string) =>
      post({ target: 'TrentService.Decrypt', body: body.replace('}', `,"EncryptionContext":${context}}`) });
    expect((await decrypt('{"__proto__":"x"}')).type).toBeUndefined();
    expect((await decrypt('{}')).type).toBe('InvalidCiphertextException');
  });

  it('names the member that is wrong and never what was sent', async () => {
    const call = client.send(new EncryptCommand({ KeyId: key, Plaintext: Buffer.alloc(5000, 'secret') }));
    const { message } = await refusal(call);
    expect(message).toContain('Plaintext');
    expect(message).not.toContain('secret');
    expect(message).not.toContain(Buffer.from('secret').toString('base64'));
  });

  it('says so when its port is taken', async () => {
    const port = Number(new URL(kms.endpoint).port);
    await expect(startTestKms({ port })).rejects.toThrow(`127.0.0.1:${port}: the port is in use`);
  });
});

describe('callers', () => {
  it('are known from the moment they are in the directory', async () => {
    const late = connect(kms, 'AKIDLATE');
    expect(await outcome(late.send(new ListAliasesCommand({})))).toBe('UnrecognizedClientException');
    callers.set('AKIDLATE', { account: HOME, arn: `arn:aws:iam::${HOME}:role/late` });
    expect(await outcome(late.send(new ListAliasesCommand({})))).toBe('ok');
    late.destroy();
  });
});

const describeIt = () => client.send(new DescribeKeyCommand({ KeyId: key }));

describe('authorize', () => {
  it('may take its time', async () => {
    authorize = () => Promise.resolve(false);
    expect((await refusal(describeIt())).message).toBe(
      `User: arn:aws:iam::${HOME}:role/home is not authorized to perform: kms:DescribeKey on resource: ${key}`,
    );
  });

  it.each<[string, () => boolean | Promise<boolean>]>([
    [
      'throws',
      () => {
        throw new Error('the policy is broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the policy is broken'))],
  ])('that %s lets nothing through, and the fault is told to the owner only', async (_, broken) => {
    authorize = broken;
    const { name, message, status } = await refusal(describeIt());
    expect({ name, status }).toEqual({ name: 'KMSInternalException', status: 500 });
    expect(message).not.toContain('broken');
    expect(faults).toEqual([new Error('the policy is broken')]);
  });

  it('is asked before a key is made, and a refusal makes none', async () => {
    authorize = () => false;
    expect(await outcome(client.send(new CreateKeyCommand({})))).toBe('AccessDeniedException');
    expect(kms.log.at(-1)?.uses).toEqual([expect.objectContaining({ action: 'kms:CreateKey', key: undefined })]);
  });
});

describe('the operation log', () => {
  it('has an entry for every request, with caller, action, key, context and outcome', async () => {
    const start = kms.log.length;
    const EncryptionContext = { referral: '0197' };
    const sealed = await client.send(
      new EncryptCommand({ KeyId: key, Plaintext: Buffer.from('x'), EncryptionContext }),
    );
    await outcome(client.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob })));
    await outcome(client.send(new DescribeKeyCommand({ KeyId: 'alias/nobody' })));
    await outcome(client.send(new CreateGrantCommand({ KeyId: key, GranteePrincipal: 'x', Operations: [] })));
    const caller = { at: NOW, accessKeyId: 'AKIDHOME', principal: `arn:aws:iam::${HOME}:role/home`, account: HOME };
    const used = { key, encryptionAlgorithm: 'SYMMETRIC_DEFAULT', allowed: true };
    expect(kms.log.slice(start)).toEqual([
      {
        ...caller,
        requestId: expect.any(String),
        operation: 'Encrypt',
        uses: [{ ...used, action: 'kms:Encrypt', encryptionContext: EncryptionContext }],
        outcome: 'ok',
      },
      {
        ...caller,
        requestId: expect.any(String),
        operation: 'Decrypt',
        uses: [{ ...used, action: 'kms:Decrypt', encryptionContext: undefined }],
        outcome: 'InvalidCiphertextException',
      },
      expect.objectContaining({ ...caller, operation: 'DescribeKey', uses: [], outcome: 'NotFoundException' }),
      expect.objectContaining({ ...caller, operation: 'CreateGrant', outcome: 'UnsupportedOperationException' }),
    ]);
  });

  it('has entries for callers that nobody knows', async () => {
    const stranger = connect(kms, 'AKIDNOBODY');
    await outcome(stranger.send(new ListAliasesCommand({})));
    stranger.destroy();
    expect(kms.log.at(-1)).toMatchObject({ accessKeyId: 'AKIDNOBODY', principal: undefined, operation: 'ListAliases' });
  });

  it('holds no plaintext, ciphertext, data key, message or signature', async () => {
    const Plaintext = Buffer.from('a plaintext to look for');
    const sealed = await client.send(new EncryptCommand({ KeyId: key, Plaintext }));
    const dataKey = await client.send(new GenerateDataKeyCommand({ KeyId: key, KeySpec: 'AES_256' }));
    const curve = await client.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }));
    const signing = { KeyId: curve.KeyMetadata?.KeyId, Message: Plaintext, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    const { Signature } = await client.send(new SignCommand(signing));
    const log = JSON.stringify(kms.log);
    const secrets = [Plaintext, sealed.CiphertextBlob, dataKey.Plaintext, dataKey.CiphertextBlob, Signature];
    for (const secret of secrets.map((bytes) => Buffer.from(present(bytes)))) {
      for (const form of ['latin1', 'hex', 'base64', 'base64url'] as const) {
        expect(log).not.toContain(secret.toString(form));
      }
    }
    expect(log).toContain(key);
  });
});

describe('close', () => {
  it('frees the port and may be called twice', async () => {
    const other = await startTestKms();
    await Promise.all([other.close(), other.close()]);
    const again = await startTestKms({ port: Number(new URL(other.endpoint).port) });
    expect(again.endpoint).toBe(other.endpoint);
    await again.close();
  });
});
