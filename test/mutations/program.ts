import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { createProgress } from '../../bench/load/progress.ts';
import type { Io } from '../../client/cli/io.ts';
import { INVARIANTS } from '../sim/violation.ts';
import { type Mutation, readMutations } from './patches.ts';
import { growTree } from './tree.ts';
import { type Outcome, type Trial, tryOut } from './trial.ts';

/* The command `npm run mutations -- …`. */

export const EXIT = { caught: 0, survived: 1, usage: 2, interrupted: 130 } as const;

type Voice = Pick<Io, 'out' | 'err' | 'signal'>;

interface Options {
  only?: string;
  runs: number;
  baseline: number;
  seed: number;
  folder: string;
  json?: boolean;
}

/** Copies of the tree that are tried at the same time. */
const AT_ONCE = 2;

/**
 * Runs one command line.
 * @param args without the interpreter and the name of the program
 * @returns the exit code
 */
export async function runMutations(args: readonly string[], io: Voice): Promise<number> {
  const written = { out: '', err: '' };
  let exit: number = EXIT.caught;
  const command = new Command('mutations')
    .description(
      'Shows that the simulation bites: puts one mistake after the other into a copy of the product, and runs the ' +
        'simulation on it until an invariant breaks. First it runs on a copy without a mistake, where none may break.',
    )
    .option('--only <name>', 'this mutation alone')
    .option('--runs <n>', 'of the simulation for each mutation, at most', whole(1), 2_000)
    .option('--baseline <n>', 'runs without a mistake', whole(1), 300)
    .option('--seed <s>', 'of the first run; the others follow from it', whole(0), 1)
    .option('--folder <path>', 'where the patches are', import.meta.dirname)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run mutations\n  $ npm run mutations -- --only lease-forgotten --runs 500\n' +
        '\nExit codes:\n  0  every mutation was caught\n' +
        '  1  one was not, or is not valid any more, or an invariant breaks without any\n  2  usage\n  130  interrupted',
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
      exit = await tryAll(options, io);
    });
  try {
    await command.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      exit = error.exitCode === 0 ? EXIT.caught : EXIT.usage;
    } else {
      if (!io.signal.aborted) throw error;
      exit = EXIT.interrupted;
      written.err = 'Interrupted.\n';
    }
  }
  if (written.out) await io.out(written.out);
  if (written.err) await io.err(written.err);
  return exit;
}

type Tried = Mutation & { outcome: Outcome };

async function tryAll(options: Options, io: Voice): Promise<number> {
  const { only, runs, seed, folder, json = false } = options;
  const all = await readMutations(folder);
  const mutations = only === undefined ? all : all.filter(({ name }) => name === only);
  if (mutations.length === 0) {
    await io.err(`There is no such mutation. There are: ${all.map(({ name }) => name).join(', ') || 'none'}.\n`);
    return EXIT.usage;
  }
  const progress = createProgress();
  const watch = (what: string) => (done: number) => progress.update(`${what}: ${done} runs`);
  const trial = { seed, signal: io.signal };
  const baseline = await grown(undefined, {
    ...trial,
    runs: options.baseline,
    onRun: watch('without a mistake'),
  }).finally(() => progress.clear());
  if (baseline.result !== 'survived') {
    const text = `Without any mistake: ${inWords(baseline)}\nWhat a mutation breaks would say nothing.\n`;
    await io.out(json ? `${JSON.stringify({ baseline, mutations: [] })}\n` : text);
    return EXIT.survived;
  }
  const tried: Tried[] = [];
  const waiting = mutations.values();
  const work = async (): Promise<void> => {
    for (const mutation of waiting) {
      const onRun = watch(`${tried.length} of ${mutations.length} tried, ${mutation.name}`);
      const outcome = await grown(mutation.file, { ...trial, runs, onRun });
      tried.push({ ...mutation, outcome });
      progress.clear();
      await io.err(`${mutation.name}: ${'runs' in outcome ? `${outcome.runs} runs, ` : ''}${inWords(outcome)}\n`);
    }
  };
  // All of them, even after an interrupt, so that no copy of the tree is left.
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  progress.clear();
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  tried.sort((a, b) => (a.file < b.file ? -1 : 1));
  await io.out(json ? toJson(baseline, tried) : describe(baseline.runs, tried));
  return tried.every(({ outcome }) => outcome.result === 'caught') ? EXIT.caught : EXIT.survived;
}

async function grown(patch: string | undefined, trial: Trial): Promise<Outcome> {
  let tree;
  try {
    tree = await growTree(patch);
  } catch (error) {
    return { result: 'invalid', reason: error instanceof Error ? error.message.trim() : String(error) };
  }
  try {
    return await tryOut(tree, trial);
  } finally {
    await tree.remove();
  }
}

function describe(baseline: number, tried: readonly Tried[]): string {
  const width = Math.max(...tried.map(({ name }) => name.length), 'mutation'.length);
  const line = (name: string, runs: string, what: string): string =>
    `${name.padEnd(width)}  ${runs.padStart(5)}  ${what}\n`;
  const caught = tried.filter(({ outcome }) => outcome.result === 'caught').length;
  const rows = tried.map(({ name, outcome }) =>
    line(name, 'runs' in outcome ? String(outcome.runs) : '-', inWords(outcome)),
  );
  return (
    `Without a mistake: every invariant held in ${baseline} runs.\n\n` +
    `${line('mutation', 'runs', 'invariant broken')}${rows.join('')}\n${caught} of ${tried.length} caught.\n`
  );
}

function inWords(outcome: Outcome): string {
  switch (outcome.result) {
    case 'caught':
      return `${outcome.invariant}: ${INVARIANTS[outcome.invariant]}`;
    case 'survived':
      return 'SURVIVED: no invariant broke';
    case 'invalid':
      return `INVALID: ${outcome.reason.split('\n').slice(0, 4).join(' ')}`;
  }
}

const toJson = (baseline: Outcome, tried: readonly Tried[]): string =>
  `${JSON.stringify({ baseline, mutations: tried.map(({ name, mistake, outcome }) => ({ name, mistake, ...outcome })) })}\n`;

const whole =
  (least: number) =>
  (value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number < 2 ** 32) return number;
    throw new InvalidArgumentError(`Give a whole number, at least ${least}.`);
  };
