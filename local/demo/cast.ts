import { join } from 'node:path';
import { KMSClient } from '@aws-sdk/client-kms';
import { SQSClient } from '@aws-sdk/client-sqs';
import {
  type Agency,
  type AgencyReferral,
  createAgency,
  createHotline,
  type DeliveryReport,
  type Hotline,
  loadAgencyProfile,
  loadHotlineProfile,
  type Runtime,
  type Withdrawal,
} from '../../client/index.ts';
import { agencyPrincipal } from '../principals.ts';
import type { LocalRelay } from '../relay.ts';

/** An agency at work: takes what comes, and remembers it. */
export interface AgencyAtWork {
  id: string;
  client: Agency;
  /** What it has opened, by referral id. */
  opened: Map<string, AgencyReferral>;
  withdrawals: Withdrawal[];
  /** Polls until something has come, and handles it. */
  work(): Promise<DeliveryReport[]>;
}

/** A hotline of the sample registry, its keys compared and confirmed; `runtime` may stand between it and the network. */
export async function callHotline(relay: LocalRelay, id: string, runtime: Partial<Runtime> = {}): Promise<Hotline> {
  const profile = await loadHotlineProfile(join(relay.profilesDir, id));
  return createHotline({ ...profile, runtime });
}

/** Seconds to wait for a message; far more than it takes. */
const PATIENCE = 20;

export async function callAgency(relay: LocalRelay, id: string): Promise<AgencyAtWork> {
  const { awsConfig: _, ...profile } = await loadAgencyProfile(join(relay.profilesDir, id));
  const agency = relay.registry.agencies.get(id);
  if (!agency) throw new Error(`The registry has no agency ${id}.`);
  const { region, endpoints, stage } = relay;
  const settings = { region, credentials: agencyPrincipal(stage, agency).credentials };
  const client = createAgency({
    ...profile,
    sqs: new SQSClient({ ...settings, endpoint: endpoints.sqs }),
    kms: new KMSClient({ ...settings, endpoint: endpoints.kms }),
  });
  const opened = new Map<string, AgencyReferral>();
  const withdrawals: Withdrawal[] = [];
  const handlers = {
    referral: (referral: AgencyReferral) => void opened.set(referral.id, referral),
    withdrawn: (withdrawal: Withdrawal) => void withdrawals.push(withdrawal),
  };
  const work = async (): Promise<DeliveryReport[]> => {
    const deliveries = await client.poll({ wait: PATIENCE });
    return Promise.all(deliveries.map((delivery) => client.handle(delivery, handlers)));
  };
  return { id, client, opened, withdrawals, work };
}
