import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { SQSClient } from '@aws-sdk/client-sqs';
import { dispatchQueue, type FunctionName, LANES, ledgerTable, STAGE } from '../core/names.ts';
import type { Registry } from '../core/registry.ts';
import { readRegistryDir } from '../lambda/registry-files.ts';
import { startEmulators } from './emulators.ts';
import { type Functions, startFunctions } from './functions.ts';
import { startGateway } from './gateway.ts';
import { startLambdaApi } from './lambda.ts';
import { LOG_CHANNEL, type LoggedLine } from './log-channel.ts';
import { writeOperatorFile } from './operator-file.ts';
import { type Authorize, deployedPolicy, type Kms, startKms } from './kms/kms.ts';
import { addSigningKeys, writeProfiles, writeRegistry } from './partners.ts';
import {
  administratorOf,
  agencyPrincipal,
  functionPrincipal,
  listCallers,
  type Principal,
  RELAY_ACCOUNT,
} from './principals.ts';
import { startPump } from './pumps.ts';
import { type Cloud, createResources, queueArn, queueUrl, queueUrlBase, topicArnBase } from './resources.ts';
import { startSchedule } from './schedule.ts';

export interface LocalRelayOptions {
  /** Of the API; default 0: any free port. */
  port?: number;
  /**
   * Where everything is kept and read from at start, private keys included; survives kill -9. One relay a folder.
   * Default: memory, and a temporary folder for the profiles, removed on close.
   */
  dataDir?: string;
  /** Partner files; a partner without keys gets one. Default: the sample registry. */
  registryDir?: string;
  /** Default `local`. */
  stage?: string;
  /** Default 60; 0 sweeps on demand only. */
  sweepEverySeconds?: number;
  /** Batches of each lane that may be under way at once; default 5. */
  maximumConcurrency?: number;
  /**
   * How long a message that was received is hidden from others at most, so that what a kill has cut off comes back
   * sooner; default as deployed.
   */
  hiddenSeconds?: number;
  /** Days that content and facts are kept; default as deployed. */
  contentDays?: number;
  custodyDays?: number;
  /** Who may use which key; default: what the deployed policies say, from a table. */
  authorize?: Authorize;
  /** Folder of the handlers; default `lambda/`. */
  handlersDir?: URL;
  /** Stands between the functions and their cloud, to inject faults: answers with the endpoints that they get instead. */
  interpose?: (endpoints: Cloud['endpoints']) => Promise<Cloud['endpoints']>;
  /** Gets every log line of the functions and of what surrounds them; default `relay.log` in `dataDir`, if it is given. */
  log?: (source: string, line: string) => void;
  /** Told what is being done while the relay starts, a sentence each. */
  announce?: (line: string) => void;
  /** Told when a part has died that the relay cannot do without; default: a log line. */
  onCrash?: (error: Error) => void;
}

/** A relay on this machine with the cloud it runs in. */
export interface LocalRelay {
  /** Of the API: `http://127.0.0.1:<port>`. */
  url: string;
  stage: string;
  region: string;
  dataDir: string;
  /** A folder for each partner, with `profile.json` and `signing-key.pem`. */
  profilesDir: string;
  /** With the keys that were made. */
  registry: Registry;
  endpoints: Cloud['endpoints'];
  /** What KMS was asked for, and what it said. */
  kms: Pick<Kms, 'log'>;
  /** As the administrator of the relay's account, who may look at everything and use no key. */
  clients: { sqs: SQSClient; dynamodb: DynamoDBClient; kms: KMSClient };
  /** With the credentials of an agency's principal, which may receive from its queues and decrypt with its key. */
  agencyClients: (agency: string) => { sqs: SQSClient; kms: KMSClient };
  /** URL of a queue by its name (`core/names.ts`). */
  queueUrl: (name: string) => string;
  /** Runs a sweep to its end. */
  sweepNow: () => Promise<void>;
  /** Ends the process of a function without warning; what it was doing fails, and it starts again. */
  crash: (name: FunctionName) => Promise<void>;
  /** Resolves when every port is free and everything is on disk. Idempotent. */
  close: () => Promise<void>;
}

const REGION = 'eu-west-1';
const HANDLERS = new URL('../lambda/', import.meta.url);
const SAMPLE = fileURLToPath(new URL('../registry/sample', import.meta.url));

