import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ENDPOINTS } from '../../core/endpoints.ts';
import { SCHEDULE } from '../../core/limits.ts';
import { FUNCTIONS, LANES } from '../../core/names.ts';
import { MINUTE, SECOND } from '../../core/time.ts';
import { OPTIONAL_VARIABLES, readConfig, VARIABLES } from '../../lambda/config.ts';
import { matchesPattern, policiesOf } from '../support/synthesized-policies.ts';
import {
  findProperties,
  idsOf,
  propertiesOf,
  REGION,
  resolve,
  resourcesOf,
  SETTINGS,
  type SynthesizedStack,
  synthesizeStage,
} from '../support/synthesized-stage.ts';

const service = synthesizeStage([]).stack('service');
const withDomain = synthesizeStage([], {
  settings: {
    ...SETTINGS,
    alarmEmails: ['a@relay.example', 'b@relay.example'],
    domain: {
      name: 'relay.example.org',
      certificateArn: 'arn:aws:acm:eu-west-2:111122223333:certificate/00000000-0000-4000-8000-000000000000',
      hostedZone: { id: 'Z0000000000000000000', name: 'example.org' },
      mutualTls: { bucket: 'relay-trust', key: 'partners.pem', version: 'v1' },
    },
    retention: { contentDays: 14, custodyDays: 60 },
    throttling: { rate: 50, burst: 80 },
    deliverConcurrency: { urgent: 5, routine: 3 },
    logDays: 30,
  },
}).stack('service');

const Named = z.object({
  FunctionName: z.string(),
  Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }),
});

/** API Gateway's ids are ten lower-case letters and digits. */
const API_ID = 'a1b2c3d4e5';

const environmentsOf = (stack: SynthesizedStack) => {
  const ids = Object.fromEntries(idsOf(stack, 'AWS::ApiGatewayV2::Api').map((id) => [id, API_ID]));
  return propertiesOf(stack, 'AWS::Lambda::Function').map((properties) => {
    const { FunctionName, Environment } = Named.parse(properties);
    const name = FUNCTIONS.find((name) => FunctionName === `referral-relay-prod-${name}`);
    if (!name) throw new Error(`unknown function ${FunctionName}`);
    const environment = z.record(z.string(), z.string()).parse(resolve(Environment.Variables, ids));
    return { name, environment };
  });
};

const authorities = (stack: SynthesizedStack) =>
  new Set(environmentsOf(stack).flatMap(({ environment }) => environment['RELAY_AUTHORITY'] ?? []));

it('cannot be deleted by mistake', () => {
  expect(service.terminationProtection).toBe(true);
});

describe('the environment of each function', () => {
  const found = environmentsOf(service);

  it('is there for all six', () => {
    expect(found.map(({ name }) => name).sort()).toEqual([...FUNCTIONS].sort());
  });

  it.each(found)('of $name is what its own configuration reads, and no variable more', ({ name, environment }) => {
    expect(readConfig(name, { ...environment, AWS_REGION: REGION })).toMatchObject({
      stage: 'prod',
      region: REGION,
      ledgerTable: 'referral-relay-prod-ledger',
      registryDir: '/var/task/registry',
    });
    expect([...Object.keys(environment), 'AWS_REGION'].sort()).toEqual([...VARIABLES[name]].sort());
  });

  it.each(found)(
    'of $name stops it at the start if any one variable that it needs is taken away',
    ({ name, environment }) => {
      for (const variable of Object.keys(environment)) {
        if (OPTIONAL_VARIABLES.includes(variable)) continue;
        const without = { ...environment, AWS_REGION: REGION, [variable]: undefined };
        expect(() => readConfig(name, without)).toThrow(variable);
      }
    },
  );

  it('is signed for the name that the API gives itself, unless a domain is set', () => {
    expect(authorities(service)).toEqual(new Set([`${API_ID}.execute-api.eu-west-2.amazonaws.com`]));
    expect(authorities(withDomain)).toEqual(new Set(['relay.example.org']));
  });

  it('keeps content and facts for as long as the operator says', () => {
    const [{ environment } = { environment: {} }] = environmentsOf(withDomain);
    expect(environment).toMatchObject({ CONTENT_DAYS: '14', CUSTODY_DAYS: '60' });
  });
});

