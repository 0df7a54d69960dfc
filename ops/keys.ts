import { usageError } from '../client/cli/exit.ts';
import { SHARDS } from '../core/lanes.ts';
import type { LedgerRow } from '../core/ledger.ts';
import type { Ledger } from '../core/ports.ts';
import type { KmsKeyRecord } from '../core/registry.ts';
import { END_OF_TIME, toTimestamp } from '../core/time.ts';
import { mapSome } from './concurrency.ts';
import { refuseOtherRegistry } from './deployed-registry.ts';
import { refuseIfNotUnderstood } from './not-understood.ts';
import { done, type Ending, refusal, type Session } from './session.ts';
import { toTable } from './table.ts';

interface KeyUse {
  hotline: string;
  generation: number;
  /** `unknown`: the registry no longer names it, and it is needed all the same. */
  state: 'accepted' | 'retired' | 'unknown';
  /** Referrals whose content is sealed for it and still kept: the key must stay enabled, and in the registry. */
  needed: number;
}

/**
 * Which intake keys are needed: each must stay enabled, and in the registry, until the content of the last referral that
 * is sealed for it has been removed; until then it may still have to be delivered.
 * @param which nothing for all, `HOTLINE`, or `HOTLINE/GENERATION`, which then is refused while it is needed
 */
export async function showKeys({ cloud, io, now, show }: Session, which?: string): Promise<Ending> {
  const [hotline, generation] = readWhich(which);
  if (generation !== undefined) await refuseOtherRegistry(cloud);
  const { hotlines } = cloud.registry;
  const needed = await countNeeded(cloud.ledger, io.signal);
  refuseIfNotUnderstood(cloud);
  // A hotline may be gone from the registry while referrals of its are still to be delivered.
  const known = new Set([...hotlines.keys(), ...[...needed.keys()].map((name) => name.split('/', 1)[0] ?? '')]);
  if (hotline !== undefined && !known.has(hotline)) {
    throw refusal('unknown-hotline', `There is no hotline "${hotline}" in the registry, and nothing is sealed for it.`);
  }
  const uses = [...known]
    .filter((id) => hotline === undefined || id === hotline)
    .flatMap((id) => listUses(id, hotlines.get(id)?.intakeKeys ?? [], needed, toTimestamp(now())))
    .filter((use) => generation === undefined || use.generation === generation);
  if (uses.length === 0) throw refusal('unknown-key', `${which} is not in the registry, and nothing is sealed for it.`);
  const rows = uses.map((use) => [use.hotline, String(use.generation), use.state, String(use.needed)]);
  await show({ intakeKeys: uses }, toTable([['hotline', 'generation', 'state', 'needed by'], ...rows]));

  const isOne = generation !== undefined;
  const [use] = uses;
  if (isOne && use?.needed) {
    throw refusal(
      'key-needed',
      `Keep ${which} enabled and in the registry: ${use.needed} referrals are sealed for it.`,
    );
  }
  if (isOne && use?.state === 'accepted') {
    throw refusal('key-accepted', `Retire ${which} first ("retiredAt" in its file): new referrals are sealed for it.`);
  }
  return done(isOne ? 'not needed' : `keys needed: ${uses.filter((one) => one.needed > 0).length}`);
}

function readWhich(which: string | undefined): [hotline?: string, generation?: number] {
  if (which === undefined) return [];
  const [hotline = '', generation, ...rest] = which.split('/');
  if (rest.length > 0 || (generation !== undefined && !/^[1-9]\d{0,3}$/.test(generation))) {
    throw usageError('Name a key as HOTLINE/GENERATION, such as gb-lantern/1.');
  }
  return generation === undefined ? [hotline] : [hotline, Number(generation)];
}

function listUses(
  hotline: string,
  records: readonly KmsKeyRecord[],
  needed: ReadonlyMap<string, number>,
  now: string,
): KeyUse[] {
  const known = records.map(({ generation, retiredAt }): KeyUse => ({
    hotline,
    generation,
    state: retiredAt !== undefined && retiredAt <= now ? 'retired' : 'accepted',
    needed: needed.get(`${hotline}/${generation}`) ?? 0,
  }));
  const others = [...needed].flatMap(([name, count]): KeyUse[] => {
    const [owner, generation] = name.split('/');
    if (owner !== hotline || known.some((use) => use.generation === Number(generation))) return [];
    return [{ hotline, generation: Number(generation), state: 'unknown', needed: count }];
  });
  return [...known, ...others];
}

/** Rows read at a time. */
const MOST = 10_000_000;

/** By `<hotline>/<generation>`: every referral is in the outbox until it is placed, and owes its removal from then on. */
async function countNeeded(ledger: Ledger, signal: AbortSignal): Promise<Map<string, number>> {
  const lanes = ['outbox', 'retention'].flatMap((lane) => SHARDS.map((shard) => `${lane}#${shard}`));
  const generations = new Map<string, string>();
  for (const lane of lanes) {
    signal.throwIfAborted();
    const rows = await ledger.due(lane, END_OF_TIME, MOST);
    const find = async (row: LedgerRow) => ({ row, generation: await generationOf(ledger, row) });
    const found = await mapSome(rows, find, { atOnce: 50, signal });
    for (const { row, generation } of found) {
      if (generation !== undefined) generations.set(`${row.hotline}#${row.id}`, `${row.hotline}/${generation}`);
    }
  }
  const needed = new Map<string, number>();
  for (const name of generations.values()) needed.set(name, (needed.get(name) ?? 0) + 1);
  return needed;
}

/** Of the key that the content is sealed for; nothing once it is removed. */
async function generationOf(ledger: Ledger, row: LedgerRow): Promise<number | undefined> {
  if (row.kind === 'retention' && row.generation !== undefined) return row.generation ?? undefined;
  const { referral } = await ledger.read(row);
  return referral?.contentRemovedAt === undefined ? referral?.generation : undefined;
}
