import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { FUNCTIONS, type FunctionName } from '../core/names.ts';
import { FUNCTION_SIZES } from '../core/sizing.ts';
import type { FunctionData, FunctionReply, FunctionRequest } from './functions/worker.ts';

/*
 * The Lambda service: each function is a thread with an environment of its own, and so with credentials of its own. It
 * gets its events and gives its answers as JSON. Not like AWS: one thread serves many invocations at once, where Lambda
 * starts more environments; an invocation that times out is given up, not stopped. What a function cannot take at once is
 * refused, as Lambda does at a limit of concurrency, and not left to wait until nobody does any more.
 */

/** MB for young objects of a thread. V8's own choice would have each take its time until it gives memory back. */
export const YOUNG_GENERATION = 16;

/** Payload of a synchronous invocation, event or answer: 6 MB (AWS, "Lambda quotas"). */
export const PAYLOAD_BYTES = 6 * 1024 * 1024;

/**
 * Invocations of one function at once, where `core/sizing.ts` does not reserve fewer: two cores answer them in seconds, and
 * the SDK has as many connections in one thread.
 */
const CONCURRENCY = 50;

/** What Lambda calls the refusal of an invocation beyond the concurrency (AWS, "Lambda API Reference", Invoke). */
export const THROTTLED = 'TooManyRequestsException';

/** The function threw, ended, could not start, took too long or has no room; `type` is the name of what it threw. */
export class FunctionError extends Error {
  readonly type: string;

  constructor(functionName: FunctionName, type: string, detail: string) {
    super(`The function "${functionName}" failed: ${type}: ${detail}`);
    this.name = 'FunctionError';
    this.type = type;
  }
}

export interface Functions {
  /**
   * The answer of a function to an event, both as JSON makes them.
   * @throws {FunctionError}
   */
  invoke: (name: FunctionName, event: unknown) => Promise<unknown>;
  /** Ends a function's thread without warning, as when its process dies; it starts again. Resolves when it has ended. */
  crash: (name: FunctionName) => Promise<void>;
  /** Ends all functions; what is under way fails. Idempotent. */
  close: () => Promise<void>;
}

export interface FunctionOptions {
  /** Folder with a module `<name>.ts` for each function that exports `handler(event, context)`. */
  handlersDir: URL;
  environment: (name: FunctionName) => Record<string, string>;
  /** Gets every line that a function prints, and every failure. */
  log: (source: string, line: string) => void;
}

/**
 * Starts all functions.
 * @throws {FunctionError} if one does not start, such as for a faulty environment
 */
export async function startFunctions(options: FunctionOptions): Promise<Functions> {
  const threads = new Map(FUNCTIONS.map((name) => [name, new FunctionThread(name, options)]));
  const close = async (): Promise<void> => {
    await Promise.all([...threads.values()].map((thread) => thread.close()));
  };
  try {
    await Promise.all([...threads.values()].map((thread) => thread.start()));
  } catch (error) {
    await close();
    throw error;
  }
  const find = (name: FunctionName): FunctionThread => {
    const thread = threads.get(name);
    if (!thread) throw new Error(`There is no function "${name}".`);
    return thread;
  };
  return { invoke: (name, event) => find(name).invoke(event), crash: (name) => find(name).crash(), close };
}

interface Settle {
  resolve: (answer: unknown) => void;
  reject: (error: FunctionError) => void;
}

interface Running {
  worker: Worker;
  pending: Map<string, Settle>;
}

/** One function and its thread, which is started again when it has ended. */
class FunctionThread {
  readonly #name: FunctionName;
  readonly #options: FunctionOptions;
  #running: Promise<Running> | undefined;
  #closed = false;

  constructor(name: FunctionName, options: FunctionOptions) {
    this.#name = name;
    this.#options = options;
  }

  /** Resolves when the module is loaded. */
  async start(): Promise<void> {
    await this.#run();
  }

  async invoke(event: unknown): Promise<unknown> {
    const payload = JSON.stringify(event);
    if (Buffer.byteLength(payload) > PAYLOAD_BYTES) {
      throw this.#error('RequestTooLargeException', `the event has more than ${PAYLOAD_BYTES} bytes`);
    }
    const { worker, pending } = await this.#run();
    const most = Math.min(FUNCTION_SIZES[this.#name].reserved ?? CONCURRENCY, CONCURRENCY);
    if (pending.size >= most) throw this.#error(THROTTLED, `${most} invocations are under way`);
    const seconds = FUNCTION_SIZES[this.#name].timeout;
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        pending.delete(id);
        reject(this.#error('Sandbox.Timedout', `timed out after ${seconds} seconds`));
      }, seconds * 1000);
      const settle = <T>(act: (value: T) => void): ((value: T) => void) => {
        return (value) => {
          clearTimeout(late);
          pending.delete(id);
          act(value);
        };
      };
      pending.set(id, { resolve: settle(resolve), reject: settle(reject) });
      worker.postMessage({ id, payload, deadline: Date.now() + seconds * 1000 } satisfies FunctionRequest, []);
    });
  }

  async crash(): Promise<void> {
    const running = await this.#running?.catch(() => undefined);
    await running?.worker.terminate();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.crash();
  }

  #run(): Promise<Running> {
    if (this.#closed) return Promise.reject(this.#error('Runtime.Closed', 'the relay is stopping'));
    this.#running ??= this.#launch();
    return this.#running;
  }

  #launch(): Promise<Running> {
    const { handlersDir, environment, log } = this.#options;
    const worker = new Worker(new URL('./functions/worker.ts', import.meta.url), {
      workerData: {
        functionName: this.#name,
        module: new URL(`${this.#name}.ts`, handlersDir).href,
      } satisfies FunctionData,
      env: environment(this.#name),
      execArgv: [],
      resourceLimits: {
        maxOldGenerationSizeMb: FUNCTION_SIZES[this.#name].memory,
        maxYoungGenerationSizeMb: YOUNG_GENERATION,
      },
      stdout: true,
      stderr: true,
    });
    for (const stream of [worker.stdout, worker.stderr]) {
      createInterface({ input: stream }).on('line', (line) => log(this.#name, line));
    }
    const pending: Running['pending'] = new Map();

    return new Promise((resolve, reject) => {
      let state: 'starting' | 'ready' | 'ended' = 'starting';
      const end = (type: string, detail: string): void => {
        if (state === 'ended') return;
        const wasReady = state === 'ready';
        state = 'ended';
        const error = this.#error(type, detail);
        reject(error);
        for (const invocation of pending.values()) invocation.reject(error);
        if (this.#closed) return;
        log(this.#name, error.message);
        this.#running = undefined;
        // One that cannot even start is tried again when it is next called.
        if (wasReady) this.#run().catch(() => undefined);
      };
      worker.on('message', (reply: FunctionReply) => {
        if (reply.kind === 'ready') {
          state = 'ready';
          resolve({ worker, pending });
        } else if (reply.kind === 'answer') {
          pending.get(reply.id)?.resolve(JSON.parse(reply.payload));
        } else {
          const error = this.#error(reply.type, reply.detail);
          log(this.#name, error.message);
          pending.get(reply.id)?.reject(error);
        }
      });
      worker.once('error', (error) => end(error.name, error.message));
      worker.once('exit', (code) => end('Runtime.ExitError', `ended with code ${code}`));
    });
  }

  #error(type: string, detail: string): FunctionError {
    return new FunctionError(this.#name, type, detail);
  }
}
