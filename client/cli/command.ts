import { type Command, InvalidArgumentError } from 'commander';
import { isCountry } from '../../core/countries.ts';
import type { Exit } from './exit.ts';
import type { CommonOptions, Session } from './session.ts';

/* How commands are declared, so that all have the same options and their help the same form. */

/** Runs the body of a command with a session made of its options, and remembers the exit code. */
export type Run = (options: CommonOptions, body: (session: Session) => Promise<Exit>) => Promise<void>;

export interface Declaration {
  /** Name and arguments. */
  name: string;
  summary: string;
  /** Further paragraphs of the help. */
  details?: string;
  /** What may be typed, without `referral-relay`, and what it does. */
  examples: readonly (readonly [command: string, comment: string])[];
  /** Whether it acts for a partner. */
  profile?: boolean;
}

export function declare(parent: Command, { name, summary, details, examples, profile = true }: Declaration): Command {
  const command = parent
    .command(name)
    .summary(summary)
    .description(details ? `${summary}\n\n${details}` : summary);
  if (profile) command.option('--profile <dir>', 'folder of the profile (or set REFERRAL_RELAY_PROFILE)');
  command.option('--json', 'print JSON, one object on a line, instead of text');
  return command.addHelpText('after', formatExamples(examples));
}

/** A command that only has commands under it. */
export const declareGroup = (
  parent: Command,
  name: string,
  summary: string,
  examples: Declaration['examples'],
): Command => parent.command(name).summary(summary).description(summary).addHelpText('after', formatExamples(examples));

export function formatExamples(examples: Declaration['examples']): string {
  const lines = examples.map(([command, comment]) => `  # ${comment}\n  $ referral-relay ${command}`);
  return `\nExamples:\n${lines.join('\n')}`;
}

/** An option that names countries: `--suspect DE,CA`, or given more than once. */
export function collectCountries(value: string, before: string[] = []): string[] {
  const codes = value.split(',').map((code) => code.trim().toUpperCase());
  for (const code of codes) {
    if (!isCountry(code)) {
      throw new InvalidArgumentError(`Give countries as ISO 3166-1 alpha-2 codes, such as DE,CA.`);
    }
  }
  return [...new Set([...before, ...codes])];
}

/** An option that is a whole number between two bounds. */
export const wholeNumber =
  (least: number, most: number) =>
  (value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
  };

export const collect = (value: string, before: string[] = []): string[] => [...before, value];
