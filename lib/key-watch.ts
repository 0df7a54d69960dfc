import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { describeRunbook, type Runbook } from './alarms.ts';
import type { Place } from './place.ts';
import type { Publisher } from './topics.ts';

/**
 * What changes who may use a key, whether it can be used, or which key a name stands for. Not `CreateAlias`: each new
 * partner and each rotation makes one, and no name that is in use can be made again without one of these.
 */
export const WATCHED_CALLS = [
  'CancelKeyDeletion',
  'CreateGrant',
  'DeleteAlias',
  'DisableKey',
  'DisableKeyRotation',
  'EnableKey',
  'PutKeyPolicy',
  'ReplicateKey',
  'ScheduleKeyDeletion',
  'UpdateAlias',
];

const RUNBOOK: Runbook = 'suspected-leak.md#key-changes';

/** Read at night on a telephone: who did what to which key, and where it says what to do. What was not given is empty. */
const MESSAGE = RuleTargetInput.fromMultilineText(
  [
    `Key change: ${EventField.fromPath('$.detail.eventName')} ${EventField.fromPath('$.detail.errorCode')}`,
    `by ${EventField.fromPath('$.detail.userIdentity.arn')} from ${EventField.fromPath('$.detail.sourceIPAddress')}`,
    `at ${EventField.fromPath('$.detail.eventTime')}, account ${EventField.fromPath('$.account')}`,
    `key ${EventField.fromPath('$.detail.requestParameters.keyId')}${EventField.fromPath('$.detail.requestParameters.targetKeyId')} ${EventField.fromPath('$.detail.requestParameters.aliasName')}`,
    `event ${EventField.fromPath('$.detail.eventID')} in CloudTrail`,
    describeRunbook(RUNBOOK),
  ].join('\n'),
);

/**
 * Tells the operator of every such call to KMS in this account and Region, tried or done, by whom and on which key. It
 * comes by CloudTrail, so the account needs a trail that logs management events, as every organisation's has.
 */
export function watchKeys(scope: Construct, place: Place, alarms: ITopic): void {
  new Rule(scope, 'KeyChanges', {
    ruleName: `referral-relay-${place.stage}-key-changes`,
    description: `Changes to the policies and the state of keys, as CloudTrail sees them. ${describeRunbook(RUNBOOK)}`,
    eventPattern: {
      source: ['aws.kms'],
      detailType: ['AWS API Call via CloudTrail'],
      detail: { eventSource: ['kms.amazonaws.com'], eventName: WATCHED_CALLS },
    },
    targets: [new SnsTopic(alarms, { message: MESSAGE })],
  });
}

/** Without conditions: EventBridge names no source when it publishes to an encrypted topic. */
export const RULES_PUBLISH: Publisher = {
  Sid: 'RulesOfEventBridge',
  Effect: 'Allow',
  Principal: { Service: 'events.amazonaws.com' },
  Action: 'sns:Publish',
};
