import { join, relative } from 'node:path';
import { readNumber, readOptions } from './command-line.ts';
import { confirmKeys } from './confirm-keys.ts';
import { forgetRelay } from './forget.ts';
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
const write = (line = ''): void => void process.stdout.write(`${line}\n`);
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
  greet(relay.url, relay.profilesDir);
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

function greet(url: string, profilesDir: string): void {
  const below = relative('', profilesDir);
  const profiles = below.startsWith('..') ? profilesDir : below;
  write();
  write(`The relay is up at ${url} and stays up; Ctrl-C stops it. Its log is ${join(values.data, 'relay.log')}.`);
  write('In another terminal, in this folder, one after the other:');
  write();
  write(`  npx referral-relay hotline submit samples/immediate.json --profile ${join(profiles, 'gb-lantern')}`);
  write(`  npx referral-relay agency poll --profile ${join(profiles, 'de-kinderwacht')}`);
  write(`  npx referral-relay hotline outcomes --profile ${join(profiles, 'gb-lantern')}`);
  write();
  write(
    'The first submits a sample as a hotline, the second opens it as the German agency, the third reads the answer.',
  );
}
