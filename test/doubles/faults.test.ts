import { setImmediate as everythingElse } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Fault, faultAt, Invocation, ServiceError } from './faults.ts';

/** Three calls in a row that count, with a `finally` that a crash must not reach. */
function count(fault: Fault, index = 1) {
  const world = { effects: 0, cleanedUp: false };
  const invocation = new Invocation(faultAt(index, fault));
  const call = (point: string) => invocation.call(point, () => ++world.effects);
  const ending = invocation.run(async () => {
    try {
      await call('first');
      await call('second');
      return await call('third');
    } finally {
      world.cleanedUp = true;
    }
  });
  return { world, invocation, ending };
}

describe('an invocation', () => {
  it('runs to its end where nothing befalls it', async () => {
    const { world, invocation, ending } = count('none');
    expect(await ending).toEqual({ outcome: 'finished', value: 3 });
    expect(invocation.points).toEqual(['first', 'second', 'third']);
    expect(world.cleanedUp).toBe(true);
  });

  it.each([
    ['crash-before', 1],
    ['crash-after', 2],
  ] as const)('that meets %s ends there, with %i effects and nothing cleaned up', async (fault, effects) => {
    const { world, ending } = count(fault);
    expect(await ending).toEqual({ outcome: 'crashed', at: 'second' });
    expect(world).toEqual({ effects, cleanedUp: false });
  });

  it.each([
    ['lose-request', 1, 'TimeoutError'],
    ['throttle', 1, 'ThrottlingException'],
    ['lose-answer', 2, 'TimeoutError'],
  ] as const)('that meets %s fails after %i effects with %s', async (fault, effects, error) => {
    const { world, ending } = count(fault);
    expect(await ending).toEqual({ outcome: 'failed', error: new ServiceError(error) });
    expect(world).toEqual({ effects, cleanedUp: true });
  });

  it('hears the second answer to a request that arrives twice', async () => {
    expect(await count('repeat').ending).toEqual({ outcome: 'finished', value: 4 });
    expect(await count('repeat', 2).ending).toEqual({ outcome: 'finished', value: 4 });
  });

  it('has no effect any more once it has crashed, not even from calls begun before', async () => {
    const slow = Promise.withResolvers<void>();
    let effects = 0;
    const invocation = new Invocation(async (point) => {
      if (point === 'slow') await slow.promise;
      return point === 'fatal' ? 'crash-after' : 'none';
    });
    const call = (point: string) => invocation.call(point, () => ++effects);
    const ending = await invocation.run(() => Promise.all([call('slow'), call('fatal')]));
    expect(ending).toEqual({ outcome: 'crashed', at: 'fatal' });
    slow.resolve();
    void call('late');
    await everythingElse();
    expect(effects).toBe(1);
    expect(invocation.points).toEqual(['slow', 'fatal']);
  });

  it('does not hide a fault of the double behind a lost answer', async () => {
    const invocation = new Invocation(faultAt(0, 'lose-answer'));
    const broken = invocation.call('broken', () => {
      throw new TypeError('a fault of the double');
    });
    await expect(broken).rejects.toThrow('a fault of the double');
  });
});