describe('every function', () => {
  const functions = propertiesOf(service, 'AWS::Lambda::Function');

  it('runs on arm64 and Node 24, in the role made for it', () => {
    for (const properties of functions) {
      const { FunctionName } = Named.parse(properties);
      expect(properties).toMatchObject({
        Architectures: ['arm64'],
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: `arn:aws:iam::111122223333:role/${FunctionName}`,
      });
    }
  });

  it('logs JSON to a log group of its own that ends some day', () => {
    const groups = propertiesOf(service, 'AWS::Logs::LogGroup');
    expect(groups.map(({ LogGroupName, RetentionInDays }) => [LogGroupName, RetentionInDays])).toEqual(
      expect.arrayContaining(FUNCTIONS.map((name) => [`/aws/lambda/referral-relay-prod-${name}`, 90])),
    );
    expect(groups.every(({ RetentionInDays }) => RetentionInDays === 90)).toBe(true);
    expect(propertiesOf(withDomain, 'AWS::Logs::LogGroup').every(({ RetentionInDays }) => RetentionInDays === 30)).toBe(
      true,
    );
    for (const { LoggingConfig } of functions) expect(LoggingConfig).toMatchObject({ LogFormat: 'JSON' });
  });

  it('is reached by its alias only, which moves a tenth first and back on an alarm', () => {
    const aliases = resourcesOf(service, 'AWS::Lambda::Alias');
    expect(aliases.map(({ Properties }) => Properties['Name'])).toEqual(FUNCTIONS.map(() => 'live'));
    for (const alias of aliases) expect(alias).toHaveProperty('UpdatePolicy.CodeDeployLambdaAliasUpdate');
    const groups = propertiesOf(service, 'AWS::CodeDeploy::DeploymentGroup');
    expect(groups).toHaveLength(FUNCTIONS.length);
    for (const group of groups) {
      expect(group).toMatchObject({
        DeploymentConfigName: 'CodeDeployDefault.LambdaCanary10Percent5Minutes',
        AutoRollbackConfiguration: { Enabled: true, Events: expect.arrayContaining(['DEPLOYMENT_STOP_ON_ALARM']) },
        AlarmConfiguration: { Enabled: true, Alarms: expect.arrayContaining([expect.anything()]) },
      });
    }
    const callers = [
      ...propertiesOf(service, 'AWS::ApiGatewayV2::Integration').map(({ IntegrationUri }) => IntegrationUri),
      ...propertiesOf(service, 'AWS::Lambda::EventSourceMapping').map(({ FunctionName }) => FunctionName),
      ...propertiesOf(service, 'AWS::Lambda::Permission').map(({ FunctionName }) => FunctionName),
    ].map((value) => resolve(value));
    const aliasIds = idsOf(service, 'AWS::Lambda::Alias');
    expect(callers.length).toBeGreaterThan(10);
    for (const caller of callers) expect(aliasIds).toContain(caller);
  });

  it('shares what the account may run, but for collect, in which hotlines wait, and sweep', () => {
    const reserved = functions.flatMap(({ FunctionName, ReservedConcurrentExecutions }) =>
      ReservedConcurrentExecutions === undefined ? [] : [[FunctionName, ReservedConcurrentExecutions]],
    );
    expect(Object.fromEntries(reserved)).toEqual({
      'referral-relay-prod-collect': 200,
      'referral-relay-prod-sweep': 1,
    });
  });

  it.each(FUNCTIONS)('%s raises an alarm when it fails and when it is held back', (name) => {
    for (const [what, MetricName] of [
      ['errors', 'Errors'],
      ['throttles', 'Throttles'],
    ]) {
      const alarm = findProperties(
        service,
        'AWS::CloudWatch::Alarm',
        'AlarmName',
        `referral-relay-prod-${name}-${what}`,
      );
      expect(alarm).toMatchObject({ MetricName, Namespace: 'AWS/Lambda', Threshold: 1 });
    }
  });
});

