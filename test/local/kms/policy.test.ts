import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  EncryptCommand,
  GetPublicKeyCommand,
  type KMSClient,
  ReEncryptCommand,
} from '@aws-sdk/client-kms';
import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuthorizationRequest, Caller, Kms } from '../../../local/kms/kms.ts';
import { deployedPolicy } from '../../../local/kms/policy.ts';
import { connect, outcome, present, REGION, startTestKms } from './fixture.ts';

const RELAY = '100000000001';
const FOREIGN = '200000000002';
const role = (name: string, account = RELAY): string => `arn:aws:iam::${account}:role/referral-relay-test-${name}`;
const OWN_ROLE = `arn:aws:iam::${FOREIGN}:role/police/inbox`;

const WHO = {
  submit: { arn: role('submit'), account: RELAY },
  deliver: { arn: role('deliver'), account: RELAY },
  answer: { arn: role('answer'), account: RELAY },
  collect: { arn: role('collect'), account: RELAY },
  query: { arn: role('query'), account: RELAY },
  sweep: { arn: role('sweep'), account: RELAY },
  hotline: { arn: role('zz-hotline'), account: RELAY },
  'another hotline': { arn: role('zz-other'), account: RELAY },
  agency: { arn: role('zz-agency'), account: RELAY },
  'another agency': { arn: role('zz-agency-two'), account: RELAY },
  'the agency abroad': { arn: OWN_ROLE, account: FOREIGN },
  'the agency abroad, by the role it would have here': { arn: role('zz-abroad'), account: RELAY },
  administrator: { arn: `arn:aws:iam::${RELAY}:root`, account: RELAY },
  "another account's administrator": { arn: `arn:aws:iam::${FOREIGN}:root`, account: FOREIGN },
  "deliver's name in another account": { arn: role('deliver', FOREIGN), account: FOREIGN },
  'deliver of another stage': { arn: role('deliver').replace('test', 'prod'), account: RELAY },
} satisfies Record<string, Caller>;
type Who = keyof typeof WHO;
const EVERYBODY = Object.keys(WHO) as Who[];

const policy = deployedPolicy({ stage: 'test', account: RELAY, principals: new Map([['zz-abroad', OWN_ROLE]]) });

const alias = (kind: string, partner: string, stage = 'test'): string =>
  `alias/referral-relay/${stage}/${kind}/${partner}/1`;

const ask = (who: Who, request: Omit<AuthorizationRequest, 'principal' | 'account'>): boolean =>
  policy({ principal: WHO[who].arn, account: WHO[who].account, ...request });

const keyWith = (...aliases: string[]): NonNullable<AuthorizationRequest['key']> => ({
  arn: `arn:aws:kms:${REGION}:${RELAY}:key/1`,
  account: RELAY,
  aliases,
  policy: undefined,
});

const AGENCY_KEY = keyWith(alias('agency', 'zz-agency'));
const ABROAD_KEY = { ...keyWith(alias('agency', 'zz-abroad')), account: FOREIGN };
const INTAKE_KEY = keyWith(alias('hotline', 'zz-hotline'));
const bound = (agency: string) => ({ encryptionContext: { hotline: 'zz-hotline', referral: '0197', agency } });

