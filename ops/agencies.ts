import type { Agency, PartnerKind } from '../core/registry.ts';
import type { Cloud } from './cloud.ts';
import { mapSome } from './concurrency.ts';
import { refusal } from './session.ts';

/**
 * An agency of the registry, or one that is gone from it and that the ledger still knows.
 * @throws {CommandError} `unknown-agency`
 */
export async function findAgency({ registry, ledger }: Cloud, id: string): Promise<Agency | 'gone'> {
  const agency = registry.agencies.get(id);
  if (agency) return agency;
  if ((await ledger.remember('agency', [])).includes(id)) return 'gone';
  throw refusal('unknown-agency', `There is no agency "${id}", nor was there ever one.`);
}

/**
 * What a partner is, by the registry or by that of the deployed relay: sweep remembers all whom it ever knew, so that a
 * checkout that is old, or another, keeps nobody from being shut out. Nothing if nobody knows it.
 */
export async function kindOf({ registry, ledger }: Cloud, partner: string): Promise<PartnerKind | undefined> {
  const registered = registry.find(partner);
  if (registered) return registered.kind;
  const kinds = await mapSome(['agency', 'hotline'] as const, async (kind) =>
    (await ledger.remember(kind, [])).includes(partner) ? [kind] : [],
  );
  return kinds.flat()[0];
}

/** What keeps everything from an agency, and how that ends. */
export interface Hold {
  held: 'gone' | 'suspended';
  text: string;
}

/** Why nothing goes out to an agency, if so. */
export async function findHold({ registry, suspensions }: Cloud, id: string): Promise<Hold | undefined> {
  if (!registry.agencies.has(id)) {
    const text = `${id} is gone from the registry: it goes out when its file is back, or "offboard ${id} --hand-over" gives it to the fallback.`;
    return { held: 'gone', text };
  }
  if (!(await suspensions.find(id))) return undefined;
  return { held: 'suspended', text: `${id} is suspended: it goes out after "resume ${id}".` };
}
