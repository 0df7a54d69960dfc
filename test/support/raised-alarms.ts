import * as z from 'zod';
import { propertiesOf, type SynthesizedStage } from './synthesized-stage.ts';

/* What CloudWatch would make of what a relay on this machine shows: its metrics, held against the deployed alarms. */

/** One value of a metric. */
export interface Datapoint {
  namespace: string;
  metric: string;
  dimensions: Readonly<Record<string, string>>;
  value: number;
}

const Alarm = z.object({
  AlarmName: z.string(),
  Namespace: z.string(),
  MetricName: z.string(),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.unknown() })),
  Threshold: z.number(),
  ComparisonOperator: z.string(),
  AlarmActions: z.array(z.unknown()).min(1),
});

/** Names of the deployed alarms that watch this very metric and that its value raises; in alphabetical order. */
export function raisedBy({ stacks }: SynthesizedStage, { namespace, metric, dimensions, value }: Datapoint): string[] {
  return stacks
    .flatMap((stack) => propertiesOf(stack, 'AWS::CloudWatch::Alarm'))
    .map((properties) => Alarm.parse(properties))
    .filter(
      (alarm) =>
        alarm.Namespace === namespace &&
        alarm.MetricName === metric &&
        alarm.ComparisonOperator === 'GreaterThanOrEqualToThreshold' &&
        value >= alarm.Threshold &&
        isSame(Object.fromEntries(alarm.Dimensions.map(({ Name, Value }) => [Name, Value])), dimensions),
    )
    .map(({ AlarmName }) => AlarmName)
    .sort();
}

const isSame = (a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value);

const EmbeddedMetrics = z.looseObject({
  _aws: z.object({
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.object({ Name: z.string() })),
      }),
    ),
  }),
});

/** The metrics in a log line (CloudWatch, "Embedded metric format specification"); none if it holds none. */
export function readMetrics(line: string): Datapoint[] {
  if (!line.startsWith('{')) return [];
  const parsed = EmbeddedMetrics.safeParse(JSON.parse(line));
  if (!parsed.success) return [];
  const { _aws, ...members } = parsed.data;
  return _aws.CloudWatchMetrics.flatMap(({ Namespace: namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap((names) =>
      Metrics.map(({ Name: metric }) => ({
        namespace,
        metric,
        dimensions: Object.fromEntries(names.map((name) => [name, z.string().parse(members[name])])),
        value: z.number().parse(members[metric]),
      })),
    ),
  );
}

/** What SQS itself tells CloudWatch of messages that wait. */
export const waitingIn = (queue: string, waiting: number): Datapoint => ({
  namespace: 'AWS/SQS',
  metric: 'ApproximateNumberOfMessagesVisible',
  dimensions: { QueueName: queue },
  value: waiting,
});
