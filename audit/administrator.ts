import { agencyAlias, agencyQueue, intakeAlias, stackName } from '../core/names.ts';
import { WATCHED_CALLS } from '../lib/key-watch.ts';
import { functionArn, ledgerArn, type Place, queueArn, roleArn } from '../lib/place.ts';
import { BREAK_GLASS_ROLE, serviceControlPolicy } from '../lib/service-control-policy.ts';
import { PolicyStatement } from '../test/support/synthesized-policies.ts';
import { type Thing, WHATEVER } from './deployment.ts';
import { ask, type Policy, type Verdict } from './simulator.ts';

/*
 * What is left to whoever administers the relay's account: what he could do, whether the service control policy takes it
 * from him, and where it would be seen.
 */

/** What another party attaches to the relay's account (`deploy/service-control-policy.json`). */
export function controlPolicy(partition: string): Policy {
  return {
    title: 'service control policy',
    stack: '',
    statements: PolicyStatement.array().parse(serviceControlPolicy(partition).Statement),
  };
}

/** What he would touch, by ARN; the names of partners are examples. */
export function targetsOf(place: Place, key: Thing) {
  const { partition, region, account, stage } = place;
  const arn = (service: string, resource: string): string =>
    `arn:${partition}:${service}:${region}:${account}:${resource}`;
  const agency = key.owner ?? 'gb-crossbar';
  return {
    key: key.arn,
    alias: arn('kms', key.aliases?.[0] ?? agencyAlias(stage, agency, 1)),
    'next alias': arn('kms', agencyAlias(stage, agency, 9999)),
    'intake alias': arn('kms', intakeAlias(stage, 'gb-lantern', 1)),
    'role of deliver': roleArn(place, 'deliver'),
    'role of an agency': roleArn(place, agency),
    'role of CodeDeploy': roleArn(place, 'codedeploy'),
    'role of query': roleArn(place, 'query'),
    'break-glass role': `arn:${partition}:iam::${account}:role/${BREAK_GLASS_ROLE}`,
    'role of somebody else': `arn:${partition}:iam::${account}:role/archive`,
    deliver: functionArn(place, 'deliver'),
    submit: functionArn(place, 'submit'),
    query: functionArn(place, 'query'),
    'trust anchor': arn('rolesanywhere', `trust-anchor/${agency}`),
    profile: arn('rolesanywhere', `profile/${agency}`),
    'revocation list': arn('rolesanywhere', `crl/${agency}`),
    ledger: ledgerArn(place),
    queue: queueArn(place, agencyQueue(stage, agency, 'urgent')),
    'deployment bucket': `arn:${partition}:s3:::cdk-hnb659fds-assets-${account}-${region}`,
    'code and templates': `arn:${partition}:s3:::cdk-hnb659fds-assets-${account}-${region}/0123.json`,
    trail: arn('cloudtrail', 'trail/management-events'),
    'rule on keys': arn('events', `rule/referral-relay-${stage}-key-changes`),
    stack: arn('cloudformation', `stack/${stackName(stage, 'service')}/00000000-0000-4000-8000-000000000000`),
    organization: '*',
  };
}

export type Target = keyof ReturnType<typeof targetsOf>;

interface Step {
  /** What he does, and what comes of it. */
  what: string;
  calls: readonly (readonly [action: string, target: Target])[];
  /** Events of CloudTrail that show it, by their names there. */
  events: readonly string[];
  /** What else there is to say about seeing it. */
  note?: string;
}

const TABLE_EVENTS = 'Calls on rows are data events, which the trail must be told to record.';

