import { describe, expect, it } from 'vitest';
import { createGate } from '../../core/gate.ts';
import { type Lane, LANES } from '../../core/names.ts';

/** Somebody who wants in, and stays there until told to leave. */
function visit(enter: ReturnType<typeof createGate>, lane: Lane, arrived: Lane[]) {
  const { promise: stay, resolve: leave, reject: fail } = Promise.withResolvers<void>();
  const left = enter(lane, async () => {
    arrived.push(lane);
    await stay;
  });
  return { leave, fail, left };
}

describe('a gate', () => {
  it('lets as many in as there are places, and of those who wait the urgent ones first', async () => {
    const arrived: Lane[] = [];
    const enter = createGate(2);
    const inside = [visit(enter, 'routine', arrived), visit(enter, 'routine', arrived)];
    const waiting = LANES.toReversed().map((lane) => visit(enter, lane, arrived));
    expect(arrived).toEqual(['routine', 'routine']);
    inside[0]?.leave();
    await inside[0]?.left;
    expect(arrived.slice(2)).toEqual(['urgent']);
    inside[1]?.leave();
    await inside[1]?.left;
    expect(arrived.slice(3)).toEqual(['routine']);
    for (const { leave } of waiting) leave();
    await Promise.all(waiting.map(({ left }) => left));
  });

  it('gives the place of one that fails to the next', async () => {
    const arrived: Lane[] = [];
    const enter = createGate(1);
    const first = visit(enter, 'urgent', arrived);
    const second = visit(enter, 'routine', arrived);
    first.fail(new Error('it failed'));
    await expect(first.left).rejects.toThrow('it failed');
    expect(arrived).toEqual(['urgent', 'routine']);
    second.leave();
    await second.left;
    expect(await enter('routine', () => Promise.resolve('free again'))).toBe('free again');
  });
});
