import * as z from 'zod';
import { type Call, findOwnKey, KeyId, operation, permit, toSeconds } from './call.ts';
import { KmsError } from './errors.ts';
import { aliasArn } from './key-names.ts';
import { KEY_SPECS } from './key-specs.ts';
import { type Alias, type Key, requireNotPendingDeletion } from './key-store.ts';

/* Aliases belong to an account: no operation here reaches into another's. */

const AliasName = z
  .string()
  .max(256)
  .regex(/^alias\/[a-zA-Z0-9/_-]+$/, { error: 'must be "alias/" and then letters, digits, "/", "_" or "-"' });

const AliasOfKey = z.strictObject({ AliasName, TargetKeyId: KeyId });

export const createAlias = operation(AliasOfKey, async (call, input) => {
  refuseReserved(input.AliasName);
  const key = findTarget(call, input.TargetKeyId);
  await permit(call, 'kms:CreateAlias', key, { requestAlias: input.AliasName });
  await call.store.changeAlias(call.caller.account, input.AliasName, (existing) => {
    if (existing) {
      throw new KmsError(
        'AlreadyExistsException',
        `An alias with the name ${arnOf(call, input.AliasName)} already exists`,
      );
    }
    requireNotPendingDeletion(key, key.status);
    const { account } = call.caller;
    return { account, name: input.AliasName, keyId: key.id, createdAt: call.now, updatedAt: call.now };
  });
  return {};
});

/** The new key must be of the same type and usage as the old, and both are asked for. */
export const updateAlias = operation(AliasOfKey, async (call, input) => {
  refuseReserved(input.AliasName);
  const { keyId } = requireAlias(call, input.AliasName, call.store.alias(call.caller.account, input.AliasName));
  const from = findOwnKey(call, keyId);
  const to = findTarget(call, input.TargetKeyId);
  await permit(call, 'kms:UpdateAlias', from, { requestAlias: input.AliasName });
  await permit(call, 'kms:UpdateAlias', to, { requestAlias: input.AliasName });
  await call.store.changeAlias(call.caller.account, input.AliasName, (existing) => {
    const alias = requireUnmoved(call, input.AliasName, existing, from);
    requireNotPendingDeletion(to, to.status);
    if (isSymmetric(from) !== isSymmetric(to) || from.usage !== to.usage) {
      throw new KmsError('ValidationException', 'The new key must have the type and the usage of the current one.');
    }
    return { ...alias, keyId: to.id, updatedAt: call.now };
  });
  return {};
});

export const deleteAlias = operation(z.strictObject({ AliasName }), async (call, input) => {
  refuseReserved(input.AliasName);
  const { keyId } = requireAlias(call, input.AliasName, call.store.alias(call.caller.account, input.AliasName));
  const key = findOwnKey(call, keyId);
  await permit(call, 'kms:DeleteAlias', key, { requestAlias: input.AliasName });
  await call.store.changeAlias(call.caller.account, input.AliasName, (existing) => {
    requireUnmoved(call, input.AliasName, existing, key);
    return undefined;
  });
  return {};
});

export const listAliases = operation(
  z.strictObject({
    KeyId: KeyId.optional(),
    Limit: z.number().int().min(1).max(100).default(50),
    Marker: z.string().min(1).max(1024).optional(),
  }),
  async (call, input) => {
    await permit(call, 'kms:ListAliases');
    const key = input.KeyId === undefined ? undefined : findOwnKey(call, input.KeyId);
    const after = input.Marker === undefined ? '' : readMarker(input.Marker);
    const matching = call.store
      .aliasesIn(call.caller.account)
      .filter((alias) => alias.name > after && (key === undefined || alias.keyId === key.id));
    const page = matching.slice(0, input.Limit);
    const truncated = matching.length > page.length;
    return {
      Aliases: page.map((alias) => ({
        AliasName: alias.name,
        AliasArn: arnOf(call, alias.name),
        TargetKeyId: alias.keyId,
        CreationDate: toSeconds(alias.createdAt),
        LastUpdatedDate: toSeconds(alias.updatedAt),
      })),
      Truncated: truncated,
      ...(truncated && { NextMarker: Buffer.from(page.at(-1)?.name ?? '').toString('base64url') }),
    };
  },
);

function findTarget(call: Call, keyId: string): Key {
  if (keyId.includes('alias/')) throw new KmsError('ValidationException', 'Aliases must refer to keys. Not aliases');
  return findOwnKey(call, keyId);
}

function refuseReserved(name: string): void {
  if (name.startsWith('alias/aws/')) throw new KmsError('NotAuthorizedException', 'alias/aws/ is reserved to AWS.');
}

function requireAlias(call: Call, name: string, alias: Alias | undefined): Alias {
  if (alias) return alias;
  throw new KmsError('NotFoundException', `Alias ${arnOf(call, name)} is not found.`);
}

/** What was permitted was this alias of this key; another call may have moved it since. */
function requireUnmoved(call: Call, name: string, alias: Alias | undefined, key: Key): Alias {
  const found = requireAlias(call, name, alias);
  if (found.keyId === key.id) return found;
  throw new KmsError('KMSInternalException', 'The alias was changed by another call at the same time. Try again.');
}

function readMarker(marker: string): string {
  const name = Buffer.from(marker, 'base64url').toString();
  if (AliasName.safeParse(name).success) return name;
  throw new KmsError('InvalidMarkerException', 'The marker is not one that ListAliases gave.');
}

const arnOf = (call: Call, name: string): string => aliasArn(call.region, call.caller.account, name);

const isSymmetric = (key: Key): boolean => KEY_SPECS[key.spec].type === 'symmetric';
