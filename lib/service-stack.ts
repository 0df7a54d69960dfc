import { Duration, Stack } from 'aws-cdk-lib';
import { LambdaApplication } from 'aws-cdk-lib/aws-codedeploy';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { alarmTopic, FUNCTIONS, type FunctionName, LANES, roleName, stackName } from '../core/names.ts';
import { createAlarm, eventMetric } from './alarms.ts';
import type { Bundles } from './bundle.ts';
import { createDashboard } from './dashboard.ts';
import { Dispatch } from './dispatch.ts';
import { functionEnvironment } from './function-environment.ts';
import { administration } from './key-policies.ts';
import { RULES_PUBLISH, watchKeys } from './key-watch.ts';
import { acknowledge } from './nag.ts';
import { createOperatorRole } from './operator-role.ts';
import { type Place, roleArn } from './place.ts';
import { policyDocument } from './policy.ts';
import { RelayApi } from './relay-api.ts';
import { RelayFunction } from './relay-function.ts';
import type { StageSettings } from './stage-settings.ts';
import { tagStage } from './tags.ts';
import { alarmsPublish, createTopic } from './topics.ts';

const DESCRIPTIONS: Readonly<Record<FunctionName, string>> = {
  submit: 'Takes in referrals, further routes and withdrawals',
  deliver: 'Re-wraps content keys for agencies and fills their queues',
  answer: 'Takes in what agencies answer',
  collect: 'Hands answers to hotlines',
  query: 'Status and directory; refuses what is no call',
  sweep: 'Every minute: what is due goes out again',
};

export interface ServiceStackProps {
  place: Place;
  settings: StageSettings;
  bundles: Bundles;
  /** Whether alarms do not stop the deployment. */
  alarmsIgnored: boolean;
}

/** What works and holds nothing: the API, the functions, their queues, and the operator's eyes. */
export class ServiceStack extends Stack {
  constructor(scope: Construct, { place, settings, bundles, alarmsIgnored }: ServiceStackProps) {
    const { stage, account, region } = place;
    super(scope, stackName(stage, 'service'), {
      env: { account, region },
      description: `referral-relay ${stage}: API and functions`,
      // With it would go the logs, who has confirmed to hear of alarms, and without a domain the name that partners call.
      terminationProtection: true,
    });
    tagStage(this, stage);
    createAlarmTopic(this, place, settings.alarmEmails);

    const api = new RelayApi(this, 'Api', { place, settings, logRetention: settings.logDays });
    const create = (name: FunctionName): RelayFunction =>
      new RelayFunction(this, name, {
        place,
        name,
        description: DESCRIPTIONS[name],
        bundle: bundles[name],
        environment: functionEnvironment(name, place, settings, api.authority),
        logRetention: settings.logDays,
        // A run of sweep that could not start is not made up for: the next one comes within a minute.
        ...(name === 'sweep' && { asynchronous: { retryAttempts: 0, maxEventAge: Duration.minutes(1) } }),
      });
    const functions: Readonly<Record<FunctionName, RelayFunction>> = {
      submit: create('submit'),
      deliver: create('deliver'),
      answer: create('answer'),
      collect: create('collect'),
      query: create('query'),
      sweep: create('sweep'),
    };
    const { submit, answer, collect, query } = functions;
    api.serve({ submit: submit.callable, answer: answer.callable, collect: collect.callable, query: query.callable });
    deployGradually(this, place, functions, api, alarmsIgnored);

    for (const lane of LANES) {
      new Dispatch(this, `Dispatch-${lane}`, {
        place,
        lane,
        deliver: functions.deliver.live,
        maximumConcurrency: settings.deliverConcurrency[lane],
      });
    }
    watchDeliveries(this, place);
    scheduleSweep(this, place, functions.sweep);
    if (settings.operators) createOperatorRole(this, place, settings.operators);
    createDashboard(this, place, api.api.apiId);
  }
}

