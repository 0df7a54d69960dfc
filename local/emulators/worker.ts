import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { startDynalite } from './dynalite.ts';
import { startFauxqs } from './fauxqs.ts';

/** What the thread is started with. */
export interface EmulatorData {
  region: string;
  dataDir: string | undefined;
}

/** What it says: the ports once both listen, and that all is on disk once it was told to close. */
export type EmulatorMessage = { kind: 'ready'; sqs: number; dynamodb: number } | { kind: 'closed' };

const { region, dataDir } = workerData as EmulatorData;
const folder = (name: string) => (dataDir === undefined ? undefined : join(dataDir, name));
const say = (message: EmulatorMessage): void => parentPort?.postMessage(message, []);

const dynamodb = await startDynalite(folder('dynamodb'));
const sqs = await startFauxqs(folder('sqs'), region);

parentPort?.once('message', () => {
  void Promise.all([sqs.close(), dynamodb.close()]).then(() => say({ kind: 'closed' }));
});
say({ kind: 'ready', sqs: sqs.port, dynamodb: dynamodb.port });
