import { CfnOutput, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  ApiMapping,
  DomainName,
  type DomainNameProps,
  HttpApi,
  HttpMethod,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { type Alarm, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern, LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayv2DomainProperties } from 'aws-cdk-lib/aws-route53-targets';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { DEFAULT_FUNCTION, ENDPOINTS } from '../core/endpoints.ts';
import { METRIC_NAMESPACE, STAGE_DIMENSION } from '../core/metrics.ts';
import { accessLogGroup, type FunctionName } from '../core/names.ts';
import { createAlarm } from './alarms.ts';
import { acknowledge } from './nag.ts';
import type { Place } from './place.ts';
import type { StageSettings } from './stage-settings.ts';

export interface RelayApiProps {
  place: Place;
  settings: StageSettings;
  logRetention: RetentionDays;
}

/** The functions behind the API. */
export type ApiFunction = (typeof ENDPOINTS)[number]['function'] | typeof DEFAULT_FUNCTION;

/** What one call left behind: neither body nor path, whose ids are in the functions' own log. */
const ACCESS_LOG = {
  requestId: '$context.requestId',
  time: '$context.requestTimeEpoch',
  source: '$context.identity.sourceIp',
  route: '$context.routeKey',
  status: '$context.status',
  /** Of Lambda, whatever its function answered; "-" where the gateway answered by itself. */
  integration: '$context.integrationStatus',
  bytes: '$context.responseLength',
  milliseconds: '$context.responseLatency',
  error: '$context.integrationErrorMessage',
};

/** The HTTP API: explicit routes, and `$default` for whatever else is called, so that it too is verified before it is refused. */
export class RelayApi extends Construct {
  readonly api: HttpApi;
  /** Host that requests are signed for; without a domain it is known when the API has been made. */
  readonly authority: string;
  readonly serverErrors: Alarm;

  constructor(scope: Construct, id: string, { place, settings, logRetention }: RelayApiProps) {
    super(scope, id);
    const { domain } = settings;
    this.api = new HttpApi(this, 'Http', {
      apiName: `referral-relay-${place.stage}`,
      createDefaultStage: false,
      // With a domain (and perhaps mutual TLS) there must be no way around it.
      disableExecuteApiEndpoint: domain !== undefined,
    });
    this.authority = domain?.name ?? `${this.api.apiId}.execute-api.${place.region}.${place.domain}`;
    const log = new LogGroup(this, 'AccessLog', {
      logGroupName: accessLogGroup(place.stage),
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: settings.throttling.rate, burstLimit: settings.throttling.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(log),
        format: AccessLogFormat.custom(JSON.stringify({ stage: place.stage, ...ACCESS_LOG })),
      },
    });
    if (domain) new ApiMapping(this, 'Mapping', { api: this.api, domainName: createDomain(this, domain), stage });
    this.serverErrors = createAlarm(this, 'ServerErrors', {
      place,
      holder: 'api',
      what: 'server-errors',
      description: 'Calls are answered with 5xx. Partners repeat them; what was accepted is safe.',
      runbook: 'service-faults.md#server-errors',
      metric: this.api.metricServerError({ period: Duration.minutes(1), statistic: Stats.SUM }),
      threshold: 1,
      periods: 2,
    });
    watchThrottling(this, place, log);
    new CfnOutput(scope, 'ApiUrl', { value: `https://${this.authority}` });
  }

  serve(functions: Readonly<Record<ApiFunction, IFunction>>): void {
    const integrations = new Map<FunctionName, HttpLambdaIntegration>();
    const add = (id: string, name: ApiFunction, routeKey: HttpRouteKey): void => {
      const integration = integrations.get(name) ?? new HttpLambdaIntegration(name, functions[name]);
      integrations.set(name, integration);
      const route = new HttpRoute(this, id, { httpApi: this.api, routeKey, integration });
      acknowledge(
        route,
        'APIG4',
        'Every call is signed by its partner (RFC 9421). The function verifies that over the raw body, which an authorizer does not see.',
      );
    };
    for (const { name, method, path, function: served } of ENDPOINTS) {
      add(`Route-${name}`, served, HttpRouteKey.with(path, HttpMethod[method]));
    }
    add('Route-default', DEFAULT_FUNCTION, HttpRouteKey.DEFAULT);
  }
}

/**
 * Calls that the gateway itself turns away, whoever makes them: no function hears of them, and no metric of AWS tells them
 * from other 4xx. It logs them, if not all of very many (API Gateway, "Monitor HTTP APIs").
 */
function watchThrottling(scope: Construct, place: Place, log: LogGroup): void {
  const metric = { metricNamespace: METRIC_NAMESPACE, metricName: 'throttled' };
  log.addMetricFilter('Throttled', {
    ...metric,
    filterPattern: FilterPattern.all(
      FilterPattern.stringValue('$.status', '=', '429'),
      FilterPattern.stringValue('$.integration', '=', '-'),
    ),
    metricValue: '1',
    dimensions: { [STAGE_DIMENSION]: '$.stage' },
  });
  createAlarm(scope, 'Throttles', {
    place,
    holder: 'api',
    what: 'throttles',
    description:
      'API Gateway turns calls away (429), of whichever partner, for there are more than it lets through. Partners repeat them, and wait.',
    runbook: 'service-faults.md#calls-turned-away',
    metric: new Metric({
      namespace: metric.metricNamespace,
      metricName: metric.metricName,
      dimensionsMap: { [STAGE_DIMENSION]: place.stage },
      statistic: Stats.SUM,
      period: Duration.minutes(1),
    }),
    threshold: 1,
    // A bulk may begin with a burst; its hotline then slows down.
    periods: 5,
    ofThem: 3,
  });
}

function createDomain(scope: Construct, domain: NonNullable<StageSettings['domain']>): DomainName {
  const { mutualTls, hostedZone } = domain;
  const mtls: DomainNameProps['mtls'] = mutualTls && {
    bucket: Bucket.fromBucketName(scope, 'TrustStore', mutualTls.bucket),
    key: mutualTls.key,
    ...(mutualTls.version !== undefined && { version: mutualTls.version }),
  };
  const domainName = new DomainName(scope, 'Domain', {
    domainName: domain.name,
    certificate: Certificate.fromCertificateArn(scope, 'Certificate', domain.certificateArn),
    ...(mtls && { mtls }),
  });
  if (hostedZone) {
    new ARecord(scope, 'Record', {
      zone: HostedZone.fromHostedZoneAttributes(scope, 'Zone', {
        hostedZoneId: hostedZone.id,
        zoneName: hostedZone.name,
      }),
      recordName: `${domain.name}.`,
      target: RecordTarget.fromAlias(
        new ApiGatewayv2DomainProperties(domainName.regionalDomainName, domainName.regionalHostedZoneId),
      ),
    });
  }
  new CfnOutput(scope, 'DomainTarget', { value: domainName.regionalDomainName }).overrideLogicalId('ApiDomainTarget');
  return domainName;
}
