import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../core/ports.ts';
import { fromTimestamp } from '../../core/time.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import { failed } from '../../core/ledger-rules.ts';
import { resume, suspend } from '../../ops/suspend.ts';
import { testRegistry, World } from '../support/world.ts';
import { sessionIn } from './session.ts';

const GB = 'gb-hotline';

it('lets go at once also of what an attempt gave up while the partner was let in', async () => {
  const world = new World();
  world.ledger.suspended.add('de-police');
  const { submission, name } = await world.seal(GB, { suspect: ['DE'], victim: [] }, { urgency: 'immediate' });
  await submitReferral(world.relay(), world.hotline(GB), submission);
  await world.dispatch();
  await world.pass(600, 10);

  const session = sessionIn(world);
  const { ledger } = session.cloud;
  let isFirst = true;
  const replace: Ledger['replace'] = async (row) => {
    if (isFirst && row.kind === 'route') {
      isFirst = false;
      const [current] = world.ledger.record(name).routes;
      if (current) await ledger.replace(failed(current, world.clock.now(), 1));
    }
    return ledger.replace(row);
  };
  await resume({ ...session, cloud: { ...session.cloud, ledger: { ...ledger, replace } } }, 'de-police');
  const [route] = world.ledger.record(name).routes;
  expect(fromTimestamp(route?.due?.at ?? '')).toBeLessThanOrEqual(world.clock.now());
});

const elsewhere = (world: World) => {
  const nobody = { find: () => undefined, hotlines: new Map(), agencies: new Map() };
  return sessionIn(world, { ...testRegistry(), ...nobody });
};

describe('from a checkout that does not have the partner', () => {
  it.each(['de-police', GB])('the deployed relay’s %s is shut out and let in', async (partner) => {
    const world = new World();
    await world.pass(2);
    const session = elsewhere(world);
    await suspend(session, partner);
    expect(world.ledger.suspended).toEqual(new Set([partner]));
    await resume(session, partner);
    expect(world.ledger.suspended).toEqual(new Set());
    expect(await resume(session, partner)).toMatchObject({ exit: 0 });
  });

  it('a name that is nobody’s is refused, and nothing is noted under it', async () => {
    const world = new World();
    await world.pass(2);
    const session = elsewhere(world);
    for (const order of [suspend, resume]) {
      await expect(order(session, 'de-polize')).rejects.toMatchObject({ code: 'unknown-partner' });
    }
    expect(world.ledger.suspended).toEqual(new Set());
  });
});
