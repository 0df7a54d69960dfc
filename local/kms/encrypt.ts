import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import {
  Blob,
  type Call,
  EncryptionContextInput,
  findKey,
  KeyId,
  type NamedKey,
  operation,
  permit,
  type UseDetails,
} from './call.ts';
import { type EncryptionContext, keyIdOf, openBlob, sealBlob } from './ciphertext.ts';
import { KmsError } from './errors.ts';
import { type EncryptionAlgorithm, encryptionAlgorithms } from './key-specs.ts';
import { type Key, requireEnabled } from './key-store.ts';
import {
  decryptOaep,
  encryptOaep,
  type KeyPair,
  type OaepAlgorithm,
  oaepCapacity,
  type SecretKey,
} from './material.ts';

/*
 * The operations that encrypt. Each finds its keys, asks the policy about every one of them, looks at their states, and
 * only then computes, so that a refusal has no effect and tells nothing about the ciphertext.
 */

const Plaintext = Blob(4096);
const CiphertextBlob = Blob(6144);
const Algorithm = z.enum(encryptionAlgorithms).default('SYMMETRIC_DEFAULT');

export const encrypt = operation(
  z.strictObject({
    KeyId,
    Plaintext,
    EncryptionAlgorithm: Algorithm,
    EncryptionContext: EncryptionContextInput.optional(),
  }),
  async (call, input) => {
    const use = useOf(findKey(call, input.KeyId), input.EncryptionAlgorithm, input.EncryptionContext);
    await permit(call, 'kms:Encrypt', use.key, use.details);
    const method = methodOf(use);
    return {
      KeyId: use.key.arn,
      CiphertextBlob: base64(await seal(method, input.Plaintext)),
      EncryptionAlgorithm: input.EncryptionAlgorithm,
    };
  },
);

export const decrypt = operation(
  z.strictObject({
    CiphertextBlob,
    KeyId: KeyId.optional(),
    EncryptionAlgorithm: Algorithm,
    EncryptionContext: EncryptionContextInput.optional(),
  }),
  async (call, input) => {
    const source = findSource(call, input.CiphertextBlob, input.KeyId, input.EncryptionAlgorithm);
    const use = useOf(source, input.EncryptionAlgorithm, input.EncryptionContext);
    await permit(call, 'kms:Decrypt', use.key, use.details);
    const method = methodOf(use);
    return {
      KeyId: use.key.arn,
      Plaintext: base64(await open(method, input.CiphertextBlob)),
      EncryptionAlgorithm: input.EncryptionAlgorithm,
    };
  },
);

export const reEncrypt = operation(
  z.strictObject({
    CiphertextBlob,
    SourceKeyId: KeyId.optional(),
    SourceEncryptionAlgorithm: Algorithm,
    SourceEncryptionContext: EncryptionContextInput.optional(),
    DestinationKeyId: KeyId,
    DestinationEncryptionAlgorithm: Algorithm,
    DestinationEncryptionContext: EncryptionContextInput.optional(),
  }),
  async (call, input) => {
    const source = findSource(call, input.CiphertextBlob, input.SourceKeyId, input.SourceEncryptionAlgorithm);
    const from = useOf(source, input.SourceEncryptionAlgorithm, input.SourceEncryptionContext);
    const destination = findKey(call, input.DestinationKeyId);
    const to = useOf(destination, input.DestinationEncryptionAlgorithm, input.DestinationEncryptionContext);
    await permit(call, 'kms:ReEncryptFrom', from.key, from.details);
    await permit(call, 'kms:ReEncryptTo', to.key, to.details);
    const opening = methodOf(from);
    const sealing = methodOf(to);
    return {
      CiphertextBlob: base64(await seal(sealing, await open(opening, input.CiphertextBlob))),
      SourceKeyId: from.key.arn,
      KeyId: to.key.arn,
      SourceEncryptionAlgorithm: input.SourceEncryptionAlgorithm,
      DestinationEncryptionAlgorithm: input.DestinationEncryptionAlgorithm,
    };
  },
);

