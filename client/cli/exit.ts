/** What the exit code of a command says; a script may rely on it. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  refused: 3,
  unavailable: 4,
  trust: 5,
  partial: 6,
} as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `Exit codes:
  0  done
  1  unexpected: a fault of this program, of the machine, or an answer nobody could expect
  2  usage: wrong arguments, a faulty profile, a missing file, no AWS credentials
  3  refused: the input has faults, or the relay or AWS says no
  4  not reachable, or try again later; nothing needs to be changed
  5  trust: a key is not confirmed or has changed, or a signature does not hold
  6  partial: some of it was done, and the rest was not`;

/** A failure that the command itself finds. `message` says what to do, in at most three lines. */
export class CommandError extends Error {
  readonly exit: Exit;
  /** For `--json`. */
  readonly code: string;

  constructor(exit: Exit, code: string, message: string) {
    super(message);
    this.name = 'CommandError';
    this.exit = exit;
    this.code = code;
  }
}

export const usageError = (message: string): CommandError => new CommandError(EXIT.usage, 'usage', message);
