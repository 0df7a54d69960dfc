import {
  CreateKeyCommand,
  type CreateKeyCommandInput,
  GetPublicKeyCommand,
  type KMSClient,
  SignCommand,
  type SignCommandInput,
  VerifyCommand,
} from '@aws-sdk/client-kms';
import { constants, createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kms } from '../../../local/kms/kms.ts';
import { connect, outcome, present, startTestKms } from './fixture.ts';

let kms: Kms;
let client: KMSClient;
const keys = { curve: '', rsa: '', encrypting: '' };

beforeAll(async () => {
  kms = await startTestKms();
  client = connect(kms);
  const create = async (input: CreateKeyCommandInput): Promise<string> =>
    present((await client.send(new CreateKeyCommand(input))).KeyMetadata?.Arn);
  [keys.curve, keys.rsa, keys.encrypting] = await Promise.all([
    create({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }),
    create({ KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' }),
    create({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' }),
  ]);
});

afterAll(async () => {
  client.destroy();
  await kms.close();
});

const ECDSA = 'ECDSA_SHA_256';
const TEXT = Buffer.from('an invented message');
const DIGEST = createHash('sha256').update(TEXT).digest();

async function sign(input: SignCommandInput): Promise<Buffer> {
  return Buffer.from(present((await client.send(new SignCommand(input))).Signature));
}

async function publicKeyOf(KeyId: string) {
  const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId }));
  return createPublicKey({ key: Buffer.from(present(PublicKey)), format: 'der', type: 'spki' });
}

describe('ECDSA_SHA_256', () => {
  const RAW = { Message: TEXT, MessageType: 'RAW' } as const;
  const READY = { Message: DIGEST, MessageType: 'DIGEST' } as const;

  it.each([RAW, READY])('signs a $MessageType message so that OpenSSL verifies the DER signature', async (message) => {
    const signature = await sign({ KeyId: keys.curve, SigningAlgorithm: ECDSA, ...message });
    expect(verify('sha256', TEXT, await publicKeyOf(keys.curve), signature)).toBe(true);
  });

  it.each([
    [RAW, RAW],
    [RAW, READY],
    [READY, RAW],
    [READY, READY],
  ])('verifies across forms: %#', async (signed, verified) => {
    // Several times, since about half of all signatures have a high S.
    for (let round = 0; round < 8; round += 1) {
      const Signature = await sign({ KeyId: keys.curve, SigningAlgorithm: ECDSA, ...signed });
      const input = { KeyId: keys.curve, SigningAlgorithm: ECDSA, Signature, ...verified } as const;
      expect(await client.send(new VerifyCommand(input))).toMatchObject({ SignatureValid: true, KeyId: keys.curve });
    }
  });

  it.each([RAW, READY])('refuses a signature of something else over a $MessageType message', async (message) => {
    const Signature = await sign({ KeyId: keys.curve, SigningAlgorithm: ECDSA, Message: Buffer.from('another') });
    const input = { KeyId: keys.curve, SigningAlgorithm: ECDSA, ...message } as const;
    for (const attempt of [Signature, Buffer.from('nonsense'), randomBytes(64)]) {
      const call = client.send(new VerifyCommand({ ...input, Signature: attempt }));
      expect(await outcome(call)).toBe('KMSInvalidSignatureException');
    }
  });
});

describe('RSA signatures', () => {
  it.each([
    ['RSASSA_PSS_SHA_256', 'sha256', constants.RSA_PKCS1_PSS_PADDING],
    ['RSASSA_PSS_SHA_512', 'sha512', constants.RSA_PKCS1_PSS_PADDING],
    ['RSASSA_PKCS1_V1_5_SHA_384', 'sha384', constants.RSA_PKCS1_PADDING],
  ] as const)('of %s verify with OpenSSL and with KMS', async (SigningAlgorithm, hash, padding) => {
    const Signature = await sign({ KeyId: keys.rsa, SigningAlgorithm, Message: TEXT });
    const key = { key: await publicKeyOf(keys.rsa), padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    expect(verify(hash, TEXT, key, Signature)).toBe(true);
    const input = { KeyId: keys.rsa, SigningAlgorithm, Message: TEXT, Signature };
    expect(await outcome(client.send(new VerifyCommand(input)))).toBe('ok');
  });
});

describe('Sign', () => {
  it.each<[string, () => Partial<SignCommandInput>, string]>([
    ['a digest of another length', () => ({ MessageType: 'DIGEST' }), 'ValidationException'],
    ['more than 4,096 bytes', () => ({ Message: Buffer.alloc(4097) }), 'ValidationException'],
    ['an algorithm of another curve', () => ({ SigningAlgorithm: 'ECDSA_SHA_384' }), 'ValidationException'],
    [
      'an algorithm of another key type',
      () => ({ SigningAlgorithm: 'RSASSA_PSS_SHA_256' }),
      'InvalidKeyUsageException',
    ],
    [
      'an encryption key',
      () => ({ KeyId: keys.encrypting, SigningAlgorithm: 'RSASSA_PSS_SHA_256' }),
      'InvalidKeyUsageException',
    ],
    [
      'a ready digest under RSA, which is not built here',
      () => ({
        KeyId: keys.rsa,
        SigningAlgorithm: 'RSASSA_PSS_SHA_256',
        Message: DIGEST,
        MessageType: 'DIGEST',
      }),
      'UnsupportedOperationException',
    ],
    ['an unknown key', () => ({ KeyId: 'alias/nobody' }), 'NotFoundException'],
  ])('refuses %s', async (_, input, expected) => {
    const call = sign({ KeyId: keys.curve, SigningAlgorithm: ECDSA, Message: TEXT, ...input() });
    expect(await outcome(call)).toBe(expected);
  });
});
