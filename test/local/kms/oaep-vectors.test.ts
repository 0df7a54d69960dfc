import { CreateKeyCommand, DecryptCommand, type KMSClient, ReEncryptCommand } from '@aws-sdk/client-kms';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKeyFolder } from '../../../local/kms/key-folder.ts';
import { keyArn } from '../../../local/kms/key-names.ts';
import type { Kms } from '../../../local/kms/kms.ts';
import { decodeMaterial } from '../../../local/kms/material.ts';
import { temporaryFolder } from '../../support/command.ts';
import mgf1Sha1 from '../../vectors/wycheproof/rsa_oaep_4096_sha256_mgf1sha1_test.json' with { type: 'json' };
import mgf1Sha256 from '../../vectors/wycheproof/rsa_oaep_4096_sha256_mgf1sha256_test.json' with { type: 'json' };
import { connect, HOME, NOW, outcome, present, REGION, startTestKms } from './fixture.ts';

/*
 * What others wrapped for RSA keys of others (Project Wycheproof), through the KMS's API. KMS knows no OAEP label, so a
 * case with one is to be refused although it is valid by RFC 8017.
 */

interface Case {
  tcId: number;
  comment: string;
  ct: string;
  msg: string;
  label: string;
  result: string;
}

const OAEP = 'RSAES_OAEP_SHA_256';

describe.each([
  ['MGF1 with SHA-256', mgf1Sha256, { opened: 10, refused: 27 }],
  ['MGF1 with SHA-1, which KMS does not take', mgf1Sha1, { opened: 0, refused: 32 }],
] as const)('RSA-OAEP with SHA-256 and %s', (_, file, expected) => {
  const folder = temporaryFolder();
  let kms: Kms;
  let client: KMSClient;
  let KeyId: string;
  let DestinationKeyId: string | undefined;
  const group = present(file.testGroups[0]);
  const cases: readonly Case[] = group.tests;
  const takesHash = group.mgfSha === 'SHA-256';
  /** An empty blob is not even a request to KMS. */
  const refusalOf = ({ ct }: Case): string => (ct === '' ? 'ValidationException' : 'InvalidCiphertextException');
  const mayOpen = ({ result, label }: Case): boolean => takesHash && result === 'valid' && label === '';

  beforeEach(async () => {
    const dataDir = folder.path('keys');
    const [keys] = await openKeyFolder(dataDir, REGION);
    const id = randomUUID();
    KeyId = keyArn(REGION, HOME, id);
    await keys.saveKey({
      id,
      arn: KeyId,
      account: HOME,
      createdAt: NOW,
      description: '',
      policy: undefined,
      tags: [],
      spec: 'RSA_4096',
      usage: 'ENCRYPT_DECRYPT',
      material: decodeMaterial('RSA_4096', Buffer.from(group.privateKeyPkcs8, 'hex').toString('base64')),
      status: { state: 'Enabled', rotation: false },
    });
    kms = await startTestKms({ dataDir });
    client = connect(kms);
    DestinationKeyId = (await client.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId;
  });

  afterEach(async () => {
    client.destroy();
    await kms.close();
  });

  const decrypt = (ct: string) =>
    client.send(new DecryptCommand({ KeyId, EncryptionAlgorithm: OAEP, CiphertextBlob: Buffer.from(ct, 'hex') }));
  const reEncrypt = (ct: string) =>
    client.send(
      new ReEncryptCommand({
        SourceKeyId: KeyId,
        SourceEncryptionAlgorithm: OAEP,
        CiphertextBlob: Buffer.from(ct, 'hex'),
        DestinationKeyId,
      }),
    );

  it('is opened by Decrypt where it is valid, and refused alike otherwise', async () => {
    const found = { opened: 0, refused: 0 };
    for (const one of cases) {
      const where = `case ${one.tcId}: ${one.comment}`;
      if (mayOpen(one)) {
        const { Plaintext } = await decrypt(one.ct);
        expect(Buffer.from(present(Plaintext)).toString('hex'), where).toBe(one.msg);
        found.opened += 1;
      } else {
        expect(await outcome(decrypt(one.ct)), where).toBe(refusalOf(one));
        found.refused += 1;
      }
    }
    expect(found).toEqual(expected);
  });

  it('is judged alike by ReEncrypt, whose result opens to the same', async () => {
    for (const one of cases) {
      const where = `case ${one.tcId}: ${one.comment}`;
      if (mayOpen(one)) {
        const { CiphertextBlob } = await reEncrypt(one.ct);
        const { Plaintext } = await client.send(new DecryptCommand({ CiphertextBlob }));
        expect(Buffer.from(present(Plaintext)).toString('hex'), where).toBe(one.msg);
      } else expect(await outcome(reEncrypt(one.ct)), where).toBe(refusalOf(one));
    }
  });
});
