import { type Fault, RelayError } from '../../core/errors.ts';
import { RegistryError } from '../../core/registry.ts';
import { ClientError, type ClientErrorCode, RelayProblem, UntrustedKeyError } from '../errors.ts';
import { CommandError, EXIT, type Exit } from './exit.ts';
import { safeLine } from './safe-text.ts';

/* What the user is told when something fails: what to do, in at most three lines, and an exit code. */

export interface Failure {
  exit: Exit;
  code: string;
  /** One to three lines; none if there is nobody to tell. */
  lines: string[];
  /** All faults of the input, of which `lines` names the first. */
  faults: readonly Fault[];
}

const LINES = 3;

/** The setting that shows the stack of a failure. */
export const DEBUG = 'REFERRAL_RELAY_DEBUG';

const EXIT_OF = {
  'relay-unreachable': EXIT.unavailable,
  'unexpected-answer': EXIT.unexpected,
  profile: EXIT.usage,
  storage: EXIT.unexpected,
  'not-known': EXIT.refused,
  'aws-credentials': EXIT.usage,
  'aws-access-denied': EXIT.refused,
  'aws-unreachable': EXIT.unavailable,
  'aws-request': EXIT.unexpected,
  'queue-missing': EXIT.refused,
  'kms-key': EXIT.refused,
} as const satisfies Record<ClientErrorCode, Exit>;

/** What the machine says about files, in words; any other code of Node is unexpected. */
const FILE_FAULTS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'There is no such file or folder'],
  ['ENOTDIR', 'A part of this path is not a folder'],
  ['EACCES', 'This may not be read or written by you'],
  ['EPERM', 'This may not be read or written by you'],
  ['EISDIR', 'This is a folder, and a file is needed'],
  ['EEXIST', 'This exists already, and nothing is overwritten'],
  ['EROFS', 'This lies on a file system that cannot be written to'],
  ['ENOSPC', 'There is no space left on the disk'],
  ['EDQUOT', 'There is no space left for you on the disk'],
]);

/** @param profile the `--profile` that was given, which a command to run next must be given as well */
export function explain(error: unknown, profile?: string): Failure {
  if (error instanceof CommandError) return failure(error.exit, error.code, error.message.split('\n'));
  if (error instanceof UntrustedKeyError) return failure(EXIT.trust, 'untrusted-key', explainUntrusted(error, profile));
  if (error instanceof RelayProblem) {
    const exit = error.transient ? EXIT.unavailable : EXIT.refused;
    const named = error.errors.slice(0, LINES - 1).map(describeFault);
    return failure(exit, error.code, [error.message, ...named], error.errors);
  }
  if (error instanceof RelayError) {
    return failure(EXIT.refused, error.code, listFaults(error.faults, error.message), error.faults);
  }
  if (error instanceof RegistryError) {
    const faults = error.faults.map(({ file, pointer, detail }) => ({ pointer: `${file} ${pointer}`.trim(), detail }));
    return failure(EXIT.refused, 'registry', listFaults(faults, error.message), faults);
  }
  if (error instanceof ClientError) return failure(EXIT_OF[error.code], error.code, sentences(error.message));
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return explainSystem(error);
  return failure(EXIT.unexpected, 'unexpected', unexpected(error instanceof Error ? error.name : 'a thrown value'));
}

/** What `error` comes to for the user of a command that was interrupted is not worth a word. */
export const isInterrupt = (error: unknown, signal: AbortSignal): boolean =>
  signal.aborted && error instanceof Error && (error === signal.reason || error.name === 'AbortError');

function explainSystem(error: Error & { code?: unknown }): Failure {
  const code = String(error.code);
  // Whoever read the output has gone.
  if (code === 'EPIPE') return failure(EXIT.unexpected, 'output-closed', []);
  const text = FILE_FAULTS.get(code);
  const file = 'path' in error && typeof error.path === 'string' ? `: ${error.path}` : '';
  if (text === undefined) return failure(EXIT.unexpected, 'unexpected', unexpected(code));
  const lines = [`${text}${file} (${code}).`];
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return isFull ? failure(EXIT.unexpected, 'disk-full', lines) : failure(EXIT.usage, 'file', lines);
}

/** Messages of errors that nobody foresaw may quote what they choked on, so they are shown on request only. */
const unexpected = (what: string): string[] => [
  `Something unexpected happened (${what}).`,
  `Run the command again with ${DEBUG}=1 to see where, and report it without any content of a referral.`,
];

function explainUntrusted({ message, partner }: UntrustedKeyError, profile: string | undefined): string[] {
  const command = `referral-relay trust ${partner}`;
  const runnable = profile === undefined ? command : `${command} --profile ${quote(profile)}`;
  return sentences(message.replaceAll(`"${command}"`, () => `"${runnable}"`));
}

/** An argument as a POSIX shell takes it. */
export const quote = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

export const describeFault = ({ pointer, detail }: Fault): string => `${pointer || 'the document'}: ${detail}`;

function listFaults(faults: readonly Fault[], otherwise: string): string[] {
  if (faults.length === 0) return [otherwise];
  if (faults.length <= LINES) return faults.map(describeFault);
  const shown = faults.slice(0, LINES - 1).map(describeFault);
  return [...shown, `and ${faults.length - shown.length} more faults: "check" lists them all`];
}

/** A text as up to three lines, broken between sentences. */
function sentences(text: string): string[] {
  const all = text.split(/(?<=[.!?]) (?=[A-Z])/);
  return [...all.slice(0, LINES - 1), ...(all.length >= LINES ? [all.slice(LINES - 1).join(' ')] : [])];
}

const failure = (exit: Exit, code: string, lines: string[], faults: readonly Fault[] = []): Failure => ({
  exit,
  code,
  lines: lines.map(safeLine),
  faults,
});