describe('a deployment that is to mend what an alarm is raised for', () => {
  const mending = synthesizeStage([], { alarmsIgnored: true }).stack('service');
  it('is not stopped by that alarm, as every other is, and differs in nothing else', () => {
    for (const [stack, Enabled] of [
      [service, true],
      [mending, false],
    ] as const) {
      const groups = propertiesOf(stack, 'AWS::CodeDeploy::DeploymentGroup');
      expect(groups).toMatchObject(FUNCTIONS.map(() => ({ AlarmConfiguration: { Enabled } })));
    }
    const watched = JSON.stringify(mending.template).replaceAll('"Enabled":false', '"Enabled":true');
    expect(JSON.parse(watched)).toEqual(service.template);
  });
});

describe('the API', () => {
  it('has a route for every endpoint, to the function that serves it, and one for everything else', () => {
    const integrations = new Map(
      Object.entries(service.template.Resources)
        .filter(([, { Type }]) => Type === 'AWS::ApiGatewayV2::Integration')
        .map(([id, { Properties }]) => [id, String(resolve(Properties['IntegrationUri']))]),
    );
    const routes = propertiesOf(service, 'AWS::ApiGatewayV2::Route').map(({ RouteKey, Target }) => {
      const integration = integrations.get(String(resolve(Target)).replace('integrations/', ''));
      return [RouteKey, FUNCTIONS.find((name) => integration?.startsWith(`${name}Function`))];
    });
    expect(Object.fromEntries(routes)).toEqual({
      ...Object.fromEntries(ENDPOINTS.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint.function])),
      $default: 'query',
    });
  });

  it('has but the default stage, is throttled, and logs calls without path, query, headers or body', () => {
    const [stage, ...others] = propertiesOf(service, 'AWS::ApiGatewayV2::Stage');
    expect(others).toEqual([]);
    expect(stage).toMatchObject({
      StageName: '$default',
      AutoDeploy: true,
      DefaultRouteSettings: { ThrottlingRateLimit: 300, ThrottlingBurstLimit: 600 },
    });
    const { Format } = z.object({ Format: z.string() }).parse(stage?.['AccessLogSettings']);
    expect(
      Format.match(/\$context\.[\w.]+/g)
        ?.map((variable) => variable.slice('$context.'.length))
        .sort(),
    ).toEqual([
      'identity.sourceIp',
      'integrationErrorMessage',
      'integrationStatus',
      'requestId',
      'requestTimeEpoch',
      'responseLatency',
      'responseLength',
      'routeKey',
      'status',
    ]);
    expect(propertiesOf(withDomain, 'AWS::ApiGatewayV2::Stage')).toMatchObject([
      { DefaultRouteSettings: { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 80 } },
    ]);
  });

  it('raises an alarm when it turns calls away by itself, which only its log tells from other calls', () => {
    const [stage] = propertiesOf(service, 'AWS::ApiGatewayV2::Stage');
    const { DestinationArn, Format } = z
      .object({ DestinationArn: z.unknown(), Format: z.string() })
      .parse(stage?.['AccessLogSettings']);
    const [filter, ...others] = propertiesOf(service, 'AWS::Logs::MetricFilter');
    expect(others).toEqual([]);
    expect(resolve(DestinationArn)).toContain(String(resolve(filter?.['LogGroupName'])));
    expect(filter).toMatchObject({
      FilterPattern: '{ ($.status = "429") && ($.integration = "-") }',
      MetricTransformations: [
        { MetricNamespace: 'ReferralRelay', MetricName: 'throttled', Dimensions: [{ Key: 'Stage', Value: '$.stage' }] },
      ],
    });
    expect(JSON.parse(Format)).toMatchObject({
      stage: 'prod',
      status: '$context.status',
      integration: '$context.integrationStatus',
    });
    expect(
      findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', 'referral-relay-prod-api-throttles'),
    ).toMatchObject({
      Namespace: 'ReferralRelay',
      MetricName: 'throttled',
      Dimensions: [{ Name: 'Stage', Value: 'prod' }],
      Statistic: 'Sum',
      Threshold: 1,
    });
  });

  it('is at its own name without a domain', () => {
    expect(propertiesOf(service, 'AWS::ApiGatewayV2::Api')).toMatchObject([{ DisableExecuteApiEndpoint: false }]);
    expect(resourcesOf(service, 'AWS::ApiGatewayV2::DomainName')).toEqual([]);
  });

  it('is at the domain alone where one is set, with mutual TLS and without a mapping key', () => {
    expect(propertiesOf(withDomain, 'AWS::ApiGatewayV2::Api')).toMatchObject([{ DisableExecuteApiEndpoint: true }]);
    expect(propertiesOf(withDomain, 'AWS::ApiGatewayV2::DomainName')).toMatchObject([
      {
        DomainName: 'relay.example.org',
        MutualTlsAuthentication: { TruststoreUri: 's3://relay-trust/partners.pem', TruststoreVersion: 'v1' },
      },
    ]);
    const [mapping] = propertiesOf(withDomain, 'AWS::ApiGatewayV2::ApiMapping');
    expect(mapping).toBeDefined();
    expect(mapping).not.toHaveProperty('ApiMappingKey');
    expect(propertiesOf(withDomain, 'AWS::Route53::RecordSet')).toMatchObject([
      { Name: 'relay.example.org.', Type: 'A', HostedZoneId: 'Z0000000000000000000' },
    ]);
  });
});

