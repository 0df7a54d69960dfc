import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createChance } from './load/chance.ts';
import { type CommandRun, runSubmit } from './load/command-run.ts';
import { createDraft } from './load/drafts.ts';
import { writePartners } from './load/generated-partners.ts';
import { connectMachine } from './load/machine.ts';
import { createMix } from './load/mix.ts';
import { createProgress } from './load/progress.ts';
import { createRelayChild } from './load/relay-child.ts';

const HELP = `Submits a folder of generated files with "referral-relay hotline submit", interrupts it in order (SIGINT) at a quarter
and without warning (SIGKILL) at the half, lets it finish, and runs it once more. No file may be submitted twice.

Usage: npm run bench:bulk [-- OPTIONS]

  --files N      (default 10000)
  --parallel P   as of the command (default 8)
  --json         the result as JSON on standard output
  --help

Exit status: 0 if every file is one referral in the ledger, else 1.`;

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    parallel: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
});
const files = Number(values.files);
const parallel = Number(values.parallel);
if (values.help || !Number.isInteger(files) || files < 10 || !Number.isInteger(parallel) || parallel < 1) {
  process.stdout.write(`${HELP}\n`);
  process.exit(values.help ? 0 : 2);
}

const progress = createProgress();
const folder = await mkdtemp(join(tmpdir(), 'referral-relay-bulk-'));
const drafts = join(folder, 'drafts');
const dataDir = join(folder, 'relay');
const registryDir = join(folder, 'registry');
const partners = await writePartners(registryDir, { hotlines: 1, agencies: 4 });
progress.update(`writing ${files} files`);
await writeDrafts();

const port = 20_000 + Math.floor(Math.random() * 10_000);
const relay = createRelayChild({ dataDir, registryDir, port, sweepEverySeconds: 60 }, (error) => {
  throw error;
});
await relay.start();
const machine = connectMachine(dataDir);
const profile = join(machine.profilesDir, partners.hotlines[0] ?? '');
const submit = (name: string, interrupt?: { after: number; signal: 'SIGINT' | 'SIGKILL' }): Promise<CommandRun> =>
  runSubmit({
    profile,
    folder: drafts,
    files,
    parallel,
    ...(interrupt && { interrupt }),
    tell: (count) => progress.update(`${name}: ${count} of ${files}`),
  });

const runs = {
  interrupted: await submit('until SIGINT', { after: Math.floor(files / 4), signal: 'SIGINT' }),
  killed: await submit('until SIGKILL', { after: Math.floor(files / 2), signal: 'SIGKILL' }),
  finished: await submit('to the end'),
  again: await submit('once more'),
};
const referrals = await machine.countReferrals();
machine.close();
await relay.stop();
progress.clear();

const traffic = await readTraffic();
const ids = new Map<string, Set<string>>();
for (const { accepted } of Object.values(runs)) {
  for (const [input, id] of accepted) ids.set(input, (ids.get(input) ?? new Set()).add(id));
}
const { interrupted, killed, finished, again } = runs;
const checks = {
  'every file is one referral in the ledger': ids.size === files && referrals === files,
  'a file has the same id in every run': [...ids.values()].every(({ size }) => size === 1),
  'interrupted, the command says that some is left (exit code 6)': interrupted.exit === 6,
  'killed, it ends at once': killed.exit === null,
  'started again, it finishes (exit code 0)': finished.exit === 0 && finished.failed === 0,
  'what was accepted before is not sent again': again.exit === 0 && again.before === files,
  // Of each process that was killed, what was under way is sent again, and answered with the same 202.
  'no more is sent than files and what the kill cut off': traffic.submissions <= files + parallel,
  'no more are sent at a time than allowed': traffic.together <= parallel,
};
const sound = Object.values(checks).every(Boolean);
const figuresOf = ({ accepted, before, seconds, memory }: CommandRun) => ({
  accepted: accepted.size,
  before,
  seconds: Math.round(seconds * 10) / 10,
  memory,
});
const result = {
  sound,
  files,
  parallel,
  referrals,
  ...traffic,
  runs: Object.fromEntries(Object.entries(runs).map(([name, run]) => [name, figuresOf(run)])),
  checks,
};
if (values.json) {
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
} else {
  for (const [name, run] of Object.entries(runs)) {
    const { accepted, before, seconds, memory } = figuresOf(run);
    const rate = ((accepted - before) / seconds).toFixed(1);
    process.stdout.write(
      `${name.padEnd(12)} ${accepted} accepted, ${before} of them before, in ${seconds} s (${rate} new a second); at most ${memory.peak} MB, ${memory.early} MB in the first tenth\n`,
    );
  }
  process.stdout.write(
    `relay        ${referrals} referrals, ${traffic.submissions} submissions, at most ${traffic.together} at a time\n`,
  );
  for (const [what, holds] of Object.entries(checks)) process.stdout.write(`${holds ? 'yes' : 'NO '}  ${what}\n`);
}
if (sound) await rm(folder, { recursive: true, force: true });
else process.stderr.write(`What was kept is in ${folder}.\n`);
process.exit(sound ? 0 : 1);

async function writeDrafts(): Promise<void> {
  const chance = createChance(1);
  const draw = createMix('even', partners.countries, chance);
  await mkdir(drafts);
  for (let number = 1; number <= files; number += 1) {
    const draft = createDraft(number, draw(), chance, { immediate: 0.0025, high: 0.05 });
    await writeFile(join(drafts, `${String(number).padStart(6, '0')}.json`), JSON.stringify(draft, null, 2));
  }
}

/** Submissions that the gateway answered, and how many were under way at the same time, from the relay's log. */
async function readTraffic(): Promise<{ submissions: number; together: number }> {
  const log = await readFile(join(dataDir, 'relay.log'), 'utf8');
  const spans = [...log.matchAll(/^(\S+) gateway POST \/v1\/referrals 202 (\d+) ms$/gm)].map(([, end = '', took]) => {
    const at = Date.parse(end);
    return { from: at - Number(took), to: at };
  });
  // A millisecond's rounding is no overlap: ends come before starts.
  const steps = spans.flatMap(({ from, to }) => [[from + 1, 1] as const, [to - 1, -1] as const]);
  let together = 0;
  let most = 0;
  for (const [, step] of steps.sort(([a, one], [b, other]) => a - b || one - other)) {
    together += step;
    most = Math.max(most, together);
  }
  return { submissions: spans.length, together: most };
}
