import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, statSync, writeFileSync } from 'node:fs';
import { cpus, devNull } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { readOptions } from '../local/command-line.ts';

const HELP = `Measures what it costs to log an event and count it, by the relay's own line (lambda/telemetry.ts) and by
Powertools' logger and metrics. Both do the same: a line of JSON with the event's fields, and a metric by stage. Needs the
package registry once: Powertools is no dependency of the project, and goes into .local/.

Usage: npm run bench:logging [-- --help]`;

readOptions(HELP, {});

const POWERTOOLS = ['@aws-lambda-powertools/logger@2.36.0', '@aws-lambda-powertools/metrics@2.36.0'];
const EVENTS = 50_000;
const STARTS = 15;
const ROUNDS = 5;

const root = join(import.meta.dirname, '..');
const folder = join(root, '.local', 'bench-logging');

const FIELDS =
  "{ hotline: 'gb-lantern', id: '0197a5b0-1111-7abc-8def-000000000000', agency: 'fr-littoral', lane: 'urgent', version: 1 }";

/** Each leaves `log`, which records one event. */
const VARIANTS: Readonly<Record<string, string>> = {
  'own line': `
    import { createTelemetry } from ${JSON.stringify(join(root, 'lambda', 'telemetry.ts'))};
    const telemetry = createTelemetry({ stage: 'prod', functionName: 'deliver' });
    export const log = () => telemetry.record('delivered', ${FIELDS});`,
  Powertools: `
    import { Logger } from '@aws-lambda-powertools/logger';
    import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
    const logger = new Logger({ serviceName: 'deliver' });
    const metrics = new Metrics({ namespace: 'ReferralRelay', defaultDimensions: { Stage: 'prod' } });
    export const log = () => {
      logger.info('delivered', ${FIELDS});
      metrics.addMetric('delivered', MetricUnit.Count, 1);
      metrics.publishStoredMetrics();
    };`,
};

/** Run with the bundle's path and how many events: prints them, and on standard error the milliseconds of loading and of logging. */
const RUNNER = `
  const [path, count] = process.argv.slice(2);
  const begun = performance.now();
  const { log } = await import(path);
  const loaded = performance.now();
  for (let left = Number(count); left > 0; left--) log();
  process.stderr.write(JSON.stringify({ load: loaded - begun, log: performance.now() - loaded }) + '\\n');
`;

interface Run {
  load: number;
  log: number;
}

function install(): void {
  mkdirSync(folder, { recursive: true });
  if (existsSync(join(folder, 'node_modules', '@aws-lambda-powertools', 'metrics'))) return;
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', ...POWERTOOLS];
  const { status, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`Powertools was not installed:\n${stderr}`);
}

/** As `lib/bundle.ts` makes the functions. */
function bundle(name: string, code: string): string {
  const outfile = join(folder, `${name.replaceAll(' ', '-')}.mjs`);
  buildSync({
    stdin: { contents: code, resolveDir: folder, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
  });
  return outfile;
}

function run(path: string, events: number, to: number | 'pipe'): Run & { printed: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'run.mjs'), path, String(events)], {
    stdio: ['ignore', to, 'pipe'],
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], AWS_REGION: 'eu-west-1', AWS_LAMBDA_FUNCTION_NAME: 'deliver' },
  });
  const [last = ''] = stderr.trim().split('\n').slice(-1);
  if (status !== 0 || !last.startsWith('{')) throw new Error(`${path} failed:\n${stderr}`);
  return { ...(JSON.parse(last) as Run), printed: stdout ?? '' };
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

const times = <T>(count: number, act: () => T): T[] => Array.from({ length: count }, act);

install();
writeFileSync(join(folder, 'run.mjs'), RUNNER);
const [processor] = cpus();
process.stdout.write(`${processor?.model ?? 'unknown processor'}, Node ${process.versions.node}\n\n`);
process.stdout.write('variant      bundle KB   load ms   µs an event   lines   bytes an event\n');
const nowhere = openSync(devNull, 'w');
for (const [name, code] of Object.entries(VARIANTS)) {
  const path = bundle(name, code);
  const load = median(times(STARTS, () => run(path, 0, nowhere).load));
  const micros = median(times(ROUNDS, () => (run(path, EVENTS, nowhere).log * 1000) / EVENTS));
  const { printed } = run(path, 1, 'pipe');
  const cells = [
    name.padEnd(10),
    (statSync(path).size / 1000).toFixed(1).padStart(11),
    load.toFixed(1).padStart(9),
    micros.toFixed(1).padStart(13),
    String(printed.trim().split('\n').length).padStart(7),
    String(Buffer.byteLength(printed)).padStart(16),
  ];
  process.stdout.write(`${cells.join(' ')}\n`);
}
closeSync(nowhere);
