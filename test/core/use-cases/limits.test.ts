import { describe, expect, it } from 'vitest';
import { RelayError } from '../../../core/errors.ts';
import type { Hotline } from '../../../core/registry.ts';
import type { Urgency } from '../../../core/schema.ts';
import { LIMITS } from '../../../core/limits.ts';
import { MINUTE, SECOND } from '../../../core/time.ts';
import { receiveOutcomes } from '../../../core/use-cases/collect.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { faultAt, Invocation } from '../../doubles/faults.ts';
import { DE, GB } from '../../support/placed.ts';
import { type HotlineId, World } from '../../support/world.ts';

/* How much a hotline may submit, and how many of its calls may wait (docs/adr/014). */

const limited = (world: World, id: HotlineId, submissionsPerMinute: number): Hotline => ({
  ...world.hotline(id),
  limits: { submissionsPerMinute },
});

/** What becomes of a new referral, or of `again`. */
async function submit(world: World, hotline: Hotline, urgency: Urgency, again?: { id: string }): Promise<string> {
  const { submission } = await world.seal(hotline.id as HotlineId, DE, { urgency, ...again });
  return outcome(submitReferral(world.relay(), hotline, submission));
}

const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof RelayError ? `${error.code} after ${error.retryAfter} s` : String(error)),
  );

describe('a hotline with a limit', () => {
  it('is refused beyond it, told when to come back, and taken then', async () => {
    const world = new World();
    const hotline = limited(world, GB, 4);
    const results = [];
    for (let count = 0; count < 5; count++) results.push(await submit(world, hotline, 'routine'));
    expect(results).toEqual(['accepted', 'accepted', 'accepted', 'accepted', 'slow-down after 15 s']);
    expect(world.ledger.names()).toHaveLength(4);
    world.clock.advance(MINUTE / 4);
    expect(await submit(world, hotline, 'high')).toBe('accepted');
  });

  it('still gets its immediate referrals through behind a heap of others', async () => {
    const world = new World();
    const hotline = limited(world, GB, 1);
    expect(await submit(world, hotline, 'routine')).toBe('accepted');
    expect(await submit(world, hotline, 'high')).toBe('slow-down after 60 s');
    expect(await submit(world, hotline, 'immediate')).toBe('accepted');
    expect(await submit(world, hotline, 'immediate')).toBe('slow-down after 60 s');
  });

  it('is counted by repetitions too, which cost the ledger as much, and answered as before once there is room', async () => {
    const world = new World();
    const hotline = limited(world, GB, 1);
    const { submission } = await world.seal(GB, DE);
    const first = await submitReferral(world.relay(), hotline, submission);
    expect(await outcome(submitReferral(world.relay(), hotline, submission))).toBe('slow-down after 60 s');
    world.clock.advance(MINUTE);
    expect(await submitReferral(world.relay(), hotline, submission)).toEqual(first);
  });

  it('costs no other hotline anything', async () => {
    const world = new World();
    const [flooding, quiet] = [limited(world, GB, 1), limited(world, 'us-hotline', 1)];
    await submit(world, flooding, 'routine');
    expect(await submit(world, flooding, 'routine')).toBe('slow-down after 60 s');
    expect(await submit(world, quiet, 'routine')).toBe('accepted');
  });

  it('is not counted for what is malformed: it was never looked up', async () => {
    const world = new World();
    const hotline = limited(world, GB, 1);
    const { submission } = await world.seal(GB, DE);
    const work = submitReferral(world.relay(), hotline, { ...submission, sealed: 'not sealed' });
    expect(await outcome(work)).toContain('invalid-envelope');
    expect(await outcome(submitReferral(world.relay(), hotline, submission))).toBe('accepted');
  });

  it.each(['throttle', 'lose-request', 'lose-answer'] as const)(
    'is not taken in where it could not be counted (%s), and nothing is stored',
    async (fault) => {
      const world = new World();
      const { submission } = await world.seal(GB, DE);
      const invocation = new Invocation(faultAt(0, fault));
      const ending = await invocation.run(() =>
        submitReferral(world.relay(invocation), limited(world, GB, 9), submission),
      );
      expect(ending.outcome).toBe('failed');
      expect(invocation.points).toEqual(['ledger.take']);
      expect(world.ledger.names()).toEqual([]);
    },
  );
});

