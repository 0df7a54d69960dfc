import { describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, toTimestamp } from '../../../core/time.ts';
import { handOver } from '../../../core/use-cases/hand-over.ts';
import { redeliver, type RedeliveryOrder } from '../../../core/use-cases/redeliver.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import { accepted, GB } from '../../support/placed.ts';
import { World } from '../../support/world.ts';

const order = (more: Partial<RedeliveryOrder> = {}): RedeliveryOrder => ({
  agency: 'de-police',
  what: 'referral',
  ...more,
});

async function withdraw(world: World, { name, hash }: Awaited<ReturnType<typeof accepted>>): Promise<void> {
  await withdrawReferral(world.relay(), world.hotline(GB), name, await world.withdrawStatement(name, hash));
  await world.dispatch();
}

describe('sending anew', () => {
  it('brings what the agency has lost from its queue within a minute', async () => {
    const world = new World();
    const { name } = await accepted(world);
    expect(await redeliver(world.relay(), name, order())).toBe('owed');
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'pending', version: 1, deliveredAt: null }]);
    await world.pass(1);
    expect(world.waiting('de-police')).toMatchObject([{ version: 1 }, { version: 1 }]);
    await world.openAll('de-police');
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'opened' }]);
  });

  it('does not wait for the end of a backoff', async () => {
    const world = new World();
    world.ledger.suspended.add('de-police');
    const { name } = await accepted(world);
    await world.pass(3 * 60);
    world.ledger.suspended.delete('de-police');
    expect(await redeliver(world.relay(), name, order())).toBe('owed');
    await world.pass(1);
    expect(world.waiting('de-police')).toHaveLength(1);
  });

  it('brings what was opened only if asked for, and then as the next version', async () => {
    const world = new World();
    const { name } = await accepted(world);
    await world.openAll('de-police');
    expect(await redeliver(world.relay(), name, order())).toBe('opened');
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'opened', version: 1 }]);
    expect(await redeliver(world.relay(), name, order({ evenIfOpened: true }))).toBe('owed');
    await world.pass(1);
    expect(world.waiting('de-police')).toMatchObject([{ version: 2 }]);
  });

  it('keeps the content that it needs, also on the day of its removal', async () => {
    const world = new World();
    const { name } = await accepted(world);
    await world.openAll('de-police');
    world.clock.advance(30 * DAY - MINUTE);
    expect(await redeliver(world.relay(), name, order({ evenIfOpened: true }))).toBe('owed');
    await world.pass(3);
    expect(world.ledger.record(name).referral).not.toHaveProperty('contentRemovedAt');
    expect(world.waiting('de-police')).toHaveLength(1);
  });

  it('keeps content that is kept for a day alone with one write, also if the answer to it is lost', async () => {
    const world = new World();
    const { name } = await accepted(world);
    await world.openAll('de-police');
    world.clock.advance(20 * HOUR);
    const relay = world.relay();
    let kept = 0;
    const replace: typeof relay.ledger.replace = async (row) => {
      const written = await relay.ledger.replace(row);
      if (row.kind !== 'referral') return written;
      kept += 1;
      if (kept > 5) throw new Error('kept again and again');
      return undefined;
    };
    const ledger = { ...relay.ledger, replace };
    const retention = { ...relay.retention, content: DAY };
    expect(await redeliver({ ...relay, ledger, retention }, name, order({ evenIfOpened: true }))).toBe('owed');
    expect(kept).toBe(1);
  });

  it('brings the news of a withdrawal anew', async () => {
    const world = new World();
    const sealed = await accepted(world);
    expect(await redeliver(world.relay(), sealed.name, order({ what: 'withdrawal' }))).toBe('not-withdrawn');
    await withdraw(world, sealed);
    expect(await redeliver(world.relay(), sealed.name, order({ what: 'withdrawal' }))).toBe('owed');
    await world.pass(1);
    expect(world.waiting('de-police').map(({ kind }) => kind)).toEqual([undefined, 'withdrawn', 'withdrawn']);
  });

  it('brings that news without keeping content for it', async () => {
    const world = new World();
    const sealed = await accepted(world);
    await withdraw(world, sealed);
    await world.pass(2);
    world.clock.advance(30 * DAY - 5 * MINUTE);
    expect(await redeliver(world.relay(), sealed.name, order({ what: 'withdrawal' }))).toBe('owed');
    await world.pass(10);
    expect(world.ledger.record(sealed.name).referral).toHaveProperty('contentRemovedAt');
  });

  it.each<[string, RedeliveryOrder, (world: World, sealed: Awaited<ReturnType<typeof accepted>>) => Promise<void>]>([
    ['not-found', order({ agency: 'fr-police' }), async () => undefined],
    ['superseded', order({ version: 0 }), async () => undefined],
    ['withdrawn', order(), withdraw],
    [
      'content-removed',
      order({ evenIfOpened: true }),
      async (world) => {
        await world.openAll('de-police');
        await world.pass(32 * 24 * 60, 24 * 60);
      },
    ],
  ])('answers %s, and changes nothing', async (expected, wanted, prepare) => {
    const world = new World();
    const sealed = await accepted(world);
    await prepare(world, sealed);
    const before = world.ledger.record(sealed.name);
    expect(await redeliver(world.relay(), sealed.name, wanted)).toBe(expected);
    expect(world.ledger.record(sealed.name)).toEqual(before);
  });

  it('answers undeliverable for what no key opens, and handed-over for what another agency was given', async () => {
    const world = new World();
    world.ledger.suspended.add('ca-police');
    const { submission, name } = await world.seal(GB, { suspect: ['DE'], victim: ['CA'] });
    const segments = submission.sealed.split('.');
    segments[1] = Buffer.alloc(512, 7).toString('base64url');
    await submitReferral(world.relay(), world.hotline(GB), { ...submission, sealed: segments.join('.') });
    await world.dispatch();
    await handOver(world.relay(), name, 'ca-police', { id: 'int-clearing' });
    expect(await redeliver(world.relay(), name, order())).toBe('undeliverable');
    expect(await redeliver(world.relay(), name, order({ agency: 'ca-police' }))).toBe('handed-over');
  });
});

it('a key is named as needed while there is content that is sealed for it', async () => {
  const world = new World();
  const { name } = await accepted(world);
  expect(world.ledger.record(name).retention).toMatchObject({ generation: 1 });
  const { retention } = world.ledger.record(name);
  if (!retention) throw new Error('no retention');
  await world.relay().ledger.replace({ ...retention, generation: undefined });
  await world.pass(31 * 24 * 60, 24 * 60);
  expect(world.ledger.record(name).retention).toMatchObject({ generation: 1 });
  await world.openAll('de-police');
  await world.pass(31 * 24 * 60, 24 * 60);
  expect(world.ledger.record(name).referral).toHaveProperty('contentRemovedAt');
  expect(world.ledger.record(name).retention).toMatchObject({ generation: null });
  expect(toTimestamp(world.clock.now()) < (world.ledger.record(name).retention?.due?.at ?? '')).toBe(true);
});
