import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

/* How the programs that `npm` runs in this repository read what they are started with, and refuse what they do not know. */

const HELP = { help: { type: 'boolean', short: 'h' } } as const;

/**
 * The options that a program was started with. Ends the program instead if it was asked for help (exit code 0), or told
 * what it does not know (exit code 2).
 * @param help what the program does and takes; `--help` itself need not be among `options`
 */
export function readOptions<const Options extends ParseArgsOptionsConfig>(help: string, options: Options) {
  const values = parseOrRefuse({ ...options, ...HELP });
  if ('help' in values && values.help === true) {
    process.stdout.write(`${help}\n`);
    process.exit(0);
  }
  return values;
}

function parseOrRefuse<const Options extends ParseArgsOptionsConfig>(options: Options) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

/** Ends the program with exit code 2: it was not understood. */
export function refuse(message: string): never {
  process.stderr.write(`${message}\nAdd --help to see what the program takes.\n`);
  process.exit(2);
}

/**
 * The number that was given with an option; ends the program as {@link refuse} does if it is none, or out of bounds.
 * @param bounds `least` is 0 if not given; a `fraction` is refused unless allowed
 */
export function readNumber(
  option: string,
  value: string,
  { least = 0, most = Number.MAX_SAFE_INTEGER, fraction = false } = {},
): number {
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if ((fraction || Number.isInteger(number)) && number >= least && number <= most) return number;
  const kind = fraction ? 'a number' : 'a whole number';
  const bounds = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of ${least} or more`;
  return refuse(`Correct ${option}: it takes ${kind} ${bounds}, not ${JSON.stringify(value)}.`);
}