const STEPS: readonly Step[] = [
  {
    what: 'Give himself the right to decrypt with a partner’s key, and read what he finds wrapped for it.',
    calls: [['kms:PutKeyPolicy', 'key']],
    events: ['PutKeyPolicy', 'Decrypt'],
  },
  {
    what: 'Have a key used by grant, past its policy.',
    calls: [['kms:CreateGrant', 'key']],
    events: ['CreateGrant'],
  },
  {
    what: 'Put a key of his own under the name of an agency’s, so that deliver wraps for him.',
    calls: [
      ['kms:UpdateAlias', 'alias'],
      ['kms:DeleteAlias', 'alias'],
    ],
    events: ['UpdateAlias', 'DeleteAlias'],
  },
  {
    what: 'Give a key of his own the name that an agency’s next key is to have.',
    calls: [['kms:CreateAlias', 'next alias']],
    events: ['CreateAlias'],
  },
  {
    what: 'Become an agency that signs in with a certificate: change who may take its role, or make a role of that name.',
    calls: [
      ['iam:UpdateAssumeRolePolicy', 'role of an agency'],
      ['iam:CreateRole', 'role of an agency'],
    ],
    events: ['UpdateAssumeRolePolicy', 'CreateRole', 'AssumeRole', 'Decrypt'],
  },
  {
    what: 'Let the certificates of another authority in, or those that were revoked.',
    calls: [
      ['rolesanywhere:UpdateTrustAnchor', 'trust anchor'],
      ['rolesanywhere:UpdateProfile', 'profile'],
      ['rolesanywhere:DisableCrl', 'revocation list'],
    ],
    events: ['UpdateTrustAnchor', 'UpdateProfile', 'DisableCrl', 'CreateSession', 'Decrypt'],
  },
  {
    what: 'Become deliver. He then re-wraps what he likes for any agency of the registry, and still reads nothing himself.',
    calls: [
      ['iam:UpdateAssumeRolePolicy', 'role of deliver'],
      ['iam:PutRolePolicy', 'role of deliver'],
      ['iam:PassRole', 'role of deliver'],
    ],
    events: ['UpdateAssumeRolePolicy', 'PutRolePolicy', 'CreateFunction20150331', 'ReEncrypt'],
    note: 'iam:PassRole has no event of its own: the call that hands the role over has.',
  },
  {
    what: 'Change what deliver does, with the same effect.',
    calls: [
      ['lambda:UpdateFunctionCode', 'deliver'],
      ['lambda:UpdateFunctionConfiguration', 'deliver'],
      ['lambda:UpdateAlias', 'deliver'],
    ],
    events: ['UpdateFunctionCode20150331v2', 'UpdateFunctionConfiguration20150331v2', 'UpdateAlias20150331'],
  },
  {
    what: 'Leave the organisation, and with it the service control policy.',
    calls: [['organizations:LeaveOrganization', 'organization']],
    events: ['LeaveOrganization'],
  },
  {
    what: 'Have CloudFormation change anything, with the role that a stack was last deployed with.',
    calls: [
      ['cloudformation:UpdateStack', 'stack'],
      ['cloudformation:ExecuteChangeSet', 'stack'],
    ],
    events: ['UpdateStack', 'ExecuteChangeSet'],
  },
  {
    what: 'Put another template or other code where the next deployment takes them from.',
    calls: [
      ['s3:PutObject', 'code and templates'],
      ['s3:PutBucketPolicy', 'deployment bucket'],
    ],
    events: ['PutObject', 'PutBucketPolicy'],
    note: 'PutObject is a data event, which the trail must be told to record.',
  },
  {
    what: 'Write a row that sends a referral to an agency for which it was not meant. He reads it only with that agency’s help.',
    calls: [
      ['dynamodb:PutItem', 'ledger'],
      ['dynamodb:UpdateItem', 'ledger'],
    ],
    events: ['PutItem', 'UpdateItem', 'ReEncrypt'],
    note: `${TABLE_EVENTS} ReEncrypt is recorded unless the trail leaves out KMS, and its encryption context names referral and agency.`,
  },
  {
    what: 'Read the ledger: sealed bytes he cannot open; who referred what where and when, in clear.',
    calls: [
      ['dynamodb:Query', 'ledger'],
      ['dynamodb:ExportTableToPointInTime', 'ledger'],
    ],
    events: ['Query', 'ExportTableToPointInTime'],
    note: TABLE_EVENTS,
  },
  {
    what: 'Open a queue to himself: take sealed messages out of it, or put false ones in, which no agency accepts.',
    calls: [
      ['sqs:SetQueueAttributes', 'queue'],
      ['sqs:PurgeQueue', 'queue'],
    ],
    events: ['SetQueueAttributes', 'PurgeQueue'],
    note: 'What he takes is sent again, for the ledger owes it.',
  },
  {
    what: 'Publish a false intake key, by changing what query does. Hotlines seal for keys whose fingerprint they confirmed.',
    calls: [['lambda:UpdateFunctionCode', 'query']],
    events: ['UpdateFunctionCode20150331v2'],
  },
  {
    what: 'Lose referrals on their way in, by changing what submit does: it accepts them, and keeps nothing.',
    calls: [['lambda:UpdateFunctionCode', 'submit']],
    events: ['UpdateFunctionCode20150331v2'],
    note: 'Its hotline sees no answer, and in its status no such referral.',
  },
  {
    what: 'Make what is stored unreadable for good: destroy a key.',
    calls: [
      ['kms:ScheduleKeyDeletion', 'key'],
      ['kms:DisableKey', 'key'],
    ],
    events: ['ScheduleKeyDeletion', 'DisableKey'],
  },
  {
    what: 'Lose what is stored: delete rows, or the ledger, once he has lifted its deletion protection.',
    calls: [
      ['dynamodb:UpdateTable', 'ledger'],
      ['dynamodb:DeleteTable', 'ledger'],
      ['dynamodb:DeleteItem', 'ledger'],
    ],
    events: ['UpdateTable', 'DeleteTable', 'DeleteItem'],
    note: TABLE_EVENTS,
  },
  {
    what: 'Blind those who watch.',
    calls: [
      ['cloudtrail:StopLogging', 'trail'],
      ['events:DisableRule', 'rule on keys'],
    ],
    events: ['StopLogging', 'DisableRule'],
    note: 'The trail of an organisation is not his to stop.',
  },
];

