import { CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { METRIC_NAMESPACE, STAGE_DIMENSION, UNOPENED_IMMEDIATE } from '../core/metrics.ts';
import { agencyAlias, agencyQueue, type AgencyQueue, type Lane, pageTopic, stackName } from '../core/names.ts';
import type { Agency } from '../core/registry.ts';
import { QUEUE_TRAITS } from '../core/sizing.ts';
import { createAlarm, queueMetric } from './alarms.ts';
import { agencyKeyPolicy } from './key-policies.ts';
import { allowOwnKeys } from './own-keys.ts';
import { createPartnerKey } from './partner-key.ts';
import { type Place, queueArn, roleArn } from './place.ts';
import { accountOf, only, type Statement } from './policy.ts';
import { LOOK, RECEIVE } from './queue-policies.ts';
import { RelayQueue } from './relay-queue.ts';
import { AgencySignIn } from './roles-anywhere.ts';
import { tagPartner } from './tags.ts';
import { createTopic } from './topics.ts';

/** Who polls and decrypts for an agency: its own principal, or the role that its stack makes in the relay's account. */
export const agencyPrincipal = (place: Place, { id, principal }: Agency): string => principal ?? roleArn(place, id);

/** An agency: a key for each generation, its inbox in two lanes, its way in, and its alarms. */
export class AgencyStack extends Stack {
  constructor(scope: Construct, place: Place, agency: Agency) {
    const { stage, account, region } = place;
    super(scope, stackName(stage, agency.id), {
      env: { account, region },
      description: `referral-relay ${stage}: agency ${agency.id}`,
      terminationProtection: true,
    });
    tagPartner(this, stage, agency.id);

    const keyArns = createKeys(this, place, agency);
    allowOwnKeys(this, place, agency);
    createInbox(this, place, agency);
    createAlarms(this, place, agency);
    if (agency.contact.page !== undefined) createPage(this, place, agency.id, agency.contact.page);
    if (agency.rolesAnywhere) {
      const signIn = new AgencySignIn(this, 'SignIn', {
        place,
        agency: agency.id,
        access: agency.rolesAnywhere,
        statements: accessOf(place, agency.id, keyArns),
      });
      new CfnOutput(this, 'TrustAnchorArn', { value: signIn.trustAnchorArn });
      new CfnOutput(this, 'ProfileArn', { value: signIn.profileArn });
      new CfnOutput(this, 'RoleArn', { value: signIn.roleArn });
    }
  }
}

/** @returns the ARN of every key, oldest generation first as in the registry */
function createKeys(scope: Construct, place: Place, agency: Agency): string[] {
  const principal = agencyPrincipal(place, agency);
  return agency.kmsKeys.map(({ generation, arn }) => {
    if (arn === undefined) {
      const key = createPartnerKey(scope, `Agency${generation}`, {
        alias: agencyAlias(place.stage, agency.id, generation),
        spec: 'SYMMETRIC_DEFAULT',
        description: `referral-relay ${place.stage}: referrals are wrapped for ${agency.id} (generation ${generation})`,
        policy: agencyKeyPolicy(place, agency.id, principal, roleArn(place, 'deliver')),
      });
      new CfnOutput(scope, `KmsKeyArn${generation}`, { value: key.attrArn });
      return key.attrArn;
    }
    new CfnOutput(scope, `OwnKeyPolicy${generation}`, {
      description: `Policy that the agency puts on its key ${arn}`,
      value: JSON.stringify(agencyKeyPolicy(place, agency.id, principal, arn)),
    });
    return arn;
  });
}

function createInbox(scope: Construct, place: Place, agency: Agency): void {
  const { visibility, receives } = QUEUE_TRAITS.agency;
  const name = (queue: AgencyQueue): string => agencyQueue(place.stage, agency.id, queue);
  const principal = agencyPrincipal(place, agency);
  const dead = new RelayQueue(scope, 'Dead', { place, name: name('dead'), visibility, senders: [] });
  const createLane = (id: string, lane: Lane): RelayQueue => {
    const queue = new RelayQueue(scope, id, {
      place,
      name: name(lane),
      visibility,
      deadLetters: { queue: dead.arn, receives },
      senders: [roleArn(place, 'deliver')],
      receivers: [principal],
      guest: principal,
    });
    queue.after(dead);
    new CfnOutput(scope, `${id}QueueUrl`, { value: queue.url });
    return queue;
  };
  dead.takeFrom(createLane('Urgent', 'urgent').arn, createLane('Routine', 'routine').arn);
}

function createAlarms(scope: Construct, place: Place, agency: Agency): void {
  const { stage } = place;
  const alarm = { place, holder: agency.id };
  createAlarm(scope, 'DeadLetters', {
    ...alarm,
    what: 'dead-letters',
    description: `Messages that ${agency.id} received ${QUEUE_TRAITS.agency.receives} times and did not delete. The ledger still owes what they stand for.`,
    runbook: 'dead-letters.md#of-an-agency',
    metric: queueMetric(agencyQueue(stage, agency.id, 'dead'), 'ApproximateNumberOfMessagesVisible'),
    threshold: 1,
  });
  createAlarm(scope, 'UrgentWaits', {
    ...alarm,
    what: 'urgent-waits',
    description: `Something urgent has waited for an hour in the queue of ${agency.id}: is its system running? Call the agency.`,
    runbook: 'silent-agency.md#urgent-waits',
    metric: queueMetric(agencyQueue(stage, agency.id, 'urgent'), 'ApproximateAgeOfOldestMessage'),
    threshold: Duration.hours(1).toSeconds(),
  });
  createAlarm(scope, 'Unopened', {
    ...alarm,
    what: 'unopened',
    description: `An immediate referral to ${agency.id} has not been opened for more than 15 minutes. Call the agency.`,
    runbook: 'silent-agency.md#unopened',
    metric: new Metric({
      namespace: METRIC_NAMESPACE,
      metricName: UNOPENED_IMMEDIATE.metric,
      dimensionsMap: { [STAGE_DIMENSION]: stage, [UNOPENED_IMMEDIATE.dimension]: agency.id },
      statistic: Stats.MAXIMUM,
      period: Duration.minutes(1),
    }),
    threshold: 1,
    // Sweep says it every minute; one run that comes late does not mean that it is opened.
    periods: 5,
    ofThem: 1,
  });
}

/**
 * Where sweep tells the agency's own people that something immediate waits: ids and times, nothing of a referral. Without
 * a KMS key, for with one sweep would need `kms:Decrypt`.
 */
function createPage(scope: Construct, place: Place, agency: string, to: string): void {
  const sweep = roleArn(place, 'sweep');
  createTopic(scope, 'Page', {
    place,
    name: pageTopic(place.stage, agency),
    displayName: 'Referral relay',
    publishers: [
      { Sid: 'Sweep', Effect: 'Allow', Principal: accountOf(sweep), Action: 'sns:Publish', Condition: only(sweep) },
    ],
    subscribers: [to],
  });
}

/** What an agency may do as a role of the relay's account; one with an account of its own needs the same there. */
const accessOf = (place: Place, agency: string, keyArns: string[]): Statement[] => [
  {
    Sid: 'ReceiveReferrals',
    Effect: 'Allow',
    Action: [...RECEIVE, ...LOOK],
    Resource: (['urgent', 'routine'] as const).map((lane) => queueArn(place, agencyQueue(place.stage, agency, lane))),
  },
  {
    Sid: 'UnwrapReferrals',
    Effect: 'Allow',
    Action: 'kms:Decrypt',
    Resource: keyArns,
    Condition: { StringEquals: { 'kms:EncryptionContext:agency': agency } },
  },
  { Sid: 'LookAtTheKey', Effect: 'Allow', Action: 'kms:DescribeKey', Resource: keyArns },
];
