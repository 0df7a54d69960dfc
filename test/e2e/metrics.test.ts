import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Hotline, loadHotlineProfile } from '../../client/index.ts';
import { METRIC_NAMESPACE } from '../../core/metrics.ts';
import { signRequest } from '../../core/profile.ts';
import { readRegistryDir } from '../../lambda/registry-files.ts';
import { callAgency, callHotline } from '../../local/demo/cast.ts';
import type { LocalRelay } from '../../local/relay.ts';
import { draft, until } from '../ops/operator.ts';
import { ageRow } from '../support/aged-rows.ts';
import type { FaultyCloud } from '../support/faulty-cloud.ts';
import { startFaultyRelay } from '../support/faulty-relay.ts';
import { readMetrics } from '../support/raised-alarms.ts';
import { propertiesOf, SETTINGS, type SynthesizedStage, synthesizeStage } from '../support/synthesized-stage.ts';
import { watchedAlarms, watchedGraphs, type WatchedMetric } from '../support/watched-metrics.ts';

/*
 * What the deployed alarms and the dashboard look at is there to be seen: written by the functions in a journey with
 * every trouble, or one of AWS's own metrics of something that is deployed.
 */

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';
const CLEARING = 'int-clearing';

let cloud: FaultyCloud;
let log: string[];
let relay: LocalRelay;
let close: (() => Promise<void>) | undefined;
let deployed: SynthesizedStage;
let hotline: Hotline;

beforeAll(async () => {
  ({ relay, cloud, log, close } = await startFaultyRelay({
    [HOTLINE]: {},
    [AGENCY]: { countries: ['DE'], contact: { email: 'ops@example.org', page: 'duty@example.org' } },
    [CLEARING]: {},
  }));
  hotline = await callHotline(relay, HOTLINE);
  deployed = synthesizeStage(readRegistryDir(join(relay.dataDir, 'registry')), {
    stage: relay.stage,
    settings: { ...SETTINGS, region: relay.region },
  });
});
afterAll(() => close?.());

const submit = async (sample = 'routine'): Promise<string> =>
  (await hotline.submit(draft(sample, { routing: { suspect: ['DE'], victim: [] } }))).id;

const untilLogged = (event: string, id = ''): Promise<void> =>
  until(`${event} ${id}`, async () => log.some((line) => line.includes(`"event":"${event}"`) && line.includes(id)));

async function open(id: string): Promise<void> {
  const agency = await callAgency(relay, AGENCY);
  while (!agency.opened.has(id)) await agency.work();
}

/** While `refusal` holds. */
async function under(refusal: Parameters<FaultyCloud['refuse']>[0], act: () => Promise<void>): Promise<void> {
  cloud.refuse(refusal);
  try {
    await act();
  } finally {
    cloud.relent();
  }
}

async function callOnce(): Promise<number> {
  const { signingKey, id: partner } = await loadHotlineProfile(join(relay.profilesDir, HOTLINE));
  const request = { method: 'GET', url: `${relay.url}/v1/directory` };
  const { status } = await fetch(request.url, {
    headers: signRequest(request, { partner, ...signingKey, now: Date.now() }),
  });
  return status;
}

/** Everything that the relay has a word for. */
async function journey(): Promise<void> {
  const send = { service: 'sqs', operation: 'SendMessage', error: 'AccessDenied' } as const;
  const rewrap = { service: 'kms', operation: 'ReEncrypt' } as const;
  await under({ ...send, about: 'dispatch-' }, async () => untilLogged('dispatch-failed', await submit()));
  const id = await submit();
  await under({ ...send, about: 'outcomes' }, () => open(id));
  await under({ ...rewrap, error: 'DisabledException' }, async () => untilLogged('held-up', await submit()));
  await under({ ...rewrap, error: 'InvalidCiphertextException' }, async () =>
    untilLogged('undeliverable', await submit()),
  );
  expect((await fetch(`${relay.url}/v1/directory`)).status).toBe(401);
  await under({ service: 'dynamodb', operation: 'GetItem', error: 'ValidationException' }, async () => {
    expect(await callOnce()).toBe(503);
  });

  const waiting = await submit('immediate');
  await until('it is delivered', async () => (await hotline.status(waiting)).routes[0]?.status === 'delivered');
  await ageRow(relay, { hotline: HOTLINE, id: waiting }, `route#${AGENCY}`);
  await under({ service: 'sns', operation: 'Publish', error: 'AuthorizationError' }, () => relay.sweepNow());
  await under({ service: 'sqs', operation: 'GetQueueAttributes', error: 'AccessDenied' }, () => relay.sweepNow());
  for (const event of ['answered', 'inbox-failed', 'due-failed', 'refused', 'failed', 'page-failed', 'swept'])
    await untilLogged(event);
}

/** Of stacks with every kind of alarm. */
const watched = (): WatchedMetric[] => [
  ...watchedAlarms(deployed.stack('service')),
  ...watchedAlarms(deployed.stack(AGENCY)),
  ...watchedGraphs(deployed.stack('service')).metrics,
];

const isOurs = ({ namespace }: { namespace: string }): boolean => namespace === METRIC_NAMESPACE;

const series = (metric: string, dimensions: Readonly<Record<string, string>>): string =>
  [metric, ...Object.entries(dimensions).map((pair) => pair.join('='))].toSorted().join(' ');

const MetricFilter = z.object({ MetricTransformations: z.array(z.object({ MetricName: z.string() })) });

