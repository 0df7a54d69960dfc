import { Duration } from 'aws-cdk-lib';
import {
  Dashboard,
  GraphWidget,
  type IMetric,
  Metric,
  SearchExpression,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { METRIC_NAMESPACE, STAGE_DIMENSION, UNOPENED_IMMEDIATE } from '../core/metrics.ts';
import { type AgencyQueue, dispatchQueue, functionName, FUNCTIONS, LANES, ledgerTable } from '../core/names.ts';
import type { TelemetryEvent } from '../core/ports.ts';
import { eventMetric, queueMetric } from './alarms.ts';
import type { Place } from './place.ts';

const PERIOD = Duration.minutes(5);
const DISPATCH = ['urgent', 'routine', 'dead-urgent', 'dead-routine'] as const;

/**
 * One page for the operator. Partners are found by search expressions (CloudWatch, "Search expression syntax"), so that
 * the page does not change with them: a hyphen ends a word there, and the words of a queue's name are its parts.
 */
export function createDashboard(scope: Construct, place: Place, apiId: string): void {
  const { stage } = place;
  const api = (metricName: string, statistic: string): Metric =>
    new Metric({ namespace: 'AWS/ApiGateway', metricName, dimensionsMap: { ApiId: apiId }, statistic, period: PERIOD });
  const events = (...names: TelemetryEvent[]): Metric[] => names.map((name) => eventMetric(stage, name));
  const lambda = (metricName: string, statistic: string): Metric[] =>
    FUNCTIONS.map(
      (name) =>
        new Metric({
          namespace: 'AWS/Lambda',
          metricName,
          dimensionsMap: { FunctionName: functionName(stage, name) },
          statistic,
          period: PERIOD,
          label: name,
        }),
    );
  const ledger = (metricName: string): Metric =>
    new Metric({
      namespace: 'AWS/DynamoDB',
      metricName,
      dimensionsMap: { TableName: ledgerTable(stage) },
      statistic: Stats.SUM,
      period: PERIOD,
    });
  const partners = (queue: AgencyQueue | 'outcomes', metricName: string): IMetric => {
    const words = ['referral', 'relay', stage, queue].map((word) => `QueueName=${word}`).join(' ');
    const others = DISPATCH.map((name) => `NOT QueueName="${dispatchQueue(stage, name)}"`).join(' ');
    return search(`{AWS/SQS,QueueName} MetricName="${metricName}" ${words} ${others}`);
  };

  new Dashboard(scope, 'Dashboard', {
    dashboardName: `referral-relay-${stage}`,
    defaultInterval: Duration.hours(12),
    widgets: [
      [new TextWidget({ width: 24, height: 1, markdown: `# referral-relay ${stage}` })],
      [
        graph('Referrals', events('accepted', 'delivered', 'answered')),
        graph(
          'Trouble',
          events(
            'refused',
            'failed',
            'delivery-failed',
            'held-up',
            'undeliverable',
            'dispatch-failed',
            'inbox-failed',
            'due-failed',
            'page-failed',
          ),
        ),
        graph('Unopened, immediate, by agency', [
          search(
            `{${METRIC_NAMESPACE},${STAGE_DIMENSION},${UNOPENED_IMMEDIATE.dimension}} MetricName="${UNOPENED_IMMEDIATE.metric}" ${STAGE_DIMENSION}="${stage}"`,
          ),
        ]),
      ],
      [
        graph('Agencies: age of the oldest urgent message (s)', [partners('urgent', 'ApproximateAgeOfOldestMessage')]),
        graph('Agencies: age of the oldest routine message (s)', [
          partners('routine', 'ApproximateAgeOfOldestMessage'),
        ]),
        graph('Agencies: dead letters', [partners('dead', 'ApproximateNumberOfMessagesVisible')]),
      ],
      [
        graph('Hotlines: answers not collected', [partners('outcomes', 'ApproximateNumberOfMessagesVisible')]),
        graph(
          'Dispatch: age of the oldest message (s)',
          LANES.map((lane) => queueMetric(dispatchQueue(stage, lane), 'ApproximateAgeOfOldestMessage')),
        ),
        graph(
          'Dispatch: dead letters',
          LANES.map((lane) => queueMetric(dispatchQueue(stage, `dead-${lane}`), 'ApproximateNumberOfMessagesVisible')),
        ),
      ],
      [
        graph('Calls', [api('Count', Stats.SUM), api('4xx', Stats.SUM), api('5xx', Stats.SUM)]),
        graph('Time to answer (ms)', [api('Latency', 'p50'), api('Latency', 'p99')]),
        graph('Ledger', [
          ledger('ConsumedReadCapacityUnits'),
          ledger('ConsumedWriteCapacityUnits'),
          ledger('ReadThrottleEvents'),
          ledger('WriteThrottleEvents'),
        ]),
      ],
      [
        graph('Functions: errors', lambda('Errors', Stats.SUM)),
        graph('Functions: duration, p99 (ms)', lambda('Duration', 'p99')),
        graph('Functions: at once', lambda('ConcurrentExecutions', Stats.MAXIMUM)),
      ],
    ],
  });
}

const graph = (title: string, left: IMetric[]): GraphWidget => new GraphWidget({ title, left, width: 8, height: 6 });

/** Of what is counted anew each time, the largest number within a period. */
const search = (expression: string): IMetric =>
  new SearchExpression({ expression: `SEARCH('${expression}', 'Maximum', ${PERIOD.toSeconds()})`, label: '' });
