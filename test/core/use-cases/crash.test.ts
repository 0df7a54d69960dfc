import { describe, expect, it } from 'vitest';
import type { Routing } from '../../../core/schema.ts';
import { answerReferral } from '../../../core/use-cases/answer.ts';
import { acknowledgeOutcomes, receiveOutcomes } from '../../../core/use-cases/collect.ts';
import { routeReferral } from '../../../core/use-cases/route.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import { type Fault, type Faults, faultAt, Invocation } from '../../doubles/faults.ts';
import { GB } from '../../support/placed.ts';
import { World } from '../../support/world.ts';

/*
 * Every use case is stopped at every one of its calls, in every way a call can go wrong. Then it is either repeated by
 * who called it, or left alone for sweep to finish; in both cases all is as if nothing had happened.
 */

const ROUTING: Routing = { suspect: ['DE'], victim: ['CA'] };
const FAULTS = ['crash-before', 'crash-after', 'lose-request', 'lose-answer', 'throttle', 'repeat'] satisfies Fault[];

type Sealed = Awaited<ReturnType<World['seal']>>;

/** One step of a journey, on a world that a journey up to there has left. */
interface Step {
  prepare(world: World, sealed: Sealed): Promise<void>;
  /** Runs the use case; `faults` befall it. Rejects as the use case does, and never ends if it crashes. */
  act(world: World, sealed: Sealed, faults: Faults): Promise<boolean>;
  /** What must be true in the end. */
  check(world: World, sealed: Sealed): Promise<void>;
}

const submit = (world: World, { submission }: Sealed, faults?: Faults): Promise<boolean> =>
  run(faults, (invocation) => submitReferral(world.relay(invocation), world.hotline(GB), submission));

async function run(faults: Faults | undefined, work: (invocation: Invocation) => Promise<unknown>): Promise<boolean> {
  const invocation = new Invocation(faults);
  const ending = await invocation.run(() => work(invocation));
  return ending.outcome === 'finished';
}

const accept = async (world: World, sealed: Sealed): Promise<void> => {
  await submit(world, sealed);
};

const place = async (world: World, sealed: Sealed): Promise<void> => {
  await accept(world, sealed);
  await world.dispatch();
};

async function everyoneOpens(world: World, { name }: Sealed): Promise<void> {
  expect((await world.openAll('de-police')).map(({ id }) => id)).toContain(name.id);
  expect((await world.openAll('ca-police')).map(({ id }) => id)).toContain(name.id);
  await world.pass(2);
  expect(world.ledger.record(name).routes.map(({ status }) => status)).toEqual(['opened', 'opened']);
  expect(new Set(world.inbox(GB))).toEqual(new Set(['outcome#ca-police#00', 'outcome#de-police#00']));
}

/** Nothing is left to do, now or later, but to remove what is kept, and to repeat the news of a withdrawal. */
function restsIn(world: World, { name }: Sealed): void {
  const { outbox, retention, routes, statements } = world.ledger.record(name);
  expect(outbox).toBeUndefined();
  expect(retention).toBeDefined();
  expect(routes.every(({ due, withdrawalSentAt }) => due === undefined || withdrawalSentAt !== null)).toBe(true);
  for (const { content, due } of statements) {
    if (content.type === 'route' || content.type === 'withdraw') expect(due).toBeUndefined();
  }
}

