import { Worker } from 'node:worker_threads';
import type { EmulatorData, EmulatorMessage } from './emulators/worker.ts';
import { YOUNG_GENERATION } from './functions.ts';
import { RELAY_ACCOUNT } from './principals.ts';

export interface Emulators {
  /** To give to an SDK client as `endpoint`. */
  endpoints: { sqs: string; sns: string; dynamodb: string };
  /** Resolves when the ports are free and what was answered is on disk. Idempotent. */
  close: () => Promise<void>;
}

export interface EmulatorOptions {
  region: string;
  /** Where queues and tables are kept and read from at start; in memory without it. One process a folder. */
  dataDir?: string | undefined;
  /** Told when the emulators have died; every call to them fails from then on. */
  onCrash: (error: Error) => void;
}

/**
 * SQS with SNS, and DynamoDB on 127.0.0.1, in a thread of their own. One thread for both was as fast as one each on two cores.
 * @throws {Error} if they do not start, such as when another process uses the folder
 */
export function startEmulators({ region, dataDir, onCrash }: EmulatorOptions): Promise<Emulators> {
  const worker = new Worker(new URL('./emulators/worker.ts', import.meta.url), {
    workerData: { region, dataDir } satisfies EmulatorData,
    env: { AWS_REGION: region, AWS_ACCOUNT_ID: RELAY_ACCOUNT },
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
    stdout: true,
    stderr: true,
  });
  // Read and dropped: they print warnings about themselves only.
  worker.stdout.resume();
  worker.stderr.resume();

  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => resolve());
  });
  const closed = new Promise<void>((resolve) => {
    worker.on('message', (message: EmulatorMessage) => {
      if (message.kind === 'closed') resolve();
    });
  });
  let closing: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    worker.postMessage('close', []);
    await Promise.race([closed, ended]);
    await worker.terminate();
  };
  const close = (): Promise<void> => (closing ??= stop());

  return new Promise((resolve, reject) => {
    let fail = (error: Error): void =>
      reject(new Error(`The queues and tables did not start: ${error.message}`, { cause: error }));
    worker.on('error', (error) => {
      if (!closing) fail(error);
    });
    worker.on('exit', (code) => {
      if (!closing) fail(new Error(`their thread ended with code ${code}`));
    });
    worker.once('message', (message: EmulatorMessage) => {
      if (message.kind !== 'ready') return;
      fail = once((error) => onCrash(new Error(`The queues and tables stopped: ${error.message}`, { cause: error })));
      const sqs = endpoint(message.sqs);
      resolve({ endpoints: { sqs, sns: sqs, dynamodb: endpoint(message.dynamodb) }, close });
    });
  });
}

const endpoint = (port: number): string => `http://127.0.0.1:${port}`;

/** A thread that dies of an error says so twice: as the error and as its exit. */
function once(act: (error: Error) => void): (error: Error) => void {
  let done = false;
  return (error) => {
    if (!done) act(error);
    done = true;
  };
}
