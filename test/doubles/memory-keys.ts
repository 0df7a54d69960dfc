import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  randomBytes,
} from 'node:crypto';
import { IntakeJwk, thumbprint } from '../../core/keys.ts';
import { agencyAlias, intakeAlias } from '../../core/names.ts';
import type { IntakeKey, Keys, WrapContext } from '../../core/ports.ts';
import type { KmsKeyRecord } from '../../core/registry.ts';
import { type Invocation, ServiceError } from './faults.ts';

/** What may keep a key from being used, and the error in which KMS says so. */
const STATES = {
  enabled: undefined,
  disabled: 'DisabledException',
  'pending-deletion': 'KMSInvalidStateException',
  denied: 'AccessDeniedException',
} as const;

export type KeyState = keyof typeof STATES;

interface Key {
  state: KeyState;
  secret: KeyObject | Buffer;
}

/**
 * KMS in memory: RSA_4096 keys of hotlines and symmetric keys of agencies, by alias or ARN. Wrapped keys are AES-256-GCM
 * bound to their encryption context, so that nothing opens that KMS would not open.
 */
export class MemoryKeys {
  readonly #stage: string;
  readonly #keys = new Map<string, Key>();
  /** What was unwrapped already, and what cannot be: an RSA operation costs more than all else of a simulated run. */
  readonly #unwrapped = new Map<string, Buffer | undefined>();

  constructor(stage: string) {
    this.#stage = stage;
  }

  /** The alias or ARN by which a hotline's intake key is known. */
  intakeKeyId(hotline: string, { generation, arn }: KmsKeyRecord): string {
    return arn ?? intakeAlias(this.#stage, hotline, generation);
  }

  agencyKeyId(agency: string, { generation, arn }: KmsKeyRecord): string {
    return arn ?? agencyAlias(this.#stage, agency, generation);
  }

  /** `privateKey`: RSA with 4,096 bits; making one takes seconds, so tests share what they can. */
  createIntakeKey(hotline: string, record: KmsKeyRecord, privateKey: KeyObject = makeIntakeKey()): void {
    this.#keys.set(this.intakeKeyId(hotline, record), { state: 'enabled', secret: privateKey });
  }

  createAgencyKey(agency: string, record: KmsKeyRecord): void {
    this.#keys.set(this.agencyKeyId(agency, record), { state: 'enabled', secret: randomBytes(32) });
  }

  setState(keyId: string, state: KeyState): void {
    const key = this.#keys.get(keyId);
    if (!key) throw new ServiceError('NotFoundException');
    key.state = state;
  }

  /** The keys as one invocation of a function sees them. */
  connect(invocation: Invocation): Keys {
    return {
      intakeKey: (hotline, record) =>
        invocation.call('keys.intakeKey', (): IntakeKey => {
          const jwk = IntakeJwk.parse(
            createPublicKey(this.#useIntakeKey(this.intakeKeyId(hotline, record))).export({ format: 'jwk' }),
          );
          return { generation: record.generation, kid: thumbprint(jwk), jwk };
        }),
      rewrap: (wrapped, from, to, context) =>
        invocation.call('keys.rewrap', () => {
          try {
            const source = this.intakeKeyId(from.hotline, from.record);
            const target = this.agencyKeyId(to.agency, to.record);
            const privateKey = this.#useIntakeKey(source);
            const secret = this.#useAgencyKey(target, to.agency, context);
            return { outcome: 'wrapped', key: wrap(this.#unwrap(source, privateKey, wrapped), secret, context) };
          } catch (error) {
            if (!(error instanceof ServiceError)) throw error;
            if (error.name === 'InvalidCiphertextException') return { outcome: 'invalid' };
            if (error.name === 'InvalidKeyUsageException') throw error;
            return { outcome: 'refused', cause: error.name };
          }
        }),
    };
  }

  /**
   * What `kms:Decrypt` does for the agency that owns the key.
   * @throws {ServiceError} `InvalidCiphertextException`, or whatever the state of the key makes of it
   */
  decrypt(agency: string, record: KmsKeyRecord, wrapped: Uint8Array, context: WrapContext): Buffer {
    return unwrap(wrapped, this.#useAgencyKey(this.agencyKeyId(agency, record), agency, context), context);
  }

  #use(keyId: string): KeyObject | Buffer {
    const key = this.#keys.get(keyId);
    if (!key) throw new ServiceError('NotFoundException');
    const refusal = STATES[key.state];
    if (refusal) throw new ServiceError(refusal);
    return key.secret;
  }

  #useIntakeKey(keyId: string): KeyObject {
    const secret = this.#use(keyId);
    if (Buffer.isBuffer(secret)) throw new ServiceError('InvalidKeyUsageException');
    return secret;
  }

  /** The key policy requires that the context names the agency whose key it is. */
  #useAgencyKey(keyId: string, agency: string, context: WrapContext): Buffer {
    const secret = this.#use(keyId);
    if (!Buffer.isBuffer(secret)) throw new ServiceError('InvalidKeyUsageException');
    if (context.agency !== agency) throw new ServiceError('AccessDeniedException');
    return secret;
  }

  #unwrap(keyId: string, privateKey: KeyObject, wrapped: Uint8Array): Buffer {
    const name = `${keyId} ${Buffer.from(wrapped).toString('base64')}`;
    if (!this.#unwrapped.has(name)) this.#unwrapped.set(name, tryToDecrypt(privateKey, wrapped));
    const contentKey = this.#unwrapped.get(name);
    if (!contentKey) throw new ServiceError('InvalidCiphertextException');
    return contentKey;
  }
}

function tryToDecrypt(privateKey: KeyObject, wrapped: Uint8Array): Buffer | undefined {
  try {
    return privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, wrapped);
  } catch {
    return undefined;
  }
}

/** An RSA_4096 key. */
export const makeIntakeKey = (): KeyObject => generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey;

const IV_BYTES = 12;
const TAG_BYTES = 16;

function wrap(contentKey: Buffer, secret: Buffer, context: WrapContext): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', secret, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(toAssociatedData(context));
  return Buffer.concat([iv, cipher.update(contentKey), cipher.final(), cipher.getAuthTag()]);
}

function unwrap(wrapped: Uint8Array, secret: Buffer, context: WrapContext): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', secret, wrapped.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(toAssociatedData(context));
    decipher.setAuthTag(wrapped.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(wrapped.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new ServiceError('InvalidCiphertextException');
  }
}

/** The order of the members does not matter to KMS. */
const toAssociatedData = (context: WrapContext): Buffer =>
  Buffer.from(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));
