import { RelayError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { type Ending, type Fault, Invocation, ServiceError } from '../doubles/faults.ts';
import type { Trace } from './trace.ts';
import { Violation } from './violation.ts';

/** Something that befalls a process at one of its calls. */
export interface Mishap {
  /** The call's name, such as `ledger.create`, or any. */
  at: string;
  /** Which of its calls of this name, from 0. */
  nth: number;
  /** A fault, or that the call takes long: it waits until somebody lets it go on, or the process runs out of time. */
  what: Fault | 'hold';
  /** Whether it befalls all later calls of this name too. */
  lasting: boolean;
  /** For how many further steps it is held, if nobody lets it go on before; else without end. */
  steps?: number;
}

/** All that befalls one process. */
export interface Plan {
  mishaps: readonly Mishap[];
  /** How far its clock is ahead, in milliseconds. */
  skew: number;
  /** Whether it still runs with the registry before the last change, if that was lately. */
  behind: boolean;
}

export const CALM: Plan = { mishaps: [], skew: 0, behind: false };

export const isCalm = ({ mishaps, skew, behind }: Plan): boolean => mishaps.length === 0 && skew === 0 && !behind;

interface Held {
  point: string;
  release: () => void;
  /** How many steps it is still held for. */
  steps: number;
}

interface Process {
  name: string;
  /** When it has run out of time, in milliseconds since 1970. */
  until: number;
  plan: Plan;
  calls: number;
  /** How often each mishap's call has been made. */
  counts: number[];
  held: Held[];
  /** How many other processes it waits for. */
  waiting: number;
  /** How many things it does at the same time. */
  branches: number;
}

/** Far more than any function needs for what a run can pile up. */
const MOST_CALLS = 3_000;

/**
 * The processes that run at the same time, in one order that the run alone decides: a call either happens at once or is
 * held until it is let go. Nothing else takes time, but for cryptography, which {@link settle} waits for.
 */
export class Processes {
  readonly #clock: Clock;
  readonly #trace: Trace;
  readonly #running = new Set<Process>();
  readonly #later: (() => void)[] = [];
  #violation: Violation | undefined;

  constructor(clock: Clock, trace: Trace) {
    this.#clock = clock;
    this.#trace = trace;
  }

  /** Whether nothing is under way. */
  get idle(): boolean {
    return this.#running.size === 0;
  }

  isRunning(name: string): boolean {
    return this.countRunning(name) > 0;
  }

  countRunning(name: string): number {
    let count = 0;
    for (const process of this.#running) if (process.name === name) count += 1;
    return count;
  }

  /** How many calls are held. */
  get held(): number {
    return this.#held().length;
  }

  /**
   * Starts a process that may take `lasts` milliseconds. The promise resolves when it has ended and never if it runs
   * out of time.
   */
  start<T>(name: string, lasts: number, plan: Plan, work: (own: ProcessHandle) => Promise<T>): Promise<Ending<T>> {
    const counts = plan.mishaps.map(() => 0);
    const until = this.#clock.now() + lasts;
    const process: Process = { name, until, plan, calls: 0, counts, held: [], waiting: 0, branches: 1 };
    const invocation = new Invocation((point) => this.#befall(process, point));
    const awaitOther = async <O>(other: Promise<O>): Promise<O> => {
      process.waiting += 1;
      try {
        return await other;
      } finally {
        process.waiting -= 1;
      }
    };
    const inParallel = async <P>(parts: readonly P[], act: (part: P) => Promise<unknown>): Promise<void> => {
      // Whoever waits for its parts does nothing else.
      process.branches += parts.length - 1;
      await Promise.all(parts.map((part) => act(part).finally(() => (process.branches -= 1))));
      process.branches += 1;
    };
    this.#running.add(process);
    return invocation
      .run(async () => work({ invocation, awaitOther, inParallel }))
      .then((ending) => {
        this.#running.delete(process);
        if (ending.outcome === 'failed') this.#noteFailure(name, ending.error);
        return ending;
      });
  }

  /** Does something once all else has come to a halt, so that it overlaps with what is held only. */
  later(act: () => void): void {
    this.#later.push(act);
  }

  /** Lets one of the held calls go on. */
  resume(index: number): void {
    const all = this.#held();
    const chosen = all[index % all.length];
    if (chosen) this.#release(chosen);
  }

  /** One more step is over: lets those go on that were held for long enough, and waits for them. */
  async letGo(): Promise<void> {
    const released = this.#held().filter(({ held }) => (held.steps -= 1) < 0);
    for (const each of released) this.#release(each);
    if (released.length > 0) await this.settle();
  }

  #release({ process, held }: { process: Process; held: Held }): void {
    process.held.splice(process.held.indexOf(held), 1);
    this.#trace.note(() => `${process.name} goes on with ${held.point}`);
    this.#trace.count('what was held goes on');
    held.release();
  }

  /** Waits until every process has ended or is held. */
  async settle(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#violation) throw this.#violation;
      if (this.#isBusy()) continue;
      const next = this.#later.shift();
      if (!next) return;
      next();
    }
  }

  /** Ends what has run out of time, or everything. */
  end(what: 'expired' | 'all'): void {
    for (const process of this.#running) {
      if (what === 'expired' && process.until > this.#clock.now()) continue;
      this.#running.delete(process);
      this.#trace.note(() => `${process.name} runs out of time`);
      this.#trace.count('out of time');
    }
  }

  /** Something is wrong, whatever the process makes of it; {@link settle} throws it. */
  fail(violation: Violation): void {
    this.#violation ??= violation;
  }

  #held(): { process: Process; held: Held }[] {
    return [...this.#running].flatMap((process) => process.held.map((held) => ({ process, held })));
  }

  #isBusy(): boolean {
    for (const { held, waiting, branches } of this.#running) if (held.length + waiting < branches) return true;
    return false;
  }

  #befall(process: Process, point: string): Fault | Promise<Fault> {
    process.calls += 1;
    if (process.calls > MOST_CALLS) {
      this.fail(new Violation('rest', `${process.name} makes calls without end`));
      return new Promise(() => undefined);
    }
    const { what, steps = Number.POSITIVE_INFINITY } = this.#next(process, point) ?? { what: 'none' };
    if (what === 'none') return 'none';
    this.#trace.note(() => `${process.name}: ${what} at ${point}`);
    this.#trace.count(`fault: ${what}`);
    if (what !== 'hold') return what;
    return new Promise((resolve) => process.held.push({ point, steps, release: () => resolve('none') }));
  }

  #next({ plan, counts }: Process, point: string): Pick<Mishap, 'what' | 'steps'> | undefined {
    let next: Mishap | undefined;
    plan.mishaps.forEach((mishap, index) => {
      const { at, nth, lasting } = mishap;
      if (at !== 'any' && at !== point) return;
      const count = counts[index] ?? 0;
      counts[index] = count + 1;
      if (count === nth || (lasting && count > nth)) next ??= mishap;
    });
    return next;
  }

  #noteFailure(name: string, error: unknown): void {
    const text = error instanceof RelayError ? error.code : String(error);
    this.#trace.note(() => `${name} fails: ${text}`);
    if (error instanceof RelayError || error instanceof ServiceError) return;
    this.fail(error instanceof Violation ? error : new Violation('sound', `${name} fails with ${text}`, error));
  }
}

/** What a process has of its own. */
export interface ProcessHandle {
  invocation: Invocation;
  /** Waits for another process, however long that is held. */
  awaitOther<T>(other: Promise<T>): Promise<T>;
  /** Does the same with each of several things at the same time; each waits for no more than one thing at once. */
  inParallel<P>(parts: readonly P[], act: (part: P) => Promise<unknown>): Promise<void>;
}
