import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { type ILambdaApplication, LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { type IRole, Role } from 'aws-cdk-lib/aws-iam';
import {
  type Alias,
  ApplicationLogLevel,
  Architecture,
  Code,
  type EventInvokeConfigOptions,
  type IFunction,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { functionLogGroup, functionName, type FunctionName, LIVE_ALIAS } from '../core/names.ts';
import { FUNCTION_SIZES } from '../core/sizing.ts';
import { createAlarm } from './alarms.ts';
import { type Place, roleArn } from './place.ts';

export interface RelayFunctionProps {
  place: Place;
  name: FunctionName;
  description: string;
  /** Folder with `index.mjs` and the registry. */
  bundle: string;
  environment: Record<string, string>;
  logRetention: RetentionDays;
  /** Of an invocation that nobody waits for. */
  asynchronous?: EventInvokeConfigOptions;
}

/**
 * One of the relay's functions, with what none goes without: its log, with an end; alarms on errors and on throttling;
 * an alias that every caller uses. Its role is in the core stack.
 */
export class RelayFunction extends Construct {
  readonly name: FunctionName;
  readonly live: Alias;
  readonly errors: Alarm;

  constructor(scope: Construct, id: string, props: RelayFunctionProps) {
    super(scope, id);
    const { place, name } = props;
    this.name = name;
    const { memory, timeout, reserved } = FUNCTION_SIZES[name];
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: functionLogGroup(place.stage, name),
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const handler = new LambdaFunction(this, 'Function', {
      functionName: functionName(place.stage, name),
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: Code.fromAsset(props.bundle),
      role: Role.fromRoleArn(this, 'Role', roleArn(place, name), { mutable: false }),
      environment: props.environment,
      memorySize: memory,
      timeout: Duration.seconds(timeout),
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      systemLogLevelV2: SystemLogLevel.WARN,
      ...(reserved !== undefined && { reservedConcurrentExecutions: reserved }),
    });
    this.live = handler.addAlias(LIVE_ALIAS, props.asynchronous);
    this.errors = createAlarm(this, 'Errors', {
      place,
      holder: name,
      what: 'errors',
      description: `The function ${name} fails. During a deployment, this takes the deployment back.`,
      runbook: 'service-faults.md#errors',
      metric: this.live.metricErrors({ period: Duration.minutes(1) }),
      threshold: 1,
      periods: 2,
    });
    createAlarm(this, 'Throttles', {
      place,
      holder: name,
      what: 'throttles',
      description: `Lambda holds ${name} back: compare its own concurrency limit, or the account's, with its use.`,
      runbook: 'service-faults.md#throttles',
      metric: handler.metricThrottles({ period: Duration.minutes(5) }),
      threshold: 1,
      // Of what runs alone, a run by hand that meets the scheduled one is held back, and nothing is wrong.
      periods: reserved === 1 ? 3 : 1,
    });
  }

  /** {@link live} as other constructs take it; CDK's own types differ where optional properties are exact. */
  get callable(): IFunction {
    return this.live as IFunction;
  }

  /**
   * A tenth of the calls go to a new version first; if an alarm is raised within five minutes, all go back. One that is
   * raised already stops the deployment before it begins, unless alarms are ignored.
   */
  deployGradually(application: ILambdaApplication, role: IRole, alarms: Alarm[], alarmsIgnored: boolean): void {
    new LambdaDeploymentGroup(this, 'Deployment', {
      application,
      role,
      alias: this.live,
      deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
      alarms: [this.errors, ...alarms],
      ignoreAlarmConfiguration: alarmsIgnored,
    });
  }
}