describe('what the functions write', () => {
  it('is what alarms and dashboard look at, by name and dimensions', { timeout: 120_000 }, async () => {
    await journey();
    /** In the log of the API, which no function writes. */
    const counted = new Set(
      propertiesOf(deployed.stack('service'), 'AWS::Logs::MetricFilter').flatMap((filter) =>
        MetricFilter.parse(filter).MetricTransformations.map(({ MetricName }) => MetricName),
      ),
    );
    const written = log.flatMap(readMetrics).filter(isOurs);
    const known = new Set(written.map(({ metric, dimensions }) => series(metric, dimensions)));
    const ours = watched().filter((one) => isOurs(one) && !counted.has(one.metric));
    expect(ours.filter(({ metric, dimensions }) => !known.has(series(metric, dimensions)))).toEqual([]);
    expect(ours.length).toBeGreaterThan(10);

    const searches = watchedGraphs(deployed.stack('service')).searches.filter(isOurs);
    expect(searches.map(({ where }) => where)).toEqual(['Unopened, immediate, by agency']);
    for (const search of searches) {
      // It is written every minute: a sum over five would count each referral five times.
      expect(search.statistic).toBe('Maximum');
      const found = written.filter(
        ({ metric, dimensions }) =>
          metric === search.metric &&
          Object.keys(dimensions).toSorted().join() === search.dimensions.toSorted().join() &&
          Object.entries(search.exact).every(([name, value]) => dimensions[name] === value),
      );
      expect(found.map(({ dimensions }) => dimensions)).toContainEqual({ Stage: relay.stage, Agency: AGENCY });
    }
  });
});

/** Of those that AWS documents for each service, the ones that are looked at: name and dimensions. */
const OF_AWS: Readonly<Record<string, readonly (readonly [metrics: string, dimensions: string])[]>> = {
  'AWS/ApiGateway': [['4xx 5xx Count Latency', 'ApiId']],
  'AWS/DynamoDB': [
    ['ConsumedReadCapacityUnits ConsumedWriteCapacityUnits ReadThrottleEvents WriteThrottleEvents', 'TableName'],
  ],
  'AWS/Lambda': [
    ['ConcurrentExecutions Duration Errors Throttles', 'FunctionName'],
    ['Errors', 'FunctionName Resource'],
  ],
  'AWS/SQS': [['ApproximateAgeOfOldestMessage ApproximateNumberOfMessagesVisible', 'QueueName']],
};

const namesOf = (type: string, property: string): string[] =>
  deployed.stacks.flatMap((stack) => propertiesOf(stack, type).map((properties) => String(properties[property])));

describe('what AWS writes', () => {
  it('of what is deployed is what alarms and dashboard look at', () => {
    const functions = namesOf('AWS::Lambda::Function', 'FunctionName');
    const deployedAs: Readonly<Record<string, readonly string[]>> = {
      FunctionName: functions,
      Resource: functions.map((name) => `${name}:live`),
      QueueName: namesOf('AWS::SQS::Queue', 'QueueName'),
      TableName: namesOf('AWS::DynamoDB::GlobalTable', 'TableName').concat(
        namesOf('AWS::DynamoDB::Table', 'TableName'),
      ),
      ApiId: Object.entries(deployed.stack('service').template.Resources).flatMap(([id, { Type }]) =>
        Type === 'AWS::ApiGatewayV2::Api' ? [id] : [],
      ),
    };
    const strange = watched()
      .filter((metric) => !isOurs(metric))
      .filter(({ namespace, metric, dimensions }) => {
        const isKnown = OF_AWS[namespace]?.some(
          ([metrics, names]) =>
            metrics.split(' ').includes(metric) && names === Object.keys(dimensions).toSorted().join(' '),
        );
        return !isKnown || Object.entries(dimensions).some(([name, value]) => !deployedAs[name]?.includes(value));
      });
    expect(strange).toEqual([]);
  });

  it.each([
    ['Agencies: age of the oldest urgent message (s)', `${AGENCY}-urgent ${CLEARING}-urgent`],
    ['Agencies: age of the oldest routine message (s)', `${AGENCY}-routine ${CLEARING}-routine`],
    ['Agencies: dead letters', `${AGENCY}-dead ${CLEARING}-dead`],
    ['Hotlines: answers not collected', `${HOTLINE}-outcomes`],
  ])('of the queues of partners is found: %s', (title, queues) => {
    const [search, ...others] = watchedGraphs(deployed.stack('service')).searches.filter(
      ({ where }) => where === title,
    );
    expect(others).toEqual([]);
    expect(OF_AWS[search?.namespace ?? '']?.[0]).toEqual([
      expect.stringContaining(search?.metric ?? 'none') as string,
      search?.dimensions.join(' '),
    ]);
    // A partner may be called what one of the relay's own queues is.
    const [kind = ''] = title.startsWith('Hotlines') ? ['outcomes'] : (/urgent|routine|dead/.exec(title) ?? []);
    const namesake = `referral-relay-local-gb-dispatch-${kind}`;
    const found = [...namesOf('AWS::SQS::Queue', 'QueueName'), namesake].filter(
      (name) => search?.words.every((word) => name.split('-').includes(word)) && !search.not.includes(name),
    );
    expect(found.toSorted()).toEqual(
      [...queues.split(' ').map((queue) => `referral-relay-local-${queue}`), namesake].toSorted(),
    );
  });
});
