import { describe, expect, it } from 'vitest';
import { outboxLane } from '../../../core/lanes.ts';
import type { Urgency } from '../../../core/schema.ts';
import { MINUTE, toTimestamp } from '../../../core/time.ts';
import { routeReferral } from '../../../core/use-cases/route.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { sweep } from '../../../core/use-cases/sweep.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import type { Fault } from '../../doubles/faults.ts';
import { DE, GB } from '../../support/placed.ts';
import { makeOutboxRow } from '../../support/rows.ts';
import { World } from '../../support/world.ts';

/* What sweep tells of what nobody takes up. What it tells of what nobody opens: `unopened.test.ts`. */

async function accept(world: World, urgency: Urgency, id = world.newId()) {
  const sealed = await world.seal(GB, DE, { urgency, id });
  await submitReferral(world.relay(), world.hotline(GB), sealed.submission);
  return sealed;
}

/** An outbox without an acceptance, or before it, due at once. */
async function begin(world: World, urgency: Urgency, id = world.newId()): Promise<string> {
  const at = toTimestamp(world.clock.now());
  const due = { lane: outboxLane(id), at };
  await world.relay().ledger.create(makeOutboxRow({ hotline: GB, id }, { createdAt: at, urgency, due }));
  return id;
}

/** An id whose outbox stands in the same lane as those of others made so. */
function idOfOneLane(world: World): string {
  let id = world.newId();
  while (outboxLane(id) !== 'outbox#0') id = world.newId();
  return id;
}

const told = (world: World) => world.recorded.filter(({ event }) => event === 'held-up').map(({ fields }) => fields);

/** Minutes of sweep alone, `fault` befalling what it dispatches. @returns for each, whether it told of something */
async function wait(world: World, minutes: number, fault: Fault = 'none'): Promise<boolean[]> {
  const tells: boolean[] = [];
  for (let minute = 0; minute < minutes; minute++) {
    world.clock.advance(MINUTE);
    const before = told(world).length;
    await world.sweep((point) => (point === 'queues.dispatch' ? fault : 'none'));
    tells.push(told(world).length > before);
  }
  return tells;
}

describe('an immediate referral that was accepted and not placed', () => {
  it.each([
    ['deliver does not run', 'none'],
    ['nothing can be dispatched', 'throttle'],
  ] as const)('is told of in every minute from the 15th on: %s', async (_, fault) => {
    const world = new World();
    await accept(world, 'routine');
    const { name } = await accept(world, 'immediate');
    expect(await wait(world, 17, fault)).toEqual([...Array<boolean>(14).fill(false), true, true, true]);
    expect(told(world)[0]).toEqual({ ...name, cause: 'not-placed', minutes: 15 });
  });

  it('is told of no longer once it is placed', async () => {
    const world = new World();
    await accept(world, 'immediate');
    expect((await wait(world, 15)).at(-1)).toBe(true);
    await world.dispatch();
    expect(await wait(world, 3)).toEqual([false, false, false]);
  });

  it('is told of behind a bulk of others', async () => {
    const world = new World();
    for (let count = 0; count < 1000; count++) await begin(world, 'routine', idOfOneLane(world));
    const { name } = await accept(world, 'immediate', idOfOneLane(world));
    world.clock.advance(15 * MINUTE);
    await world.sweep();
    expect(told(world)).toMatchObject([{ id: name.id }]);
  });

  it('is told of whatever waits before it, also though something of that cannot be read', async () => {
    const world = new World();
    for (let count = 0; count < 9; count++) await begin(world, 'routine', idOfOneLane(world));
    const damaged = await begin(world, 'immediate', idOfOneLane(world));
    const { name } = await accept(world, 'immediate', idOfOneLane(world));
    world.clock.advance(15 * MINUTE);
    const relay = world.relay();
    const ledger: typeof relay.ledger = {
      ...relay.ledger,
      read: (of, ...rest) =>
        of.id === damaged ? Promise.reject(new Error('damaged')) : relay.ledger.read(of, ...rest),
    };
    const bounds = { page: 2, concurrency: 2, deadline: Number.POSITIVE_INFINITY, dispatched: 0 };
    const report = await sweep({ ...relay, ledger }, bounds);
    expect(told(world)).toMatchObject([{ id: name.id }]);
    expect(report.failures).toBeGreaterThan(0);
  });
});

it('an outbox whose referral was never accepted is told of to nobody', async () => {
  const world = new World();
  await begin(world, 'immediate');
  expect(await wait(world, 20)).toEqual(Array(20).fill(false));
});

describe('a statement that has no effect', () => {
  it.each([
    ['sending on', 'immediate', true],
    ['sending on', 'high', false],
    ['a withdrawal', 'immediate', true],
    ['a withdrawal', 'routine', false],
  ] as const)('%s of one that is %s: told of, %s', async (what, urgency, expected) => {
    const world = new World();
    const { name, hash } = await accept(world, urgency);
    await world.dispatch();
    if (what === 'a withdrawal') {
      await withdrawReferral(world.relay(), world.hotline(GB), name, await world.withdrawStatement(name, hash));
    } else {
      const token = await world.routeStatement(GB, name, hash, { suspect: ['FR'], victim: [] });
      await routeReferral(world.relay(), world.hotline(GB), name, token);
    }
    expect((await wait(world, 15)).at(-1)).toBe(expected);
  });
});
