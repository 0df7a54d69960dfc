import { makeKeyring } from '../sim/partners.ts';
import { DEFAULT_STEPS, type Failure, seedOf, simulate } from '../sim/simulate.ts';

/* Runs the simulation on the code around it until an invariant breaks; its parent has started it in a copy of the tree. */

/** What the child tells its parent after each run. */
export interface Told {
  runs: number;
  failure?: Pick<Failure, 'seed' | 'invariant' | 'message'> | undefined;
}

const [runs = 0, seed = 0] = process.argv.slice(2).map(Number);
const keyring = makeKeyring();

for (let index = 0; index < runs; index += 1) {
  const failure = await simulate(keyring, { seed: seedOf(seed, index), steps: DEFAULT_STEPS, shrink: false });
  process.send?.({ runs: index + 1, failure: failure && pick(failure) } satisfies Told);
  if (failure) break;
}
process.disconnect();

function pick({ seed: failed, invariant, message }: Failure): Told['failure'] {
  return { seed: failed, invariant, message };
}