describe('a hotline without a limit', () => {
  it('is not counted at all', async () => {
    const world = new World();
    const { submission } = await world.seal(GB, DE);
    const invocation = new Invocation();
    await submitReferral(world.relay(invocation), world.hotline(GB), submission);
    expect(invocation.points).not.toContain('ledger.take');
  });
});

const WAIT = 20;

const receive = (world: World, id: HotlineId, wait: number): Promise<string> =>
  outcome(receiveOutcomes(world.relay(), world.hotline(id), { max: 10, wait }));

/** Machines without number that ask whenever they may, of a hotline to which nothing comes. */
class Impatient {
  readonly #world: World;
  #waiting: { until: number; end: () => void; call: Promise<string> }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /**
   * Asks until it is refused, for so many seconds.
   * @returns how many calls wait in the last of them
   */
  async ask(wait: number, seconds: number): Promise<number> {
    const { clock } = this.#world;
    let waiting = 0;
    for (let second = 0; second < seconds; second++) {
      while (await this.#call(wait));
      waiting = this.#waiting.length;
      clock.advance(SECOND);
      const over = this.#waiting.filter(({ until }) => until <= clock.now());
      this.#waiting = this.#waiting.filter(({ until }) => until > clock.now());
      for (const { end } of over) end();
      await Promise.all(over.map(({ call }) => call));
    }
    return waiting;
  }

  /** @returns whether it waits now, and was not refused */
  async #call(wait: number): Promise<boolean> {
    const begun = Promise.withResolvers<'begun'>();
    const { promise, resolve } = Promise.withResolvers<[]>();
    const relay = this.#world.relay();
    const receiveLater = () => {
      begun.resolve('begun');
      return promise;
    };
    const queues = { ...relay.queues, receive: receiveLater };
    const call = outcome(receiveOutcomes({ ...relay, queues }, this.#world.hotline(GB), { max: 10, wait }));
    if ((await Promise.race([begun.promise, call])) !== 'begun') return false;
    this.#waiting.push({ until: this.#world.clock.now() + wait * SECOND, end: () => resolve([]), call });
    return true;
  }
}

describe('calls that wait for items', () => {
  it.each([20, 7, 1])('of %i seconds are so many of one hotline, and no more', async (wait) => {
    expect(await new Impatient(new World()).ask(wait, 180)).toBe(LIMITS.waitingReceives);
  });

  it('are refused beyond that, with when to come back, and cost no other hotline its places', async () => {
    const world = new World();
    await new Impatient(world).ask(WAIT, 1);
    const still = await Promise.all([receive(world, GB, WAIT), receive(world, GB, WAIT)]);
    expect(still.toSorted()).toEqual(['accepted', 'slow-down after 1 s']);
    expect(await receive(world, 'us-hotline', WAIT)).toBe('accepted');
  });

  it('do not keep it from what is there: what does not wait is not counted', async () => {
    const world = new World();
    await new Impatient(world).ask(WAIT, 1);
    for (let count = 0; count < 100; count++) expect(await receive(world, GB, 0)).toBe('accepted');
  });

  it('count with the time that they did wait: one machine is never refused, however fast answers come', async () => {
    const world = new World();
    for (let count = 0; count < 1000; count++) expect(await receive(world, GB, WAIT)).toBe('accepted');
  });

  it('that cannot give back what they did not need bring what there is all the same', async () => {
    const world = new World();
    const relay = world.relay(new Invocation((point) => (point === 'ledger.giveBack' ? 'throttle' : 'none')));
    expect(await receiveOutcomes(relay, world.hotline(GB), { max: 10, wait: WAIT })).toEqual({ items: [] });
  });
});
