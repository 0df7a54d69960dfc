/**
 * What may befall a call to the outside. A call that is lost or throttled rejects; one that is repeated stands for the
 * SDK's own second attempt after a lost answer.
 */
export type Fault =
  | 'none'
  /** The process ends before the request leaves it. */
  | 'crash-before'
  /** The effect happens, and the process ends before it hears of it. */
  | 'crash-after'
  | 'lose-request'
  /** The effect happens, and nobody hears of it. */
  | 'lose-answer'
  /** The request arrives twice; the answer to the second is the one that is heard. */
  | 'repeat'
  | 'throttle'
  /** A read of an index shows an earlier state; without meaning elsewhere. */
  | 'stale';

/**
 * Asked before every call, whose name is that of the port and the method, such as `ledger.create`. May take its time, so
 * that a test or a scheduler decides which of several invocations goes on.
 */
export type Faults = (point: string) => Fault | Promise<Fault>;

export const noFaults: Faults = () => 'none';

/** Lets `fault` befall the call number `index` (from 0) and no other. */
export function faultAt(index: number, fault: Fault): Faults {
  let calls = 0;
  return () => (calls++ === index ? fault : 'none');
}

export type Ending<T> =
  | { outcome: 'finished'; value: T }
  | { outcome: 'failed'; error: unknown }
  /** Before or after the call of this name; nothing that came later was run, no `catch` and no `finally`. */
  | { outcome: 'crashed'; at: string };

/** An error as the SDK throws it. */
export class ServiceError extends Error {
  constructor(name: string, message = name) {
    super(message);
    this.name = name;
  }
}

/** One run of a function: all that it asks of the outside passes through `call`. Once crashed, it is gone for good. */
export class Invocation {
  /** The calls made, in order. */
  readonly points: string[] = [];
  readonly #faults: Faults;
  readonly #crashed = Promise.withResolvers<{ outcome: 'crashed'; at: string }>();
  #ended = false;

  constructor(faults: Faults = noFaults) {
    this.#faults = faults;
  }

  /** Runs `work` until it returns, throws or crashes. */
  run<T>(work: () => Promise<T>): Promise<Ending<T>> {
    const ending = work().then(
      (value): Ending<T> => ({ outcome: 'finished', value }),
      (error: unknown): Ending<T> => ({ outcome: 'failed', error }),
    );
    return Promise.race([ending, this.#crashed.promise]);
  }

  /** Lets `effect` happen once, twice or not at all, and answers with what it returns, or not at all. */
  async call<T>(point: string, effect: (fault: Fault) => T): Promise<T> {
    if (this.#ended) return never();
    this.points.push(point);
    const fault = await this.#faults(point);
    if (this.#ended) return never();
    switch (fault) {
      case 'none':
      case 'stale':
        return effect(fault);
      case 'repeat':
        attempt(effect);
        return effect(fault);
      case 'lose-request':
        throw new ServiceError('TimeoutError');
      case 'throttle':
        throw new ServiceError('ThrottlingException');
      case 'lose-answer':
        attempt(effect);
        throw new ServiceError('TimeoutError');
      case 'crash-after':
        attempt(effect);
        return this.#crash(point);
      case 'crash-before':
        return this.#crash(point);
    }
  }

  #crash(point: string): Promise<never> {
    this.#ended = true;
    this.#crashed.resolve({ outcome: 'crashed', at: point });
    return never();
  }
}

/** For an effect whose answer nobody hears, not even that it was refused. */
function attempt(effect: (fault: Fault) => unknown): void {
  try {
    effect('none');
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
  }
}

/** What a process that has ended gets from its calls. */
const never = (): Promise<never> => new Promise(() => undefined);
