import { describe, expect, it } from 'vitest';
import { dispatchQueue } from '../../../core/names.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import { accepted, DE, GB } from '../../support/placed.ts';
import { STAGE, World } from '../../support/world.ts';

describe('withdrawing', () => {
  it('ends what was not placed, without sending anything', async () => {
    const world = new World();
    const { submission, name, hash } = await world.seal(GB, DE);
    await submitReferral(world.relay(), world.hotline(GB), submission);
    const token = await world.withdrawStatement(name, hash);
    const { routes } = await withdrawReferral(world.relay(), world.hotline(GB), name, token);
    expect(routes).toMatchObject([{ agency: 'de-police', status: 'withdrawn' }]);
    await world.dispatch();
    await world.pass(5);
    expect(world.waiting('de-police')).toEqual([]);
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'withdrawn' }]);
  });

  it('tells every agency that may have it, keeps "opened", and sends no referral again', async () => {
    const world = new World();
    const { name, hash } = await accepted(world, { suspect: ['DE'], victim: ['CA'] });
    await world.openAll('de-police');
    const token = await world.withdrawStatement(name, hash);
    await withdrawReferral(world.relay(), world.hotline(GB), name, token);
    await world.dispatch();
    expect(world.waiting('de-police')).toMatchObject([{ kind: 'withdrawn', statement: token }]);
    expect(world.waiting('ca-police')).toMatchObject([{ agency: 'ca-police' }, { kind: 'withdrawn' }]);
    const record = world.ledger.record(name);
    expect(record.routes.map(({ status }) => status)).toEqual(['withdrawn', 'opened']);
    await world.pass(60 * 24 * 60, 24 * 60);
    expect(new Set(world.waiting('ca-police').map(({ kind }) => kind))).toEqual(new Set(['withdrawn']));
    const second = await withdrawReferral(
      world.relay(),
      world.hotline(GB),
      name,
      await world.withdrawStatement(name, hash),
    );
    expect(second.routes.map(({ status }) => status)).toEqual(['withdrawn', 'opened']);
  });

  it('is heard of by an agency that was away when the queue forgot it, as long as the facts are kept', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    await world.openAll('de-police');
    const token = await world.withdrawStatement(name, hash);
    await withdrawReferral(world.relay(), world.hotline(GB), name, token);
    await world.dispatch();
    await world.pass(32 * 24 * 60, 24 * 60);
    expect(world.ledger.record(name, 'content').referral?.sealed).toBeUndefined();
    for (let month = 0; month < 12; month++) {
      expect(await world.openAll('de-police')).toContainEqual(expect.objectContaining({ kind: 'withdrawn' }));
      await world.pass(30 * 24 * 60, 24 * 60);
    }
    await world.pass(20 * 24 * 60, 24 * 60);
    expect(world.ledger.names()).toEqual([]);
  });

  it('asks nobody again to apply what is applied, however often it is repeated, and asks again until it is', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    const token = await world.withdrawStatement(name, hash);
    const withdraw = () => withdrawReferral(world.relay(), world.hotline(GB), name, token);
    const dispatched = () => world.queues.bodies(dispatchQueue(STAGE, 'routine')).length;
    const first = await withdraw();
    await withdraw();
    expect(dispatched()).toBe(2);
    await world.dispatch();
    expect(await withdraw()).toEqual(first);
    expect(dispatched()).toBe(0);
  });
});
