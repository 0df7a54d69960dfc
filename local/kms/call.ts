import * as z from 'zod';
import type { EncryptionContext } from './ciphertext.ts';
import { KmsError } from './errors.ts';
import { aliasArn, keyArn, parseKeyName } from './key-names.ts';
import type { EncryptionAlgorithm } from './key-specs.ts';
import type { Key, KeyStore } from './key-store.ts';
import type { LoggedUse } from './operation-log.ts';
import type { AuthorizationRequest, Authorize, KmsAction } from './policy.ts';

/** Who stands behind an access key id. */
export interface Caller {
  /** 12 digits. */
  account: string;
  /** ARN of the principal; of an assumed role, the role's own. */
  arn: string;
}

/** One request on its way through an operation. */
export interface Call {
  readonly caller: Caller;
  readonly region: string;
  readonly store: KeyStore;
  readonly authorize: Authorize;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Filled by `permit`, read by the log. */
  readonly uses: LoggedUse[];
}

/** A key and the alias it was named by, if it was. */
export interface NamedKey {
  key: Key;
  requestAlias: string | undefined;
}

/** An operation: strict input from JSON, then what it does. Its output is JSON, blobs in base64, times in seconds. */
export type Operation = (call: Call, input: unknown) => Promise<object>;

/** Ties a schema to what runs on its output. */
export function operation<T extends z.ZodType>(
  schema: T,
  run: (call: Call, input: z.output<T>) => Promise<object>,
): Operation {
  return (call, input) => {
    const result = schema.safeParse(input);
    if (!result.success) throw invalid(result.error.issues);
    return run(call, result.data);
  };
}

/** Names the members and what is wrong with them, never what was sent. */
function invalid(issues: readonly z.core.$ZodIssue[]): KmsError {
  const faults = issues.map(({ path, message }) => `Value at '${path.join('.')}' failed to satisfy: ${message}`);
  const count = `${faults.length} validation error${faults.length === 1 ? '' : 's'} detected`;
  return new KmsError('ValidationException', `${count}: ${faults.join('; ')}`);
}

/**
 * The key that an id, ARN, alias name or alias ARN names.
 * @throws {KmsError} `NotFoundException`
 */
export function findKey(call: Call, keyId: string): NamedKey {
  const name = parseKeyName(keyId, { region: call.region, account: call.caller.account });
  if ('alias' in name) {
    const alias = call.store.alias(name.account, name.alias);
    const key = alias && call.store.key(alias.keyId);
    if (key) return { key, requestAlias: name.alias };
    throw new KmsError('NotFoundException', `Alias ${aliasArn(call.region, name.account, name.alias)} is not found.`);
  }
  const key = call.store.key(name.keyId);
  if (key?.account === name.account) return { key, requestAlias: undefined };
  throw new KmsError('NotFoundException', `Key '${keyArn(call.region, name.account, name.keyId)}' does not exist`);
}

/**
 * The key that an id or ARN names, for operations that take no alias and do not cross accounts.
 * @throws {KmsError} `NotFoundException`, `AccessDeniedException`
 */
export function findOwnKey(call: Call, keyId: string): Key {
  const { key, requestAlias } = findKey(call, keyId);
  if (requestAlias !== undefined) throw new KmsError('NotFoundException', `Invalid keyId '${keyId}'`);
  if (key.account === call.caller.account) return key;
  throw new KmsError('AccessDeniedException', 'This operation does not work on a key of another account.');
}

/** What a use of a key is bound to, where the operation has it. */
export interface UseDetails {
  requestAlias?: string | undefined;
  encryptionContext?: EncryptionContext | undefined;
  encryptionAlgorithm?: EncryptionAlgorithm | undefined;
}

/**
 * Asks the policy, and notes the question and its answer for the log.
 * @throws {KmsError} `AccessDeniedException`
 */
export async function permit(call: Call, action: KmsAction, key?: Key, details: UseDetails = {}): Promise<void> {
  const { encryptionContext, encryptionAlgorithm } = details;
  const use = { action, key: key?.arn, encryptionContext, encryptionAlgorithm, allowed: false };
  call.uses.push(use);
  use.allowed = await call.authorize({
    principal: call.caller.arn,
    account: call.caller.account,
    action,
    ...(key && { key: describe(call, key) }),
    ...details,
  });
  if (use.allowed) return;
  throw new KmsError(
    'AccessDeniedException',
    `User: ${call.caller.arn} is not authorized to perform: ${action} on resource: ${key?.arn ?? '*'}`,
  );
}

const describe = (call: Call, key: Key): NonNullable<AuthorizationRequest['key']> => ({
  arn: key.arn,
  account: key.account,
  aliases: call.store.aliasesOf(key),
  policy: key.policy,
});

/** Members that several operations share. */
export const KeyId = z.string().min(1).max(2048);

/** Base64, as bytes; bounds in bytes. */
export const Blob = (max: number) =>
  z
    .base64()
    .transform((text) => Buffer.from(text, 'base64'))
    .refine((bytes) => bytes.length >= 1 && bytes.length <= max, { error: `must have 1 to ${max} bytes` });

/** A guard rather than `z.record`, which drops a member called `__proto__` and would bind to less than was sent. */
export const EncryptionContextInput = z.custom<EncryptionContext>(isStringMap, {
  error: 'must be an object whose members are all strings',
});

function isStringMap(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((member) => typeof member === 'string')
  );
}

/** KMS writes times as seconds since 1970 with a fraction. */
export const toSeconds = (at: number): number => at / 1000;
