import * as z from 'zod';
import { propertiesOf, resolve, type SynthesizedStack } from './synthesized-stage.ts';

/* What the alarms and the dashboard of a synthesized stack look at. */

/** A metric that is looked at by name. */
export interface WatchedMetric {
  /** The alarm, or the graph. */
  where: string;
  namespace: string;
  metric: string;
  dimensions: Record<string, string>;
}

/** Metrics that a graph looks for (CloudWatch, "Search expression syntax"). */
export interface Search {
  where: string;
  namespace: string;
  metric: string;
  /** Names of all dimensions. */
  dimensions: string[];
  /** Values that a dimension must have. */
  exact: Record<string, string>;
  /** Words that the value of a dimension must have. */
  words: string[];
  /** Values that no dimension may have. */
  not: string[];
  statistic: string;
}

const Alarm = z.object({
  AlarmName: z.string(),
  Namespace: z.string(),
  MetricName: z.string(),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.unknown() })),
});

const Dashboard = z.object({
  widgets: z.array(
    z.object({
      properties: z.object({
        title: z.string().default(''),
        metrics: z
          .array(z.array(z.union([z.string(), z.looseObject({ expression: z.string().optional() })])))
          .default([]),
      }),
    }),
  ),
});

export function watchedAlarms(stack: SynthesizedStack): WatchedMetric[] {
  return propertiesOf(stack, 'AWS::CloudWatch::Alarm')
    .map((properties) => Alarm.parse(resolve(properties, functionNames(stack))))
    .map(({ AlarmName, Namespace, MetricName, Dimensions }) => ({
      where: AlarmName,
      namespace: Namespace,
      metric: MetricName,
      dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, String(Value)])),
    }));
}

export function watchedGraphs(stack: SynthesizedStack): { metrics: WatchedMetric[]; searches: Search[] } {
  const [dashboard] = propertiesOf(stack, 'AWS::CloudWatch::Dashboard');
  const { widgets } = Dashboard.parse(JSON.parse(String(resolve(dashboard?.['DashboardBody']))));
  const lines = widgets.flatMap(({ properties: { title, metrics } }) =>
    metrics.map((line) => ({
      where: title,
      words: line.filter((word) => typeof word === 'string'),
      expression: line.flatMap((word) => (typeof word === 'string' ? [] : (word.expression ?? []))).at(0),
    })),
  );
  return {
    metrics: lines.flatMap(({ where, words: [namespace = '', metric = '', ...pairs], expression }) =>
      expression === undefined ? [{ where, namespace, metric, dimensions: toDimensions(pairs) }] : [],
    ),
    searches: lines.flatMap(({ where, expression }) => (expression === undefined ? [] : [toSearch(where, expression)])),
  };
}

const toDimensions = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(pairs.flatMap((name, index) => (index % 2 === 0 ? [[name, pairs[index + 1] ?? '']] : [])));

function toSearch(where: string, expression: string): Search {
  const parts = /^SEARCH\('\{(?<schema>[^}]+)\}(?<terms>[^']*)', '(?<statistic>\w+)', \d+\)$/.exec(expression);
  const { schema = '', terms = '', statistic = '' } = parts?.groups ?? {};
  const [namespace = '', ...dimensions] = schema.split(',');
  const exact = Object.fromEntries(
    [...terms.matchAll(/(?<!NOT )\b(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
  );
  const { MetricName: metric = '', ...values } = exact;
  return {
    where,
    namespace,
    metric,
    dimensions,
    exact: values,
    words: [...terms.matchAll(/(?<!NOT )\b\w+=(\w+)/g)].map(([, word = '']) => word),
    not: [...terms.matchAll(/NOT \w+="([^"]*)"/g)].map(([, value = '']) => value),
    statistic,
  };
}

/** Of the functions, by logical id. */
const functionNames = ({ template }: SynthesizedStack): Record<string, string> =>
  Object.fromEntries(
    Object.entries(template.Resources).flatMap(([id, { Type, Properties }]) =>
      Type === 'AWS::Lambda::Function' ? [[id, String(Properties['FunctionName'])]] : [],
    ),
  );
