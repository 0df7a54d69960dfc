import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { hashText } from '../../core/base64url.ts';
import { agencyQueue, dispatchQueue, LANES, ledgerTable } from '../../core/names.ts';
import { SECOND } from '../../core/time.ts';
import { createLedgerClient } from '../../lambda/clients.ts';
import { createLedger } from '../../lambda/ledger.ts';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { callHotline } from '../../local/demo/cast.ts';
import { administratorOf, RELAY_ACCOUNT } from '../../local/principals.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { countUrgent, idOf, indexOf, isUrgent, type Owed, toReferral, toRoute, urgencyOf } from './backlog.ts';
import { createProbe, drainQueue, quantile, untilOr } from './probe.ts';

/*
 * A backlog on the embedded cloud: the deployed sweep and deliver over HTTP, in real time. Somebody else's immediate
 * referrals are followed before and meanwhile.
 */

export interface CloudPlan {
  /** Rows due at once to one agency. */
  due: number;
  /** Seconds from one sweep to the next. */
  everySeconds: number;
  /** Batches of each lane that deliver may have at once. */
  concurrency: number;
  /** Immediate referrals to another agency that are followed before the backlog falls due; later, one a second. */
  probes: number;
}

export interface CloudReport {
  generated: { rows: number; seconds: number };
  seconds: number;
  deliveredASecond: number;
  /** Urgent rows, and how many others had arrived when the last of them did. */
  urgent: { due: number; delivered: number; afterSeconds: number; othersBefore: number };
  sweep: { runs: number; mostRowsOfARun: number; longestMs: number };
  mostInDispatchQueues: number;
  /** Whether everything had arrived that was on its way, so that all duplicates are counted. */
  atRest: boolean;
  duplicates: number;
  notDelivered: number;
  /** Milliseconds from acceptance of another agency's immediate referrals to its queue. */
  immediate: { before: Latency; meanwhile: Latency; ratioOfMedians: number; notDelivered: number };
  residentMb: number;
}

interface Latency {
  count: number;
  p50: number;
  p95: number;
  max: number;
}

const HOTLINE = 'gb-lantern';
const AWAY = 'fr-littoral';
const OTHER_HOTLINE = 'us-beacon';
const OTHER = 'de-kinderwacht';

/** @param tell told how far it is, a line at a time */
export async function measureOnCloud(plan: CloudPlan, tell: (line: string) => void): Promise<CloudReport> {
  const swept: number[] = [];
  const relay = await startRelay({
    sweepEverySeconds: 0,
    maximumConcurrency: plan.concurrency,
    log: (source, line) => {
      if (source === 'sweep' && line.includes('"event":"swept"')) swept.push(Number(/"rows":(\d+)/.exec(line)?.[1]));
    },
  });
  const over = new AbortController();
  try {
    await confirmKeys(relay.profilesDir);
    return await measure(plan, { relay, swept, over: over.signal, tell });
  } finally {
    over.abort();
    await relay.close();
  }
}

interface Parts {
  relay: LocalRelay;
  /** Rows of each run of sweep. */
  swept: number[];
  over: AbortSignal;
  tell: (line: string) => void;
}

