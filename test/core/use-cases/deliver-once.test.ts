import { describe, expect, it } from 'vitest';
import { deliverOnce } from '../../../core/use-cases/deliver.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { Invocation } from '../../doubles/faults.ts';
import { GB } from '../../support/placed.ts';
import { World } from '../../support/world.ts';

async function submitted(world: World) {
  const { submission, name } = await world.seal(GB, { suspect: ['DE'], victim: [] });
  await submitReferral(world.relay(), world.hotline(GB), submission);
  return name;
}

describe('a batch of dispatch messages', () => {
  it('sends a referral once, however many of them ask for it', async () => {
    const world = new World();
    const name = await submitted(world);
    const deliver = deliverOnce(world.relay());
    await Promise.all([1, 2, 3, 4, 5, 6].map(() => deliver({ v: 1, ...name })));
    expect(world.waiting('de-police')).toHaveLength(1);
  });

  it('keeps apart what is asked for different referrals', async () => {
    const world = new World();
    const names = [await submitted(world), await submitted(world)];
    const deliver = deliverOnce(world.relay());
    await Promise.all(names.map((name) => deliver({ v: 1, ...name })));
    expect(world.waiting('de-police')).toHaveLength(2);
  });

  it('brings every message back when what they ask for could not be done', async () => {
    const world = new World();
    const name = await submitted(world);
    const failing = new Invocation((point) => (point === 'ledger.read' ? 'lose-request' : 'none'));
    const deliver = deliverOnce(world.relay(failing));
    const results = await Promise.allSettled([deliver({ v: 1, ...name }), deliver({ v: 1, ...name })]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
