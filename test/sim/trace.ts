import type { Clock } from '../../core/ports.ts';
import { toTimestamp } from '../../core/time.ts';

/** What happened in a run, written down in full only if somebody asks. */
export class Trace {
  readonly #clock: Clock;
  readonly #lines: (() => string)[] = [];

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

  /** One line each, with the virtual time. What a line says must not change after it was noted. */
  read(): string {
    return this.#lines.map((line) => line()).join('\n');
  }

  #push(what: () => string): void {
    const now = this.#clock.now();
    this.#lines.push(() => `${toTimestamp(now)}  ${what()}`);
  }
}
