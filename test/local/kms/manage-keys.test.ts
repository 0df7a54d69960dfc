import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  type CreateKeyCommandInput,
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EnableKeyRotationCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GetKeyRotationStatusCommand,
  GetPublicKeyCommand,
  type KMSClient,
  ListAliasesCommand,
  PutKeyPolicyCommand,
  ReEncryptCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
  VerifyCommand,
} from '@aws-sdk/client-kms';
import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kms } from '../../../local/kms/kms.ts';
import { connect, HOME, NOW, outcome, present, refusal, REGION, startTestKms } from './fixture.ts';

const DAY = 86_400_000;

let kms: Kms;
let client: KMSClient;
let now = NOW;

beforeAll(async () => {
  kms = await startTestKms({ clock: () => now });
  client = connect(kms);
});

afterAll(async () => {
  client.destroy();
  await kms.close();
});

const create = async (input: CreateKeyCommandInput = {}): Promise<string> =>
  present((await client.send(new CreateKeyCommand(input))).KeyMetadata?.KeyId);

const RSA = ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'];

describe('CreateKey', () => {
  it.each([
    ['SYMMETRIC_DEFAULT', undefined, { EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'] }],
    ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', { EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'] }],
    ['RSA_2048', 'ENCRYPT_DECRYPT', { EncryptionAlgorithms: RSA }],
    ['RSA_3072', 'ENCRYPT_DECRYPT', { EncryptionAlgorithms: RSA }],
    ['RSA_4096', 'ENCRYPT_DECRYPT', { EncryptionAlgorithms: RSA }],
    ['RSA_2048', 'SIGN_VERIFY', { SigningAlgorithms: expect.arrayContaining(['RSASSA_PSS_SHA_256']) }],
    ['ECC_NIST_P256', 'SIGN_VERIFY', { SigningAlgorithms: ['ECDSA_SHA_256'] }],
  ] as const)('makes a key of %s for %s and describes it', async (KeySpec, KeyUsage, algorithms) => {
    const { KeyMetadata: made } = await client.send(
      new CreateKeyCommand({ KeySpec, KeyUsage, Description: 'Invented' }),
    );
    const id = present(made?.KeyId);
    expect(made).toMatchObject({
      AWSAccountId: HOME,
      Arn: `arn:aws:kms:${REGION}:${HOME}:key/${id}`,
      CreationDate: new Date(now),
      Description: 'Invented',
      Enabled: true,
      KeyState: 'Enabled',
      KeySpec,
      KeyUsage: KeyUsage ?? 'ENCRYPT_DECRYPT',
      KeyManager: 'CUSTOMER',
      Origin: 'AWS_KMS',
      ...algorithms,
    });
    const { KeyMetadata: described } = await client.send(new DescribeKeyCommand({ KeyId: id }));
    expect(described).toEqual(made);
  });

  it('takes a policy and tags', async () => {
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [] });
    expect(await outcome(create({ Policy, Tags: [{ TagKey: 'partner', TagValue: 'zz-one' }] }))).toBe('ok');
  });

  it.each<[string, CreateKeyCommandInput, string]>([
    ['an asymmetric key without usage', { KeySpec: 'RSA_2048' }, 'ValidationException'],
    ['a symmetric key that signs', { KeyUsage: 'SIGN_VERIFY' }, 'ValidationException'],
    ['a curve that encrypts', { KeySpec: 'ECC_NIST_P256', KeyUsage: 'ENCRYPT_DECRYPT' }, 'ValidationException'],
    ['a spec not supported here', { KeySpec: 'ECC_NIST_P384', KeyUsage: 'SIGN_VERIFY' }, 'ValidationException'],
    ['a usage not supported here', { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }, 'ValidationException'],
    ['imported material', { Origin: 'EXTERNAL' }, 'ValidationException'],
    ['a multi-Region key', { MultiRegion: true }, 'ValidationException'],
    ['a custom key store', { CustomKeyStoreId: 'cks-1' }, 'ValidationException'],
    ['a policy that is no JSON', { Policy: '{' }, 'MalformedPolicyDocumentException'],
    ['a policy without statements', { Policy: '[]' }, 'MalformedPolicyDocumentException'],
    ['a tag given twice', { Tags: [1, 2].map((n) => ({ TagKey: 'a', TagValue: `${n}` })) }, 'TagException'],
    ['a description too long', { Description: 'x'.repeat(8193) }, 'ValidationException'],
  ])('refuses %s', async (_, input, name) => {
    expect(await refusal(create(input))).toMatchObject({ name, status: 400 });
  });
});

