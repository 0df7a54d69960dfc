import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { agencyAlias, functionName, intakeAlias, roleName, stackName } from '../../core/names.ts';
import { BREAK_GLASS_ROLE, CONTROL_POLICY_CHARACTERS, serviceControlPolicy } from '../../lib/service-control-policy.ts';
import { CONTROL_POLICY_FILE, controlPolicyText } from '../../scripts/write-service-control-policy.ts';
import { matchesPattern } from '../support/synthesized-policies.ts';

const { Statement: statements } = serviceControlPolicy();

/** The statements that speak of this action on this resource. */
const about = (action: string, resource: string) =>
  statements.filter(
    ({ Action, Resource }) =>
      Action.includes(action) && [Resource].flat().some((pattern) => matchesPattern(pattern, resource)),
  );
const exempt = (action: string, resource: string): string[][] =>
  about(action, resource).map(({ Condition }) => [Condition?.['ArnNotLike']?.['aws:PrincipalArn'] ?? []].flat());

const role = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const lambda = (name: string): string => `arn:aws:lambda:eu-west-2:111122223333:function:${name}`;
const stack = (name: string): string =>
  `arn:aws:cloudformation:eu-west-2:111122223333:stack/${name}/00000000-0000-4000-8000-000000000000`;
const KEY = 'arn:aws:kms:eu-west-2:111122223333:key/00000000-0000-4000-8000-000000000000';
const BREAK_GLASS = [`arn:aws:iam::*:role/${BREAK_GLASS_ROLE}`];

describe('the service control policy', () => {
  it('is the one in deploy/', () => {
    expect(readFileSync(CONTROL_POLICY_FILE, 'utf8')).toBe(controlPolicyText());
  });

  it('only denies, and fits', () => {
    expect(new Set(statements.map(({ Effect }) => Effect))).toEqual(new Set(['Deny']));
    expect(controlPolicyText().length).toBeLessThan(CONTROL_POLICY_CHARACTERS);
    expect(new Set(statements.map(({ Sid }) => Sid)).size).toBe(statements.length);
  });

  it.each(['kms:PutKeyPolicy', 'kms:CreateGrant', 'kms:ScheduleKeyDeletion'])(
    'keeps partner keys from %s',
    (action) => {
      const [statement, ...others] = about(action, KEY);
      expect(others).toEqual([]);
      expect(exempt(action, KEY)).toEqual([BREAK_GLASS]);
      const patterns = [statement?.Condition?.['ForAnyValue:StringLike']?.['kms:ResourceAliases'] ?? []].flat();
      for (const alias of [intakeAlias('prod', 'gb-lantern', 1), agencyAlias('test', 'gb-nca', 3)]) {
        expect(patterns.some((pattern) => matchesPattern(pattern, alias))).toBe(true);
      }
      expect(patterns.some((pattern) => matchesPattern(pattern, 'alias/other/prod/agency/gb-nca/1'))).toBe(false);
    },
  );

  it('keeps the aliases by which it knows those keys', () => {
    const alias = `arn:aws:kms:eu-west-2:111122223333:${agencyAlias('prod', 'gb-nca', 1)}`;
    for (const action of ['kms:CreateAlias', 'kms:DeleteAlias', 'kms:UpdateAlias']) {
      expect(exempt(action, alias)).toEqual([BREAK_GLASS]);
    }
  });

  it.each(['iam:PassRole', 'iam:PutRolePolicy', 'iam:UpdateAssumeRolePolicy', 'iam:DeleteRole', 'iam:CreateRole'])(
    'keeps the roles of functions and of agencies from %s',
    (action) => {
      for (const holder of ['deliver', 'gb-nca'])
        expect(exempt(action, role(roleName('prod', holder)))).toEqual([BREAK_GLASS]);
      expect(about(action, role('somebody-else'))).toEqual([]);
    },
  );

  it.each(['lambda:UpdateFunctionCode', 'lambda:UpdateFunctionConfiguration', 'lambda:PublishVersion'])(
    'keeps deliver from %s, and leaves other functions alone',
    (action) => {
      expect(exempt(action, lambda(functionName('prod', 'deliver')))).toEqual([BREAK_GLASS]);
      expect(about(action, lambda(functionName('prod', 'submit')))).toEqual([]);
    },
  );

  it('lets CodeDeploy move the alias of deliver during a deployment', () => {
    const alias = `${lambda(functionName('prod', 'deliver'))}:live`;
    expect(exempt('lambda:UpdateAlias', alias)).toEqual([
      [...BREAK_GLASS, 'arn:aws:iam::*:role/referral-relay-*-codedeploy'],
    ]);
  });

  it.each(['CreateChangeSet', 'ExecuteChangeSet', 'UpdateStack', 'DeleteStack'])(
    'keeps the stacks, which lend the role they were deployed with, from %s',
    (action) => {
      for (const part of ['core', 'service', 'gb-lantern']) {
        expect(exempt(`cloudformation:${action}`, stack(stackName('prod', part)))).toEqual([BREAK_GLASS]);
      }
      expect(about(`cloudformation:${action}`, stack('CDKToolkit'))).toEqual([]);
    },
  );

  it('keeps templates and code from being exchanged before they are deployed', () => {
    const object = 'arn:aws:s3:::cdk-hnb659fds-assets-111122223333-eu-west-2/0123.json';
    expect(exempt('s3:PutObject', object)).toEqual([BREAK_GLASS]);
    expect(exempt('s3:PutObject', 'arn:aws:s3:::somebody-elses/0123.json')).toEqual([]);
  });

  it('keeps the authority whose certificates an agency signs in with', () => {
    const anchor = 'arn:aws:rolesanywhere:eu-west-2:111122223333:trust-anchor/00000000-0000-4000-8000-000000000000';
    expect(exempt('rolesanywhere:UpdateTrustAnchor', anchor)).toEqual([BREAK_GLASS]);
  });

  it('keeps the break-glass role from everybody, itself included', () => {
    for (const action of ['iam:UpdateAssumeRolePolicy', 'iam:PutRolePolicy', 'iam:DeleteRole']) {
      expect(exempt(action, role(BREAK_GLASS_ROLE))).toContainEqual([]);
    }
    expect(exempt('iam:PassRole', role(BREAK_GLASS_ROLE))).toEqual([BREAK_GLASS]);
  });

  it('cannot be left', () => {
    expect(exempt('organizations:LeaveOrganization', '*')).toEqual([[]]);
  });
});
