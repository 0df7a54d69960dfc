import { describe, expect, it } from 'vitest';
import { actionsOf, classify } from '../../audit/actions.ts';
import { callAs, controlPolicy, possibilities, type Target, targetsOf } from '../../audit/administrator.ts';
import type { Thing } from '../../audit/deployment.ts';
import type { Policy } from '../../audit/simulator.ts';
import { agencyAlias } from '../../core/names.ts';
import { agencyKeyPolicy } from '../../lib/key-policies.ts';
import { placeOf, roleArn } from '../../lib/place.ts';
import { PolicyStatement } from '../support/synthesized-policies.ts';

/* The service control policy by the simulator: what it closes, to whom, and that each of its statements is needed. */

const place = placeOf('prod', { account: '111122223333', region: 'eu-west-2' });
const AGENCY = 'gb-crossbar';
const key: Thing = {
  sort: 'agency key',
  arn: `arn:aws:kms:eu-west-2:${place.account}:key/one`,
  account: place.account,
  owner: AGENCY,
  aliases: [agencyAlias('prod', AGENCY, 1)],
  policy: {
    title: 'key',
    stack: AGENCY,
    statements: PolicyStatement.array().parse(
      agencyKeyPolicy(place, AGENCY, 'arn:aws:iam::555555555555:role/units', roleArn(place, 'deliver')).Statement,
    ),
  },
};
const targets = targetsOf(place, key);
const control = controlPolicy(place.partition);

const ADMINISTRATOR = `arn:aws:iam::${place.account}:role/administrator`;
const BREAK_GLASS = targets['break-glass role'];
const callers = {
  administrator: ADMINISTRATOR,
  root: `arn:aws:iam::${place.account}:root`,
  query: targets['role of query'],
  'break-glass': BREAK_GLASS,
  codedeploy: targets['role of CodeDeploy'],
};
type Caller = keyof typeof callers;

const CHANGE_ROLE =
  'AttachRolePolicy CreateRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DetachRolePolicy PassRole ' +
  'PutRolePermissionsBoundary PutRolePolicy UpdateAssumeRolePolicy UpdateRole';

/** By service and type of resource: what is closed to everybody but the break-glass role. */
const CLOSED: Readonly<Record<Target, [service: string, type: string, actions: string]>> = {
  key: ['kms', 'key', 'CreateGrant DisableKey PutKeyPolicy ReplicateKey ScheduleKeyDeletion'],
  alias: ['kms', 'alias', 'CreateAlias DeleteAlias UpdateAlias'],
  'next alias': ['kms', 'alias', 'CreateAlias DeleteAlias UpdateAlias'],
  'intake alias': ['kms', 'alias', 'CreateAlias DeleteAlias UpdateAlias'],
  'role of deliver': ['iam', 'role', CHANGE_ROLE],
  'role of an agency': ['iam', 'role', CHANGE_ROLE],
  'role of CodeDeploy': ['iam', 'role', CHANGE_ROLE],
  'role of query': ['iam', 'role', CHANGE_ROLE],
  'break-glass role': ['iam', 'role', CHANGE_ROLE],
  'role of somebody else': ['iam', 'role', ''],
  deliver: [
    'lambda',
    'function',
    'AddPermission CreateAlias CreateFunction DeleteAlias DeleteFunction PublishVersion UpdateAlias ' +
      'UpdateFunctionCode UpdateFunctionConfiguration',
  ],
  submit: ['lambda', 'function', ''],
  query: ['lambda', 'function', ''],
  'trust anchor': ['rolesanywhere', 'trust-anchor', 'UpdateTrustAnchor'],
  profile: ['rolesanywhere', 'profile', 'DeleteAttributeMapping PutAttributeMapping UpdateProfile'],
  'revocation list': ['rolesanywhere', 'crl', 'DeleteCrl DisableCrl UpdateCrl'],
  ledger: ['dynamodb', 'table', ''],
  queue: ['sqs', 'queue', ''],
  'deployment bucket': ['s3', 'bucket', 'DeleteBucket PutBucketAcl PutBucketOwnershipControls PutBucketPolicy'],
  'code and templates': ['s3', 'object', 'PutObject ReplicateObject'],
  trail: ['cloudtrail', 'trail', ''],
  'rule on keys': ['events', 'rule-on-default-event-bus', ''],
  stack: [
    'cloudformation',
    'stack',
    'CreateChangeSet CreateStack DeleteStack ExecuteChangeSet RollbackStack UpdateStack UpdateTerminationProtection',
  ],
  organization: ['organizations', '', 'LeaveOrganization'],
};

/** What the policy refuses even to those who are let through elsewhere. */
const ALSO: Readonly<Partial<Record<Caller, Partial<Record<Target, string>>>>> = {
  'break-glass': {
    'break-glass role': CHANGE_ROLE.replace(' PassRole', ''),
    organization: 'LeaveOrganization',
  },
};
/** What is left to CodeDeploy: to move the alias. */
const SPARED: Readonly<Partial<Record<Caller, string[]>>> = { codedeploy: ['lambda:UpdateAlias'] };

const names = (service: string, actions: string): string[] =>
  actions === '' ? [] : actions.split(' ').map((action) => `${service}:${action}`);

