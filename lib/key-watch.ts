import { Rule } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { Place } from './place.ts';
import type { Publisher } from './topics.ts';

/** What changes who may use a key, whether it can be used, or which key a name stands for. */
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

/**
 * Tells the operator of every such call to KMS in this account and Region, tried or done, by whom and on which key. It
 * comes by CloudTrail, so the account needs a trail that logs management events, as every organisation's has.
 */
export function watchKeys(scope: Construct, place: Place, alarms: ITopic): void {
  new Rule(scope, 'KeyChanges', {
    ruleName: `referral-relay-${place.stage}-key-changes`,
    description: 'Changes to the policies and the state of keys, as CloudTrail sees them',
    eventPattern: {
      source: ['aws.kms'],
      detailType: ['AWS API Call via CloudTrail'],
      detail: { eventSource: ['kms.amazonaws.com'], eventName: WATCHED_CALLS },
    },
    targets: [new SnsTopic(alarms)],
  });
}

/** Without conditions: EventBridge names no source when it publishes to an encrypted topic. */
export const RULES_PUBLISH: Publisher = {
  Sid: 'RulesOfEventBridge',
  Effect: 'Allow',
  Principal: { Service: 'events.amazonaws.com' },
  Action: 'sns:Publish',
};
