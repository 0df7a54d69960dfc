import type { Clock } from '../../core/ports.ts';
import { toTimestamp } from '../../core/time.ts';

/** What happened in a run, written down in full only if somebody asks; and how often what happened. */
export class Trace {
  readonly #clock: Clock;
  readonly #lines: (() => string)[] = [];
  readonly counts = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A step of the run; what is noted until the next one followed from it. */
  step(what: () => string): void {
    this.#push(() => what());
  }

  note(what: () => string): void {
    this.#push(() => `    ${what()}`);
  }

  /** Counts something that a run is to see, now and then: a step, a fault. */
  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  /**
   * One line each, with the virtual time; what happens over and over at one moment is told once. What a line says must
   * not change after it was noted.
   */
  read(): string {
    return fold(this.#lines.map((line) => line())).join('\n');
  }

  #push(what: () => string): void {
    const now = this.#clock.now();
    this.#lines.push(() => `${toTimestamp(now)}  ${what()}`);
  }
}

/** How many lines may make up what is repeated, and how often it is told before the rest is folded. */
const LONGEST = 8;
const TOLD = 3;

/** Has a row of lines that is repeated more than {@link TOLD} times said once, and how often. */
export function fold(lines: readonly string[]): string[] {
  const told: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const { length, times } = repetitionAt(lines, at);
    told.push(...lines.slice(at, at + length));
    if (times > 1) told.push(`    … ${length === 1 ? 'this line' : `these ${length} lines`} ${times} times in all`);
    at += length * times;
  }
  return told;
}

/** The shortest row of lines from `at` on that is repeated often enough; else the one line, once. */
function repetitionAt(lines: readonly string[], at: number): { length: number; times: number } {
  for (let length = 1; length <= LONGEST; length += 1) {
    let end = at + length;
    while (end < lines.length && lines[end] === lines[end - length]) end += 1;
    const times = Math.floor((end - at) / length);
    if (times > TOLD) return { length, times };
  }
  return { length: 1, times: 1 };
}