describe('GetPublicKey', () => {
  it('gives the SPKI of the key with its algorithms', async () => {
    const id = await create({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    const answer = await client.send(new GetPublicKeyCommand({ KeyId: id }));
    const key = createPublicKey({ key: Buffer.from(present(answer.PublicKey)), format: 'der', type: 'spki' });
    expect(key.asymmetricKeyDetails).toMatchObject({ modulusLength: 2048, publicExponent: 65537n });
    expect(answer).toMatchObject({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT', EncryptionAlgorithms: RSA });
  });

  it('refuses a symmetric key', async () => {
    const call = client.send(new GetPublicKeyCommand({ KeyId: await create() }));
    expect(await outcome(call)).toBe('UnsupportedOperationException');
  });
});

describe('key states', () => {
  const STATES = ['Enabled', 'Disabled', 'PendingDeletion'] as const;
  const Plaintext = Buffer.from('invented');
  const Message = Plaintext;
  let symmetric: string;
  let rsa: string;
  let curve: string;
  let CiphertextBlob: Uint8Array;
  let Signature: Uint8Array;
  const ECDSA = 'ECDSA_SHA_256';

  beforeAll(async () => {
    symmetric = await create();
    rsa = await create({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    curve = await create({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    ({ CiphertextBlob = Plaintext } = await client.send(new EncryptCommand({ KeyId: symmetric, Plaintext })));
    const signing = { KeyId: curve, Message, SigningAlgorithm: ECDSA } as const;
    ({ Signature = Message } = await client.send(new SignCommand(signing)));
  });

  async function bring(KeyId: string, to: (typeof STATES)[number]): Promise<void> {
    const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId }));
    if (KeyMetadata?.KeyState === 'PendingDeletion') await client.send(new CancelKeyDeletionCommand({ KeyId }));
    await client.send(new EnableKeyCommand({ KeyId }));
    if (to === 'Disabled') await client.send(new DisableKeyCommand({ KeyId }));
    if (to === 'PendingDeletion') await client.send(new ScheduleKeyDeletionCommand({ KeyId }));
  }

  const D = 'DisabledException';
  const S = 'KMSInvalidStateException';

  it.each<[string, readonly [string, string, string], () => Promise<unknown>]>([
    ['DescribeKey', ['ok', 'ok', 'ok'], () => client.send(new DescribeKeyCommand({ KeyId: symmetric }))],
    ['Encrypt', ['ok', D, S], () => client.send(new EncryptCommand({ KeyId: symmetric, Plaintext }))],
    ['Decrypt', ['ok', D, S], () => client.send(new DecryptCommand({ CiphertextBlob }))],
    [
      'ReEncrypt',
      ['ok', D, S],
      () => client.send(new ReEncryptCommand({ CiphertextBlob, DestinationKeyId: symmetric })),
    ],
    [
      'GenerateDataKey',
      ['ok', D, S],
      () => client.send(new GenerateDataKeyCommand({ KeyId: symmetric, KeySpec: 'AES_256' })),
    ],
    ['GetPublicKey', ['ok', D, S], () => client.send(new GetPublicKeyCommand({ KeyId: rsa }))],
    ['Sign', ['ok', D, S], () => client.send(new SignCommand({ KeyId: curve, Message, SigningAlgorithm: ECDSA }))],
    [
      'Verify',
      ['ok', D, S],
      () => client.send(new VerifyCommand({ KeyId: curve, Message, Signature, SigningAlgorithm: ECDSA })),
    ],
    ['EnableKey', ['ok', 'ok', S], () => client.send(new EnableKeyCommand({ KeyId: symmetric }))],
    ['DisableKey', ['ok', 'ok', S], () => client.send(new DisableKeyCommand({ KeyId: symmetric }))],
    ['ScheduleKeyDeletion', ['ok', 'ok', S], () => client.send(new ScheduleKeyDeletionCommand({ KeyId: symmetric }))],
    ['CancelKeyDeletion', [S, S, 'ok'], () => client.send(new CancelKeyDeletionCommand({ KeyId: symmetric }))],
    ['EnableKeyRotation', ['ok', D, S], () => client.send(new EnableKeyRotationCommand({ KeyId: symmetric }))],
    [
      'GetKeyRotationStatus',
      ['ok', 'ok', 'ok'],
      () => client.send(new GetKeyRotationStatusCommand({ KeyId: symmetric })),
    ],
    ['ListAliases', ['ok', 'ok', 'ok'], () => client.send(new ListAliasesCommand({ KeyId: symmetric }))],
  ])('%s answers %j on a key that is enabled, disabled, pending deletion', async (_, expected, call) => {
    const seen: string[] = [];
    for (const state of STATES) {
      await Promise.all([symmetric, rsa, curve].map((id) => bring(id, state)));
      seen.push(await outcome(call()));
    }
    expect(seen).toEqual(expected);
  });

  it('makes aliases for disabled keys but not for one that is pending deletion', async () => {
    await bring(symmetric, 'Disabled');
    const alias = (AliasName: string) => client.send(new CreateAliasCommand({ AliasName, TargetKeyId: symmetric }));
    expect(await outcome(alias('alias/disabled'))).toBe('ok');
    await bring(symmetric, 'PendingDeletion');
    expect(await outcome(alias('alias/pending'))).toBe(S);
  });

  it('leaves a key disabled when its deletion is cancelled', async () => {
    await bring(symmetric, 'PendingDeletion');
    await client.send(new CancelKeyDeletionCommand({ KeyId: symmetric }));
    const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: symmetric }));
    expect(KeyMetadata).toMatchObject({ KeyState: 'Disabled', Enabled: false });
    expect(KeyMetadata?.DeletionDate).toBeUndefined();
  });
});

describe('ScheduleKeyDeletion', () => {
  it('announces the date and destroys the key and its aliases when it has come, not before', async () => {
    const KeyId = await create();
    await client.send(new CreateAliasCommand({ AliasName: 'alias/doomed', TargetKeyId: KeyId }));
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x') }));
    const answer = await client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    expect(answer).toMatchObject({ DeletionDate: new Date(now + 7 * DAY), KeyState: 'PendingDeletion' });

    now += 7 * DAY - 1;
    expect(await outcome(client.send(new DescribeKeyCommand({ KeyId: 'alias/doomed' })))).toBe('ok');
    now += 1;
    expect(await outcome(client.send(new DescribeKeyCommand({ KeyId })))).toBe('NotFoundException');
    expect(await outcome(client.send(new DescribeKeyCommand({ KeyId: 'alias/doomed' })))).toBe('NotFoundException');
    expect(await outcome(client.send(new DecryptCommand({ CiphertextBlob })))).toBe('AccessDeniedException');
  });

  it.each([6, 31, 7.5])('refuses a window of %d days', async (PendingWindowInDays) => {
    const call = client.send(new ScheduleKeyDeletionCommand({ KeyId: await create(), PendingWindowInDays }));
    expect(await refusal(call)).toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('PendingWindowInDays'),
    });
  });
});

