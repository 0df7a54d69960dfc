import { join } from 'node:path';
import { readNumber, readOptions } from './command-line.ts';
import { confirmKeys } from './confirm-keys.ts';
import { forgetRelay } from './forget.ts';
import { greetingOf } from './greeting.ts';
import { startRelay } from './relay.ts';

const HELP = `Runs the relay on this machine, with the cloud it needs and invented partners, until it is stopped.

Usage: npm start [-- OPTIONS]

  --port PORT   of the API on 127.0.0.1 (default 8400)
  --data DIR    where everything is kept, keys of the partners included (default .local/relay)
  --fresh       forget what is kept there first
  --help

State survives a restart, also after kill -9. The partners' profiles lie in DIR/profiles.`;

const values = readOptions(HELP, {
  port: { type: 'string', default: '8400' },
  data: { type: 'string', default: join('.local', 'relay') },
  fresh: { type: 'boolean', default: false },
});
const write = (line: string): void => void process.stdout.write(`${line}\n`);
const port = readNumber('--port', values.port, { most: 65_535 });

try {
  if (values.fresh) await forgetRelay(values.data);
  const relay = await startRelay({
    port,
    dataDir: values.data,
    announce: (line) => write(`${line} …`),
    onCrash(error) {
      process.stderr.write(`${error.message}\n`);
      process.exit(1);
    },
  });
  await confirmKeys(relay.profilesDir);
  process.stdout.write(greetingOf({ ...relay, dataDir: values.data }));
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      write('\nStopping …');
      relay.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
