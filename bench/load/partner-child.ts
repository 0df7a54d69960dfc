import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What the process of some partners is started with. */
export interface PartnerProcessOptions {
  /** Of the relay. */
  dataDir: string;
  booksDir: string;
  hotlines: readonly string[];
  agencies: readonly string[];
  hiddenSeconds?: number;
  seed: number;
}

/** To the process: no new referrals, please. */
export const FINISH = 'finish';
/** From it: everything that was sealed is accepted. */
export const FINISHED = 'finished';

/** Hotlines and agencies in a process of their own, killed and started again at will. */
export interface PartnerChild {
  start(seed: number): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when its hotlines have submitted what they had begun. */
  finish(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('partner-process.ts', import.meta.url));

/** @param onEnd told when it ends by itself, which it never should */
export function createPartnerChild(
  options: Omit<PartnerProcessOptions, 'seed'>,
  onEnd: (error: Error) => void,
): PartnerChild {
  let child: ChildProcess | undefined;
  return {
    start(seed) {
      const started = fork(PROGRAM, [JSON.stringify({ ...options, seed } satisfies PartnerProcessOptions)], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      child = started;
      started.once('exit', (code) => {
        if (child === started) onEnd(new Error(`A partner's process ended by itself, with code ${code}.`));
      });
    },
    async kill() {
      const ending = child;
      child = undefined;
      if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
      ending.kill('SIGKILL');
      await once(ending, 'exit');
    },
    async finish() {
      if (!child) return;
      const finished = once(child, 'message');
      child.send(FINISH);
      await finished;
    },
  };
}
