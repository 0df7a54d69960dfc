import { createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, type KMSClient, ReEncryptCommand } from '@aws-sdk/client-kms';
import { IntakeJwk, thumbprint } from '../core/keys.ts';
import { agencyAlias, intakeAlias } from '../core/names.ts';
import type { IntakeKey, Keys } from '../core/ports.ts';

/* The keys over KMS, where every private key stays. */

interface KeyOptions {
  client: Pick<KMSClient, 'send'>;
  stage: string;
}

/** Somebody has to act before another attempt makes sense (protocol section 4). */
const REFUSALS: ReadonlySet<string> = new Set([
  'DisabledException',
  'KMSInvalidStateException',
  'NotFoundException',
  'AccessDeniedException',
]);

export function createKeys({ client, stage }: KeyOptions): Keys {
  /** By alias or ARN, as long as the process lives: under one generation a key never changes. */
  const known = new Map<string, Promise<Omit<IntakeKey, 'generation'>>>();

  const fetchIntakeKey = async (KeyId: string): Promise<Omit<IntakeKey, 'generation'>> => {
    const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId }));
    const spki = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' });
    const jwk = IntakeJwk.safeParse(spki.export({ format: 'jwk' }));
    if (!jwk.success) throw new Error(`The KMS key ${KeyId} is not an RSA_4096 key`);
    return { kid: thumbprint(jwk.data), jwk: jwk.data };
  };

  return {
    async intakeKey(hotline, { generation, arn }) {
      const keyId = arn ?? intakeAlias(stage, hotline, generation);
      let key = known.get(keyId);
      if (!key) {
        key = fetchIntakeKey(keyId);
        known.set(keyId, key);
        key.catch(() => known.delete(keyId));
      }
      return { generation, ...(await key) };
    },

    async rewrap(wrapped, from, to, context) {
      try {
        const { CiphertextBlob } = await client.send(
          new ReEncryptCommand({
            CiphertextBlob: wrapped,
            SourceKeyId: from.record.arn ?? intakeAlias(stage, from.hotline, from.record.generation),
            SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
            DestinationKeyId: to.record.arn ?? agencyAlias(stage, to.agency, to.record.generation),
            DestinationEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
            DestinationEncryptionContext: { ...context },
          }),
        );
        if (!CiphertextBlob) throw new Error('KMS answered without a ciphertext');
        return { outcome: 'wrapped', key: CiphertextBlob };
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        if (error.name === 'InvalidCiphertextException') return { outcome: 'invalid' };
        if (REFUSALS.has(error.name)) return { outcome: 'refused', cause: error.name };
        throw error;
      }
    },
  };
}
