import { expect, it } from 'vitest';
import { makeKeyring } from './partners.ts';
import { DEFAULT_STEPS, seedOf, simulate } from './simulate.ts';

const keyring = makeKeyring();

it('finds every invariant held in a handful of runs', async () => {
  for (let index = 0; index < 10; index += 1) {
    const run = { seed: seedOf(2026, index), steps: DEFAULT_STEPS, shrink: false };
    expect(await simulate(keyring, run)).toBeUndefined();
  }
});
