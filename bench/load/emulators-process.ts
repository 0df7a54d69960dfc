import { once } from 'node:events';
import { startEmulators } from '../../local/emulators.ts';
import { startKms } from '../../local/kms/kms.ts';
import { administratorOf, RELAY_ACCOUNT } from '../../local/principals.ts';
import { measureThisProcess } from './process-figures.ts';

/* The emulators of the local relay, as it runs them, and nothing of the relay: `ceiling.ts` measures what they can do. */

export interface EmulatorsUp {
  endpoints: { sqs: string; sns: string; dynamodb: string; kms: string };
}

process.on('disconnect', () => process.exit());

const region = 'eu-west-1';
const dataDir = process.argv[2] ?? '';
const { arn, account, credentials } = administratorOf(RELAY_ACCOUNT);
const fail = (error: Error): void => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
};
const emulators = await startEmulators({ region, dataDir, onCrash: fail });
const kms = await startKms({
  region,
  callers: new Map([[credentials.accessKeyId, { arn, account }]]),
  authorize: () => true,
  clock: Date.now,
});
process.send?.({ endpoints: { ...emulators.endpoints, kms: kms.endpoint } } satisfies EmulatorsUp);
// Whatever the parent says is the question what has been used so far.
process.on('message', () => void process.send?.(measureThisProcess()));
await once(process, 'SIGTERM');
await kms.close();
await emulators.close();
process.exit();
