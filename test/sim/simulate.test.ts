import { describe, expect, it } from 'vitest';
import { makeKeyring } from './partners.ts';
import { MISHAPS } from './plans.ts';
import { runSeries } from './pool.ts';
import { DEFAULT_STEPS, seedOf, simulate, STEP_NAMES } from './simulate.ts';

const keyring = makeKeyring();

/** What any 150 runs are to see. */
const EXPECTED = [
  ...STEP_NAMES,
  ...[...MISHAPS, 'stale'].map((what) => `fault: ${what}`),
  ...['fine', 'request-lost', 'answer-lost', 'twice'].map((wire) => `network: ${wire}`),
  ...['duplicated', 'received again', 'dead letter', 'forgotten'].map((event) => `message: ${event}`),
  'a hotline is to slow down',
  'changed while it is read',
  'ledger: handed over',
  'ledger: released',
  'several machines',
  'what was held goes on',
  'clock of a function',
  'old registry',
  'out of time',
  'part of a batch fails',
];

describe('a run of the simulation', () => {
  it('finds every invariant held, in a handful of them', async () => {
    for (let index = 0; index < 10; index += 1) {
      const run = { seed: seedOf(2026, index), steps: DEFAULT_STEPS, shrink: false };
      expect(await simulate(keyring, run)).toBeUndefined();
    }
  });

  it('takes code that does not work for an error, and for no broken promise', async () => {
    const failure = await simulate(keyring, { seed: 11, steps: DEFAULT_STEPS, shrink: false, plant: 'broken' });
    expect(failure).toMatchObject({ invariant: 'error', message: expect.stringContaining('TypeError') });
  });

  it.each([
    ['accepted-stands', 'forgetful'],
    ['confidential', 'misdirecting'],
  ] as const)(
    'finds what breaks "%s", the same way each time, and shrinks it to a few steps',
    async (invariant, plant) => {
      const { failure } = await runSeries({ runs: 50, seed: 11, steps: DEFAULT_STEPS, plant, threads: 1 });
      const run = { seed: failure?.seed ?? 0, steps: DEFAULT_STEPS, plant };
      const found = await simulate(keyring, { ...run, shrink: false });
      expect(found).toMatchObject({ seed: run.seed, invariant });
      expect(await simulate(keyring, { ...run, shrink: false })).toEqual(found);
      const shrunk = await simulate(keyring, { ...run, shrink: true });
      expect(shrunk).toMatchObject({ seed: run.seed, invariant });
      expect(shrunk?.trace.split('\n').length).toBeLessThan(15);
      expect(await simulate(keyring, { ...run, shrink: true })).toEqual(shrunk);
    },
  );

  it('goes through every action and every fault', async () => {
    const counts = new Map<string, number>();
    for (let index = 0; index < 150; index += 1) {
      await simulate(keyring, { seed: seedOf(1, index), steps: DEFAULT_STEPS, shrink: false }, ({ trace }) => {
        for (const [what, times] of trace.counts) counts.set(what, (counts.get(what) ?? 0) + times);
      });
    }
    expect([...counts.keys()].toSorted()).toEqual(EXPECTED.toSorted());
    // Half a minute of work for one processor, which others may want as well.
  }, 300_000);
});

describe('a series of runs', () => {
  it('ends with the same verdict on any number of threads', async () => {
    const series = { runs: 40, seed: 3, steps: 12, plant: 'misdirecting' } as const;
    const alone = await runSeries({ ...series, threads: 1 });
    expect(alone.failure?.invariant).toBe('confidential');
    expect(alone.done).toBeGreaterThan(1);
    for (const threads of [2, 3]) expect(await runSeries({ ...series, threads })).toEqual(alone);
  });
});
