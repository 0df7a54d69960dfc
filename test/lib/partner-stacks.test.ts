import { describe, expect, it } from 'vitest';
import { RECEIPT_SECONDS } from '../../core/limits.ts';
import { createAuthority } from '../support/certificates.ts';
import { policiesOf } from '../support/synthesized-policies.ts';
import {
  findProperties,
  propertiesOf,
  resolve,
  resourcesOf,
  type SynthesizedStack,
  synthesizeStage,
} from '../support/synthesized-stage.ts';

const authority = createAuthority('Wacht root');
const HOTLINE_KEY = 'arn:aws:kms:eu-west-2:777777777777:key/00000000-0000-4000-8000-000000000007';
const AGENCY_KEY = 'arn:aws:kms:eu-west-2:888888888888:key/00000000-0000-4000-8000-000000000008';
const PRINCIPAL = 'arn:aws:iam::888888888888:role/units/littoral';

const file = (id: string, partner: object, contact: object = {}) => ({
  name: `${id}.json`,
  text: JSON.stringify({ id, name: id, keys: [], contact: { email: 'systems@x.example', ...contact }, ...partner }),
});
const stage = synthesizeStage([
  file('gb-lantern', {
    kind: 'hotline',
    intakeKeys: [{ generation: 1, retiredAt: '2026-01-01T00:00:00.000Z' }, { generation: 2 }],
  }),
  file('us-beacon', { kind: 'hotline', intakeKeys: [{ generation: 1, arn: HOTLINE_KEY }] }),
  file(
    'de-wacht',
    {
      kind: 'agency',
      countries: ['DE'],
      kmsKeys: [{ generation: 1 }, { generation: 2 }],
      rolesAnywhere: {
        certificateAuthority: authority.certificate,
        commonName: 'relay.wacht.example',
        revocations: authority.revocations,
      },
    },
    { page: 'https://wacht.example/page' },
  ),
  file('fr-littoral', {
    kind: 'agency',
    countries: ['FR'],
    kmsKeys: [{ generation: 1, arn: AGENCY_KEY }],
    principal: PRINCIPAL,
  }),
  file(
    'gb-crossbar',
    { kind: 'agency', countries: ['GB'], kmsKeys: [{ generation: 1 }], principal: PRINCIPAL },
    { page: 'duty@crossbar.example' },
  ),
]);
const lantern = stage.stack('gb-lantern');
const beacon = stage.stack('us-beacon');
const wacht = stage.stack('de-wacht');
const littoral = stage.stack('fr-littoral');
const crossbar = stage.stack('gb-crossbar');
const partners = [lantern, beacon, wacht, littoral, crossbar];

const queue = (stack: SynthesizedStack, name: string) =>
  findProperties(stack, 'AWS::SQS::Queue', 'QueueName', `referral-relay-prod-${name}`);

const keysOf = (stack: SynthesizedStack) => {
  const keys = Object.entries(stack.template.Resources).filter(([, { Type }]) => Type === 'AWS::KMS::Key');
  return resourcesOf(stack, 'AWS::KMS::Alias').map((alias) => ({
    alias,
    key: keys.find(([id]) => id === resolve(alias.Properties['TargetKeyId']))?.[1],
  }));
};

