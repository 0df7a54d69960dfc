import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  type DecryptCommandInput,
  EncryptCommand,
  type EncryptCommandInput,
  GenerateDataKeyCommand,
  type GenerateDataKeyCommandInput,
  GetPublicKeyCommand,
  type KMSClient,
  ReEncryptCommand,
  type ReEncryptCommandInput,
} from '@aws-sdk/client-kms';
import { constants, createPublicKey, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuthorizationRequest, Kms } from '../../../local/kms/kms.ts';
import { AWAY, connect, HOME, outcome, present, refusal, startTestKms } from './fixture.ts';

let kms: Kms;
let home: KMSClient;
let away: KMSClient;
let publicKey: KeyObject;
/** Key ARNs. `rsa` and `one` are of HOME, `two` is of AWAY. */
const keys = { rsa: '', otherRsa: '', one: '', two: '', signing: '' };
let denied: (request: AuthorizationRequest) => boolean;

beforeAll(async () => {
  kms = await startTestKms({ authorize: (request) => !denied(request) });
  home = connect(kms);
  away = connect(kms, 'AKIDAWAY');
  denied = () => false;
  const rsa = new CreateKeyCommand({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
  [keys.rsa, keys.otherRsa, keys.one, keys.two, keys.signing] = await Promise.all([
    create(home, rsa),
    create(home, rsa),
    create(home),
    create(away),
    create(home, new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })),
  ]);
  await home.send(new CreateAliasCommand({ AliasName: 'alias/one', TargetKeyId: keys.one }));
  const { PublicKey } = await home.send(new GetPublicKeyCommand({ KeyId: keys.rsa }));
  publicKey = createPublicKey({ key: Buffer.from(present(PublicKey)), format: 'der', type: 'spki' });
});

beforeEach(() => {
  denied = () => false;
});

afterAll(async () => {
  home.destroy();
  away.destroy();
  await kms.close();
});

const create = async (client: KMSClient, command = new CreateKeyCommand({})): Promise<string> =>
  present((await client.send(command)).KeyMetadata?.Arn);

/** RSA-OAEP outside KMS, as a JOSE library wraps a content key. */
const wrap = (plaintext: Uint8Array, oaepHash: 'sha1' | 'sha256' = 'sha256'): Buffer =>
  publicEncrypt({ key: publicKey, oaepHash, padding: constants.RSA_PKCS1_OAEP_PADDING }, plaintext);

/** One ciphertext in 256 begins with a zero, which a number does not need and the ciphertext does. */
function wrapWithLeadingZero(plaintext: Uint8Array): Buffer {
  for (;;) {
    const wrapped = wrap(plaintext);
    if (wrapped[0] === 0) return wrapped;
  }
}

const seal = async (input: Omit<EncryptCommandInput, 'Plaintext'>, Plaintext: Uint8Array): Promise<Uint8Array> =>
  present((await home.send(new EncryptCommand({ ...input, Plaintext }))).CiphertextBlob);

const open = async (input: DecryptCommandInput): Promise<Buffer> =>
  Buffer.from(present((await home.send(new DecryptCommand(input))).Plaintext));

const SECRET = Buffer.from('invented and harmless');
const OAEP = 'RSAES_OAEP_SHA_256';
const INVALID = 'InvalidCiphertextException';
const USAGE = 'InvalidKeyUsageException';
const V = 'ValidationException';