describe('key rotation', () => {
  it('is remembered for a symmetric key', async () => {
    const KeyId = await create();
    const status = () => client.send(new GetKeyRotationStatusCommand({ KeyId }));
    expect((await status()).KeyRotationEnabled).toBe(false);
    await client.send(new EnableKeyRotationCommand({ KeyId }));
    expect((await status()).KeyRotationEnabled).toBe(true);
  });

  it('does not exist for an asymmetric key', async () => {
    const KeyId = await create({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    const unsupported = 'UnsupportedOperationException';
    expect(await outcome(client.send(new EnableKeyRotationCommand({ KeyId })))).toBe(unsupported);
    expect(await outcome(client.send(new GetKeyRotationStatusCommand({ KeyId })))).toBe(unsupported);
  });
});

const policy = (Sid: string): string => JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid }] });

describe('PutKeyPolicy', () => {
  it('replaces what `authorize` is shown, from then on', async () => {
    const seen: (string | undefined)[] = [];
    const own = await startTestKms({
      authorize: ({ action, key }) => {
        if (action === 'kms:DescribeKey') seen.push(key?.policy);
        return true;
      },
    });
    const caller = connect(own);
    const { KeyMetadata } = await caller.send(new CreateKeyCommand({ Policy: policy('first') }));
    const KeyId = present(KeyMetadata?.KeyId);
    await caller.send(new DescribeKeyCommand({ KeyId }));
    await caller.send(new PutKeyPolicyCommand({ KeyId, PolicyName: 'default', Policy: policy('second') }));
    await caller.send(new DescribeKeyCommand({ KeyId }));
    expect(seen).toEqual([policy('first'), policy('second')]);
    caller.destroy();
    await own.close();
  });

  it('is refused where the policy is none, the name is another, or there is no such key', async () => {
    const KeyId = await create();
    expect(await outcome(client.send(new PutKeyPolicyCommand({ KeyId, Policy: '[]' })))).toBe(
      'MalformedPolicyDocumentException',
    );
    const named = new PutKeyPolicyCommand({ KeyId, PolicyName: 'mine', Policy: policy('a') });
    expect(await outcome(client.send(named))).toBe('ValidationException');
    const nowhere = new PutKeyPolicyCommand({ KeyId: '00000000-0000-4000-8000-000000000000', Policy: policy('a') });
    expect(await outcome(client.send(nowhere))).toBe('NotFoundException');
  });
});