function createAlarmTopic(scope: Construct, place: Place, emails: readonly string[]): void {
  const key = new CfnKey(scope, 'AlarmKey', {
    description: `referral-relay ${place.stage}: alarms on their way to the operator`,
    enableKeyRotation: true,
    keyPolicy: policyDocument([
      administration(roleArn(place, 'deliver')),
      {
        // What AWS itself says encrypts to a topic: its own key for SNS lets neither of them.
        Sid: 'AlarmsAndRules',
        Effect: 'Allow',
        Principal: { Service: ['cloudwatch.amazonaws.com', 'events.amazonaws.com'] },
        Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        Resource: '*',
      },
    ]),
  });
  const topic = createTopic(scope, 'Alarms', {
    place,
    name: alarmTopic(place.stage),
    displayName: `Referral relay ${place.stage}`,
    key,
    publishers: [alarmsPublish(place), RULES_PUBLISH],
    subscribers: emails,
  });
  watchKeys(scope, place, topic);
}

function deployGradually(
  scope: Construct,
  place: Place,
  functions: Readonly<Record<FunctionName, RelayFunction>>,
  api: RelayApi,
  alarmsIgnored: boolean,
): void {
  const application = new LambdaApplication(scope, 'Deployments', { applicationName: `referral-relay-${place.stage}` });
  const role = new Role(scope, 'DeploymentRole', {
    roleName: roleName(place.stage, 'codedeploy'),
    assumedBy: new ServicePrincipal('codedeploy.amazonaws.com'),
  });
  acknowledge(
    role,
    `IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]`,
    "AWS's own, and the least that CodeDeploy works with: it moves aliases and reads alarms.",
  );
  const behindApi: ReadonlySet<FunctionName> = new Set(['submit', 'answer', 'collect', 'query']);
  for (const name of FUNCTIONS) {
    const alarms = behindApi.has(name) ? [api.serverErrors] : [];
    functions[name].deployGradually(application, role, alarms, alarmsIgnored);
  }
}

/** What does not reach an agency and lies in no queue, where another alarm would see it. */
function watchDeliveries(scope: Construct, place: Place): void {
  createAlarm(scope, 'HeldUp', {
    place,
    holder: 'deliver',
    what: 'held-up',
    description:
      'A delivery fails, and not for a moment: a key that is disabled, an agency that is gone from the registry. Or an immediate referral was not placed within 15 minutes. It is tried again.',
    runbook: 'service-faults.md#held-up',
    // Every six hours at the latest there is another attempt: until it succeeds, the alarm holds.
    metric: eventMetric(place.stage, 'held-up').with({ period: Duration.hours(1) }),
    threshold: 1,
    periods: 7,
    ofThem: 1,
  });
  createAlarm(scope, 'Undeliverable', {
    place,
    holder: 'deliver',
    what: 'undeliverable',
    description:
      'A referral that no key opens, for its hotline has sealed it wrongly: no agency gets it. Call the hotline.',
    runbook: 'dead-letters.md#undeliverable',
    metric: eventMetric(place.stage, 'undeliverable'),
    threshold: 1,
  });
}

function scheduleSweep(scope: Construct, place: Place, sweep: RelayFunction): void {
  new Rule(scope, 'EveryMinute', {
    ruleName: `referral-relay-${place.stage}-sweep`,
    schedule: Schedule.rate(Duration.minutes(1)),
    targets: [new LambdaFunction(sweep.callable, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
  });
  createAlarm(scope, 'SweepMissing', {
    place,
    holder: 'sweep',
    what: 'missing',
    description:
      'Sweep has not run for five minutes: what failed once is not sent again, and no immediate referral is watched.',
    runbook: 'service-faults.md#missing',
    metric: eventMetric(place.stage, 'swept'),
    threshold: 1,
    below: true,
    silenceIsAFault: true,
  });
  createAlarm(scope, 'SweepFailing', {
    place,
    holder: 'sweep',
    what: 'failing',
    description:
      'Sweep fails again and again at something that is due: it is not sent on, and its hotline or agency waits. The log says at what and why.',
    runbook: 'service-faults.md#failing',
    // Three times within three quarters of an hour: what sweep has taken, it comes back to within eleven minutes.
    metric: eventMetric(place.stage, 'due-failed'),
    threshold: 1,
    periods: 9,
    ofThem: 3,
  });
}
