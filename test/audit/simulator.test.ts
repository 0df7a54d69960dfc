import { describe, expect, it } from 'vitest';
import { ask, AuditError, type Policy, type Question } from '../../audit/simulator.ts';
import type { PolicyStatement } from '../support/synthesized-policies.ts';

const ACCOUNT = '111122223333';
const KEY = `arn:aws:kms:eu-west-2:${ACCOUNT}:key/one`;
const AGENCY = `arn:aws:iam::${ACCOUNT}:role/agency`;

const policy = (...statements: PolicyStatement[]): Policy => ({ title: 'key', stack: 'test', statements });
const allow = (more: Partial<PolicyStatement> = {}): PolicyStatement => ({
  Sid: 'Open',
  Effect: 'Allow',
  Action: ['kms:Decrypt'],
  Resource: ['*'],
  ...more,
});
const forAgency = { StringEquals: { 'kms:EncryptionContext:agency': ['gb-nca'] } };
const question = (more: Partial<Question> = {}): Question => ({
  principal: AGENCY,
  action: 'kms:Decrypt',
  resource: KEY,
  account: ACCOUNT,
  context: { 'aws:PrincipalArn': AGENCY },
  ...more,
});
const everybody = { Principal: '*' } as const;

describe('a question', () => {
  it.each([
    [{ agency: 'gb-nca' }, true],
    [{ agency: 'gb-nca', hotline: 'gb-lantern' }, true],
    [{ agency: 'gb-ncb' }, false],
    [{ hotline: 'gb-nca' }, false],
    [undefined, false],
  ])('carries the encryption context %j to the conditions of a policy', async (encryptionContext, allowed) => {
    const resource = policy(allow({ ...everybody, Condition: forAgency }));
    expect(await ask(question({ encryptionContext }), { identity: [], resource })).toMatchObject({ allowed });
  });

  it('is answered with the statements that matched, of either side', async () => {
    const identity = [policy(allow({ Sid: 'Mine' }))];
    const resource = policy(allow(everybody), {
      ...everybody,
      Sid: 'ButNot',
      Effect: 'Deny',
      Action: ['kms:*'],
      Resource: ['*'],
    });
    expect(await ask(question(), { identity, resource })).toEqual({
      allowed: false,
      byIdentity: [{ sid: 'Mine', policy: identity[0] }],
      byResource: [{ sid: 'Open', policy: resource }],
      refusedBy: [{ sid: 'ButNot', policy: resource }],
    });
  });

  it('is refused by a service control policy whatever else allows it', async () => {
    const control = [policy({ Sid: 'Never', Effect: 'Deny', Action: ['kms:Decrypt'], Resource: ['*'] })];
    const policies = { identity: [policy(allow())], resource: policy(allow(everybody)) };
    expect(await ask(question(), policies)).toMatchObject({ allowed: true });
    expect(await ask(question(), { ...policies, control })).toMatchObject({
      allowed: false,
      refusedBy: [{ sid: 'Never' }],
    });
  });
});

describe('what the simulator would pass over', () => {
  it.each([
    ['a context key that it ignores', question({ context: { 'kms:EncryptionContext:agency': 'gb-nca' } }), /ignores/],
    ['a context key of another service', question({ context: { 'sqs:Sender': 'x' } }), /ignores sqs:Sender/],
    ['an action that does not exist', question({ action: 'kms:Peek' }), /does not judge/],
    ['a pattern in place of a resource', question({ resource: `${KEY}*` }), /does not judge/],
  ])('is a fault: %s', async (_, asked, message) => {
    const asking = ask(asked, { identity: [], resource: policy(allow(everybody)) });
    await expect(asking).rejects.toThrow(AuditError);
    await expect(asking).rejects.toThrow(message);
  });

  it('is a fault: a condition on what no question carries', async () => {
    const resource = policy(allow({ ...everybody, Condition: { StringEquals: { 'kms:ViaService': ['s3'] } } }));
    await expect(ask(question(), { identity: [], resource })).rejects.toThrow(/condition on kms:ViaService/);
  });

  it('is a fault: a policy that is none', async () => {
    const resource = policy(allow({ ...everybody, Action: ['Decrypt'] }));
    await expect(ask(question(), { identity: [], resource })).rejects.toThrow(/does not judge/);
  });
});
