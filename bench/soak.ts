import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readNumber, readOptions, refuse } from '../local/command-line.ts';
import { measureCeiling } from './load/ceiling.ts';
import { type Mix, MIXES } from './load/mix.ts';
import { createProgress } from './load/progress.ts';
import { createReport, describeReport, drawReport } from './load/soak-report.ts';
import { runSoak } from './load/soak-run.ts';
import { complaintsOf } from './load/verdict.ts';

const HELP = `Open-loop load on the local relay: hotlines submit at a fixed rate, agencies open, hotlines collect the answers.

Usage: npm run soak [-- OPTIONS]

  --rate R        referrals a second, each to two agencies, or a share of the ceiling such as 80% (default 30)
  --seconds T     (default 60)
  --agencies A    (default 20)
  --mix MIX       which agencies: zipf (default) or even
  --faults        functions die, the cloud throttles and fails, a KMS key is disabled, the relay is killed
  --hidden S      no message is hidden longer than so many seconds (default: as deployed, two to six minutes)
  --ceiling S     seconds for measuring first what the emulators can do at all (default 20; 0: do not)
  --seed S        of all that is drawn (default: from the clock)
  --json          the report as JSON on standard output
  --help

Report and picture are written to .local/soak. Exit status: 0 if nothing was lost, changed, misdirected or doubled.`;

const values = readOptions(HELP, {
  rate: { type: 'string', default: '30' },
  seconds: { type: 'string', default: '60' },
  agencies: { type: 'string', default: '20' },
  mix: { type: 'string', default: 'zipf' },
  faults: { type: 'boolean', default: false },
  ceiling: { type: 'string', default: '20' },
  hidden: { type: 'string' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  json: { type: 'boolean', default: false },
});
const mix = MIXES.find((name) => name === values.mix) ?? refuse(`Correct --mix: it takes ${MIXES.join(' or ')}.`);
const isShare = values.rate.endsWith('%');
const rate = readNumber('--rate', values.rate.replace(/%$/, ''), { least: 0.01, fraction: true });
const seconds = readNumber('--seconds', values.seconds, { least: 1, fraction: true });
const agencies = readNumber('--agencies', values.agencies, { least: 2 });
const ceilingSeconds = readNumber('--ceiling', values.ceiling, { fraction: true });
const seed = readNumber('--seed', values.seed);
const hidden =
  values.hidden === undefined
    ? {}
    : { hiddenSeconds: readNumber('--hidden', values.hidden, { least: 1, fraction: true }) };
if (isShare && ceilingSeconds === 0) refuse('Leave out "--ceiling 0": a --rate in per cent is a share of the ceiling.');
await soak(mix);

async function soak(mix: Mix): Promise<void> {
  const progress = createProgress();
  const folder = await mkdtemp(join(tmpdir(), 'referral-relay-soak-'));
  progress.update('measuring what the emulators can do');
  const ceiling = ceilingSeconds > 0 ? await measureCeiling(folder, ceilingSeconds) : undefined;
  if (ceiling?.rate === 0) refuse('Give --ceiling more seconds: not one referral was through in these.');
  const options = {
    rate: isShare ? (rate / 100) * (ceiling?.rate ?? 0) : rate,
    seconds,
    agencies,
    mix,
    // As in the field: few are urgent.
    shares: { immediate: 0.0025, high: 0.05 },
    faults: values.faults,
    ...hidden,
    seed,
  };
  const run = await runSoak(options, folder, (text) => progress.update(text));
  progress.clear();

  const report = createReport(run, options, ceiling);
  const target = join('.local', 'soak', new Date(run.startedAt).toISOString().replaceAll(':', '-'));
  await mkdir(target, { recursive: true });
  await writeFile(join(target, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(target, 'picture.svg'), drawReport(report, run));
  await rm(folder, { recursive: true, force: true });
  process.stdout.write(
    values.json ? `${JSON.stringify(report, null, 2)}\n` : `${describeReport(report)}report      ${target}\n`,
  );
  for (const complaint of complaintsOf(report.verdict)) process.stderr.write(`${complaint}\n`);
  process.exit(report.sound ? 0 : 1);
}
