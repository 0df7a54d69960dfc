import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Order, RelayFigures, RelayNews, RelayProcessOptions } from './relay-process.ts';

/** The relay in a process of its own, killed and started again at will. */
export interface RelayChild {
  /** Resolves when it is up. @throws {Error} if it ends before, unless it was killed */
  start(): Promise<void>;
  /** SIGKILL; resolves when it is gone. Also while it starts. */
  kill(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
  crash(name: 'submit' | 'deliver' | 'answer'): void;
  /** Lets a share of the functions' calls to their cloud fail. */
  spoil(share: number): void;
  /** What the process has used since it started; `undefined` while it is not up. */
  measure(): Promise<RelayFigures | undefined>;
}

const PROGRAM = fileURLToPath(new URL('relay-process.ts', import.meta.url));

/** @param onEnd told when it ends by itself, which it never should */
export function createRelayChild(options: RelayProcessOptions, onEnd: (error: Error) => void): RelayChild {
  let child: ChildProcess | undefined;
  /** The same, once it has said that it is up. */
  let up: ChildProcess | undefined;
  const order = (what: Order): void => void child?.send(what);

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    ending.kill(signal);
    await once(ending, 'exit');
  }

  return {
    async start() {
      const started = fork(PROGRAM, [JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      child = started;
      await new Promise<void>((resolve, reject) => {
        started.on('message', (message: RelayNews) => {
          if (message.news !== 'up') return;
          up = started;
          resolve();
        });
        started.once('exit', (code, signal) => {
          if (child !== started) return resolve();
          const error = new Error(`The relay ended by itself: ${signal ?? `code ${code}`}.`);
          reject(error);
          onEnd(error);
        });
      });
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    crash: (name) => order({ order: 'crash', name }),
    spoil: (share) => order({ order: 'spoil', share }),
    async measure() {
      const measured = child;
      if (!measured || measured !== up) return undefined;
      // Whichever comes first leaves no listener of the other behind.
      const heard = new AbortController();
      const { signal } = heard;
      const answer = once(measured, 'message', { signal }) as Promise<[RelayNews]>;
      const end = once(measured, 'exit', { signal }).then(() => [undefined]);
      order({ order: 'measure' });
      try {
        const [news] = await Promise.race([answer, end]);
        return news?.news === 'figures' ? news : undefined;
      } finally {
        heard.abort();
        await Promise.allSettled([answer, end]);
      }
    },
  };
}
