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

  /** One line each, with the virtual time. What a line says must not change after it was noted. */
  read(): string {
    return this.#lines.map((line) => line()).join('\n');
  }

  #push(what: () => string): void {
    const now = this.#clock.now();
    this.#lines.push(() => `${toTimestamp(now)}  ${what()}`);
  }
}