describe.each(LANES)('dispatch, lane %s', (lane) => {
  const queue = (name: string) =>
    findProperties(service, 'AWS::SQS::Queue', 'QueueName', `referral-relay-prod-${name}`);
  const [timeout] = propertiesOf(service, 'AWS::Lambda::Function')
    .filter(({ FunctionName }) => FunctionName === 'referral-relay-prod-deliver')
    .map(({ Timeout }) => Number(Timeout));

  it('gives a failed batch time to come back, and ends what fails five times', () => {
    expect(queue(`dispatch-${lane}`)).toMatchObject({
      VisibilityTimeout: 6 * (timeout ?? Number.NaN),
      RedrivePolicy: {
        deadLetterTargetArn: `arn:aws:sqs:eu-west-2:111122223333:referral-relay-prod-dispatch-dead-${lane}`,
        maxReceiveCount: 5,
      },
    });
  });

  it('feeds deliver in batches of which single messages may fail, with a share of its own', () => {
    const mapping = (stack: SynthesizedStack) =>
      findProperties(
        stack,
        'AWS::Lambda::EventSourceMapping',
        'EventSourceArn',
        `arn:aws:sqs:eu-west-2:111122223333:referral-relay-prod-dispatch-${lane}`,
      );
    expect(mapping(service)).toMatchObject({
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 20 },
    });
    expect(mapping(service)).not.toHaveProperty('MaximumBatchingWindowInSeconds');
    expect(mapping(withDomain)).toMatchObject({ ScalingConfig: { MaximumConcurrency: lane === 'urgent' ? 5 : 3 } });
  });

  it('raises an alarm on what is not taken up: urgent after ten minutes, routine after an hour', () => {
    const name = `referral-relay-prod-dispatch-${lane}-waits`;
    expect(findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', name)).toMatchObject({
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateAgeOfOldestMessage',
      Statistic: 'Maximum',
      Dimensions: [{ Name: 'QueueName', Value: `referral-relay-prod-dispatch-${lane}` }],
      EvaluationPeriods: 1,
      Threshold: lane === 'urgent' ? 600 : 3600,
      TreatMissingData: 'notBreaching',
    });
  });

  it('raises an alarm on dead letters', () => {
    const name = `referral-relay-prod-dispatch-${lane}-dead-letters`;
    expect(findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', name)).toMatchObject({
      Dimensions: [{ Name: 'QueueName', Value: `referral-relay-prod-dispatch-dead-${lane}` }],
      Threshold: 1,
    });
  });
});

