import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { type Call, findKey, findOwnKey, KeyId, operation, permit, toSeconds } from './call.ts';
import { KmsError } from './errors.ts';
import { keyArn } from './key-names.ts';
import { algorithmsOf, KEY_SPECS, type KeySpec, keySpecs, type KeyUsage } from './key-specs.ts';
import { type Key, type KeyStatus, requireEnabled, requireNotPendingDeletion } from './key-store.ts';
import { generateMaterial, publicKeyDer } from './material.ts';
import type { KmsAction } from './policy.ts';

/* Making, describing and retiring keys. States: "Key states of AWS KMS keys", key-state.html. */

const DAY = 86_400_000;

const OneKey = z.strictObject({ KeyId });

const Policy = z.string().min(1).max(131_072);

export const createKey = operation(
  z.strictObject({
    KeySpec: z.enum(keySpecs).default('SYMMETRIC_DEFAULT'),
    KeyUsage: z.enum(['ENCRYPT_DECRYPT', 'SIGN_VERIFY']).optional(),
    Description: z.string().max(8192).default(''),
    Policy: Policy.optional(),
    Tags: z
      .array(z.strictObject({ TagKey: z.string().min(1).max(128), TagValue: z.string().max(256) }))
      .max(50)
      .default([]),
    Origin: z.literal('AWS_KMS').optional(),
    MultiRegion: z.literal(false).optional(),
    BypassPolicyLockoutSafetyCheck: z.boolean().optional(),
  }),
  async (call, input) => {
    await permit(call, 'kms:CreateKey');
    const usage = usageOf(input.KeySpec, input.KeyUsage);
    requirePolicyDocument(input.Policy);
    if (new Set(input.Tags.map((tag) => tag.TagKey)).size < input.Tags.length) {
      throw new KmsError('TagException', 'A tag key appears twice.');
    }
    const id = randomUUID();
    const key: Key = {
      id,
      arn: keyArn(call.region, call.caller.account, id),
      account: call.caller.account,
      createdAt: call.now,
      description: input.Description,
      policy: input.Policy,
      tags: input.Tags,
      spec: input.KeySpec,
      usage,
      material: await generateMaterial(input.KeySpec),
      status: { state: 'Enabled', rotation: false },
    };
    await call.store.addKey(key);
    return { KeyMetadata: metadataOf(key) };
  },
);

export const describeKey = operation(OneKey, async (call, input) => {
  const { key, requestAlias } = findKey(call, input.KeyId);
  await permit(call, 'kms:DescribeKey', key, { requestAlias });
  return { KeyMetadata: metadataOf(key) };
});

export const getPublicKey = operation(OneKey, async (call, input) => {
  const { key, requestAlias } = findKey(call, input.KeyId);
  await permit(call, 'kms:GetPublicKey', key, { requestAlias });
  if (key.material.type === 'symmetric') {
    throw new KmsError('UnsupportedOperationException', `${key.arn} is symmetric and has no public key.`);
  }
  requireEnabled(key);
  return {
    KeyId: key.arn,
    PublicKey: publicKeyDer(key.material).toString('base64'),
    KeySpec: key.spec,
    CustomerMasterKeySpec: key.spec,
    KeyUsage: key.usage,
    ...algorithmsOf(key.spec, key.usage),
  };
});

export const enableKey = changeOf('kms:EnableKey', (status) => ({ ...status, state: 'Enabled' }));

export const disableKey = changeOf('kms:DisableKey', (status) => ({ ...status, state: 'Disabled' }));

export const scheduleKeyDeletion = operation(
  z.strictObject({ KeyId, PendingWindowInDays: z.number().int().min(7).max(30).default(30) }),
  async (call, input) => {
    const key = findOwnKey(call, input.KeyId);
    await permit(call, 'kms:ScheduleKeyDeletion', key);
    const deletionDate = call.now + input.PendingWindowInDays * DAY;
    await call.store.changeStatus(key, (status) => {
      requireNotPendingDeletion(key, status);
      return { ...status, state: 'PendingDeletion', deletionDate };
    });
    return {
      KeyId: key.arn,
      DeletionDate: toSeconds(deletionDate),
      KeyState: 'PendingDeletion',
      PendingWindowInDays: input.PendingWindowInDays,
    };
  },
);

