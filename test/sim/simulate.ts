import * as fc from 'fast-check';
import { DAY } from '../../core/time.ts';
import { type Action, ACTIONS, type WeightedAction } from './actions.ts';
import { mix } from './chance.ts';
import { CHANGES } from './changes.ts';
import { AGENCIES, type Keyring } from './partners.ts';
import { OPERATOR_ACTIONS } from './operator.ts';
import { PLANTED, type PlantedName } from './planted.ts';
import { RACES } from './races.ts';
import { comeToRest } from './rest.ts';
import { type InvariantName, isCrash, Violation } from './violation.ts';
import { World } from './world.ts';

export const DEFAULT_STEPS = 80;

/** One run. */
export interface Run {
  seed: number;
  /** How many before all faults end, at most. */
  steps: number;
  /** Whether to look for a shorter run that fails in the same way. */
  shrink: boolean;
  /** A fault put into the relay on purpose. */
  plant?: PlantedName | undefined;
}

/** A run that broke an invariant. */
export interface Failure {
  /** Seeds this run alone. */
  seed: number;
  invariant: InvariantName | 'error';
  message: string;
  /** What happened, line by line; in the shortest run found that fails, unless it was not asked for. */
  trace: string;
}

/** The seed of run number `index` of those that begin with `seed`; the first is `seed` itself. */
export const seedOf = (seed: number, index: number): number => (index === 0 ? seed : mix(seed + mix(index)) >>> 1);

/** What the operator chose, and who never comes back. */
const setting = fc.record({
  // The longest custody takes the most rounds to come to rest.
  retention: fc.oneof(
    { arbitrary: fc.constant({ content: 30 * DAY, custody: 400 * DAY }), weight: 1 },
    { arbitrary: fc.constant({ content: DAY, custody: 31 * DAY }), weight: 3 },
    { arbitrary: fc.constant({ content: 20 * DAY, custody: 60 * DAY }), weight: 3 },
  ),
  absent: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 4 },
    { arbitrary: fc.constantFrom(...Object.keys(AGENCIES)), weight: 1 },
  ),
});

const anyOf = (actions: readonly WeightedAction[]): fc.Arbitrary<Action> => fc.oneof(...actions);
const STEPS = [...ACTIONS, ...CHANGES, ...OPERATOR_ACTIONS];

const anyStep = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: anyOf(STEPS), weight: 26 },
  { arbitrary: anyOf(RACES), weight: 1 },
);

export const STEP_NAMES = [...STEPS, ...RACES].map(({ name }) => name);

/** Runs in search of a shorter one, at most. */
const MOST_TRIES = 2_000;

const invariantOf = (error: unknown): Failure['invariant'] =>
  error instanceof Violation && !isCrash(error.cause) ? error.invariant : 'error';

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (invariantOf(error) !== 'error') return error.message;
  return error.cause instanceof Error ? `${error.message}\n${error.cause.stack}` : `${error.stack}`;
}

/**
 * One run of up to `steps` steps, and what remains until nothing is left to do. A run that fails is shrunk.
 * @param observe told the world of each run that held, once all is over
 * @returns nothing if all invariants held
 */
export async function simulate(
  keyring: Keyring,
  { seed, steps, shrink, plant }: Run,
  observe?: (world: World) => void,
): Promise<Failure | undefined> {
  const course = fc.noBias(fc.commands([anyStep], { maxCommands: steps, size: 'max' }));
  let failed: { error: unknown; trace: string } | undefined;
  let tries = 0;
  const property = fc.asyncProperty(setting, course, async ({ retention, absent }, actions) => {
    tries += 1;
    if (tries > MOST_TRIES) return;
    const world = new World(keyring, retention, plant && PLANTED[plant]);
    try {
      await fc.asyncModelRun(() => ({ model: world, real: world }), actions);
      await comeToRest(world, absent);
      observe?.(world);
    } catch (error) {
      // A shorter run that fails in another way says nothing about this one.
      if (failed && invariantOf(error) !== invariantOf(failed.error)) return;
      const kept = Object.entries(retention).map(([what, time]) => `${what} ${time / DAY} days`);
      failed = { error, trace: `kept: ${kept.join(', ')}; never back: ${absent ?? 'nobody'}\n${world.trace.read()}` };
      throw error;
    }
  });
  await fc.check(property, { seed, numRuns: 1, endOnFailure: !shrink });
  if (!failed) return undefined;
  const { error, trace } = failed;
  return { seed, invariant: invariantOf(error), message: describe(error), trace };
}
