import { startRelay } from '../../local/relay.ts';

/** A relay in a process of its own, so that a test can kill it: prints its URL once it is up. */
const [dataDir = ''] = process.argv.slice(2);
const { url } = await startRelay({ dataDir, sweepEverySeconds: 0 });
process.stdout.write(`${url}\n`);
