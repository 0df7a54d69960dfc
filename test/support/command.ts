import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { Io } from '../../client/cli/io.ts';
import { runCli } from '../../client/cli/program.ts';

/* The command `referral-relay` in this process, on a machine that the test gives it. */

export interface Heard {
  exit: number;
  out: string;
  err: string;
}

/** Runs a command line; what `io` does not give is as in a script without a terminal. */
export async function command(args: readonly string[], io: Partial<Io> = {}): Promise<Heard> {
  const heard = { out: '', err: '' };
  const machine: Io = {
    out(text) {
      heard.out += text;
      return Promise.resolve();
    },
    err(text) {
      heard.err += text;
      return Promise.resolve();
    },
    stdin: noInput(),
    ask: undefined,
    env: {},
    colour: false,
    watched: false,
    signal: new AbortController().signal,
    ...io,
  };
  const exit = await runCli(args, machine);
  return { exit, ...heard };
}

export async function* noInput(): AsyncGenerator<Uint8Array> {}

/** The lines of `--json`. */
export const records = ({ out }: Pick<Heard, 'out'>): unknown[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** A folder for each test of this file, removed afterwards; call at the top level. */
export function temporaryFolder(): { path: (...parts: string[]) => string } {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'referral-relay-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return {
    path(...parts) {
      // Or it would be the folder in which the tests run.
      if (folder === '') throw new Error('There is a temporary folder within a test only.');
      return path.join(folder, ...parts);
    },
  };
}