export const generateDataKey = operation(
  z
    .strictObject({
      KeyId,
      KeySpec: z.enum(['AES_128', 'AES_256']).optional(),
      NumberOfBytes: z.number().int().min(1).max(1024).optional(),
      EncryptionContext: EncryptionContextInput.optional(),
    })
    .refine((input) => (input.KeySpec === undefined) !== (input.NumberOfBytes === undefined), {
      error: 'exactly one of KeySpec and NumberOfBytes is required',
    }),
  async (call, input) => {
    const use = useOf(findKey(call, input.KeyId), 'SYMMETRIC_DEFAULT', input.EncryptionContext);
    await permit(call, 'kms:GenerateDataKey', use.key, use.details);
    const method = methodOf(use);
    const dataKey = randomBytes(input.NumberOfBytes ?? (input.KeySpec === 'AES_128' ? 16 : 32));
    return {
      KeyId: use.key.arn,
      Plaintext: base64(dataKey),
      CiphertextBlob: base64(await seal(method, dataKey)),
    };
  },
);

interface Use {
  key: Key;
  details: UseDetails & { encryptionAlgorithm: EncryptionAlgorithm };
}

function useOf(
  { key, requestAlias }: NamedKey,
  encryptionAlgorithm: EncryptionAlgorithm,
  encryptionContext: EncryptionContext | undefined,
): Use {
  if (encryptionAlgorithm !== 'SYMMETRIC_DEFAULT' && encryptionContext !== undefined) {
    throw new KmsError('ValidationException', 'An encryption context works with SYMMETRIC_DEFAULT only.');
  }
  return { key, details: { requestAlias, encryptionAlgorithm, encryptionContext } };
}

/** A symmetric ciphertext names its key; one made with a public key outside KMS does not, so the caller must. */
function findSource(call: Call, blob: Buffer, keyId: string | undefined, algorithm: EncryptionAlgorithm): NamedKey {
  if (keyId !== undefined) return findKey(call, keyId);
  if (algorithm !== 'SYMMETRIC_DEFAULT') {
    throw new KmsError('ValidationException', `The key must be named where the algorithm is ${algorithm}.`);
  }
  const id = keyIdOf(blob);
  if (id === undefined) throw new KmsError('InvalidCiphertextException', 'This is not a ciphertext of this KMS.');
  const key = call.store.key(id);
  if (key) return { key, requestAlias: undefined };
  throw new KmsError(
    'AccessDeniedException',
    'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are ' +
      'not allowed to access.',
  );
}

/** A key in a state and of a kind that fit the algorithm. */
type Method =
  | { algorithm: 'SYMMETRIC_DEFAULT'; key: Key; secret: SecretKey; context: EncryptionContext | undefined }
  | { algorithm: OaepAlgorithm; key: Key; pair: KeyPair };

/** @throws {KmsError} `DisabledException`, `KMSInvalidStateException`, `InvalidKeyUsageException` */
function methodOf({ key, details }: Use): Method {
  const { encryptionAlgorithm: algorithm, encryptionContext: context } = details;
  requireEnabled(key);
  const { material } = key;
  if (key.usage === 'ENCRYPT_DECRYPT') {
    if (material.type === 'symmetric' && algorithm === 'SYMMETRIC_DEFAULT') {
      return { algorithm, key, secret: material, context };
    }
    if (material.type === 'rsa' && algorithm !== 'SYMMETRIC_DEFAULT') return { algorithm, key, pair: material };
  }
  const what = `a ${key.spec} key with key usage ${key.usage}`;
  throw new KmsError('InvalidKeyUsageException', `${key.arn} is ${what} and cannot be used with ${algorithm}.`);
}

async function seal(method: Method, plaintext: Buffer): Promise<Buffer> {
  if (method.algorithm === 'SYMMETRIC_DEFAULT') {
    return sealBlob(method.key.id, method.secret.bytes, plaintext, method.context);
  }
  const capacity = oaepCapacity(method.pair, method.algorithm);
  if (plaintext.length > capacity) {
    const limit = `cannot encrypt data larger than ${capacity} bytes`;
    throw new KmsError(
      'ValidationException',
      `Algorithm ${method.algorithm} and key spec ${method.key.spec} ${limit}.`,
    );
  }
  return encryptOaep(method.pair, method.algorithm, plaintext);
}

async function open(method: Method, blob: Buffer): Promise<Buffer> {
  if (method.algorithm !== 'SYMMETRIC_DEFAULT') return decryptOaep(method.pair, method.algorithm, blob);
  const id = keyIdOf(blob);
  if (id !== undefined && id !== method.key.id) {
    const fault = 'The key ID in the request does not identify the key that made this ciphertext.';
    throw new KmsError('IncorrectKeyException', fault);
  }
  return openBlob(method.secret.bytes, blob, method.context);
}

const base64 = (bytes: Buffer): string => bytes.toString('base64');
