import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Keyring, makeKeyring } from './partners.ts';
import type { PlantedName } from './planted.ts';
import { type Failure, type Run, seedOf } from './simulate.ts';

/** What a worker is told, and what it says. */
export type Order = Run & { index: number };
export interface Report {
  index: number;
  failure: Failure | undefined;
}

export interface Series {
  runs: number;
  /** Of the first run; all others follow from it. */
  seed: number;
  steps: number;
  threads?: number | undefined;
  plant?: PlantedName | undefined;
  /** Ends it early, once what has begun is done. */
  signal?: AbortSignal | undefined;
  onRun?: (done: number) => void;
}

export interface Verdict {
  /** How many runs there were up to the first that failed, that one included. */
  done: number;
  /** Of the first run that failed, in the order of seeds, and shrunk. */
  failure: Failure | undefined;
}

/**
 * Runs a series on several threads. A run depends on its seed alone, so the verdict is the same whatever their number:
 * after a failure, what comes later in the series is not begun, and of several failures the first counts.
 */
export async function runSeries(series: Series): Promise<Verdict> {
  const { runs, seed, steps, plant, signal, onRun, threads = availableParallelism() } = series;
  const keyring = makeKeyring();
  const workers = Array.from({ length: Math.min(threads, runs) }, () => startWorker(keyring));
  let next = 0;
  let done = 0;
  const failures: Report[] = [];
  const isWanted = (): boolean => next < runs && failures.length === 0 && signal?.aborted !== true;
  const work = async ({ run }: SimulationWorker): Promise<void> => {
    while (isWanted()) {
      const index = next;
      next += 1;
      const report = await run({ index, seed: seedOf(seed, index), steps, plant, shrink: false });
      done += 1;
      onRun?.(done);
      if (report.failure) failures.push(report);
    }
  };
  try {
    await Promise.all(workers.map(work));
    const [first] = failures.toSorted((a, b) => a.index - b.index);
    if (!first?.failure) return { done, failure: undefined };
    const { index, failure } = first;
    const shrunk = await workers[0]?.run({ index, seed: failure.seed, steps, plant, shrink: true });
    return { done: index + 1, failure: shrunk?.failure ?? failure };
  } finally {
    await Promise.all(workers.map(({ stop }) => stop()));
  }
}

interface SimulationWorker {
  run: (order: Order) => Promise<Report>;
  stop: () => Promise<unknown>;
}

/** Does one run at a time. */
function startWorker(keyring: Keyring): SimulationWorker {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: keyring });
  return {
    run: (order) =>
      new Promise((resolve, reject) => {
        worker.once('message', (report: Report) => {
          worker.off('error', reject);
          resolve(report);
        });
        worker.once('error', reject);
        worker.postMessage(order, []);
      }),
    stop: () => worker.terminate(),
  };
}
