import { createAlias, deleteAlias, listAliases, updateAlias } from './aliases.ts';
import type { Operation } from './call.ts';
import { decrypt, encrypt, generateDataKey, reEncrypt } from './encrypt.ts';
import {
  cancelKeyDeletion,
  createKey,
  describeKey,
  disableKey,
  enableKey,
  enableKeyRotation,
  getKeyRotationStatus,
  getPublicKey,
  putKeyPolicy,
  scheduleKeyDeletion,
} from './manage-keys.ts';
import { sign, verify } from './sign.ts';

/** Every operation this KMS has, by the name in `X-Amz-Target: TrentService.<name>`. A `Map`: names come from outside. */
export const OPERATIONS: ReadonlyMap<string, Operation> = new Map(
  Object.entries({
    CreateKey: createKey,
    DescribeKey: describeKey,
    GetPublicKey: getPublicKey,
    EnableKey: enableKey,
    DisableKey: disableKey,
    ScheduleKeyDeletion: scheduleKeyDeletion,
    CancelKeyDeletion: cancelKeyDeletion,
    PutKeyPolicy: putKeyPolicy,
    EnableKeyRotation: enableKeyRotation,
    GetKeyRotationStatus: getKeyRotationStatus,
    CreateAlias: createAlias,
    UpdateAlias: updateAlias,
    DeleteAlias: deleteAlias,
    ListAliases: listAliases,
    Encrypt: encrypt,
    Decrypt: decrypt,
    ReEncrypt: reEncrypt,
    GenerateDataKey: generateDataKey,
    Sign: sign,
    Verify: verify,
  }),
);
