import type { EncryptionContext } from './ciphertext.ts';
import type { KmsErrorType } from './errors.ts';
import type { EncryptionAlgorithm } from './key-specs.ts';
import type { KmsAction } from './policy.ts';

/** One request, as CloudTrail would show it: who, what, with which keys and context; never plaintext or key material. */
export interface LoggedOperation {
  requestId: string;
  /** Milliseconds since 1970, of the KMS's clock. */
  at: number;
  /** `Decrypt`, `ReEncrypt`, …; `unknown` where the request did not name one. */
  operation: string;
  accessKeyId: string | undefined;
  /** ARN and account of the caller; absent where the access key is unknown. */
  principal: string | undefined;
  account: string | undefined;
  /** What was asked of the policy, in order; ReEncrypt asks twice. Empty when it failed before. */
  uses: readonly LoggedUse[];
  outcome: 'ok' | KmsErrorType;
}

export interface LoggedUse {
  action: KmsAction;
  /** ARN; absent where the action has no key. */
  key: string | undefined;
  encryptionContext: EncryptionContext | undefined;
  encryptionAlgorithm: EncryptionAlgorithm | undefined;
  allowed: boolean;
}

/** The newest 10,000 operations, oldest first, so that a KMS that stays up does not grow without end. */
export class OperationLog {
  readonly entries: LoggedOperation[] = [];

  append(entry: LoggedOperation): void {
    this.entries.push(entry);
    // In strides: removing one entry at each append would move the whole array every time.
    if (this.entries.length > LIMIT + STRIDE) this.entries.splice(0, this.entries.length - LIMIT);
  }
}

const LIMIT = 10_000;
const STRIDE = 1_000;
