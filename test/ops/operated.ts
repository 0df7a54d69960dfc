import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import type { Hotline } from '../../client/index.ts';
import { agencyQueue, ledgerTable } from '../../core/names.ts';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { callAgency, callHotline } from '../../local/demo/cast.ts';
import type { OperatorFile } from '../../local/operator-file.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { awsOf, draft, makeRegistry, ops, type Ran, removeFolder, until } from './operator.ts';

const HOTLINE = 'gb-lantern';

type Route = Awaited<ReturnType<Hotline['status']>>['routes'][number];

/** A relay on this machine, with what its operator and its partners do there. */
export interface Operated {
  readonly relay: LocalRelay;
  /** `gb-lantern`. */
  readonly hotline: Hotline;
  /** Folder of the registry that the relay was started with; its own copy is in its data folder. */
  readonly registryDir: string;
  run: (...args: string[]) => Promise<Ran>;
  /** `ops verify` with the queues and the key of the test agency. */
  runVerify: (...args: string[]) => Promise<Ran>;
  /** @returns the id of a referral to whoever is registered for the country */
  submit: (country: string, sample?: string) => Promise<string>;
  routeOf: (id: string, agency: string) => Promise<Route | undefined>;
  untilStatus: (id: string, agency: string, status: string) => Promise<void>;
  /** Receives the messages of an agency's lane as often as it takes to make dead letters of them. */
  letDie: (agency: string, lane: 'urgent' | 'routine') => Promise<void>;
  open: (agency: string, id: string) => Promise<void>;
  /** Whatever an earlier test has left to open. */
  openAll: (agency: string) => Promise<void>;
  /** A folder for the operator's command in which some of the relay's services are elsewhere. */
  besides: (elsewhere: Partial<OperatorFile['endpoints']>) => Promise<string>;
  /** How often sweep has run to its end. */
  swept: () => number;
  rowOf: (hotline: string, id: string, sk: string) => Promise<Record<string, unknown>>;
}

/** Starts a relay with these partners for the tests of a file, as {@link makeRegistry} makes them, without a schedule. */
export function operate(partners: Readonly<Record<string, object>>): Operated {
  let relay: LocalRelay;
  let hotline: Hotline;
  let registryDir: string;
  const log: string[] = [];
  beforeAll(async () => {
    registryDir = await makeRegistry(partners);
    relay = await startRelay({ sweepEverySeconds: 0, registryDir, log: (_, line) => void log.push(line) });
    await relay.sweepNow();
    await confirmKeys(relay.profilesDir);
    hotline = await callHotline(relay, HOTLINE);
  });
  afterAll(async () => {
    await relay?.close();
    await removeFolder(registryDir);
  });

  const routeOf: Operated['routeOf'] = async (id, agency) =>
    (await hotline.status(id)).routes.find((route) => route.agency === agency);
  return {
    get relay() {
      return relay;
    },
    get hotline() {
      return hotline;
    },
    get registryDir() {
      return registryDir;
    },
    run: (...args) => ops(relay, ...args),
    runVerify: async (...args) =>
      ops({ dataDir: relay.dataDir, aws: await awsOf(relay, 'zz-test-agency') }, 'verify', ...args),
    async submit(country, sample = 'routine') {
      const { id } = await hotline.submit(draft(sample, { routing: { suspect: [country], victim: [] } }));
      return id;
    },
    routeOf,
    untilStatus: (id, agency, status) =>
      until(`${agency} is ${status}`, async () => (await routeOf(id, agency))?.status === status),
    async letDie(agency, lane) {
      const QueueUrl = relay.queueUrl(agencyQueue(relay.stage, agency, lane));
      for (let count = 0; count < 200; count++) {
        const { Messages = [] } = await relay.clients.sqs.send(
          new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }),
        );
        if (Messages.length === 0) return;
      }
      throw new Error('the messages do not die');
    },
    async open(agency, id) {
      const atWork = await callAgency(relay, agency);
      while (!atWork.opened.has(id)) await atWork.work();
    },
    async openAll(agency) {
      const { client } = await callAgency(relay, agency);
      await client.run(() => undefined, { drain: true, report: () => undefined });
    },
    async besides(elsewhere) {
      const dataDir = await mkdtemp(join(tmpdir(), 'referral-relay-operator-'));
      const file = JSON.parse(await readFile(join(relay.dataDir, 'operator.json'), 'utf8')) as OperatorFile;
      const endpoints = { ...file.endpoints, ...elsewhere };
      const registry = join(relay.dataDir, 'registry');
      await writeFile(join(dataDir, 'operator.json'), JSON.stringify({ ...file, registry, endpoints }));
      return dataDir;
    },
    swept: () => log.filter((line) => line.includes('"event":"swept"')).length,
    async rowOf(hotlineId, id, sk) {
      const { Item = {} } = await relay.clients.dynamodb.send(
        new GetItemCommand({
          TableName: ledgerTable(relay.stage),
          Key: { pk: { S: `${hotlineId}#${id}` }, sk: { S: sk } },
        }),
      );
      return unmarshall(Item);
    },
  };
}
