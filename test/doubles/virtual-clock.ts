import type { Clock } from '../../core/ports.ts';

/** A clock that stands still until it is moved, and never back. */
export class VirtualClock implements Clock {
  #now: number;

  /** `start`: a moment in ISO 8601. */
  constructor(start = '2026-11-23T09:30:00.000Z') {
    this.#now = Date.parse(start);
  }

  now(): number {
    return this.#now;
  }

  /** `by`: milliseconds. */
  advance(by: number): void {
    if (!(by >= 0)) throw new RangeError('time does not run backwards');
    this.#now += by;
  }
}