describe('a delivery that fails', () => {
  it('for long raises an alarm that holds from one attempt to the next', () => {
    const alarm = findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', 'referral-relay-prod-deliver-held-up');
    expect(alarm).toMatchObject({
      Namespace: 'ReferralRelay',
      MetricName: 'held-up',
      Dimensions: [{ Name: 'Stage', Value: 'prod' }],
      Threshold: 1,
      DatapointsToAlarm: 1,
      TreatMissingData: 'notBreaching',
    });
    const { Period, EvaluationPeriods } = alarm;
    expect(Number(Period) * Number(EvaluationPeriods) * SECOND).toBeGreaterThan(SCHEDULE.longestBackoff.other);
  });

  it('for ever raises an alarm', () => {
    const name = 'referral-relay-prod-deliver-undeliverable';
    expect(findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', name)).toMatchObject({
      Namespace: 'ReferralRelay',
      MetricName: 'undeliverable',
      Dimensions: [{ Name: 'Stage', Value: 'prod' }],
      Threshold: 1,
    });
  });
});

describe('sweep', () => {
  it('runs every minute, never twice at once, and is not repeated', () => {
    const sweep = findProperties(service, 'AWS::Lambda::Function', 'FunctionName', 'referral-relay-prod-sweep');
    expect(sweep).toMatchObject({ ReservedConcurrentExecutions: 1, Timeout: 55 });
    expect(findProperties(service, 'AWS::Events::Rule', 'Name', 'referral-relay-prod-sweep')).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      State: 'ENABLED',
      Targets: [{ RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } }],
    });
    expect(propertiesOf(service, 'AWS::Lambda::EventInvokeConfig')).toMatchObject([
      { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
    ]);
  });

  it('that is ordered by hand while another run is under way raises no alarm', () => {
    const alarm = findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', 'referral-relay-prod-sweep-throttles');
    const [periods, ofThem = periods] = ['EvaluationPeriods', 'DatapointsToAlarm'].map((name) => alarm[name]);
    // One of the two is held back, within the period of one datapoint or, at its end, of two.
    expect(Number(ofThem)).toBeGreaterThan(2);
  });

  it('is missed when it does not run', () => {
    const alarm = findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', 'referral-relay-prod-sweep-missing');
    expect(alarm).toMatchObject({
      Namespace: 'ReferralRelay',
      MetricName: 'swept',
      Dimensions: [{ Name: 'Stage', Value: 'prod' }],
      ComparisonOperator: 'LessThanThreshold',
      TreatMissingData: 'breaching',
    });
  });

  it('that fails raises an alarm once it lasts, and that holds for a single row as long as it fails', () => {
    const alarm = findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', 'referral-relay-prod-sweep-failing');
    expect(alarm).toMatchObject({
      Namespace: 'ReferralRelay',
      MetricName: 'due-failed',
      Dimensions: [{ Name: 'Stage', Value: 'prod' }],
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
    });
    const [period, periods, ofThem] = ['Period', 'EvaluationPeriods', 'DatapointsToAlarm'].map((name) =>
      Number(alarm[name]),
    ) as [number, number, number];
    // Not at what is over after five minutes; and a row that sweep has taken has its next turn after the lease.
    expect(ofThem).toBeGreaterThan(2);
    expect(period * SECOND).toBeLessThan(SCHEDULE.lease);
    expect(Math.floor((period * periods * SECOND) / (SCHEDULE.lease + MINUTE))).toBeGreaterThanOrEqual(ofThem);
  });
});

/** Whom the alarms tell, by the resource that says so. */
const subscriptions = (alarmEmails: string[]) => {
  const stack = synthesizeStage([], { settings: { ...SETTINGS, alarmEmails } }).stack('service');
  return new Map(
    Object.entries(stack.template.Resources).flatMap(([id, { Type, Properties }]) =>
      Type === 'AWS::SNS::Subscription' ? [[id, String(Properties['Endpoint'])]] : [],
    ),
  );
};

