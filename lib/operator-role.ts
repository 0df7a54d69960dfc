import { CfnRole } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { agencyQueue, DUE_INDEX, dispatchQueue, LANES, LIVE_ALIAS, OPERATOR, roleName } from '../core/names.ts';
import { SUSPENSION } from '../lambda/ledger-items.ts';
import { PARTNERS } from './function-policies.ts';
import { acknowledge } from './nag.ts';
import { functionArn, ledgerArn, type Place, queueArn } from './place.ts';
import { accountOf, only, policyDocument, type Statement } from './policy.ts';
import { RECEIVE } from './queue-policies.ts';

/** What `npm run ops` does, and no more: no key, no inbox, no other function; of the ledger, only suspensions go. */
const statementsFor = (place: Place): Statement[] => [
  {
    Sid: 'LookIntoLedger',
    Effect: 'Allow',
    Action: ['dynamodb:GetItem', 'dynamodb:Query'],
    Resource: [ledgerArn(place), `${ledgerArn(place)}/index/${DUE_INDEX}`],
  },
  {
    Sid: 'OweAnew',
    Effect: 'Allow',
    Action: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
    Resource: ledgerArn(place),
  },
  {
    Sid: 'LiftSuspensions',
    Effect: 'Allow',
    Action: 'dynamodb:DeleteItem',
    Resource: ledgerArn(place),
    Condition: {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': `${SUSPENSION}*` },
      // "For all values" holds of none as well.
      Null: { 'dynamodb:LeadingKeys': 'false' },
    },
  },
  {
    Sid: 'CountQueues',
    Effect: 'Allow',
    Action: ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl'],
    Resource: queueArn(place, `referral-relay-${place.stage}-*`),
  },
  {
    Sid: 'TakeDeadLetters',
    Effect: 'Allow',
    Action: RECEIVE,
    Resource: [
      ...LANES.map((lane) => queueArn(place, dispatchQueue(place.stage, `dead-${lane}`))),
      ...PARTNERS.map((agency) => queueArn(place, agencyQueue(place.stage, agency, 'dead'))),
    ],
  },
  {
    Sid: 'RunSweep',
    Effect: 'Allow',
    Action: 'lambda:InvokeFunction',
    Resource: `${functionArn(place, 'sweep')}:${LIVE_ALIAS}`,
  },
];

/** @param operators ARNs of the roles and users that may take it on */
export function createOperatorRole(scope: Construct, place: Place, operators: readonly string[]): void {
  const statements = statementsFor(place);
  const role = new CfnRole(scope, 'Operator', {
    roleName: roleName(place.stage, OPERATOR),
    description: `What npm run ops of referral-relay ${place.stage} does, and no more`,
    assumeRolePolicyDocument: policyDocument(
      operators.map((operator, index) => ({
        Sid: `Operator${index + 1}`,
        Effect: 'Allow',
        Principal: accountOf(operator),
        Action: 'sts:AssumeRole',
        Condition: only(operator),
      })),
    ),
    policies: [{ policyName: 'least', policyDocument: policyDocument(statements) }],
  });
  for (const resource of statements.flatMap(({ Resource = [] }) => Resource).filter((one) => one.includes('*'))) {
    acknowledge(
      role,
      `IAM5[Resource::${resource}]`,
      'The queues of all partners of this stage: to count what waits in any, and to take from those for dead letters.',
    );
  }
}