const STEPS: Record<string, Step> = {
  submit: {
    prepare: () => Promise.resolve(),
    act: submit,
    async check(world, sealed) {
      await everyoneOpens(world, sealed);
      restsIn(world, sealed);
    },
  },
  deliver: {
    prepare: accept,
    act: async (world, _, faults) => {
      await world.dispatch(faults);
      return true;
    },
    async check(world, sealed) {
      await everyoneOpens(world, sealed);
      restsIn(world, sealed);
    },
  },
  'send on': {
    prepare: place,
    act: async (world, { name, hash }, faults) => {
      const token = await world.routeStatement(GB, name, hash, { suspect: ['FR'], victim: [] });
      return run(faults, (invocation) => routeReferral(world.relay(invocation), world.hotline(GB), name, token));
    },
    async check(world, sealed) {
      expect(await world.openAll('fr-police')).toMatchObject([{ routed: [{}], roles: ['suspect'] }]);
      expect(await world.openAll('fr-gendarmes')).toMatchObject([{ routed: [{}], countries: ['FR'] }]);
      await world.openAll('de-police');
      await world.openAll('ca-police');
      restsIn(world, sealed);
    },
  },
  'send on to who could not read it': {
    async prepare(world, sealed) {
      await place(world, sealed);
      const { name, hash } = sealed;
      const token = await world.outcome('de-police', name, hash, { status: 'unreadable', reason: 'not-addressed' });
      await answerReferral(world.relay(), world.agency('de-police'), name, token);
    },
    act: async (world, { name, hash }, faults) => {
      const token = await world.routeStatement(GB, name, hash, { suspect: ['DE'], victim: [] });
      await routeReferral(world.relay(), world.hotline(GB), name, token);
      await world.dispatch(faults);
      return true;
    },
    async check(world, sealed) {
      await world.pass(2);
      expect(world.waiting('de-police').at(-1)).toMatchObject({ version: 1, routed: [{}] });
      await world.openAll('de-police');
      await world.openAll('ca-police');
      restsIn(world, sealed);
    },
  },
  withdraw: {
    async prepare(world, sealed) {
      await place(world, sealed);
      await world.openAll('de-police');
    },
    act: async (world, { name, hash }, faults) => {
      const token = await world.withdrawStatement(name, hash);
      return run(faults, (invocation) => withdrawReferral(world.relay(invocation), world.hotline(GB), name, token));
    },
    async check(world, sealed) {
      expect(world.waiting('de-police')).toMatchObject([{ kind: 'withdrawn' }]);
      expect(world.waiting('ca-police')).toMatchObject([{ v: 1 }, { kind: 'withdrawn' }]);
      const { routes } = world.ledger.record(sealed.name);
      expect(routes.map(({ status }) => status)).toEqual(['withdrawn', 'opened']);
      restsIn(world, sealed);
    },
  },
  answer: {
    async prepare(world, sealed) {
      await place(world, sealed);
      await world.openAll('ca-police');
    },
    act: async (world, { name, hash }, faults) => {
      const token = await world.outcome('de-police', name, hash);
      return run(faults, (invocation) =>
        answerReferral(world.relay(invocation), world.agency('de-police'), name, token),
      );
    },
    check(world, sealed) {
      const { routes } = world.ledger.record(sealed.name);
      expect(routes.map(({ status }) => status)).toEqual(['opened', 'opened']);
      expect(world.inbox(GB)).toContain('outcome#de-police#00');
      restsIn(world, sealed);
      return Promise.resolve();
    },
  },
  acknowledge: {
    async prepare(world, sealed) {
      await place(world, sealed);
      await world.openAll('ca-police');
      await world.openAll('de-police');
    },
    act: (world, _, faults) =>
      run(faults, async (invocation) => {
        const relay = world.relay(invocation);
        const { items } = await receiveOutcomes(relay, world.hotline(GB), { max: 10, wait: 0 });
        await acknowledgeOutcomes(
          relay,
          world.hotline(GB),
          items.map(({ receipt }) => receipt),
        );
      }),
    async check(world, { name }) {
      const owed = world.ledger.record(name).statements.filter(({ due }) => due !== undefined);
      // Unless acknowledged, a statement is still there for the hotline to receive.
      for (const { key } of owed) expect(world.inbox(GB)).toContain(key);
      const { items } = await receiveOutcomes(world.relay(), world.hotline(GB), { max: 10, wait: 0 });
      expect(items.length).toBeGreaterThanOrEqual(owed.length);
    },
  },
};

/** How many calls a step makes when nothing goes wrong. */
async function countCalls(step: Step): Promise<number> {
  const world = new World();
  const sealed = await world.seal(GB, ROUTING);
  await step.prepare(world, sealed);
  let calls = 0;
  await step.act(world, sealed, () => {
    calls++;
    return 'none';
  });
  await world.dispatch();
  await step.check(world, sealed);
  return calls;
}

const CASES = await Promise.all(
  Object.entries(STEPS).map(async ([name, step]) => ({ name, step, calls: await countCalls(step) })),
);

describe.each(CASES)('$name, stopped at any of its $calls calls', ({ name, step, calls }) => {
  const stops = FAULTS.flatMap((fault) => Array.from({ length: calls }, (_, index) => ({ fault, index })));

  it.each(stops)('is finished by a repetition ($fault at $index)', async ({ fault, index }) => {
    const world = new World();
    const sealed = await world.seal(GB, ROUTING);
    await step.prepare(world, sealed);
    await step.act(world, sealed, faultAt(index, fault));
    await world.pass(3);
    expect(await step.act(world, sealed, () => 'none')).toBe(true);
    await world.dispatch();
    await world.pass(15);
    await step.check(world, sealed);
  });

  // What the caller was told has happened, has happened, though nobody calls again. What never reached the ledger has not.
  it.each(stops)('is finished by sweep if it was answered ($fault at $index)', async ({ fault, index }) => {
    const world = new World();
    const sealed = await world.seal(GB, ROUTING);
    await step.prepare(world, sealed);
    const answered = await step.act(world, sealed, faultAt(index, fault));
    await world.pass(15);
    if (answered) await step.check(world, sealed);
    else if (name === 'submit') {
      const { referral, outbox } = world.ledger.record(sealed.name);
      if (referral) await step.check(world, sealed);
      else {
        await world.pass(10);
        expect(outbox === undefined || world.ledger.names().length === 0).toBe(true);
      }
    }
  });
});
