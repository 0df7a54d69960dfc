import { describe, expect, it } from 'vitest';
import { readPolicies } from '../../audit/template-policies.ts';
import { placeOf } from '../../lib/place.ts';
import type { SynthesizedStack } from '../support/synthesized-stage.ts';

const place = placeOf('prod', { account: '111122223333', region: 'eu-west-2' });
const resource = (Type: string, Properties: Record<string, unknown> = {}) => ({ Type, Properties, DependsOn: [] });
const stack = (Resources: Record<string, ReturnType<typeof resource>>): SynthesizedStack => ({
  name: 'referral-relay-prod-core',
  kind: 'core',
  template: { Resources, Outputs: {} },
  terminationProtection: true,
  dependencies: [],
  resources: 1,
  bytes: 1,
});
const document = (...Statement: object[]) => ({ Version: '2012-10-17', Statement });
const API = 'arn:aws:execute-api:eu-west-2:111122223333:api/*/*/v1/referrals';
const permission = (Principal: string, more: object = { SourceArn: API }) =>
  resource('AWS::Lambda::Permission', { FunctionName: 'x', Action: 'lambda:InvokeFunction', Principal, ...more });
const role = (more: object) =>
  resource('AWS::IAM::Role', { RoleName: 'referral-relay-prod-x', AssumeRolePolicyDocument: document(), ...more });

describe('the policies of a template', () => {
  it('name the keys of the template as CloudFormation would', () => {
    const Statement = { Effect: 'Allow', Action: 'kms:Decrypt', Resource: { 'Fn::GetAtt': ['Key', 'Arn'] } };
    const policies = readPolicies(
      place,
      stack({
        Key: resource('AWS::KMS::Key', { KeyPolicy: document() }),
        Role: role({ Policies: [{ PolicyDocument: document(Statement) }] }),
      }),
    );
    const arn = 'arn:aws:kms:eu-west-2:111122223333:key/prod-core-Key';
    expect(policies).toMatchObject([
      { kind: 'key', owner: arn },
      { kind: 'trust', policy: { title: 'trust of x' } },
      { kind: 'identity', policy: { title: 'role x', stack: 'core', statements: [{ Resource: [arn] }] } },
    ]);
  });

  it('may let the API and the schedule call a function, each for what belongs there', () => {
    const rule = { SourceArn: { 'Fn::GetAtt': ['Rule', 'Arn'] } };
    const resources = {
      Rule: resource('AWS::Events::Rule'),
      One: permission('apigateway.amazonaws.com'),
      Other: permission('events.amazonaws.com', rule),
    };
    expect(readPolicies(place, stack(resources))).toEqual([]);
  });

  it.each([
    ['a function that anybody may call', permission('*'), /lets \* call a function/],
    ['a function that another account may call', permission('444455556666'), /lets 444455556666 call a function/],
    ['a function that any API may call', permission('apigateway.amazonaws.com', {}), /call a function/],
    [
      'a function that the API of another account may call',
      permission('apigateway.amazonaws.com', { SourceArn: API.replace('111122223333', '444455556666') }),
      /call a function/,
    ],
    [
      'a function whose code may be changed',
      permission('apigateway.amazonaws.com', { SourceArn: API, Action: 'lambda:UpdateFunctionCode' }),
      /call a function/,
    ],
    ['a user', resource('AWS::IAM::User'), /User\) brings a policy/],
    ['a queue’s inline policy', resource('AWS::SQS::QueueInlinePolicy'), /brings a policy/],
    ['a table with a policy', resource('AWS::DynamoDB::Table', { ResourcePolicy: {} }), /brings a policy/],
    ['a replica of a key', resource('AWS::KMS::ReplicaKey'), /brings a policy/],
    ['a permissions boundary', role({ PermissionsBoundary: 'arn:aws:iam::aws:policy/x' }), /brings a policy/],
    [
      'a managed policy that is not known',
      role({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] }),
      /AdministratorAccess .* does not know/,
    ],
    [
      'a resource without a name',
      role({
        Policies: [{ PolicyDocument: document({ Effect: 'Allow', Action: 'kms:Decrypt', Resource: 'Bucket' }) }],
      }),
      /"Bucket" is a resource that the audit cannot name/,
    ],
  ])('are refused with %s, for nobody would look at it', (_, one, message) => {
    expect(() => readPolicies(place, stack({ One: one }))).toThrow(message);
  });
});
