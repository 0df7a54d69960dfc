import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readNumber, readOptions, refuse } from '../local/command-line.ts';
import { type BulkReport, runBulk } from './load/bulk-run.ts';
import { createProgress } from './load/progress.ts';

const HELP = `Submits a folder of generated files with "referral-relay hotline submit": interrupted in order (SIGINT) after a tenth,
killed without warning (SIGKILL) a few times, run to the end, and once more. No file may be submitted twice.

Usage: npm run bench:bulk [-- OPTIONS]

  --files N      (default 10000)
  --parallel P   as of the command (default 8)
  --kills K      SIGKILLs (default 3)
  --json         the report as JSON on standard output
  --help

Exit status: 0 if all that is claimed holds, else 1; what was kept is not removed then.`;

const values = readOptions(HELP, {
  files: { type: 'string', default: '10000' },
  parallel: { type: 'string', default: '8' },
  kills: { type: 'string', default: '3' },
  json: { type: 'boolean', default: false },
});
const plan = {
  files: readNumber('--files', values.files, { least: 1 }),
  parallel: readNumber('--parallel', values.parallel, { least: 1 }),
  kills: readNumber('--kills', values.kills, { least: 1 }),
};
const fewest = 10 * (plan.kills + 2);
if (plan.files < fewest) refuse(`Correct --files: with ${plan.kills} kills it takes ${fewest} or more.`);

const progress = createProgress();
const folder = await mkdtemp(join(tmpdir(), 'referral-relay-bulk-'));
const report = await runBulk(plan, folder, (text) => progress.update(text));
progress.clear();
const isSound = Object.values(report.claims).every(Boolean);
process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : describe(report));
if (isSound) await rm(folder, { recursive: true, force: true });
else process.stderr.write(`What was kept is in ${folder}.\n`);
process.exit(isSound ? 0 : 1);

function describe({ runs, referrals, submissions, retried, duplicates, lost, together, claims }: BulkReport): string {
  const lines = runs.map(({ name, accepted, before, seconds, memory }) => {
    const rate = ((accepted - before) / seconds).toFixed(1);
    return `${name.padEnd(12)} ${accepted} accepted, ${before} of them before, in ${seconds} s (${rate} new a second); at most ${memory} MB`;
  });
  const verdicts = Object.entries(claims).map(([claim, holds]) => `${holds ? 'yes' : 'NO '}          ${claim}`);
  return `${lines.join('\n')}
files        ${plan.files}
submitted    ${submissions} requests, at most ${together} at a time, for ${referrals} referrals
retried      ${retried}
duplicates   ${duplicates} at the relay
lost         ${lost}
${verdicts.join('\n')}
`;
}
