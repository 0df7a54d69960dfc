import type { Io } from './io.ts';

/** A line on a terminal that tells how far a long command is; nothing where nobody watches. */
export interface Progress {
  update(text: string): void;
  /** Removes the line, before something else is written. */
  clear(): Promise<void>;
}

/** Often enough to be alive, seldom enough to cost nothing; in milliseconds. */
const PAUSE = 100;

export function createProgress(io: Pick<Io, 'err' | 'watched'>, now: () => number): Progress {
  let shown = false;
  let shownAt = Number.NEGATIVE_INFINITY;
  let last: Promise<void> = Promise.resolve();
  const write = (text: string): Promise<void> => (last = last.then(() => io.err(text)).catch(() => undefined));
  return {
    update(text) {
      if (!io.watched || now() - shownAt < PAUSE) return;
      shown = true;
      shownAt = now();
      // Back to the margin, and away with what stood there.
      void write(`\r\u001b[K${text}`);
    },
    async clear() {
      if (shown) await write('\r\u001b[K');
      shown = false;
      await last;
    },
  };
}