describe('the deployed policy', () => {
  it.each<[string, Omit<AuthorizationRequest, 'principal' | 'account'>, Who[]]>([
    ['Decrypt', { action: 'kms:Decrypt', key: AGENCY_KEY, ...bound('zz-agency') }, ['agency']],
    ['Decrypt abroad', { action: 'kms:Decrypt', key: ABROAD_KEY, ...bound('zz-abroad') }, ['the agency abroad']],
    ['Decrypt for another agency', { action: 'kms:Decrypt', key: AGENCY_KEY, ...bound('zz-agency-two') }, []],
    ['Decrypt without context', { action: 'kms:Decrypt', key: AGENCY_KEY }, []],
    ['ReEncryptTo', { action: 'kms:ReEncryptTo', key: AGENCY_KEY, ...bound('zz-agency') }, ['deliver']],
    ['ReEncryptTo abroad', { action: 'kms:ReEncryptTo', key: ABROAD_KEY, ...bound('zz-abroad') }, ['deliver']],
    ['ReEncryptTo for another', { action: 'kms:ReEncryptTo', key: AGENCY_KEY, ...bound('zz-agency-two') }, []],
    ['ReEncryptTo without context', { action: 'kms:ReEncryptTo', key: AGENCY_KEY }, []],
    ['ReEncryptFrom an agency key', { action: 'kms:ReEncryptFrom', key: AGENCY_KEY, ...bound('zz-agency') }, []],
    ['Encrypt', { action: 'kms:Encrypt', key: AGENCY_KEY, ...bound('zz-agency') }, []],
    ['GenerateDataKey', { action: 'kms:GenerateDataKey', key: AGENCY_KEY, ...bound('zz-agency') }, []],
    ['GetPublicKey', { action: 'kms:GetPublicKey', key: INTAKE_KEY }, ['submit', 'query']],
    ['ReEncryptFrom an intake key', { action: 'kms:ReEncryptFrom', key: INTAKE_KEY }, ['deliver']],
    ['ReEncryptTo an intake key', { action: 'kms:ReEncryptTo', key: INTAKE_KEY, ...bound('zz-hotline') }, []],
    ['Decrypt with an intake key', { action: 'kms:Decrypt', key: INTAKE_KEY, ...bound('zz-hotline') }, []],
    ['DisableKey', { action: 'kms:DisableKey', key: AGENCY_KEY }, ['administrator']],
    ['ScheduleKeyDeletion', { action: 'kms:ScheduleKeyDeletion', key: INTAKE_KEY }, ['administrator']],
    ['DisableKey abroad', { action: 'kms:DisableKey', key: ABROAD_KEY }, ["another account's administrator"]],
    ['UpdateAlias', { action: 'kms:UpdateAlias', key: keyWith() }, ['administrator']],
    ['CreateKey', { action: 'kms:CreateKey' }, ['administrator', "another account's administrator"]],
    ['ListAliases', { action: 'kms:ListAliases' }, ['administrator', "another account's administrator"]],
    ['CreateGrant', { action: 'kms:CreateGrant', key: AGENCY_KEY }, []],
    ['PutKeyPolicy, unknown here', { action: 'kms:PutKeyPolicy', key: AGENCY_KEY }, []],
  ])('allows %s to nobody but those named', (_, request, allowed) => {
    expect(EVERYBODY.filter((who) => ask(who, request))).toEqual(allowed);
  });

  it.each<[string, string[]]>([
    ['no alias', []],
    ['an alias of something else', ['alias/other']],
    ['an alias of another stage', [alias('agency', 'zz-agency', 'prod')]],
    ['a neighbour whose id begins alike', [alias('agency', 'zz-agency-two')]],
    ['an alias that only begins like one', [`${alias('agency', 'zz-agency')}/more`]],
    ['aliases of two partners', [alias('agency', 'zz-agency'), alias('agency', 'zz-agency-two')]],
    ['aliases of two kinds', [alias('agency', 'zz-agency'), alias('hotline', 'zz-agency')]],
  ])('lets nobody use a key with %s', (_, aliases) => {
    const request = { action: 'kms:Decrypt', key: keyWith(...aliases), ...bound('zz-agency') } as const;
    expect(EVERYBODY.filter((who) => ask(who, request))).toEqual([]);
  });

  it('takes two generations of one partner for one key', () => {
    const aliases = [alias('agency', 'zz-agency'), alias('agency', 'zz-agency').replace(/1$/, '2'), 'alias/other'];
    expect(ask('agency', { action: 'kms:Decrypt', key: keyWith(...aliases), ...bound('zz-agency') })).toBe(true);
  });
});