async function measure(plan: CloudPlan, { relay, swept, over, tell }: Parts): Promise<CloudReport> {
  const draining: Promise<void>[] = [];
  const drain = (agency: string, take: (body: string) => void): void => {
    const { sqs } = relay.agencyClients(agency);
    for (const lane of LANES) {
      draining.push(drainQueue(sqs, relay.queueUrl(agencyQueue(relay.stage, agency, lane)), take, over));
    }
  };
  const probe = createProbe(await callHotline(relay, OTHER_HOTLINE), () => draft('immediate', ['DE']));
  drain(OTHER, probe.arrived);
  for (let count = 0; count < plan.probes; count++) {
    await probe.submit();
    await untilOr(20, () => probe.missing() === 0);
  }
  const before = probe.waits.map(({ wait }) => wait);

  const began = performance.now();
  const accepted = Date.now();
  await generate(relay, plan.due, accepted, tell);
  const generated = { rows: plan.due, seconds: since(began) };

  const delivered = new Uint8Array(plan.due);
  let count = 0;
  const urgent = { due: countUrgent(plan.due), delivered: 0, afterSeconds: 0, othersBefore: 0 };
  const start = performance.now();
  drain(AWAY, (body) => {
    const index = indexOf(/"id":"([0-9a-f-]{36})"/.exec(body)?.[1] ?? '');
    delivered[index] = (delivered[index] ?? 0) + 1;
    if (delivered[index] !== 1) return;
    count += 1;
    if (!isUrgent(index)) return;
    urgent.delivered += 1;
    urgent.afterSeconds = since(start);
    urgent.othersBefore = count - urgent.delivered;
  });

  const dispatchQueues = LANES.map((lane) => dispatchQueue(relay.stage, lane));
  const awayQueues = LANES.map((lane) => agencyQueue(relay.stage, AWAY, lane));
  const done = new AbortController();
  const probing = probe.run(SECOND, done.signal);
  let [mostInDispatchQueues, longestMs, lastCount, lastProgress] = [0, 0, 0, performance.now()];
  while (count < plan.due && since(lastProgress) < PATIENCE) {
    const sweepBegan = performance.now();
    await relay.sweepNow();
    longestMs = Math.max(longestMs, performance.now() - sweepBegan);
    const next = sweepBegan + plan.everySeconds * SECOND;
    do {
      mostInDispatchQueues = Math.max(mostInDispatchQueues, await countMessages(relay, dispatchQueues));
      if (count > lastCount) [lastCount, lastProgress] = [count, performance.now()];
      tell(`${count} of ${plan.due} delivered after ${since(start)} s, ${swept.length} sweeps`);
      await delay(500);
    } while (performance.now() < next && count < plan.due);
  }
  const seconds = since(start);
  done.abort();
  await probing;
  await untilOr(60, () => probe.missing() === 0);
  // First what deliver has in its hands, then what it has sent.
  const isEmpty = (queues: string[]) => async () => (await countMessages(relay, queues)) === 0;
  const atRest = (await untilOr(60, isEmpty(dispatchQueues))) && (await untilOr(60, isEmpty(awayQueues)));
  const meanwhile = probe.waits.filter(({ at }) => at >= start).map(({ wait }) => wait);
  const [p50Before, p50Meanwhile] = [quantile(before, 0.5), quantile(meanwhile, 0.5)];
  return {
    generated,
    seconds,
    deliveredASecond: Math.round((10 * count) / seconds) / 10,
    urgent,
    sweep: { runs: swept.length, mostRowsOfARun: Math.max(...swept), longestMs: Math.round(longestMs) },
    mostInDispatchQueues,
    atRest,
    duplicates: delivered.reduce((sum, times) => sum + Math.max(0, times - 1), 0),
    notDelivered: plan.due - count,
    immediate: {
      before: toLatency(before),
      meanwhile: toLatency(meanwhile),
      ratioOfMedians: Math.round((100 * p50Meanwhile) / p50Before) / 100,
      notDelivered: probe.missing(),
    },
    residentMb: Math.round(process.memoryUsage().rss / 1024 / 1024),
  };
}

/** Seconds without a delivery after which something must be wrong: a lease, and some. */
const PATIENCE = 15 * 60;
/** Rows written at the same time. */
const WRITERS = 32;

async function generate(relay: LocalRelay, due: number, at: number, tell: (line: string) => void): Promise<void> {
  const { credentials } = administratorOf(RELAY_ACCOUNT);
  const client = createLedgerClient({ region: relay.region, endpoint: relay.endpoints.dynamodb, credentials });
  const ledger = createLedger({ client, table: ledgerTable(relay.stage), telemetry: { record: () => undefined } });
  const hotline = await callHotline(relay, HOTLINE);
  const { sealed } = await hotline.seal(draft('routine', ['FR']));
  const shared = { hotline: HOTLINE, agency: AWAY, countries: ['FR'], sealed, hash: hashText(sealed) };
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < due) {
      const index = next++;
      // A moment of its own for each: dynalite's index may lose one of two that share theirs (docs/emulators.md).
      const owed: Owed = { ...shared, id: idOf(at, index), urgency: urgencyOf(index), dueAt: at - index };
      await ledger.create(toReferral(owed));
      await ledger.create(toRoute(owed));
      if (index % 1000 === 0) tell(`${index} of ${due} rows written`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  client.destroy();
}

/** Messages that wait there, or are in somebody's hands. */
async function countMessages(relay: LocalRelay, queues: readonly string[]): Promise<number> {
  const counts = await Promise.all(
    queues.map(async (queue) => {
      const { Attributes } = await relay.clients.sqs.send(
        new GetQueueAttributesCommand({
          QueueUrl: relay.queueUrl(queue),
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
        }),
      );
      return Object.values(Attributes ?? {}).reduce((sum, value) => sum + Number(value), 0);
    }),
  );
  return counts.reduce((sum, one) => sum + one, 0);
}

const draft = (sample: string, countries: string[]): object => ({
  ...(JSON.parse(readFileSync(new URL(`../../samples/${sample}.json`, import.meta.url), 'utf8')) as object),
  originator: { reference: randomUUID() },
  routing: { suspect: countries, victim: [] },
});

const toLatency = (waits: readonly number[]): Latency => ({
  count: waits.length,
  p50: Math.round(quantile(waits, 0.5)),
  p95: Math.round(quantile(waits, 0.95)),
  max: Math.round(Math.max(0, ...waits)),
});

const since = (began: number): number => Math.round((performance.now() - began) / SECOND);
