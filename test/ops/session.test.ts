import { describe, expect, it } from 'vitest';
import type { LedgerRow } from '../../core/ledger.ts';
import { DAY, fromTimestamp, MINUTE, toTimestamp } from '../../core/time.ts';
import { redeliver } from '../../core/use-cases/redeliver.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import { relayOf } from '../../ops/session.ts';
import { World } from '../support/world.ts';

const GB = 'gb-hotline';
const ORDER = { agency: 'de-police', what: 'referral', evenIfOpened: true } as const;

/** A referral that was opened so long ago that its content is removed in a minute. */
async function almostRemoved(world: World) {
  const { submission, name } = await world.seal(GB, { suspect: ['DE'], victim: [] });
  await submitReferral(world.relay(), world.hotline(GB), submission);
  await world.dispatch();
  await world.openAll('de-police');
  world.clock.advance(30 * DAY - MINUTE);
  return name;
}

/** What an order of the operator works with; `before` is awaited before each of its writes, and may see what is written. */
function relayWith(world: World, before: (row: LedgerRow) => Promise<void>) {
  const { ledger } = world.relay();
  const replace: typeof ledger.replace = async (row) => {
    await before(row);
    return ledger.replace(row);
  };
  return relayOf({ cloud: { ledger: { ...ledger, replace } }, now: () => world.clock.now() });
}

describe('an order that needs content', () => {
  it('is not overtaken between its writes by the removal that was due', async () => {
    const world = new World();
    const name = await almostRemoved(world);
    const relay = relayWith(world, async ({ kind }) => {
      if (kind === 'route') await world.pass(5);
    });
    expect(await redeliver(relay, name, ORDER)).toBe('owed');
    await world.pass(2);
    expect(world.ledger.record(name).referral).not.toHaveProperty('contentRemovedAt');
    expect(world.waiting('de-police')).toMatchObject([{ version: 2 }]);
  });

  it('keeps it for a day, with one write, and takes nothing from what is kept longer', async () => {
    const world = new World();
    const name = await almostRemoved(world);
    const kept: unknown[] = [];
    const relay = relayWith(world, (row) => {
      if (row.kind === 'referral') kept.push(row.contentUntil);
      return Promise.resolve();
    });
    const inADay = toTimestamp(world.clock.now() + DAY);
    expect(await redeliver(relay, name, ORDER)).toBe('owed');
    expect(kept).toEqual([inADay]);

    const { referral } = world.ledger.record(name);
    if (!referral) throw new Error('no referral');
    const contentUntil = toTimestamp(fromTimestamp(inADay) + DAY);
    await world.relay().ledger.replace({ ...referral, contentUntil });
    await world.pass(2);
    await world.openAll('de-police');
    expect(await redeliver(relay, name, ORDER)).toBe('owed');
    expect(world.ledger.record(name).referral).toMatchObject({ contentUntil });
    expect(kept).toHaveLength(1);
  });
});
