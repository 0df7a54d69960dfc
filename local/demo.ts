import { readOptions } from './command-line.ts';
import { confirmKeys } from './confirm-keys.ts';
import { tellJourney } from './demo/journey.ts';
import { createNarrator } from './demo/narrator.ts';
import { startRelay } from './relay.ts';

const HELP = `Plays the journey of every kind of referral once, on this machine, and shows it.

Usage: npm run demo [-- --help]

Nothing is left behind. Exit status: 0 if everything was as it should be, else 1.`;

readOptions(HELP, {});

const write = (line: string): void => void process.stdout.write(`${line}\n`);
const narrator = createNarrator(write, process.stdout.isTTY && !process.env['NO_COLOR']);
const log: string[] = [];
const started = performance.now();

const starting = startRelay({
  log: (_source, line) => void log.push(line),
  announce: (line) => write(`   ${line} …`),
});
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  // The terminal was closed.
  ['SIGHUP', 1],
] as const) {
  const end = () => process.exit(128 + number);
  process.on(signal, () => void starting.then((relay) => relay.close().finally(end), end));
}
write('referral-relay: a demonstration with invented partners and invented referrals.');
const relay = await starting.catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
try {
  await confirmKeys(relay.profilesDir);
  await tellJourney(relay, narrator, log);
} finally {
  await relay.close();
}
const { checks, failures } = narrator.verdict();
const seconds = Math.round((performance.now() - started) / 1000);
write(`\n${checks - failures.length} of ${checks} checks are as they should be, after ${seconds} seconds.`);
for (const failure of failures) write(`Not as it should be: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;