describe('Encrypt and Decrypt', () => {
  it.each([1, 32, 4096])('return a plaintext of %d bytes that a symmetric key sealed', async (length) => {
    const plaintext = randomBytes(length);
    const CiphertextBlob = await seal({ KeyId: 'alias/one' }, plaintext);
    const answer = await home.send(new DecryptCommand({ CiphertextBlob }));
    expect(Buffer.from(present(answer.Plaintext))).toEqual(plaintext);
    expect(answer).toMatchObject({ KeyId: keys.one, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
  });

  it.each([
    ['RSAES_OAEP_SHA_1', 214],
    ['RSAES_OAEP_SHA_256', 190],
  ] as const)('work with RSA_2048 and %s up to %d bytes', async (EncryptionAlgorithm, max) => {
    const plaintext = randomBytes(max);
    const CiphertextBlob = await seal({ KeyId: keys.rsa, EncryptionAlgorithm }, plaintext);
    expect(await open({ KeyId: keys.rsa, EncryptionAlgorithm, CiphertextBlob })).toEqual(plaintext);
    expect(await outcome(seal({ KeyId: keys.rsa, EncryptionAlgorithm }, randomBytes(max + 1)))).toBe(V);
  });

  it.each([
    ['RSAES_OAEP_SHA_1', 'sha1'],
    ['RSAES_OAEP_SHA_256', 'sha256'],
  ] as const)('open what was encrypted outside KMS with %s', async (EncryptionAlgorithm, hash) => {
    const CiphertextBlob = wrap(SECRET, hash);
    expect(await open({ KeyId: keys.rsa, EncryptionAlgorithm, CiphertextBlob })).toEqual(SECRET);
  });

  it('bind the ciphertext to its context, in any order', async () => {
    const CiphertextBlob = await seal({ KeyId: keys.one, EncryptionContext: { a: '1', b: '2' } }, SECRET);
    expect(await open({ CiphertextBlob, EncryptionContext: { b: '2', a: '1' } })).toEqual(SECRET);
  });

  it.each<[string, Record<string, string> | undefined]>([
    ['no context', undefined],
    ['an empty context', {}],
    ['less', { a: '1' }],
    ['more', { a: '1', b: '2', c: '3' }],
    ['another value', { a: '1', b: '3' }],
    ['another case', { A: '1', b: '2' }],
    ['names and values exchanged', { '1': 'a', '2': 'b' }],
    ['the same letters cut elsewhere', { a: '1","b', '2': '' }],
  ])('refuse a ciphertext under %s than it was sealed with', async (_, EncryptionContext) => {
    const CiphertextBlob = await seal({ KeyId: keys.one, EncryptionContext: { a: '1', b: '2' } }, SECRET);
    expect(await outcome(open({ CiphertextBlob, EncryptionContext }))).toBe(INVALID);
  });

  it.each<[string, EncryptCommandInput, string]>([
    ['an empty plaintext', { KeyId: 'alias/one', Plaintext: Buffer.alloc(0) }, V],
    ['4,097 bytes', { KeyId: 'alias/one', Plaintext: Buffer.alloc(4097) }, V],
    ['an unknown algorithm', { KeyId: 'alias/one', Plaintext: SECRET, EncryptionAlgorithm: 'SM2PKE' }, V],
    [
      'an RSA algorithm on a symmetric key',
      { KeyId: 'alias/one', Plaintext: SECRET, EncryptionAlgorithm: OAEP },
      USAGE,
    ],
    ['an unknown key', { KeyId: 'alias/nobody', Plaintext: SECRET }, 'NotFoundException'],
    ['a member not supported here', { KeyId: 'alias/one', Plaintext: SECRET, DryRun: true }, V],
  ])('refuse %s', async (_, input, name) => {
    expect(await refusal(home.send(new EncryptCommand(input)))).toMatchObject({ name, status: 400 });
  });

  it.each<[string, () => EncryptCommandInput, string]>([
    ['a symmetric algorithm on an RSA key', () => ({ KeyId: keys.rsa, Plaintext: SECRET }), USAGE],
    ['a signing key', () => ({ KeyId: keys.signing, Plaintext: SECRET }), USAGE],
    [
      'a context with an RSA key',
      () => ({ KeyId: keys.rsa, Plaintext: SECRET, EncryptionAlgorithm: OAEP, EncryptionContext: { a: '1' } }),
      V,
    ],
  ])('refuse %s', async (_, input, name) => {
    expect(await outcome(home.send(new EncryptCommand(input())))).toBe(name);
  });

  it.each<[string, () => Promise<DecryptCommandInput>, string]>([
    ['bytes that are no ciphertext', () => Promise.resolve({ CiphertextBlob: randomBytes(80) }), INVALID],
    ['a ciphertext too short', () => Promise.resolve({ CiphertextBlob: Buffer.of(1) }), INVALID],
    ['more than 6,144 bytes', () => Promise.resolve({ CiphertextBlob: Buffer.alloc(6145) }), V],
    [
      "another key than the ciphertext's own",
      async () => ({ CiphertextBlob: await seal({ KeyId: keys.one }, SECRET), KeyId: keys.two }),
      'IncorrectKeyException',
    ],
    [
      'an RSA ciphertext without its key',
      () => Promise.resolve({ CiphertextBlob: wrap(SECRET), EncryptionAlgorithm: OAEP }),
      V,
    ],
    [
      'an RSA key without its algorithm',
      () => Promise.resolve({ CiphertextBlob: wrap(SECRET), KeyId: keys.rsa }),
      USAGE,
    ],
  ])('refuse to decrypt with %s', async (_, input, expected) => {
    expect(await outcome(home.send(new DecryptCommand(await input())))).toBe(expected);
  });

  it('find the key of another account from the ciphertext', async () => {
    const CiphertextBlob = await seal({ KeyId: keys.two }, SECRET);
    expect(await open({ CiphertextBlob })).toEqual(SECRET);
  });

  it('tell nothing about why an RSA ciphertext does not open', async () => {
    const sound = wrapWithLeadingZero(SECRET);
    const flipped = Buffer.from(sound);
    flipped[100] = (flipped[100] ?? 0) ^ 1;
    const attempts: DecryptCommandInput[] = [
      { KeyId: keys.otherRsa, CiphertextBlob: sound },
      { KeyId: keys.rsa, CiphertextBlob: flipped },
      { KeyId: keys.rsa, CiphertextBlob: sound.subarray(1) },
      { KeyId: keys.rsa, CiphertextBlob: sound.subarray(0, -1) },
      { KeyId: keys.rsa, CiphertextBlob: Buffer.concat([Buffer.alloc(1), sound]) },
      { KeyId: keys.rsa, CiphertextBlob: Buffer.concat([sound, sound]) },
      { KeyId: keys.rsa, CiphertextBlob: Buffer.alloc(256, 0xff) },
      { KeyId: keys.rsa, CiphertextBlob: wrap(SECRET, 'sha1') },
      {
        KeyId: keys.rsa,
        CiphertextBlob: publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, SECRET),
      },
    ];
    const answers = await Promise.all(
      attempts.map((input) => refusal(home.send(new DecryptCommand({ ...input, EncryptionAlgorithm: OAEP })))),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.name).toBe(INVALID);
  });
});

describe('ReEncrypt', () => {
  const context = { hotline: 'zz-hotline', referral: '0197', agency: 'zz-agency', sealed: 'hash' };
  const rewrap = (input: Partial<ReEncryptCommandInput>) =>
    home.send(
      new ReEncryptCommand({
        CiphertextBlob: undefined,
        SourceKeyId: keys.rsa,
        SourceEncryptionAlgorithm: OAEP,
        DestinationKeyId: keys.two,
        DestinationEncryptionContext: context,
        ...input,
      }),
    );

  it('takes a key wrapped outside KMS to a symmetric key of another account, bound to a context', async () => {
    const contentKey = randomBytes(32);
    const answer = await rewrap({ CiphertextBlob: wrap(contentKey) });
    expect(answer).toMatchObject({
      SourceKeyId: keys.rsa,
      KeyId: keys.two,
      SourceEncryptionAlgorithm: OAEP,
      DestinationEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
    });
    const { CiphertextBlob } = answer;
    const decrypt = (input: Partial<DecryptCommandInput>) =>
      away.send(new DecryptCommand({ CiphertextBlob, KeyId: keys.two, ...input }));
    const opened = await decrypt({ EncryptionContext: context });
    expect(Buffer.from(present(opened.Plaintext))).toEqual(contentKey);
    expect(await outcome(decrypt({ EncryptionContext: { ...context, agency: 'zz-other' } }))).toBe(INVALID);
    expect(await outcome(decrypt({}))).toBe(INVALID);
  });

  it('finds a symmetric source from its ciphertext, and changes key and context', async () => {
    const EncryptionContext = { from: 'here' };
    const CiphertextBlob = await seal({ KeyId: keys.one, EncryptionContext }, SECRET);
    const moved = await home.send(
      new ReEncryptCommand({
        CiphertextBlob,
        SourceEncryptionContext: EncryptionContext,
        DestinationKeyId: keys.two,
        DestinationEncryptionContext: context,
      }),
    );
    expect(await open({ CiphertextBlob: moved.CiphertextBlob, EncryptionContext: context })).toEqual(SECRET);
  });

  it('takes a symmetric source to an RSA key', async () => {
    const CiphertextBlob = await seal({ KeyId: keys.one }, SECRET);
    const DestinationEncryptionAlgorithm = OAEP;
    const moved = await home.send(
      new ReEncryptCommand({ CiphertextBlob, DestinationKeyId: keys.rsa, DestinationEncryptionAlgorithm }),
    );
    const input = { CiphertextBlob: moved.CiphertextBlob, KeyId: keys.rsa, EncryptionAlgorithm: OAEP } as const;
    expect(await open(input)).toEqual(SECRET);
  });

  it.each<[string, () => Partial<ReEncryptCommandInput>, string]>([
    ['an RSA source without key', () => ({ SourceKeyId: undefined }), V],
    ['an RSA source without algorithm', () => ({ SourceEncryptionAlgorithm: undefined }), USAGE],
    ['neither', () => ({ SourceKeyId: undefined, SourceEncryptionAlgorithm: undefined }), INVALID],
    ['the wrong algorithm', () => ({ SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_1' }), INVALID],
    ['the wrong source key', () => ({ SourceKeyId: keys.otherRsa }), INVALID],
    ['a context for the RSA source', () => ({ SourceEncryptionContext: context }), V],
    ['an unknown source', () => ({ SourceKeyId: 'alias/nobody' }), 'NotFoundException'],
    ['an unknown destination', () => ({ DestinationKeyId: 'alias/nobody' }), 'NotFoundException'],
    ['a signing key as destination', () => ({ DestinationKeyId: keys.signing }), USAGE],
    ['an RSA destination without algorithm', () => ({ DestinationKeyId: keys.rsa }), USAGE],
    [
      'an RSA destination with a context',
      () => ({ DestinationKeyId: keys.rsa, DestinationEncryptionAlgorithm: OAEP }),
      V,
    ],
    [
      'a plaintext too long for the RSA destination',
      () => ({
        CiphertextBlob: wrap(randomBytes(191), 'sha1'),
        SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_1',
        DestinationKeyId: keys.rsa,
        DestinationEncryptionAlgorithm: OAEP,
        DestinationEncryptionContext: undefined,
      }),
      V,
    ],
    ['no destination', () => ({ DestinationKeyId: undefined }), V],
  ])('answers %s with its error', async (_, input, expected) => {
    expect(await outcome(rewrap({ CiphertextBlob: wrap(SECRET), ...input() }))).toBe(expected);
  });

  it.each(['kms:ReEncryptFrom', 'kms:ReEncryptTo'])('does nothing when %s alone is denied', async (action) => {
    denied = (request) => request.action === action;
    const { name, message } = await refusal(rewrap({ CiphertextBlob: wrap(SECRET) }));
    expect(name).toBe('AccessDeniedException');
    expect(message).toContain(action);
  });

  it('asks the policy about the source and then about the destination, each with its own facts', async () => {
    const asked: AuthorizationRequest[] = [];
    denied = (request) => {
      asked.push(request);
      return false;
    };
    await rewrap({ CiphertextBlob: wrap(SECRET), DestinationKeyId: 'alias/one' });
    const caller = { principal: `arn:aws:iam::${HOME}:role/home`, account: HOME };
    expect(asked).toEqual([
      {
        ...caller,
        action: 'kms:ReEncryptFrom',
        key: { arn: keys.rsa, account: HOME, aliases: [], policy: undefined },
        encryptionAlgorithm: OAEP,
        encryptionContext: undefined,
        requestAlias: undefined,
      },
      {
        ...caller,
        action: 'kms:ReEncryptTo',
        key: { arn: keys.one, account: HOME, aliases: ['alias/one'], policy: undefined },
        encryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        encryptionContext: context,
        requestAlias: 'alias/one',
      },
    ]);
  });

  it('refuses by permission before it tells anything of the ciphertext', async () => {
    denied = () => true;
    expect(await outcome(rewrap({ CiphertextBlob: randomBytes(256) }))).toBe('AccessDeniedException');
  });

  it('keeps the accounts in the log entry', async () => {
    await rewrap({ CiphertextBlob: wrap(SECRET) });
    expect(kms.log.at(-1)).toMatchObject({
      operation: 'ReEncrypt',
      account: HOME,
      uses: [
        { action: 'kms:ReEncryptFrom', key: keys.rsa, encryptionAlgorithm: OAEP, allowed: true },
        { action: 'kms:ReEncryptTo', key: expect.stringContaining(AWAY), encryptionContext: context, allowed: true },
      ],
      outcome: 'ok',
    });
  });
});

describe('GenerateDataKey', () => {
  it.each<[Omit<GenerateDataKeyCommandInput, 'KeyId'>, number]>([
    [{ KeySpec: 'AES_128' }, 16],
    [{ KeySpec: 'AES_256' }, 32],
    [{ NumberOfBytes: 1024 }, 1024],
  ])('gives for %j a data key of %d bytes, and the same sealed', async (input, length) => {
    const EncryptionContext = { purpose: 'test' };
    const command = new GenerateDataKeyCommand({ KeyId: 'alias/one', EncryptionContext, ...input });
    const { Plaintext, CiphertextBlob } = await home.send(command);
    expect(Plaintext).toHaveLength(length);
    expect(await open({ CiphertextBlob, EncryptionContext })).toEqual(Buffer.from(present(Plaintext)));
  });

  it.each<[string, () => GenerateDataKeyCommandInput, string]>([
    ['no length', () => ({ KeyId: keys.one }), V],
    ['two lengths', () => ({ KeyId: keys.one, KeySpec: 'AES_256', NumberOfBytes: 32 }), V],
    ['1,025 bytes', () => ({ KeyId: keys.one, NumberOfBytes: 1025 }), V],
    ['an RSA key', () => ({ KeyId: keys.rsa, KeySpec: 'AES_256' }), USAGE],
  ])('refuses %s', async (_, input, expected) => {
    expect(await outcome(home.send(new GenerateDataKeyCommand(input())))).toBe(expected);
  });
});
