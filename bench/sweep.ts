import { cpus, loadavg } from 'node:os';
import { SWEEP } from '../core/limits.ts';
import { readNumber, readOptions, refuse } from '../local/command-line.ts';
import { type Claim, describeClaims, exitCodeOf } from './load/claim.ts';
import { createProgress } from './load/progress.ts';
import { claimsOnCloud, claimsOnDoubles } from './sweep/claims.ts';
import { type CloudReport, measureOnCloud } from './sweep/cloud.ts';
import { type DoublesReport, measureOnDoubles } from './sweep/doubles.ts';

const HELP = `Measures sweep under a backlog: what one agency is owed falls due all at once, as after a month away.

Usage: npm run bench:sweep [-- OPTIONS]

  --on WHAT         doubles (default): the use cases on a virtual clock; cloud: the deployed functions on the embedded
                    cloud, in real time
  --open N          doubles: open routes in the ledger (default 1000000)
  --due N           of these, due at once (default 100000; cloud: 50000)
  --agencies N      doubles (default 230)
  --hours N         doubles: how long the agency's key stays disabled first (default 2)
  --capacity N      doubles: deliveries a minute and lane (default 6000)
  --every N         cloud: seconds from one sweep to the next (default 60)
  --concurrency N   cloud: batches of each lane at once (default 5)
  --json            the report as JSON on standard output
  --help

Exit status: 0 if all that is claimed holds, else 1.`;

const values = readOptions(HELP, {
  on: { type: 'string', default: 'doubles' },
  open: { type: 'string', default: '1000000' },
  due: { type: 'string' },
  agencies: { type: 'string', default: '230' },
  hours: { type: 'string', default: '2' },
  capacity: { type: 'string', default: '6000' },
  every: { type: 'string', default: '60' },
  concurrency: { type: 'string', default: '5' },
  json: { type: 'boolean', default: false },
});
if (!['doubles', 'cloud'].includes(values.on)) refuse('Correct --on: it takes doubles or cloud.');
const due = readNumber('--due', values.due ?? (values.on === 'cloud' ? '50000' : '100000'), { least: 1 });
const open = readNumber('--open', values.open, { least: 1 });
const agencies = readNumber('--agencies', values.agencies, { least: 1 });
const hours = readNumber('--hours', values.hours, { least: 1 });
const capacity = readNumber('--capacity', values.capacity, { least: 1 });
const every = readNumber('--every', values.every, { least: 1 });
const concurrency = readNumber('--concurrency', values.concurrency, { least: 1 });

const progress = createProgress();
const tell = (line: string): void => progress.update(line);
const loadBefore = loadavg();
const [report, claims] = values.on === 'cloud' ? await onCloud() : await onDoubles();
progress.clear();
const load = { before: loadBefore.map(round), after: loadavg().map(round) };
process.stdout.write(
  values.json ? `${JSON.stringify({ on: values.on, ...report, load, claims }, null, 2)}\n` : describe(),
);
process.exitCode = exitCodeOf(claims);

async function onDoubles(): Promise<[DoublesReport, Claim[]]> {
  const plan = { open, due, agencies, dueToOthers: 20, disabledHours: hours, capacity, bounds: SWEEP, submissions: 60 };
  const result = await measureOnDoubles(plan, tell);
  return [result, claimsOnDoubles(plan, result)];
}

async function onCloud(): Promise<[CloudReport, Claim[]]> {
  const plan = { due, everySeconds: every, concurrency, probes: 30 };
  const result = await measureOnCloud(plan, tell);
  return [result, claimsOnCloud(plan, result)];
}

function describe(): string {
  const { generated, seconds, sweep, residentMb } = report;
  const [before, after] = [load.before[0], load.after[0]];
  const cost = Object.entries(sweep).map(([name, value]) => `${name} ${value}`);
  return `machine   ${cpus().length} cores of ${cpus()[0]?.model.trim()}, Node ${process.version}; load average ${before} before, ${after} after
rows      ${generated.rows} written in ${generated.seconds} s, ${due} due at once to one agency
sweep     ${cost.join(', ')}
took      ${seconds} s, ${residentMb} MB resident

${describeClaims(claims)}
`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
