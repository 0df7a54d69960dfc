import { describe, expect, it } from 'vitest';
import {
  agencyAlias,
  agencyQueue,
  dispatchQueue,
  FUNCTIONS,
  intakeAlias,
  LANES,
  outcomesQueue,
} from '../../core/names.ts';
import { bucketKey, knownKey, partitionKey, REGISTRY_KEY, suspensionKey } from '../../lambda/ledger-items.ts';
import { generateRegistryFiles } from '../support/generated-registry.ts';
import {
  type AttachedPolicy,
  matchesPattern,
  policiesOf,
  type PolicyStatement,
} from '../support/synthesized-policies.ts';
import { ACCOUNT, REGION, synthesizeStage } from '../support/synthesized-stage.ts';

/* What no statement of the whole app may say. The simulator decides on requests; this looks at the words. */

const stage = synthesizeStage(generateRegistryFiles({ hotlines: 21, agencies: 35 }));
const policies = stage.stacks.flatMap(policiesOf);
const relayRoles = new Set(FUNCTIONS.map((name) => `referral-relay-prod-${name}`));
const identity = policies.filter(({ kind }) => kind === 'identity');
const relay = identity.filter(({ owner }) => relayRoles.has(owner));
const allows = (statement: PolicyStatement, action: string): boolean =>
  statement.Effect === 'Allow' && statement.Action.some((pattern) => matchesPattern(pattern, action));
