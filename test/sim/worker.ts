import { parentPort, workerData } from 'node:worker_threads';
import type { Keyring } from './partners.ts';
import type { Order, Report } from './pool.ts';
import { simulate } from './simulate.ts';

/* One thread of `npm run simulate`. */

const keyring = workerData as Keyring;

parentPort?.on('message', ({ index, ...run }: Order) => {
  void simulate(keyring, run).then((failure) => parentPort?.postMessage({ index, failure } satisfies Report, []));
});
