import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, paginateQuery, paginateScan } from '@aws-sdk/client-dynamodb';
import { DescribeKeyCommand, DisableKeyCommand, EnableKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import type { ReferralName } from '../../core/ids.ts';
import { allLanes } from '../../core/lanes.ts';
import {
  agencyAlias,
  agencyQueue,
  dispatchQueue,
  DUE_INDEX,
  LANES,
  ledgerTable,
  outcomesQueue,
} from '../../core/names.ts';
import { loadRegistry, type Registry } from '../../core/registry.ts';
import { readRegistryDir } from '../../lambda/registry-files.ts';
import { agencyPrincipal } from '../../local/principals.ts';
import { queueUrl } from '../../local/resources.ts';

/*
 * A local relay that runs in another process, seen through its operator's eyes: what it owes, what lies in its queues.
 * It is found by `operator.json` in its data folder; the ports in there hold until the relay is restarted.
 */

const Endpoints = z.object({ sqs: z.string(), dynamodb: z.string(), kms: z.string() });
const OperatorFile = z.object({
  stage: z.string(),
  region: z.string(),
  registry: z.string(),
  profiles: z.string(),
  endpoints: Endpoints,
  credentials: z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }),
});

export interface Depths {
  /** Messages in the dispatch queues, taken by a function or not. */
  dispatch: number;
  /** In the agencies' queues, all told. */
  agencies: number;
  /** In the hotlines' inboxes, all told. */
  inboxes: number;
}

export interface Machine {
  registry: Registry;
  profilesDir: string;
  /** SDK clients of an agency's principal; destroy them. */
  agencyClients(agency: string): { sqs: SQSClient; kms: KMSClient };
  /** How many rows of the ledger owe something, but for the removal of content: none once all work is at rest. */
  countOwed(): Promise<number>;
  /** The referrals that the ledger holds. */
  listReferrals(): Promise<ReferralName[]>;
  measureDepths(): Promise<Depths>;
  /** Disables an agency's KMS key, or enables it again. */
  setKey(agency: string, state: 'enabled' | 'disabled'): Promise<void>;
  close(): void;
}

/** @param dataDir of the relay */
export function connectMachine(dataDir: string): Machine {
  const file = OperatorFile.parse(JSON.parse(readFileSync(join(dataDir, 'operator.json'), 'utf8')));
  const { stage, region, endpoints, credentials } = file;
  const registry = loadRegistry(readRegistryDir(join(dataDir, file.registry)));
  const dynamodb = new DynamoDBClient({ region, endpoint: endpoints.dynamodb, credentials });
  const sqs = new SQSClient({ region, endpoint: endpoints.sqs, credentials });
  const kms = new KMSClient({ region, endpoint: endpoints.kms, credentials });
  const TableName = ledgerTable(stage);

  async function countLane(lane: string): Promise<number> {
    let count = 0;
    const pages = paginateQuery(
      { client: dynamodb },
      {
        TableName,
        IndexName: DUE_INDEX,
        KeyConditionExpression: 'lane = :lane',
        ExpressionAttributeValues: { ':lane': { S: lane } },
        Select: 'COUNT',
      },
    );
    for await (const page of pages) count += page.Count ?? 0;
    return count;
  }

  async function depthOf(name: string): Promise<number> {
    const attributes = [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
      'ApproximateNumberOfMessagesDelayed',
    ] as const;
    const command = { QueueUrl: queueUrl(endpoints.sqs, name), AttributeNames: [...attributes] };
    const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand(command));
    return attributes.reduce((sum, attribute) => sum + Number(Attributes[attribute] ?? 0), 0);
  }

  return {
    registry,
    profilesDir: join(dataDir, file.profiles),
    agencyClients(id) {
      const agency = registry.agencies.get(id);
      if (!agency) throw new Error(`There is no agency ${id} in the registry.`);
      const settings = { region, credentials: agencyPrincipal(stage, agency).credentials };
      return {
        sqs: new SQSClient({ ...settings, endpoint: endpoints.sqs }),
        kms: new KMSClient({ ...settings, endpoint: endpoints.kms }),
      };
    },
    async countOwed() {
      const lanes = allLanes(registry.hotlines.keys(), registry.agencies.keys(), 0);
      return sum(
        lanes.filter((lane) => !lane.startsWith('retention#')),
        countLane,
      );
    },
    async listReferrals() {
      const names: ReferralName[] = [];
      const pages = paginateScan(
        { client: dynamodb },
        {
          TableName,
          FilterExpression: 'sk = :sk',
          ExpressionAttributeValues: { ':sk': { S: 'referral' } },
          ProjectionExpression: 'pk',
        },
      );
      for await (const { Items = [] } of pages) {
        for (const { pk } of Items) {
          const [hotline = '', id = ''] = pk?.S?.split('#') ?? [];
          names.push({ hotline, id });
        }
      }
      return names;
    },
    measureDepths: async () => ({
      dispatch: await sum(
        LANES.map((lane) => dispatchQueue(stage, lane)),
        depthOf,
      ),
      agencies: await sum(
        [...registry.agencies.keys()].flatMap((id) => LANES.map((lane) => agencyQueue(stage, id, lane))),
        depthOf,
      ),
      inboxes: await sum(
        Array.from(registry.hotlines.keys(), (id) => outcomesQueue(stage, id)),
        depthOf,
      ),
    }),
    async setKey(agency, state) {
      const found = await kms.send(new DescribeKeyCommand({ KeyId: agencyAlias(stage, agency, 1) }));
      const KeyId = found.KeyMetadata?.KeyId;
      await kms.send(state === 'disabled' ? new DisableKeyCommand({ KeyId }) : new EnableKeyCommand({ KeyId }));
    },
    close() {
      for (const client of [dynamodb, sqs, kms]) client.destroy();
    },
  };
}

/** One after the other: what is measured should not notice. */
async function sum(names: readonly string[], count: (name: string) => Promise<number>): Promise<number> {
  let total = 0;
  for (const name of names) total += await count(name);
  return total;
}
