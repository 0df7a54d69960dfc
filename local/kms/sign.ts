import * as z from 'zod';
import { Blob, findKey, KeyId, operation, permit } from './call.ts';
import { KmsError } from './errors.ts';
import { SIGNING_ALGORITHMS, type SigningAlgorithm, signingAlgorithms } from './key-specs.ts';
import { type Key, requireEnabled } from './key-store.ts';
import { type KeyPair, signMessage, verifyMessage } from './material.ts';

const Signing = z.strictObject({
  KeyId,
  Message: Blob(4096),
  MessageType: z.enum(['RAW', 'DIGEST']).default('RAW'),
  SigningAlgorithm: z.enum(signingAlgorithms),
});

export const sign = operation(Signing, async (call, input) => {
  const { key, requestAlias } = findKey(call, input.KeyId);
  await permit(call, 'kms:Sign', key, { requestAlias });
  const pair = signingPair(key, input.SigningAlgorithm);
  const signature = await signMessage(pair, input.SigningAlgorithm, input.Message, input.MessageType);
  return {
    KeyId: key.arn,
    Signature: signature.toString('base64'),
    SigningAlgorithm: input.SigningAlgorithm,
  };
});

export const verify = operation(Signing.extend({ Signature: Blob(6144) }), async (call, input) => {
  const { key, requestAlias } = findKey(call, input.KeyId);
  await permit(call, 'kms:Verify', key, { requestAlias });
  const pair = signingPair(key, input.SigningAlgorithm);
  const valid = await verifyMessage(pair, input.SigningAlgorithm, input.Message, input.MessageType, input.Signature);
  if (!valid) throw new KmsError('KMSInvalidSignatureException', 'The signature is not valid.');
  return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: input.SigningAlgorithm };
});

/** @throws {KmsError} `DisabledException`, `KMSInvalidStateException`, `InvalidKeyUsageException` */
function signingPair(key: Key, algorithm: SigningAlgorithm): KeyPair {
  requireEnabled(key);
  const { material } = key;
  const { type } = SIGNING_ALGORITHMS[algorithm];
  if (key.usage === 'SIGN_VERIFY' && material.type !== 'symmetric' && material.type === type) return material;
  const what = `a ${key.spec} key with key usage ${key.usage}`;
  throw new KmsError('InvalidKeyUsageException', `${key.arn} is ${what} and cannot be used with ${algorithm}.`);
}
