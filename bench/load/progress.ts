/** One line that says how far a long run is: rewritten on a terminal, else a new one now and then. */
export interface Progress {
  update(text: string): void;
  /** Before anything else is written. */
  clear(): void;
}

/** Between two lines where nobody watches, in milliseconds. */
const SELDOM = 5_000;

export function createProgress(out: NodeJS.WriteStream = process.stderr): Progress {
  let writtenAt = Number.NEGATIVE_INFINITY;
  return {
    update(text) {
      if (out.isTTY) {
        out.write(`\r\u001b[K${text}`);
      } else if (performance.now() - writtenAt >= SELDOM) {
        writtenAt = performance.now();
        out.write(`${text}\n`);
      }
    },
    clear() {
      if (out.isTTY) out.write('\r\u001b[K');
    },
  };
}