describe('the operator', () => {
  const topic = 'arn:aws:sns:eu-west-2:111122223333:referral-relay-prod-alarms';

  it('hears of every alarm', () => {
    const alarms = propertiesOf(service, 'AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThanOrEqual(17);
    for (const { AlarmActions } of alarms) expect(AlarmActions).toEqual([topic]);
    expect(propertiesOf(withDomain, 'AWS::SNS::Subscription')).toMatchObject([
      { Protocol: 'email', Endpoint: 'a@relay.example' },
      { Protocol: 'email', Endpoint: 'b@relay.example' },
    ]);
  });

  // SNS has one subscription for an address, however often it is asked for; CloudFormation asks for what is new, then
  // ends what was, and with it what it has just asked for under another name.
  it.each([
    ['goes', ['b@relay.example', 'c@relay.example']],
    ['comes', ['d@relay.example', 'a@relay.example', 'b@relay.example', 'c@relay.example']],
    ['changes places', ['c@relay.example', 'b@relay.example', 'a@relay.example']],
  ])('hears at every address also after another one %s', (_, addresses) => {
    const before = subscriptions(['a@relay.example', 'b@relay.example', 'c@relay.example']);
    const after = subscriptions(addresses);
    const standing = new Set([...before.values(), ...after.values()]);
    for (const [id, address] of before) if (after.get(id) !== address) standing.delete(address);
    expect(standing).toEqual(new Set(addresses));
  });

  it('hears through a topic with a key that CloudWatch and EventBridge may use', () => {
    const [{ KmsMasterKeyId } = { KmsMasterKeyId: undefined }] = propertiesOf(service, 'AWS::SNS::Topic');
    const [keyId] = String(resolve(KmsMasterKeyId)).split('.');
    const key = policiesOf(service).find(({ kind, owner }) => kind === 'key' && owner === keyId);
    expect(key?.statements.filter(({ Action }) => Action.includes('kms:Decrypt'))).toMatchObject([
      {
        Effect: 'Allow',
        Principal: { Service: ['cloudwatch.amazonaws.com', 'events.amazonaws.com'] },
        Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      },
    ]);
    expect(service.template.Resources[keyId ?? '']?.Properties).toMatchObject({ EnableKeyRotation: true });
  });

  it('is told by alarms of this account only', () => {
    const publishers = policiesOf(service).find(({ kind }) => kind === 'topic')?.statements;
    expect(publishers?.map(({ Effect, Principal }) => [Effect, Principal])).toEqual([
      ['Deny', '*'],
      ['Allow', { Service: ['cloudwatch.amazonaws.com'] }],
      ['Allow', { Service: ['events.amazonaws.com'] }],
    ]);
    expect(publishers?.[1]?.Condition?.['StringEquals']).toEqual({ 'aws:SourceAccount': ['111122223333'] });
    const [pattern = ''] = publishers?.[1]?.Condition?.['ArnLike']?.['aws:SourceArn'] ?? [];
    const alarm = 'arn:aws:cloudwatch:eu-west-2:111122223333:alarm:referral-relay';
    expect(matchesPattern(pattern, `${alarm}-prod-gb-lantern-unopened`)).toBe(true);
    expect(matchesPattern(pattern, `${alarm}-test-gb-lantern-unopened`)).toBe(false);
  });

  it('is told of every change to who may use a key, or whether it can be used', () => {
    const rule = findProperties(service, 'AWS::Events::Rule', 'Name', 'referral-relay-prod-key-changes');
    expect(rule).toMatchObject({
      State: 'ENABLED',
      EventPattern: {
        source: ['aws.kms'],
        'detail-type': ['AWS API Call via CloudTrail'],
        detail: {
          eventName: expect.arrayContaining(['PutKeyPolicy', 'CreateGrant', 'DisableKey', 'ScheduleKeyDeletion']),
        },
      },
      Targets: [{ Arn: topic }],
    });
  });

  it('sees partners on the dashboard without their being named there', () => {
    const [dashboard] = propertiesOf(service, 'AWS::CloudWatch::Dashboard');
    const body = z
      .object({ widgets: z.array(z.object({ properties: z.looseObject({ title: z.string().optional() }) })) })
      .parse(JSON.parse(String(resolve(dashboard?.['DashboardBody']))));
    expect(body.widgets.map(({ properties }) => properties.title)).toEqual(
      expect.arrayContaining(['Unopened, immediate, by agency', 'Agencies: dead letters', 'Dispatch: dead letters']),
    );
    expect(JSON.stringify(body)).toContain('SEARCH(');
  });
});
