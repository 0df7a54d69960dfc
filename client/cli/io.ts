import { fstatSync, fsync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import type { AgencyOptions } from '../agency.ts';
import type { Runtime } from '../runtime.ts';

/** What a command takes from the machine; tests give their own. */
export interface Io {
  /**
   * Resolves once written, to the disk if it goes into a file; rejects if nobody reads any more, so that nothing passes
   * for shown that was not.
   */
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
  stdin: AsyncIterable<Uint8Array>;
  /** Asks the person at the terminal; `undefined` where there is none. */
  ask: ((question: string) => Promise<string>) | undefined;
  env: Readonly<Record<string, string | undefined>>;
  /** Whether to colour what goes to `out`. */
  colour: boolean;
  /** Whether somebody watches `err`, so that progress is worth showing. */
  watched: boolean;
  /** Aborted when the user interrupts. */
  signal: AbortSignal;
  runtime?: Partial<Runtime> | undefined;
  /** In place of SQS and KMS. */
  aws?: AgencyOptions['aws'];
}

/** The process's own. A first interrupt lets the command end in order, a second one ends it at once. */
export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  const interrupt = new AbortController();
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    // Not `once`: a library that cleans up at signals takes a listener that removes itself for none.
    process.on(signal, () => {
      if (interrupt.signal.aborted) process.exit(128 + number);
      interrupt.abort();
      // What is under way may wait for an answer, for a minute.
      write(stderr, 'Ending what is under way; interrupt again to end at once.\n').catch(() => undefined);
    });
  }
  const isFile = fstatSync(stdout.fd).isFile();
  return {
    async out(text) {
      await write(stdout, text);
      if (isFile) await sync(stdout.fd);
    },
    err: (text) => write(stderr, text),
    stdin,
    ask: stdin.isTTY && stderr.isTTY ? (question) => ask(question, interrupt.signal) : undefined,
    env,
    // A stream that is no terminal has no `isTTY` at all, whatever its type says; `hasColors` knows NO_COLOR and TERM.
    colour: isatty(stdout.fd) && stdout.hasColors(),
    watched: isatty(stderr.fd),
    signal: interrupt.signal,
  };
}

const sync = promisify(fsync);

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // A broken pipe is both an event, which nobody else may miss, and the outcome of this very write.
    stream.once('error', reject);
    stream.write(text, (error) => {
      if (error) return reject(error);
      stream.off('error', reject);
      resolve();
    });
  });
}

/** What is typed; nothing if the person interrupts or closes the input. */
function ask(question: string, signal: AbortSignal): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise<string>((resolve, reject) => {
    // The terminal is in raw mode here, so that an interrupt is a key like others.
    terminal.on('SIGINT', () => terminal.close());
    terminal.on('close', () => resolve(''));
    terminal.question(question, { signal }).then(resolve, reject);
  }).finally(() => terminal.close());
}