export interface Possibility extends Step {
  /** Whether all of its calls are refused even without the service control policy, and by what. */
  refusedAnyway: string[];
  /** Statements of the service control policy that refuse calls of it. */
  closedBy: string[];
  /** Whether one of its calls is left to him with the service control policy. */
  open: boolean;
  /** Whether the alarm on keys speaks of one of its calls. */
  alarmed: boolean;
}

/**
 * What an administrator could do, each call put to the simulator.
 * @param key a partner's key in the relay's account
 */
export async function possibilities(place: Place, key: Thing): Promise<Possibility[]> {
  const targets = targetsOf(place, key);
  const control = controlPolicy(place.partition);
  const administrator = `arn:${place.partition}:iam::${place.account}:role/administrator`;
  return Promise.all(
    STEPS.map(async (step) => {
      const verdicts = await Promise.all(
        step.calls.map(async ([action, target]) => ({
          without: await callAs(administrator, action, targets[target], place.account, key, []),
          within: await callAs(administrator, action, targets[target], place.account, key, [control]),
        })),
      );
      return {
        ...step,
        refusedAnyway: verdicts.every(({ without }) => !without.allowed)
          ? sids(verdicts.flatMap(({ without }) => without.refusedBy))
          : [],
        closedBy: sids(verdicts.flatMap(({ within }) => within.refusedBy.filter(({ policy }) => policy === control))),
        open: verdicts.some(({ within }) => within.allowed),
        alarmed: step.calls.some(([action]) => WATCHED_CALLS.includes(action.replace('kms:', ''))),
      };
    }),
  );
}

const sids = (voices: Verdict['refusedBy']): string[] => [...new Set(voices.map(({ sid }) => sid))];

/** A call by somebody whom his own policies let everything. */
export const callAs = (
  principal: string,
  action: string,
  resource: string,
  account: string,
  key: Thing,
  control: Policy[],
): Promise<Verdict> =>
  ask(
    {
      principal,
      action,
      resource,
      account,
      context: {
        'aws:PrincipalArn': principal,
        'aws:SecureTransport': 'true',
        ...(resource === key.arn && key.aliases && { 'kms:ResourceAliases': key.aliases }),
      },
    },
    { identity: [WHATEVER], resource: resource === key.arn ? key.policy : undefined, control },
  );
