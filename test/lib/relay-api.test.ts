import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ENDPOINTS } from '../../core/endpoints.ts';
import { FUNCTIONS } from '../../core/names.ts';
import { service, withEverySetting } from '../support/synthesized-service.ts';
import { findProperties, propertiesOf, resolve, resourcesOf } from '../support/synthesized-stage.ts';

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
    expect(propertiesOf(withEverySetting, 'AWS::ApiGatewayV2::Stage')).toMatchObject([
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
    expect(propertiesOf(withEverySetting, 'AWS::ApiGatewayV2::Api')).toMatchObject([
      { DisableExecuteApiEndpoint: true },
    ]);
    expect(propertiesOf(withEverySetting, 'AWS::ApiGatewayV2::DomainName')).toMatchObject([
      {
        DomainName: 'relay.example.org',
        MutualTlsAuthentication: { TruststoreUri: 's3://relay-trust/partners.pem', TruststoreVersion: 'v1' },
      },
    ]);
    const [mapping] = propertiesOf(withEverySetting, 'AWS::ApiGatewayV2::ApiMapping');
    expect(mapping).toBeDefined();
    expect(mapping).not.toHaveProperty('ApiMappingKey');
    expect(propertiesOf(withEverySetting, 'AWS::Route53::RecordSet')).toMatchObject([
      { Name: 'relay.example.org.', Type: 'A', HostedZoneId: 'Z0000000000000000000' },
    ]);
  });
});