describe('every partner', () => {
  it.each(partners)('$name cannot be deleted by mistake, and its costs bear its name', (stack) => {
    expect(stack.terminationProtection).toBe(true);
    const id = stack.name.slice('referral-relay-prod-'.length);
    const costing = ['AWS::CloudWatch::Alarm', 'AWS::KMS::Key', 'AWS::SNS::Topic', 'AWS::SQS::Queue'];
    const bills = costing.flatMap((type) => propertiesOf(stack, type));
    expect(bills.length).toBeGreaterThan(0);
    for (const { Tags } of bills) {
      expect(Tags).toEqual([
        { Key: 'referral-relay:partner', Value: id },
        { Key: 'referral-relay:stage', Value: 'prod' },
      ]);
    }
  });

  it.each(partners)(
    '$name keeps its keys and their names, but those that a deployment makes and takes back',
    (stack) => {
      for (const { alias, key } of keysOf(stack)) {
        for (const resource of [alias, key]) {
          expect(resource).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
        }
      }
    },
  );

  it.each(partners)(
    '$name has queues that SQS encrypts, that keep what they can, and take the largest referral',
    (stack) => {
      for (const properties of propertiesOf(stack, 'AWS::SQS::Queue')) {
        expect(properties).toMatchObject({
          SqsManagedSseEnabled: true,
          MessageRetentionPeriod: 14 * 24 * 3600,
          MaximumMessageSize: 1024 * 1024,
        });
        expect(properties).not.toHaveProperty('KmsMasterKeyId');
      }
      expect(resourcesOf(stack, 'AWS::SQS::QueuePolicy')).toHaveLength(resourcesOf(stack, 'AWS::SQS::Queue').length);
    },
  );

  it('is deployed after the core, and before the service that uses its resources', () => {
    for (const stack of partners) expect(stack.dependencies).toEqual(['referral-relay-prod-core']);
    expect(stage.stack('service').dependencies.sort()).toEqual(
      [...partners, stage.stack('core')].map(({ name }) => name).sort(),
    );
  });
});

describe('a hotline', () => {
  it('has an RSA key for each generation, under its alias', () => {
    expect(keysOf(lantern).map(({ alias }) => alias.Properties['AliasName'])).toEqual([
      'alias/referral-relay/prod/hotline/gb-lantern/1',
      'alias/referral-relay/prod/hotline/gb-lantern/2',
    ]);
    for (const { key } of keysOf(lantern)) {
      expect(key?.Properties).toMatchObject({ KeySpec: 'RSA_4096', KeyUsage: 'ENCRYPT_DECRYPT' });
      expect(key?.Properties).not.toHaveProperty('EnableKeyRotation');
    }
  });

  it('has an inbox whose receipts live as long as the relay says, and which nothing ends in', () => {
    expect(queue(lantern, 'gb-lantern-outcomes')).toMatchObject({ VisibilityTimeout: RECEIPT_SECONDS });
    expect(queue(lantern, 'gb-lantern-outcomes')).not.toHaveProperty('RedrivePolicy');
  });

  it('with a key of its own has no other, and adds it to the roles that use it, by its ARN', () => {
    expect(resourcesOf(beacon, 'AWS::KMS::Key')).toEqual([]);
    expect(rolePolicies(beacon)).toEqual([
      ['referral-relay-prod-submit', 'kms:GetPublicKey', HOTLINE_KEY],
      ['referral-relay-prod-deliver', 'kms:ReEncryptFrom', HOTLINE_KEY],
      ['referral-relay-prod-query', 'kms:GetPublicKey', HOTLINE_KEY],
    ]);
  });

  it('is told which policy its own key needs: the one that the relay would give it', () => {
    const ours = policiesOf(lantern).find(({ kind }) => kind === 'key')?.statements;
    const theirs = ownKeyPolicy(beacon);
    expect(theirs.length).toBeLessThanOrEqual(4096);
    expect(JSON.parse(theirs)).toMatchObject({
      Statement: [
        { Sid: ours?.[0]?.Sid, Principal: { AWS: 'arn:aws:iam::777777777777:root' } },
        { Sid: ours?.[1]?.Sid, Principal: { AWS: 'arn:aws:iam::111122223333:root' } },
        { Sid: ours?.[2]?.Sid, Principal: { AWS: 'arn:aws:iam::111122223333:root' } },
        { Effect: 'Deny', Principal: '*' },
        { Effect: 'Deny', Principal: '*' },
      ],
    });
  });
});