describe('a referral under the deployed policy', () => {
  let kms: Kms;
  const clients = new Map<Who, KMSClient>();
  const as = (who: Who): KMSClient => present(clients.get(who));
  const intake = alias('hotline', 'zz-hotline');
  let destination: string;
  const contentKey = randomBytes(32);
  const context = { hotline: 'zz-hotline', referral: '0197', agency: 'zz-abroad', sealed: 'hash' };

  beforeAll(async () => {
    const ids = new Map(EVERYBODY.map((who, n) => [who, `AKID${n}`]));
    const callers = new Map(EVERYBODY.map((who) => [present(ids.get(who)), WHO[who]]));
    kms = await startTestKms({ callers, authorize: policy });
    for (const [who, id] of ids) clients.set(who, connect(kms, id));
    const rsa = new CreateKeyCommand({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    const made = await as('administrator').send(rsa);
    const TargetKeyId = made.KeyMetadata?.KeyId;
    await as('administrator').send(new CreateAliasCommand({ AliasName: intake, TargetKeyId }));
    const abroad = as("another account's administrator");
    const { KeyMetadata } = await abroad.send(new CreateKeyCommand({}));
    const AliasName = alias('agency', 'zz-abroad');
    await abroad.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyMetadata?.KeyId }));
    destination = present(KeyMetadata?.Arn);
  });

  afterAll(async () => {
    for (const client of clients.values()) client.destroy();
    await kms.close();
  });

  it('is wrapped by anybody with the public key, re-wrapped by deliver alone, opened by its agency alone', async () => {
    const { PublicKey } = await as('query').send(new GetPublicKeyCommand({ KeyId: intake }));
    const key = createPublicKey({ key: Buffer.from(present(PublicKey)), format: 'der', type: 'spki' });
    const wrapped = publicEncrypt({ key, oaepHash: 'sha256', padding: constants.RSA_PKCS1_OAEP_PADDING }, contentKey);
    const rewrap = (who: Who, DestinationEncryptionContext: Record<string, string>) =>
      as(who).send(
        new ReEncryptCommand({
          CiphertextBlob: wrapped,
          SourceKeyId: `arn:aws:kms:${REGION}:${RELAY}:${intake}`,
          SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
          DestinationKeyId: destination,
          DestinationEncryptionContext,
        }),
      );
    const { CiphertextBlob } = await rewrap('deliver', context);
    const decrypt = (who: Who, EncryptionContext: Record<string, string>) =>
      as(who).send(new DecryptCommand({ CiphertextBlob, KeyId: destination, EncryptionContext }));
    const opened = await decrypt('the agency abroad', context);
    expect(Buffer.from(present(opened.Plaintext))).toEqual(contentKey);

    const denied = 'AccessDeniedException';
    for (const who of EVERYBODY) {
      if (who !== 'deliver') expect([who, await outcome(rewrap(who, context))]).toEqual([who, denied]);
      if (who !== 'the agency abroad') expect([who, await outcome(decrypt(who, context))]).toEqual([who, denied]);
    }
    expect(await outcome(rewrap('deliver', { ...context, agency: 'zz-agency' }))).toBe(denied);
    const otherReferral = decrypt('the agency abroad', { ...context, referral: '0198' });
    expect(await outcome(otherReferral)).toBe('InvalidCiphertextException');
    const forged = new EncryptCommand({ KeyId: destination, Plaintext: contentKey, EncryptionContext: context });
    expect(await outcome(as('deliver').send(forged))).toBe(denied);
  });

  it('shows in the log who opened it', () => {
    const opened = kms.log.filter(({ operation, outcome }) => operation === 'Decrypt' && outcome === 'ok');
    expect(opened).toEqual([
      expect.objectContaining({
        principal: OWN_ROLE,
        account: FOREIGN,
        uses: [expect.objectContaining({ action: 'kms:Decrypt', key: destination, encryptionContext: context })],
      }),
    ]);
  });
});