function expected(caller: Caller, target: Target): string[] {
  const [service, , closed] = CLOSED[target];
  if (caller === 'break-glass') return names(service, ALSO[caller]?.[target] ?? '').sort();
  return names(service, closed)
    .filter((action) => !SPARED[caller]?.includes(action))
    .sort();
}

const isTarget = (name: string): name is Target => name in targets;
const isCaller = (name: string): name is Caller => name in callers;
const TARGETS = Object.keys(targets).filter(isTarget);

/** Of these actions, or of all that there are for the target. */
async function closedBy(policy: Policy, caller: Caller, target: Target, only?: readonly string[]): Promise<string[]> {
  const [service, type] = CLOSED[target];
  const all =
    type === ''
      ? [{ name: 'organizations:LeaveOrganization', takesContext: false, takesPartition: false }]
      : await actionsOf(service, type);
  const asked = only ? all.filter(({ name }) => only.includes(name)) : all;
  const closed: string[] = [];
  for (const { actions, example } of classify(asked, [policy, key.policy ?? policy])) {
    const { refusedBy } = await callAs(callers[caller], example.name, targets[target], place.account, key, [policy]);
    if (refusedBy.some((voice) => voice.policy === policy)) closed.push(...actions.map(({ name }) => name));
  }
  return closed.sort();
}

async function* differences(policy: Policy, only?: readonly string[]): AsyncGenerator<string> {
  for (const target of TARGETS) {
    for (const caller of Object.keys(callers).filter(isCaller)) {
      const closed = await closedBy(policy, caller, target, only);
      const due = expected(caller, target).filter((action) => only?.includes(action) ?? true);
      if (closed.join() !== due.join()) yield `${caller}, ${target}: ${closed.join(' ')}`;
    }
  }
}

describe('the service control policy', () => {
  it('closes what the table says, to everybody but the break-glass role', async () => {
    const found: string[] = [];
    for await (const difference of differences(control)) found.push(difference);
    expect(found).toEqual([]);
  });

  const loosened = control.statements.flatMap((statement, index) => {
    const { Sid = '', Action, Condition } = statement;
    const change = (how: string, ...instead: PolicyStatement[]) => ({
      what: `${Sid} ${how}`,
      only: Action,
      policy: { ...control, statements: control.statements.toSpliced(index, 1, ...instead) },
    });
    const spared = Condition?.['ArnNotLike']?.['aws:PrincipalArn'];
    const lesser = Action.map((left) =>
      change(`without ${left}`, { ...statement, Action: Action.filter((action) => action !== left) }),
    );
    return [
      change('left out'),
      ...(lesser.length > 1 ? lesser : []),
      ...(spared
        ? [
            change('but for administrators', {
              ...statement,
              Condition: { ...Condition, ArnNotLike: { 'aws:PrincipalArn': [...spared, ADMINISTRATOR] } },
            }),
          ]
        : []),
    ];
  });

  it.each(loosened)('is found out when loosened: $what', async ({ policy, only }) => {
    expect((await differences(policy, only).next()).value).toBeTypeOf('string');
  });
});

describe('what is left to an administrator', () => {
  it('is said with whether the policy closes it, and whether the alarm on keys speaks', async () => {
    const left = await possibilities(place, key);
    const state = left.map(({ calls, open, alarmed }) => [
      calls.map(([action]) => action).join(' '),
      open ? 'open' : 'closed',
      alarmed ? 'alarm' : '',
    ]);
    expect(state).toEqual([
      ['kms:PutKeyPolicy', 'closed', 'alarm'],
      ['kms:CreateGrant', 'closed', 'alarm'],
      ['kms:UpdateAlias kms:DeleteAlias', 'closed', 'alarm'],
      ['kms:CreateAlias', 'closed', ''],
      ['iam:UpdateAssumeRolePolicy iam:CreateRole', 'closed', ''],
      ['rolesanywhere:UpdateTrustAnchor rolesanywhere:UpdateProfile rolesanywhere:DisableCrl', 'closed', ''],
      ['iam:UpdateAssumeRolePolicy iam:PutRolePolicy iam:PassRole', 'closed', ''],
      ['lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:UpdateAlias', 'closed', ''],
      ['organizations:LeaveOrganization', 'closed', ''],
      ['cloudformation:UpdateStack cloudformation:ExecuteChangeSet', 'closed', ''],
      ['s3:PutObject s3:PutBucketPolicy', 'closed', ''],
      ['dynamodb:PutItem dynamodb:UpdateItem', 'open', ''],
      ['dynamodb:Query dynamodb:ExportTableToPointInTime', 'open', ''],
      ['sqs:SetQueueAttributes sqs:PurgeQueue', 'open', ''],
      ['lambda:UpdateFunctionCode', 'open', ''],
      ['lambda:UpdateFunctionCode', 'open', ''],
      ['kms:ScheduleKeyDeletion kms:DisableKey', 'closed', 'alarm'],
      ['dynamodb:UpdateTable dynamodb:DeleteTable dynamodb:DeleteItem', 'open', ''],
      ['cloudtrail:StopLogging events:DisableRule', 'open', ''],
    ]);
  });

  it('names an event for each, and the key itself refuses grants even without the policy', async () => {
    const left = await possibilities(place, key);
    for (const { events } of left) expect(events.length).toBeGreaterThan(0);
    expect(left.flatMap(({ refusedAnyway }) => refusedAnyway)).toEqual(['NoOtherUse']);
  });
});
