import { describe, expect, it } from 'vitest';
import { DAY, HOUR, SECOND } from '../../core/time.ts';
import { makeName } from '../support/rows.ts';
import { Invocation } from './faults.ts';
import { type Disorder, MemoryQueues } from './memory-queues.ts';
import { VirtualClock } from './virtual-clock.ts';

const [QUEUE, DEAD] = ['referral-relay-test-dispatch-urgent', 'referral-relay-test-dispatch-dead-urgent'];

function open(disorder?: Disorder) {
  const clock = new VirtualClock();
  const queues = new MemoryQueues(clock, 'test', disorder);
  queues.create(DEAD, { visibilitySeconds: 30 });
  queues.create(QUEUE, { visibilitySeconds: 60, deadLetters: { queue: DEAD, maxReceives: 3 } });
  return { clock, queues };
}

/** Random numbers that come round again. */
function inTurn(...fractions: number[]) {
  let turn = 0;
  return { fraction: () => fractions[turn++ % fractions.length] ?? 0 };
}

describe('the queues in memory', () => {
  it('hide a received message for its time, and count how often it came', () => {
    const { clock, queues } = open();
    queues.send(QUEUE, 'a', 'gb-hotline');
    expect(queues.receive(QUEUE, 10)).toEqual([{ handle: 'receipt-1', body: 'a', group: 'gb-hotline', receives: 1 }]);
    clock.advance(60 * SECOND - 1);
    expect(queues.receive(QUEUE, 10)).toEqual([]);
    clock.advance(1);
    expect(queues.receive(QUEUE, 10)).toMatchObject([{ handle: 'receipt-2', body: 'a', receives: 2 }]);
  });

  it('hide a message for as long as its receiver then says', () => {
    const { clock, queues } = open();
    queues.send(QUEUE, 'a');
    const [first] = queues.receive(QUEUE, 1);
    queues.changeVisibility(QUEUE, first?.handle ?? '', 600);
    clock.advance(599 * SECOND);
    expect(queues.receive(QUEUE, 1)).toEqual([]);
    clock.advance(SECOND);
    expect(queues.receive(QUEUE, 1)).toHaveLength(1);
    expect(() => queues.changeVisibility(QUEUE, first?.handle ?? '', 600)).toThrow('MessageNotInflight');
  });

  it('hide a message for no more than twelve hours from its receipt, and refuse what is more', () => {
    const { clock, queues } = open();
    queues.send(QUEUE, 'a');
    const [received] = queues.receive(QUEUE, 1);
    const hide = (seconds: number) => () => queues.changeVisibility(QUEUE, received?.handle ?? '', seconds);
    for (const seconds of [-1, 43_201, Number.NaN]) expect(hide(seconds)).toThrow('InvalidParameterValue');
    hide(43_200)();
    clock.advance(HOUR);
    expect(hide(39_601)).toThrow('InvalidParameterValue');
    hide(39_600)();
    clock.advance(11 * HOUR - 1);
    expect(hide(1)).toThrow('InvalidParameterValue');
    expect(queues.receive(QUEUE, 1)).toEqual([]);
    clock.advance(1);
    const [again] = queues.receive(QUEUE, 1);
    queues.changeVisibility(QUEUE, again?.handle ?? '', 43_200);
  });

  it('neither hide nor remove by an earlier receipt what was received again, which SQS may do', () => {
    const { clock, queues } = open();
    queues.send(QUEUE, 'a');
    const [first] = queues.receive(QUEUE, 1);
    clock.advance(60 * SECOND);
    expect(queues.receive(QUEUE, 1)).toHaveLength(1);
    expect(() => queues.changeVisibility(QUEUE, first?.handle ?? '', 0)).toThrow('MessageNotInflight');
    queues.remove(QUEUE, first?.handle ?? '');
    expect(queues.bodies(QUEUE)).toEqual(['a']);
  });

  it('still remove a message whose time has run out, as long as nobody else received it', () => {
    const { clock, queues } = open();
    queues.send(QUEUE, 'a');
    const [first] = queues.receive(QUEUE, 1);
    clock.advance(DAY);
    queues.remove(QUEUE, first?.handle ?? '');
    expect(queues.bodies(QUEUE)).toEqual([]);
  });

  it('move a message to the dead letters when it comes up once more than allowed', () => {
    const { clock, queues } = open();
    queues.send(QUEUE, 'poison');
    queues.send(QUEUE, 'good');
    for (let receives = 1; receives <= 3; receives++) {
      expect(queues.receive(QUEUE, 1)).toMatchObject([{ body: 'poison', receives }]);
      clock.advance(60 * SECOND);
    }
    expect(queues.bodies(DEAD)).toEqual([]);
    expect(queues.receive(QUEUE, 1)).toMatchObject([{ body: 'good' }]);
    expect(queues.bodies(QUEUE)).toEqual(['good']);
    expect(queues.receive(DEAD, 1)).toMatchObject([{ body: 'poison', receives: 4 }]);
  });

  it('forget a message after 14 days, counted on among the dead letters', () => {
    const { clock, queues } = open();
    queues.send(QUEUE, 'old');
    for (let receives = 0; receives < 3; receives++) {
      queues.receive(QUEUE, 1);
      clock.advance(3 * DAY);
    }
    queues.send(QUEUE, 'young');
    queues.receive(QUEUE, 1);
    expect(queues.bodies(DEAD)).toEqual(['old']);
    clock.advance(5 * DAY);
    expect([queues.bodies(DEAD), queues.forgotten]).toEqual([[], 1]);
    clock.advance(9 * DAY);
    expect([queues.bodies(QUEUE), queues.forgotten]).toEqual([[], 2]);
  });

  it('may deliver a message again, though it was removed, where disorder is wanted', () => {
    const { queues } = open({ randomness: inTurn(0.1), duplicates: 0.2 });
    queues.send(QUEUE, 'a');
    const [first] = queues.receive(QUEUE, 1);
    queues.remove(QUEUE, first?.handle ?? '');
    expect(queues.receive(QUEUE, 1)).toMatchObject([{ body: 'a', receives: 2 }]);
  });

  it('may deliver in another order, where disorder is wanted', () => {
    const { queues } = open({ randomness: inTurn(0.9, 0.5, 0.7), duplicates: 0 });
    for (const body of ['a', 'b', 'c']) queues.send(QUEUE, body);
    expect(queues.receive(QUEUE, 3).map(({ body }) => body)).toEqual(['b', 'c', 'a']);
  });

  it('put a dispatch message in the group of its hotline', async () => {
    const { queues } = open();
    await queues.connect(new Invocation()).dispatch('urgent', { v: 1, ...makeName('gb-hotline') });
    expect(queues.receive(QUEUE, 1)).toMatchObject([{ group: 'gb-hotline' }]);
  });

  it.each([0, 11, 1.5, Number.NaN])('refuse to receive %d at once', (max) => {
    const { queues } = open();
    queues.send(QUEUE, 'a');
    expect(() => queues.receive(QUEUE, max)).toThrow('InvalidParameterValue');
  });

  it('refuse a clock that runs backwards', () => {
    let now = 1000;
    const queues = new MemoryQueues({ now: () => now-- }, 'test');
    queues.create(QUEUE, { visibilitySeconds: 30 });
    expect(() => queues.send(QUEUE, 'a')).toThrow('backwards');
    expect(() => new VirtualClock().advance(-1)).toThrow('backwards');
  });
});
