import { fork } from 'node:child_process';
import path from 'node:path';
import { INVARIANTS, type InvariantName } from '../sim/violation.ts';
import type { Told } from './child.ts';
import type { Tree } from './tree.ts';

export type Outcome =
  | { result: 'caught'; runs: number; seed: number; invariant: InvariantName; message: string }
  | { result: 'survived'; runs: number }
  /** Says nothing about the simulation: the patch does not apply, or what it makes does not load or run. */
  | { result: 'invalid'; reason: string };

export interface Trial {
  /** At most. */
  runs: number;
  /** Of the first run; the others follow from it. */
  seed: number;
  signal: AbortSignal;
  onRun?: (runs: number) => void;
}

/**
 * Runs the simulation on a tree, in a process of its own, until an invariant breaks.
 * @throws once `signal` is aborted
 */
export function tryOut({ folder }: Tree, { runs, seed, signal, onRun }: Trial): Promise<Outcome> {
  const child = fork(path.join(folder, 'test/mutations/child.ts'), [String(runs), String(seed)], {
    cwd: folder,
    signal,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let last: Told = { runs: 0 };
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2_000)));
  child.on('message', (told: Told) => {
    last = told;
    onRun?.(told.runs);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (signal.aborted ? reject(signal.reason) : resolve(judge(last, runs, code, errors))));
  });
}

function judge({ runs, failure }: Told, asked: number, code: number | null, errors: string): Outcome {
  if (failure && isInvariant(failure.invariant)) {
    const { seed, invariant, message } = failure;
    return { result: 'caught', runs, seed, invariant, message };
  }
  if (failure) return { result: 'invalid', reason: failure.message };
  if (code !== 0 || runs < asked) return { result: 'invalid', reason: errors.trim() || `ended with ${code}` };
  return { result: 'survived', runs };
}

const isInvariant = (name: string): name is InvariantName => Object.hasOwn(INVARIANTS, name);
