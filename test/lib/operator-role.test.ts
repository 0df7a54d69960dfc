import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { roleName } from '../../core/names.ts';
import { policiesOf } from '../support/synthesized-policies.ts';
import { propertiesOf, SETTINGS, synthesizeStage } from '../support/synthesized-stage.ts';

/* What it may do is in the audit's table, by the simulator (test/audit/table.ts). */

const OPERATORS = ['arn:aws:iam::111122223333:role/on-call', 'arn:aws:iam::555555555555:user/duty/anna'];
const OPERATOR = roleName('prod', 'operator');

describe('the role of the operator', () => {
  const stage = synthesizeStage([], {
    settings: { ...SETTINGS, operators: OPERATORS },
    plugins: (app) => [new AwsSolutionsChecks(app)],
  });
  const policies = policiesOf(stage.stack('service')).filter(({ owner }) => owner === OPERATOR);

  it('is for those whom the settings name, by account and ARN', () => {
    const trust = policies.find(({ kind }) => kind === 'trust')?.statements ?? [];
    expect(trust.map(({ Principal, Condition }) => [Principal, Condition])).toEqual([
      [
        { AWS: ['arn:aws:iam::111122223333:root'] },
        { ArnEquals: { 'aws:PrincipalArn': ['arn:aws:iam::111122223333:role/on-call'] } },
      ],
      [
        { AWS: ['arn:aws:iam::555555555555:root'] },
        { ArnEquals: { 'aws:PrincipalArn': ['arn:aws:iam::555555555555:user/duty/anna'] } },
      ],
    ]);
  });

  it('has no use of any key', () => {
    const actions = policies
      .filter(({ kind }) => kind === 'identity')
      .flatMap(({ statements }) => statements.flatMap(({ Action }) => Action));
    expect(actions.length).toBeGreaterThan(0);
    expect(actions.filter((action) => !/^(dynamodb|sqs|lambda):[A-Z][A-Za-z]+$/.test(action))).toEqual([]);
  });

  it('is not there unless somebody is named', () => {
    const roles = propertiesOf(synthesizeStage([]).stack('service'), 'AWS::IAM::Role');
    expect(roles.map(({ RoleName }) => RoleName)).not.toContain(OPERATOR);
  });
});
