import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Io } from '../../client/cli/io.ts';
import { createProgress } from '../../bench/load/progress.ts';
import { PLANTED_NAMES, type PlantedName } from './planted.ts';
import { runSeries, type Verdict } from './pool.ts';
import { DEFAULT_STEPS } from './simulate.ts';

/* The command `npm run simulate -- …`. */

export const EXIT = { held: 0, broken: 1, usage: 2, interrupted: 130 } as const;

interface Options {
  runs: number;
  seed: number;
  steps: number;
  threads?: number;
  plant?: PlantedName;
  json?: boolean;
}

/**
 * Runs one command line.
 * @param args without the interpreter and the name of the program
 * @returns the exit code
 */
export async function runSimulate(args: readonly string[], io: Io): Promise<number> {
  const written = { out: '', err: '' };
  let exit: number = EXIT.held;
  const command = new Command('simulate')
    .description(
      'Runs the whole relay with several partners on a virtual clock, with faults at random, and holds what happens ' +
        'against what must never happen. Stops at the first run that breaks an invariant, and shows the shortest form of it.',
    )
    .option('--runs <n>', 'how many, each with a seed of its own', whole(1), 1_000)
    .option('--seed <s>', 'of the first run; the others follow from it', whole(0), 1)
    .option('--steps <k>', 'at most so many in each run, before all faults end', whole(1), DEFAULT_STEPS)
    .option('--threads <t>', 'default: one for each core; the result is the same with any number', whole(1))
    .addOption(
      new Option('--plant <fault>', 'put a fault into the relay on purpose, to see that it is found').choices(
        PLANTED_NAMES,
      ),
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run simulate -- --runs 10000 --seed 1\n  $ npm run simulate -- --runs 1000000 --seed 7   # for a night\n' +
        '\nExit codes:\n  0  every invariant held in every run\n  1  one was broken\n  2  usage\n  130  interrupted before all runs were made',
    )
    .exitOverride()
    .showHelpAfterError('Add --help to see what the command takes, with examples.')
    .configureOutput({
      writeOut: (text) => (written.out += text),
      writeErr: (text) => (written.err += text),
      getOutHelpWidth: () => 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .action(async (options: Options) => {
      exit = await simulateAll(options, io);
    });
  try {
    await command.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    exit = error.exitCode === 0 ? EXIT.held : EXIT.usage;
  }
  if (written.out) await io.out(written.out);
  if (written.err) await io.err(written.err);
  return exit;
}

async function simulateAll(options: Options, io: Io): Promise<number> {
  const { runs, seed, steps, threads, plant, json = false } = options;
  const progress = createProgress();
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1_000;
  const onRun = (done: number): void => {
    const each = seconds() / done;
    progress.update(`${done} of ${runs} runs, ${format(1 / each)} a second, ${time(each * (runs - done))} left`);
  };
  const verdict = await runSeries({ runs, seed, steps, threads, plant, signal: io.signal, onRun });
  progress.clear();
  const taken = Math.round(seconds());
  const { done, failure } = verdict;
  const interrupted = !failure && done < runs;
  if (json) {
    const replay = failure && replayOf(failure.seed, options);
    const result = { runs: done, seed, steps, seconds: taken, interrupted, failure: failure ?? null, replay };
    await io.out(`${JSON.stringify(result)}\n`);
  } else {
    await io.out(describe(verdict, options, taken));
  }
  return failure ? EXIT.broken : interrupted ? EXIT.interrupted : EXIT.held;
}

function describe({ done, failure }: Verdict, options: Options, taken: number): string {
  const { runs, seed, steps } = options;
  if (!failure) {
    const made = done < runs ? `Interrupted after ${done} of ${runs}` : String(done);
    return `${made} runs of up to ${steps} steps from seed ${seed}: every invariant held. ${time(taken)}.\n`;
  }
  return (
    `Run ${done} from seed ${seed} broke an invariant.\n\n${failure.message}\n\n` +
    `What happened, in the shortest run found that fails so:\n\n${failure.trace}\n\n` +
    `Replay it: ${replayOf(failure.seed, options)}\n`
  );
}

const replayOf = (seed: number, { steps, plant }: Options): string =>
  `npm run simulate -- --runs 1 --seed ${seed} --steps ${steps}${plant ? ` --plant ${plant}` : ''}`;

const format = (number: number): string => (number < 10 ? number.toFixed(1) : String(Math.round(number)));

const time = (seconds: number): string =>
  seconds < 90
    ? `${Math.round(seconds)} s`
    : seconds < 5_400
      ? `${Math.round(seconds / 60)} min`
      : `${format(seconds / 3_600)} h`;

const whole =
  (least: number) =>
  (value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number < 2 ** 32) return number;
    throw new InvalidArgumentError(`Give a whole number, at least ${least}.`);
  };