/**
 * Starts the whole relay on 127.0.0.1: the deployed handlers over emulated SQS, DynamoDB and KMS.
 * @throws {Error} saying what to do, such as when the port or the data folder is in use; nothing is left running then
 */
export async function startRelay(options: LocalRelayOptions = {}): Promise<LocalRelay> {
  const closers: (() => Promise<unknown>)[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(closers));
  try {
    return { ...(await start(options, (closer) => closers.unshift(closer))), close };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

/** One after the other, the latest first; what fails does not keep the others from closing. */
async function closeAll(closers: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const closer of closers) {
    await closer().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw new AggregateError(failures, 'The relay did not stop cleanly.');
}

async function start(
  options: LocalRelayOptions,
  onClose: (closer: () => Promise<unknown>) => void,
): Promise<Omit<LocalRelay, 'close'>> {
  const { stage = 'local', announce = () => undefined } = options;
  if (!STAGE.test(stage))
    throw new Error('The stage must be at most eight lower-case letters and digits, a letter first.');
  const dataDir = await openDataDir(options.dataDir, onClose);
  const keep = options.log ?? (options.dataDir === undefined ? () => undefined : logTo(join(dataDir, 'relay.log')));
  const log = (source: string, line: string): void => {
    LOG_CHANNEL.publish({ source, line } satisfies LoggedLine);
    keep(source, line);
  };
  const onCrash = options.onCrash ?? ((error) => log('relay', error.message));
  const profilesDir = join(dataDir, 'profiles');
  const registryDir = join(dataDir, 'registry');

  /** What goes with the relay is kept in memory, which is faster. */
  const persistent = (name: string) => (options.dataDir === undefined ? undefined : join(dataDir, name));

  const functions = Promise.withResolvers<Functions>();
  const invoke = async (name: FunctionName, event: unknown): Promise<unknown> =>
    (await functions.promise).invoke(name, event);
  // First, for a port in use is what goes wrong most often; what comes in early waits for the functions.
  const gateway = await startGateway({ port: options.port ?? 0, invoke, log });
  onClose(gateway.close);

  announce('Starting queues and tables');
  const emulators = await startEmulators({ region: REGION, dataDir: persistent('emulators'), onCrash });
  onClose(emulators.close);

  announce('Starting the key service, and making the keys of the partners');
  const signing = await addSigningKeys(readRegistryDir(options.registryDir ?? SAMPLE), profilesDir);
  const kmsDir = persistent('kms');
  const kms = await startKms({
    region: REGION,
    callers: listCallers(stage, signing),
    authorize:
      options.authorize ?? deployedPolicy({ stage, account: RELAY_ACCOUNT, principals: foreignPrincipals(signing) }),
    ...(kmsDir !== undefined && { dataDir: kmsDir }),
    clock: Date.now,
    onFault: (fault) => log('kms', fault instanceof Error ? fault.message : 'unknown fault'),
  });
  onClose(() => kms.close());
  const endpoints = { ...emulators.endpoints, kms: kms.endpoint };
  const cloud: Cloud = { stage, region: REGION, endpoints };
  const keyArns = await createResources(cloud, signing, options);
  const registry = await writeRegistry(signing, keyArns, registryDir);

  announce('Starting the functions');
  const seen: Cloud = options.interpose ? { ...cloud, endpoints: await options.interpose(endpoints) } : cloud;
  const started = await startFunctions({
    handlersDir: options.handlersDir ?? HANDLERS,
    environment: (name) => environmentOf(name, { cloud: seen, authority: gateway.authority, registryDir, options }),
    log,
  });
  functions.resolve(started);
  onClose(started.close);
  // Once more, so that it is closed before the functions: nobody is told of a fault that is none.
  onClose(gateway.close);

  const connect = <C extends { destroy: () => void }>(
    client: new (settings: ClientSettings) => C,
    service: keyof Cloud['endpoints'],
    { credentials }: Principal,
  ): C => {
    const connected = new client({ region: REGION, endpoint: endpoints[service], credentials });
    onClose(async () => connected.destroy());
    return connected;
  };
  const administrator = administratorOf(RELAY_ACCOUNT);
  const clients = {
    sqs: connect(SQSClient, 'sqs', administrator),
    dynamodb: connect(DynamoDBClient, 'dynamodb', administrator),
    kms: connect(KMSClient, 'kms', administrator),
  };
  for (const lane of LANES) {
    const url = queueUrl(endpoints.sqs, dispatchQueue(stage, lane));
    const pump = startPump({
      client: clients.sqs,
      region: REGION,
      queueUrl: url,
      queueArn: await queueArn(clients.sqs, url),
      maximumConcurrency: options.maximumConcurrency ?? 5,
      invoke: (event) => invoke('deliver', event),
      log,
    });
    onClose(pump.close);
  }
  const schedule = startSchedule({
    everySeconds: options.sweepEverySeconds ?? 60,
    run: () => invoke('sweep', scheduledEvent(Date.now())),
    log,
  });
  onClose(schedule.close);

  const lambda = await startLambdaApi({ stage, invoke });
  onClose(lambda.close);

  await writeProfiles({ cloud, registry, keyArns, relayUrl: gateway.url, profilesDir, now: Date.now() });
  const { accessKeyId, secretAccessKey } = administrator.credentials;
  await writeOperatorFile(dataDir, {
    stage,
    region: REGION,
    registry: 'registry',
    profiles: 'profiles',
    endpoints: { ...endpoints, lambda: lambda.endpoint },
    credentials: { accessKeyId, secretAccessKey },
  });
  return {
    url: gateway.url,
    stage,
    region: REGION,
    dataDir,
    profilesDir,
    registry,
    endpoints,
    kms,
    clients,
    agencyClients: (id) => {
      const agency = registry.agencies.get(id);
      if (!agency) throw new Error(`There is no agency ${id} in the registry.`);
      const principal = agencyPrincipal(stage, agency);
      return { sqs: connect(SQSClient, 'sqs', principal), kms: connect(KMSClient, 'kms', principal) };
    },
    queueUrl: (name) => queueUrl(endpoints.sqs, name),
    sweepNow: schedule.runNow,
    crash: started.crash,
  };
}

interface ClientSettings extends Pick<Principal, 'credentials'> {
  region: string;
  endpoint: string;
}

async function openDataDir(
  dataDir: string | undefined,
  onClose: (closer: () => Promise<unknown>) => void,
): Promise<string> {
  if (dataDir !== undefined) {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    return resolve(dataDir);
  }
  const temporary = await mkdtemp(join(tmpdir(), 'referral-relay-'));
  onClose(() => rm(temporary, { recursive: true, force: true }));
  return temporary;
}

const logTo =
  (path: string) =>
  (source: string, line: string): void =>
    appendFileSync(path, `${new Date().toISOString()} ${source} ${line}\n`, { mode: 0o600 });

const foreignPrincipals = ({ agencies }: Registry): Map<string, string> =>
  new Map([...agencies.values()].flatMap(({ id, principal }) => (principal === undefined ? [] : [[id, principal]])));

interface Surroundings {
  cloud: Cloud;
  authority: string;
  registryDir: string;
  options: LocalRelayOptions;
}

/** What a function is deployed with, and where the emulators are; nothing of this process's own environment. */
function environmentOf(
  name: FunctionName,
  { cloud: { stage, region, endpoints }, authority, registryDir, options }: Surroundings,
): Record<string, string> {
  const { credentials } = functionPrincipal(stage, name);
  return {
    STAGE: stage,
    LEDGER_TABLE: ledgerTable(stage),
    QUEUE_URL_BASE: queueUrlBase(endpoints.sqs),
    TOPIC_ARN_BASE: topicArnBase(region),
    REGISTRY_DIR: registryDir,
    RELAY_AUTHORITY: authority,
    ...(options.contentDays !== undefined && { CONTENT_DAYS: String(options.contentDays) }),
    ...(options.custodyDays !== undefined && { CUSTODY_DAYS: String(options.custodyDays) }),
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_SQS: endpoints.sqs,
    AWS_ENDPOINT_URL_SNS: endpoints.sns,
    AWS_ENDPOINT_URL_KMS: endpoints.kms,
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
    // What the user of this machine has configured for AWS is none of the functions' business.
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
  };
}

/** As EventBridge sends it (AWS, "Using Lambda with scheduled events"). */
const scheduledEvent = (now: number): object => ({
  version: '0',
  id: crypto.randomUUID(),
  'detail-type': 'Scheduled Event',
  source: 'aws.events',
  account: RELAY_ACCOUNT,
  time: new Date(now).toISOString(),
  region: REGION,
  resources: [`arn:aws:events:${REGION}:${RELAY_ACCOUNT}:rule/sweep`],
  detail: {},
});