/** Leaves the key disabled, as AWS does. */
export const cancelKeyDeletion = operation(OneKey, async (call, input) => {
  const key = findOwnKey(call, input.KeyId);
  await permit(call, 'kms:CancelKeyDeletion', key);
  await call.store.changeStatus(key, ({ state, rotation }) => {
    if (state === 'PendingDeletion') return { state: 'Disabled', rotation };
    throw new KmsError('KMSInvalidStateException', `${key.arn} is not pending deletion.`);
  });
  return { KeyId: key.arn };
});

export const putKeyPolicy = operation(
  z.strictObject({
    KeyId,
    Policy,
    PolicyName: z.literal('default').optional(),
    BypassPolicyLockoutSafetyCheck: z.boolean().optional(),
  }),
  async (call, input) => {
    const key = findOwnKey(call, input.KeyId);
    await permit(call, 'kms:PutKeyPolicy', key);
    requirePolicyDocument(input.Policy);
    await call.store.changePolicy(key, input.Policy);
    return {};
  },
);

/** Notes the wish; material is never rotated here. */
export const enableKeyRotation = operation(OneKey, async (call, input) => {
  const key = findOwnKey(call, input.KeyId);
  await permit(call, 'kms:EnableKeyRotation', key);
  requireSymmetric(key);
  requireEnabled(key);
  await call.store.changeStatus(key, (status) => ({ ...status, rotation: true }));
  return {};
});

export const getKeyRotationStatus = operation(OneKey, async (call, input) => {
  const { key, requestAlias } = findKey(call, input.KeyId);
  if (requestAlias !== undefined) throw new KmsError('NotFoundException', `Invalid keyId '${input.KeyId}'`);
  await permit(call, 'kms:GetKeyRotationStatus', key);
  requireSymmetric(key);
  const enabled = key.status.rotation && key.status.state !== 'PendingDeletion';
  return { KeyId: key.arn, KeyRotationEnabled: enabled, ...(enabled && { RotationPeriodInDays: 365 }) };
});

/** An operation that does nothing but change the status of a key that is not pending deletion. */
function changeOf(action: KmsAction, next: (status: KeyStatus) => KeyStatus) {
  return operation(OneKey, async (call: Call, input) => {
    const key = findOwnKey(call, input.KeyId);
    await permit(call, action, key);
    await call.store.changeStatus(key, (status) => {
      requireNotPendingDeletion(key, status);
      return next(status);
    });
    return {};
  });
}

function usageOf(spec: KeySpec, usage: KeyUsage | undefined): KeyUsage {
  const usages: readonly KeyUsage[] = KEY_SPECS[spec].usages;
  if (usage === undefined && spec !== 'SYMMETRIC_DEFAULT') {
    throw new KmsError(
      'ValidationException',
      'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    );
  }
  const chosen = usage ?? 'ENCRYPT_DECRYPT';
  if (usages.includes(chosen)) return chosen;
  throw new KmsError('ValidationException', `KeyUsage ${chosen} is not compatible with KeySpec ${spec}`);
}

function requirePolicyDocument(policy: string | undefined): void {
  if (policy === undefined) return;
  try {
    z.looseObject({ Statement: z.unknown() }).parse(JSON.parse(policy));
  } catch {
    throw new KmsError('MalformedPolicyDocumentException', 'The policy must be a JSON object with a Statement.');
  }
}

function requireSymmetric(key: Key): void {
  if (key.spec === 'SYMMETRIC_DEFAULT') return;
  throw new KmsError('UnsupportedOperationException', `${key.arn} is asymmetric; only symmetric keys rotate.`);
}

const metadataOf = (key: Key): object => ({
  AWSAccountId: key.account,
  KeyId: key.id,
  Arn: key.arn,
  CreationDate: toSeconds(key.createdAt),
  Enabled: key.status.state === 'Enabled',
  Description: key.description,
  KeyUsage: key.usage,
  KeyState: key.status.state,
  ...(key.status.deletionDate !== undefined && { DeletionDate: toSeconds(key.status.deletionDate) }),
  Origin: 'AWS_KMS',
  KeyManager: 'CUSTOMER',
  KeySpec: key.spec,
  CustomerMasterKeySpec: key.spec,
  ...algorithmsOf(key.spec, key.usage),
  MultiRegion: false,
});
