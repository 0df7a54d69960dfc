import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { KMSClient } from '@aws-sdk/client-kms';
import { describe, expect, it } from 'vitest';
import { createKeys } from '../../lambda/keys.ts';
import { makeIntakeKey } from '../doubles/memory-keys.ts';

/* What no emulator shows; the rest is in test/contract. */

/** Keys over a client whose requests are noted and answered by `answer` instead of being sent. */
function open(answer: () => object) {
  const sent: Record<string, unknown>[] = [];
  const client = new KMSClient({ region: 'eu-west-2' });
  client.middlewareStack.add(
    () => async (args) => {
      sent.push({ ...args.input });
      return { output: { $metadata: {}, ...answer() }, response: {} };
    },
    { step: 'initialize', priority: 'high' },
  );
  return { keys: createKeys({ client, stage: 'prod' }), sent };
}

const PEM = { format: 'pem', type: 'pkcs8' } as const;
const toSpki = (key: Parameters<typeof createPublicKey>[0]) => ({
  PublicKey: new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' })),
});
const spki = toSpki(makeIntakeKey().export(PEM));

const ARN = 'arn:aws:kms:eu-west-2:222222222222:key/1234abcd';
const context = { hotline: 'gb-hotline', referral: 'id', agency: 'de-police', sealed: 'hash' };

function fail(name: string): never {
  throw Object.assign(new Error('KMS says no'), { name });
}

describe('an intake key over KMS', () => {
  it('is fetched once a process, under its alias or its ARN', async () => {
    const { keys, sent } = open(() => spki);
    const wanted = [
      { generation: 1 },
      { generation: 1 },
      { generation: 2 },
      { generation: 3, arn: ARN },
      { generation: 3, arn: ARN },
    ];
    await Promise.all(wanted.map((record) => keys.intakeKey('gb-hotline', record)));
    await keys.intakeKey('gb-hotline', { generation: 1 });
    expect(sent.map(({ KeyId }) => KeyId)).toEqual([
      'alias/referral-relay/prod/hotline/gb-hotline/1',
      'alias/referral-relay/prod/hotline/gb-hotline/2',
      ARN,
    ]);
  });

  it('is fetched again after a failure', async () => {
    let calls = 0;
    const { keys } = open(() => (++calls === 1 ? fail('ThrottlingException') : spki));
    await expect(keys.intakeKey('gb-hotline', { generation: 1 })).rejects.toThrow('KMS says no');
    await expect(keys.intakeKey('gb-hotline', { generation: 1 })).resolves.toMatchObject({ generation: 1 });
  });

  it.each([
    ['RSA_2048', toSpki(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(PEM))],
    ['ECC_NIST_P256', toSpki(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(PEM))],
  ])('is refused if it is %s', async (_spec, answer) => {
    const { keys } = open(() => answer);
    await expect(keys.intakeKey('gb-hotline', { generation: 1 })).rejects.toThrow('is not an RSA_4096 key');
  });

  it('is refused if KMS answers without one', async () => {
    const { keys } = open(() => ({}));
    await expect(keys.intakeKey('gb-hotline', { generation: 1 })).rejects.toThrow();
  });
});

function rewrap(answer: () => object) {
  const { keys, sent } = open(answer);
  const result = keys.rewrap(
    new Uint8Array([1, 2, 3]),
    { hotline: 'gb-hotline', record: { generation: 2 } },
    { agency: 'de-police', record: { generation: 5, arn: ARN } },
    context,
  );
  return { result, sent };
}

describe('re-wrapping over KMS', () => {
  it('is one ReEncrypt, from RSA to the symmetric key, bound to the context', async () => {
    const { result, sent } = rewrap(() => ({ CiphertextBlob: new Uint8Array([4, 5]) }));
    expect(await result).toEqual({ outcome: 'wrapped', key: new Uint8Array([4, 5]) });
    expect(sent).toEqual([
      {
        CiphertextBlob: new Uint8Array([1, 2, 3]),
        SourceKeyId: 'alias/referral-relay/prod/hotline/gb-hotline/2',
        SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
        DestinationKeyId: ARN,
        DestinationEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        DestinationEncryptionContext: context,
      },
    ]);
  });

  it('takes an invalid ciphertext for a verdict', async () => {
    await expect(rewrap(() => fail('InvalidCiphertextException')).result).resolves.toEqual({ outcome: 'invalid' });
  });

  it.each(['DisabledException', 'KMSInvalidStateException', 'NotFoundException', 'AccessDeniedException'])(
    'reports %s to whoever has to act',
    async (cause) => {
      await expect(rewrap(() => fail(cause)).result).resolves.toEqual({ outcome: 'refused', cause });
    },
  );

  it.each([
    'ThrottlingException',
    'LimitExceededException',
    'KMSInternalException',
    'DependencyTimeoutException',
    'KeyUnavailableException',
    'IncorrectKeyException',
    'InvalidKeyUsageException',
    'ExpiredTokenException',
    'TimeoutError',
  ])('is no verdict on %s', async (name) => {
    await expect(rewrap(() => fail(name)).result).rejects.toThrow('KMS says no');
  });

  it('is no verdict on an answer without a ciphertext', async () => {
    await expect(rewrap(() => ({})).result).rejects.toThrow('without a ciphertext');
  });
});
