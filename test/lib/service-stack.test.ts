import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { FUNCTIONS } from '../../core/names.ts';
import { OPTIONAL_VARIABLES, readConfig, VARIABLES } from '../../lambda/config.ts';
import { service, withEverySetting } from '../support/synthesized-service.ts';
import {
  findProperties,
  idsOf,
  propertiesOf,
  REGION,
  resolve,
  resourcesOf,
  type SynthesizedStack,
  synthesizeStage,
} from '../support/synthesized-stage.ts';

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
    expect(authorities(withEverySetting)).toEqual(new Set(['relay.example.org']));
  });

  it('keeps content and facts for as long as the operator says', () => {
    const [{ environment } = { environment: {} }] = environmentsOf(withEverySetting);
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
    expect(
      propertiesOf(withEverySetting, 'AWS::Logs::LogGroup').every(({ RetentionInDays }) => RetentionInDays === 30),
    ).toBe(true);
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