describe('an agency', () => {
  it('has a symmetric key for each generation, which KMS rotates, under its alias', () => {
    expect(keysOf(wacht).map(({ alias }) => alias.Properties['AliasName'])).toEqual([
      'alias/referral-relay/prod/agency/de-wacht/1',
      'alias/referral-relay/prod/agency/de-wacht/2',
    ]);
    for (const { key } of keysOf(wacht)) {
      expect(key?.Properties).toMatchObject({ KeySpec: 'SYMMETRIC_DEFAULT', EnableKeyRotation: true });
    }
  });

  it.each(['urgent', 'routine'])('has the lane %s, which ends in its dead letters after ten times', (lane) => {
    expect(queue(wacht, `de-wacht-${lane}`)).toMatchObject({
      VisibilityTimeout: 300,
      RedrivePolicy: {
        deadLetterTargetArn: 'arn:aws:sqs:eu-west-2:111122223333:referral-relay-prod-de-wacht-dead',
        maxReceiveCount: 10,
      },
    });
  });

  it('has dead letters of its own lanes only', () => {
    expect(queue(wacht, 'de-wacht-dead')).toMatchObject({
      RedriveAllowPolicy: {
        redrivePermission: 'byQueue',
        sourceQueueArns: [
          'arn:aws:sqs:eu-west-2:111122223333:referral-relay-prod-de-wacht-urgent',
          'arn:aws:sqs:eu-west-2:111122223333:referral-relay-prod-de-wacht-routine',
        ],
      },
    });
  });

  it('has three alarms, on what nobody else would see', () => {
    const alarms = propertiesOf(wacht, 'AWS::CloudWatch::Alarm');
    expect(alarms.map(({ AlarmName, MetricName, Threshold }) => [AlarmName, MetricName, Threshold])).toEqual([
      ['referral-relay-prod-de-wacht-dead-letters', 'ApproximateNumberOfMessagesVisible', 1],
      ['referral-relay-prod-de-wacht-urgent-waits', 'ApproximateAgeOfOldestMessage', 3600],
      ['referral-relay-prod-de-wacht-unopened', 'unopened-immediate', 1],
    ]);
    expect(alarms[2]).toMatchObject({
      Dimensions: [
        { Name: 'Agency', Value: 'de-wacht' },
        { Name: 'Stage', Value: 'prod' },
      ],
      Period: 60,
      EvaluationPeriods: 5,
      DatapointsToAlarm: 1,
      TreatMissingData: 'notBreaching',
    });
  });

  it.each([
    [wacht, 'de-wacht', 'https', 'https://wacht.example/page'],
    [crossbar, 'gb-crossbar', 'email', 'duty@crossbar.example'],
  ])('is paged by sweep when something immediate waits, %#', (stack, id, Protocol, Endpoint) => {
    expect(propertiesOf(stack, 'AWS::SNS::Topic')).toMatchObject([{ TopicName: `referral-relay-prod-${id}-page` }]);
    expect(propertiesOf(stack, 'AWS::SNS::Subscription')).toMatchObject([{ Protocol, Endpoint }]);
    expect(policiesOf(stack).filter(({ kind }) => kind === 'topic')).toMatchObject([
      {
        statements: [
          { Effect: 'Deny', Principal: '*', Condition: { Bool: { 'aws:SecureTransport': ['false'] } } },
          {
            Effect: 'Allow',
            Condition: {
              ArnEquals: { 'aws:PrincipalArn': ['arn:aws:iam::111122223333:role/referral-relay-prod-sweep'] },
            },
          },
        ],
      },
    ]);
  });

  it('without a page is not paged', () => {
    expect(resourcesOf(littoral, 'AWS::SNS::Topic')).toEqual([]);
  });

  it('with an account is let in by its queues and its key, and gets no role here', () => {
    expect(resourcesOf(crossbar, 'AWS::IAM::Role')).toEqual([]);
    const letIn = policiesOf(crossbar)
      .filter(({ kind }) => kind === 'queue' || kind === 'key')
      .flatMap(({ statements }) => statements)
      .filter(({ Condition }) => Condition?.['ArnEquals']?.['aws:PrincipalArn']?.includes(PRINCIPAL));
    expect(letIn.map(({ Effect, Principal }) => [Effect, Principal])).toEqual(
      Array.from({ length: 4 }, () => ['Allow', { AWS: ['arn:aws:iam::888888888888:root'] }]),
    );
    expect(letIn.flatMap(({ Action }) => Action)).toContain('kms:Decrypt');
  });

  it('without an account signs in with a certificate of its own authority and its own name, until it is revoked', () => {
    const name = 'referral-relay-prod-de-wacht';
    expect(propertiesOf(wacht, 'AWS::RolesAnywhere::TrustAnchor')).toMatchObject([
      {
        Name: name,
        Enabled: true,
        Source: {
          SourceType: 'CERTIFICATE_BUNDLE',
          SourceData: { X509CertificateData: authority.certificate },
        },
      },
    ]);
    const [anchor] =
      Object.entries(wacht.template.Resources).find(([, { Type }]) => Type.endsWith('TrustAnchor')) ?? [];
    expect(policiesOf(wacht).filter(({ kind }) => kind === 'trust')).toMatchObject([
      {
        owner: name,
        statements: [
          {
            Principal: { Service: ['rolesanywhere.amazonaws.com'] },
            Condition: {
              ArnEquals: { 'aws:SourceArn': [`${anchor}.TrustAnchorArn`] },
              StringEquals: { 'aws:PrincipalTag/x509Subject/CN': ['relay.wacht.example'] },
            },
          },
        ],
      },
    ]);
    expect(resolve(propertiesOf(wacht, 'AWS::RolesAnywhere::Profile'))).toMatchObject([
      { Enabled: true, DurationSeconds: 3600, RoleArns: [expect.stringContaining('Role')] },
    ]);
    expect(resolve(propertiesOf(wacht, 'AWS::RolesAnywhere::CRL'))).toMatchObject([
      { Enabled: true, CrlData: authority.revocations, TrustAnchorArn: `${anchor}.TrustAnchorArn` },
    ]);
  });

  it('signed in with a certificate may receive from its two lanes and unwrap with its own keys, no more', () => {
    const access = policiesOf(wacht).find(({ kind }) => kind === 'identity');
    const keyIds = Object.entries(wacht.template.Resources).flatMap(([id, { Type }]) =>
      Type === 'AWS::KMS::Key' ? [`${id}.Arn`] : [],
    );
    expect(access?.statements).toEqual([
      {
        Sid: 'ReceiveReferrals',
        Effect: 'Allow',
        Action: [
          'sqs:ChangeMessageVisibility',
          'sqs:DeleteMessage',
          'sqs:ReceiveMessage',
          'sqs:GetQueueAttributes',
          'sqs:GetQueueUrl',
        ],
        Resource: ['urgent', 'routine'].map(
          (lane) => `arn:aws:sqs:eu-west-2:111122223333:referral-relay-prod-de-wacht-${lane}`,
        ),
      },
      {
        Sid: 'UnwrapReferrals',
        Effect: 'Allow',
        Action: ['kms:Decrypt'],
        Resource: keyIds,
        Condition: { StringEquals: { 'kms:EncryptionContext:agency': ['de-wacht'] } },
      },
      { Sid: 'LookAtTheKey', Effect: 'Allow', Action: ['kms:DescribeKey'], Resource: keyIds },
    ]);
  });

  it('with a key of its own has no other, and adds it to the role of deliver alone', () => {
    expect(resourcesOf(littoral, 'AWS::KMS::Key')).toEqual([]);
    expect(rolePolicies(littoral)).toEqual([['referral-relay-prod-deliver', 'kms:ReEncryptTo', AGENCY_KEY]]);
    expect(ownKeyPolicy(littoral).length).toBeLessThanOrEqual(4096);
    expect(JSON.parse(ownKeyPolicy(littoral))).toMatchObject({
      Statement: expect.arrayContaining([
        expect.objectContaining({
          Action: 'kms:Decrypt',
          Effect: 'Allow',
          Principal: { AWS: 'arn:aws:iam::888888888888:root' },
        }),
      ]),
    });
  });

  it('learns from the outputs what its profile holds', () => {
    expect(Object.keys(wacht.template.Outputs)).toEqual(
      expect.arrayContaining([
        'UrgentQueueUrl',
        'RoutineQueueUrl',
        'KmsKeyArn1',
        'KmsKeyArn2',
        'TrustAnchorArn',
        'ProfileArn',
        'RoleArn',
      ]),
    );
  });
});

function rolePolicies(stack: SynthesizedStack): string[][] {
  return policiesOf(stack)
    .filter(({ kind }) => kind === 'identity')
    .flatMap(({ owner, statements }) => statements.map(({ Action, Resource = [] }) => [owner, ...Action, ...Resource]));
}

function ownKeyPolicy({ template }: SynthesizedStack): string {
  const output = template.Outputs['OwnKeyPolicy1'];
  return String(output?.Value);
}
