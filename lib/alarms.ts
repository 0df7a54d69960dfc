import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { METRIC_NAMESPACE, STAGE_DIMENSION } from '../core/metrics.ts';
import { alarmName, alarmTopic } from '../core/names.ts';
import type { TelemetryEvent } from '../core/ports.ts';
import { type Place, topicArn } from './place.ts';

/** A page of docs/operations/ and a section of it; a test holds both against the pages. */
export type Runbook = `${string}.md#${string}`;

export const describeRunbook = (runbook: Runbook): string => `Runbook: docs/operations/${runbook}`;

export interface AlarmProps {
  place: Place;
  /** A function, a dispatch queue, `api`, or a partner's id. */
  holder: string;
  what: string;
  /** What it means; goes out with the alarm. */
  description: string;
  /** Page and section of docs/operations/ that say what to do; goes out with the alarm. */
  runbook: Runbook;
  metric: Metric;
  /** Raised from this value on; with `below`, under it. */
  threshold: number;
  below?: boolean;
  /** How many periods are looked at, and in how many of them the metric must be beyond; by default one, and all. */
  periods?: number;
  ofThem?: number;
  /** Whether silence is a fault. */
  silenceIsAFault?: boolean;
}

/** An alarm that the operator hears of, when it begins and when it ends. */
export function createAlarm(scope: Construct, id: string, props: AlarmProps): Alarm {
  const { place, below = false, silenceIsAFault = false } = props;
  const alarm = new Alarm(scope, id, {
    alarmName: alarmName(place.stage, props.holder, props.what),
    alarmDescription: `${props.description} ${describeRunbook(props.runbook)}`,
    metric: props.metric,
    threshold: props.threshold,
    evaluationPeriods: props.periods ?? 1,
    ...(props.ofThem !== undefined && { datapointsToAlarm: props.ofThem }),
    comparisonOperator: below
      ? ComparisonOperator.LESS_THAN_THRESHOLD
      : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: silenceIsAFault ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
  });
  const operator = new SnsAction(Topic.fromTopicArn(alarm, 'Operator', topicArn(place, alarmTopic(place.stage))));
  alarm.addAlarmAction(operator);
  alarm.addOkAction(operator);
  return alarm;
}

const PERIOD = Duration.minutes(5);

/** The largest value of a queue's metric within five minutes. */
export const queueMetric = (
  queueName: string,
  metricName: 'ApproximateNumberOfMessagesVisible' | 'ApproximateAgeOfOldestMessage',
): Metric =>
  new Metric({
    namespace: 'AWS/SQS',
    metricName,
    dimensionsMap: { QueueName: queueName },
    statistic: Stats.MAXIMUM,
    period: PERIOD,
  });

/** How often the functions recorded an event within five minutes. */
export const eventMetric = (stage: string, event: TelemetryEvent): Metric =>
  new Metric({
    namespace: METRIC_NAMESPACE,
    metricName: event,
    dimensionsMap: { [STAGE_DIMENSION]: stage },
    statistic: Stats.SUM,
    period: PERIOD,
  });