const role = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/referral-relay-prod-${name}`;

const denies = (statements: PolicyStatement[], action: string) =>
  statements.filter(
    ({ Effect, Action }) => Effect === 'Deny' && Action.some((pattern) => matchesPattern(pattern, action)),
  );

describe('the roles of the relay', () => {
  it('are all looked at, together with what partners with keys of their own add', () => {
    expect(new Set(relay.map(({ owner }) => owner))).toEqual(relayRoles);
    expect(relay.length).toBeGreaterThan(relayRoles.size);
  });

  it('may decrypt nothing', () => {
    for (const { statements } of relay) {
      for (const statement of statements) {
        for (const action of ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:CreateGrant', 'kms:Encrypt']) {
          expect(allows(statement, action)).toBe(false);
        }
      }
    }
  });

  it('may re-encrypt only as deliver', () => {
    const may = relay.filter(({ statements }) =>
      statements.some((statement) => allows(statement, 'kms:ReEncryptFrom') || allows(statement, 'kms:ReEncryptTo')),
    );
    expect(new Set(may.map(({ owner }) => owner))).toEqual(new Set(['referral-relay-prod-deliver']));
  });

  it('name actions one by one', () => {
    for (const { statements } of identity) {
      for (const { Action } of statements) expect(Action.filter((action) => action.includes('*'))).toEqual([]);
    }
  });

  it('name no resource "*", and every key of the account only with a condition on its aliases', () => {
    for (const { statements } of identity) {
      for (const { Resource = [], Condition } of statements) {
        expect(Resource).not.toContain('*');
        if (Resource.some((resource) => resource.endsWith(':key/*'))) {
          expect(Condition?.['ForAnyValue:StringLike']?.['kms:ResourceAliases']).toEqual([
            expect.stringMatching(/^alias\/referral-relay\/prod\/(hotline|agency)\/\*\/\*$/),
          ]);
        }
      }
    }
  });
});

const reaches = (patterns: string[], queue: string): boolean =>
  patterns.some((pattern) => matchesPattern(pattern, `arn:aws:sqs:${REGION}:${ACCOUNT}:${queue}`));

const aliasesFor = (policy: AttachedPolicy | undefined, action: string): string[] =>
  policy?.statements.flatMap((statement) =>
    allows(statement, action) ? (statement.Condition?.['ForAnyValue:StringLike']?.['kms:ResourceAliases'] ?? []) : [],
  ) ?? [];

const targets = (policy: AttachedPolicy | undefined, action: string): string[] =>
  policy?.statements.flatMap((statement) => (allows(statement, action) ? (statement.Resource ?? []) : [])) ?? [];

describe('the patterns of the roles', () => {
  const deliver = relay.find(({ owner }) => owner === 'referral-relay-prod-deliver');
  const answer = relay.find(({ owner }) => owner === 'referral-relay-prod-answer');

  it.each(LANES)('reach the lane %s of every agency, and neither dead letters, dispatch nor another stage', (lane) => {
    const sends = targets(deliver, 'sqs:SendMessage');
    for (const id of ['gb-nca', 'int-clearing', 'gb-nca-scotland']) {
      expect(reaches(sends, agencyQueue('prod', id, lane))).toBe(true);
      expect(reaches(sends, agencyQueue('prod', id, 'dead'))).toBe(false);
      expect(reaches(sends, outcomesQueue('prod', id))).toBe(false);
      expect(reaches(sends, agencyQueue('prod2', id, lane))).toBe(false);
    }
    expect(reaches(sends, dispatchQueue('prod', lane))).toBe(false);
    expect(reaches(sends, dispatchQueue('prod', `dead-${lane}`))).toBe(false);
  });

  it('reach the inbox of every hotline, and nothing of an agency', () => {
    const sends = targets(answer, 'sqs:SendMessage');
    expect(reaches(sends, outcomesQueue('prod', 'gb-lantern'))).toBe(true);
    expect(reaches(sends, agencyQueue('prod', 'gb-lantern', 'urgent'))).toBe(false);
    expect(reaches(sends, outcomesQueue('prod2', 'gb-lantern'))).toBe(false);
  });

  it('tell keys of hotlines from those of agencies, and of another stage', () => {
    const [from = ''] = aliasesFor(deliver, 'kms:ReEncryptFrom');
    const [to = ''] = aliasesFor(deliver, 'kms:ReEncryptTo');
    const intake = intakeAlias('prod', 'gb-lantern', 12);
    const agency = agencyAlias('prod', 'gb-nca', 12);
    expect([matchesPattern(from, intake), matchesPattern(from, agency)]).toEqual([true, false]);
    expect([matchesPattern(to, intake), matchesPattern(to, agency)]).toEqual([false, true]);
    expect(matchesPattern(from, intakeAlias('pro', 'gb-lantern', 12))).toBe(false);
    expect(matchesPattern(to, agencyAlias('prod2', 'gb-nca', 12))).toBe(false);
  });
});

describe('the rows that the roles may write', () => {
  const referrals = ['gb-lantern', 'int-clearing', 'gb-lantern-north'].map((hotline) =>
    partitionKey({ hotline, id: '0193a7c0-0000-7000-8000-000000000000' }),
  );
  const buckets = (['immediate', 'other', 'waiting'] as const).map((bucket) => bucketKey('gb-lantern', bucket).pk);
  const known = [...(['agency', 'hotline'] as const).map((kind) => knownKey(kind).pk), REGISTRY_KEY.pk];
  const suspensions = ['gb-lantern', 'int-clearing'].map((partner) => suspensionKey(partner).pk);

  it.each([
    ['submit', [...referrals, ...buckets]],
    ['deliver', referrals],
    ['answer', referrals],
    ['collect', [...referrals, ...buckets]],
    ['query', []],
    ['sweep', [...referrals, ...known]],
  ])('as %s are those that it keeps, and never a suspension', (name, kept) => {
    const writes = relay
      .filter(({ owner }) => owner === `referral-relay-prod-${name}`)
      .flatMap(({ statements }) => statements.filter((statement) => allows(statement, 'dynamodb:UpdateItem')));
    const patterns = writes.flatMap(
      ({ Condition }) => Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? ['*'],
    );
    const all = [...referrals, ...buckets, ...known, ...suspensions];
    expect(all.filter((key) => patterns.some((pattern) => matchesPattern(pattern, key)))).toEqual(kept);
  });
});

describe('key policies', () => {
  const keys = policies.filter(({ kind, stack }) => kind === 'key' && !stack.endsWith('-service'));
  const intake = keys.filter(({ owner }) => owner.startsWith('Intake'));
  const agency = keys.filter(({ owner }) => owner.startsWith('Agency'));
  const USE = ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:GenerateDataKeyPairWithoutPlaintext'];

  it('are those of every hotline and agency with a key here', () => {
    expect(intake.length).toBeGreaterThan(20);
    expect(agency.length).toBeGreaterThan(35);
  });

  it('let the account administer, never use, and never say kms:*', () => {
    for (const { statements } of keys) {
      const [administration] = statements;
      expect(administration).toMatchObject({ Effect: 'Allow', Principal: { AWS: [`arn:aws:iam::${ACCOUNT}:root`] } });
      expect(administration?.Action).toContain('kms:PutKeyPolicy');
      for (const action of [...USE, 'kms:ReEncryptFrom', 'kms:ReEncryptTo', 'kms:CreateGrant', 'kms:ReplicateKey']) {
        expect(administration && allows(administration, action)).toBe(false);
      }
      expect(denies(statements, 'kms:PutKeyPolicy')).toEqual([]);
    }
  });

  it('use a condition on the principal, and neither NotPrincipal nor a role as principal', () => {
    for (const { statements } of keys) {
      for (const { Principal, Effect } of statements) {
        if (Effect === 'Deny') expect(Principal).toBe('*');
        else expect(Principal).toEqual({ AWS: [expect.stringMatching(/^arn:aws:iam::\d{12}:root$/)] });
      }
    }
  });

  it('of a hotline let nobody open anything, and deliver alone re-encrypt from it', () => {
    for (const { statements } of intake) {
      for (const action of [...USE, 'kms:ReEncryptTo', 'kms:CreateGrant', 'kms:ReplicateKey']) {
        expect(denies(statements, action)).toMatchObject([{ Principal: '*' }]);
        expect(denies(statements, action)[0]).not.toHaveProperty('Condition');
      }
      expect(denies(statements, 'kms:ReEncryptFrom')).toMatchObject([
        { Condition: { ArnNotEquals: { 'aws:PrincipalArn': [role('deliver')] } } },
      ]);
      expect(statements.filter((statement) => allows(statement, 'kms:ReEncryptFrom'))).toMatchObject([
        { Condition: { ArnEquals: { 'aws:PrincipalArn': [role('deliver')] } } },
      ]);
      expect(denies(statements, 'kms:GetPublicKey')).toEqual([]);
    }
  });

  it('of an agency let it alone decrypt and deliver alone wrap, both under its own name', () => {
    for (const { statements, stack } of agency) {
      const id = stack.slice('referral-relay-prod-'.length);
      const principal = stage.registry.agencies.get(id)?.principal ?? role(id);
      for (const [action, who] of [
        ['kms:Decrypt', principal],
        ['kms:ReEncryptTo', role('deliver')],
      ] as const) {
        expect(statements.filter((statement) => allows(statement, action))).toMatchObject([
          {
            Condition: {
              ArnEquals: { 'aws:PrincipalArn': [who] },
              StringEquals: { 'kms:EncryptionContext:agency': [id] },
            },
          },
        ]);
        expect(denies(statements, action).map(({ Condition }) => Condition)).toEqual([
          { ArnNotEquals: { 'aws:PrincipalArn': [who] } },
          { StringNotEquals: { 'kms:EncryptionContext:agency': [id] } },
        ]);
      }
      for (const action of [
        'kms:Encrypt',
        'kms:GenerateDataKey',
        'kms:ReEncryptFrom',
        'kms:CreateGrant',
        'kms:ReplicateKey',
      ]) {
        expect(denies(statements, action)).toMatchObject([{ Principal: '*' }]);
        expect(denies(statements, action)[0]).not.toHaveProperty('Condition');
      }
    }
  });
});

describe('queue policies', () => {
  const queues = policies.filter(({ kind }) => kind === 'queue');

  it('refuse every call without TLS', () => {
    for (const { statements } of queues) {
      expect(statements[0]).toMatchObject({
        Effect: 'Deny',
        Principal: '*',
        Action: ['sqs:*'],
        Condition: { Bool: { 'aws:SecureTransport': ['false'] } },
      });
    }
  });

  it('name their senders, and refuse all others', () => {
    const senders = new Map<string, Set<string>>();
    for (const { statements } of queues) {
      const [queue = ''] = statements[0]?.Resource ?? [];
      const [refusal, ...others] = statements.filter(
        ({ Effect, Action }) => Effect === 'Deny' && Action.includes('sqs:SendMessage'),
      );
      expect(refusal).toMatchObject({ Principal: '*' });
      expect(others).toEqual([]);
      const sort = queue.includes('-dispatch-') ? queue.split('-dispatch-')[1] : queue.split('-').at(-1);
      const known = senders.get(sort ?? '') ?? new Set();
      for (const sender of refusal?.Condition?.['ArnNotEquals']?.['aws:PrincipalArn'] ?? []) known.add(sender);
      senders.set(sort ?? '', known);
    }
    expect(Object.fromEntries(senders)).toEqual({
      urgent: new Set([role('deliver'), role('submit'), role('sweep')]),
      routine: new Set([role('deliver'), role('submit'), role('sweep')]),
      dead: new Set(),
      'dead-urgent': new Set(),
      'dead-routine': new Set(),
      outcomes: new Set([role('answer'), role('sweep')]),
    });
  });

  it('let nobody in but the agency itself, by account and ARN', () => {
    for (const { statements, stack } of queues) {
      const id = stack.slice('referral-relay-prod-'.length);
      for (const { Principal, Condition } of statements.filter(({ Effect }) => Effect === 'Allow')) {
        const principal = stage.registry.agencies.get(id)?.principal ?? role(id);
        expect(Principal).toEqual({ AWS: [`arn:aws:iam::${principal.split(':')[4]}:root`] });
        expect(Condition).toEqual({ ArnEquals: { 'aws:PrincipalArn': [principal] } });
      }
    }
  });
});
