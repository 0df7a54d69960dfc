import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { createProgress } from './load/progress.ts';
import { measureOnCloud } from './sweep/cloud.ts';
import { measureOnDoubles } from './sweep/doubles.ts';

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
  --help

The report is JSON on standard output. Exit status 1 if anything was delivered twice or not at all.`;

const { values } = parseArgs({
  options: {
    on: { type: 'string', default: 'doubles' },
    open: { type: 'string', default: '1000000' },
    due: { type: 'string' },
    agencies: { type: 'string', default: '230' },
    hours: { type: 'string', default: '2' },
    capacity: { type: 'string', default: '6000' },
    every: { type: 'string', default: '60' },
    concurrency: { type: 'string', default: '5' },
    help: { type: 'boolean', short: 'h' },
  },
});
const due = Number(values.due ?? (values.on === 'cloud' ? 50_000 : 100_000));
const [open, agencies, hours, capacity, every, concurrency] = [
  values.open,
  values.agencies,
  values.hours,
  values.capacity,
  values.every,
  values.concurrency,
].map(Number) as [number, number, number, number, number, number];
const isSound = [due, open, agencies, hours, capacity, every, concurrency].every(
  (value) => Number.isInteger(value) && value > 0,
);
if (values.help || !isSound || !['doubles', 'cloud'].includes(values.on)) {
  process.stdout.write(`${HELP}\n`);
  process.exit(values.help ? 0 : 2);
}

const progress = createProgress();
const tell = (line: string): void => progress.update(line);
const loadBefore = loadavg();
const [report, failures] = values.on === 'cloud' ? await onCloud() : await onDoubles();
progress.clear();
const load = { before: loadBefore.map(round), after: loadavg().map(round) };
process.stdout.write(`${JSON.stringify({ on: values.on, ...report, load }, null, 2)}\n`);
process.exitCode = failures > 0 ? 1 : 0;

async function onDoubles(): Promise<[object, number]> {
  const plan = { open, due, agencies, dueToOthers: 20, disabledHours: hours, capacity, submissions: 60 };
  const result = await measureOnDoubles(plan, tell);
  return [{ plan, ...result }, result.back.duplicates + result.back.notDelivered + result.meanwhile.notDelivered];
}

async function onCloud(): Promise<[object, number]> {
  const plan = { due, everySeconds: every, concurrency, probes: 30 };
  const result = await measureOnCloud(plan, tell);
  return [{ plan, ...result }, result.duplicates + result.notDelivered + result.immediate.notDelivered];
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
