import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { FUNCTIONS } from '../core/names.ts';
import { loadRegistry, RegistryError } from '../core/registry.ts';
import { bundleFunctions } from '../lib/bundle.ts';
import { measureStacks, STACK_BOUNDS, type StackKind, type StackSize } from '../lib/measure-stacks.ts';
import { createRelayApp, withoutAccess } from '../lib/relay-app.ts';
import { loadStage, readSettings, type Stage, StageError } from '../lib/stage-settings.ts';
import { generateRegistryFiles } from '../test/support/generated-registry.ts';

const HELP = `npm run synth [-- <stage>]

Writes the templates of a stage, and says how large they are. Without a stage, those of a generated registry, which nobody
can deploy. Needs no network.

  --hotlines <n>    of the generated registry; default 60
  --agencies <n>    of the generated registry; default 250
  --domain          gives the generated stage a domain of its own with mutual TLS
  --nag             holds the templates against cdk-nag's AwsSolutions too
  --out <folder>    where to write them; default cdk.out
  --json            for programs: stacks, resources, sizes and times as one JSON document
  --help            this text

Exit codes: 0 done, 1 a fault in stage or registry, or a stack beyond the bound, 2 the command was not understood.
`;

const root = join(import.meta.dirname, '..');
const GENERATED_REGION = 'eu-west-2';
const GENERATED_ACCOUNT = '111122223333';
const DOMAIN = {
  name: 'relay.example',
  certificateArn: `arn:aws:acm:${GENERATED_REGION}:${GENERATED_ACCOUNT}:certificate/00000000-0000-4000-8000-000000000000`,
  hostedZone: { id: 'Z0123456789EXAMPLE', name: 'relay.example' },
  mutualTls: { bucket: 'relay-example-trust', key: 'authorities.pem', version: '1' },
};

class UsageError extends Error {}

interface Generated {
  hotlines: number;
  agencies: number;
  domain: boolean;
}

function generateStage({ hotlines, agencies, domain }: Generated): Stage {
  const settings = {
    account: GENERATED_ACCOUNT,
    region: GENERATED_REGION,
    alarmEmails: ['on-call@relay.example'],
    operators: [`arn:aws:iam::${GENERATED_ACCOUNT}:role/on-call`],
    ...(domain && { domain: DOMAIN }),
  };
  const registryFiles = generateRegistryFiles({ hotlines, agencies, region: GENERATED_REGION });
  return {
    name: domain ? 'domain' : 'demo',
    settings: readSettings('generated settings', JSON.stringify(settings)),
    registry: loadRegistry(registryFiles),
    registryFiles,
  };
}

function readArguments(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      hotlines: { type: 'string' },
      agencies: { type: 'string' },
      domain: { type: 'boolean', default: false },
      nag: { type: 'boolean', default: false },
      out: { type: 'string', default: 'cdk.out' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { hotlines, agencies, domain, ...rest } = values;
  const [stage, ...others] = positionals;
  if (others.length > 0) throw new UsageError('Name one stage.');
  if (stage !== undefined && (domain || hotlines !== undefined || agencies !== undefined)) {
    throw new UsageError(
      '--hotlines, --agencies and --domain are for a generated stage: leave them out, or the stage.',
    );
  }
  const generated = {
    hotlines: count('--hotlines', hotlines, 60),
    agencies: count('--agencies', agencies, 250),
    domain,
  };
  return { ...rest, stage, generated };
}

function count(option: string, value: string | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (!/^\d{1,4}$/.test(value)) throw new UsageError(`${option} takes a number up to 9999.`);
  return Number(value);
}

interface Synthesis {
  stage: string;
  generated: boolean;
  region: string;
  hotlines: number;
  agencies: number;
  out: string;
  /** Held against AwsSolutions, too. */
  nag: boolean;
  seconds: { bundling: number; synthesis: number };
  /** Bytes of code by function. */
  bundles: Record<string, number>;
  stacks: StackSize[];
  bounds: typeof STACK_BOUNDS;
  withoutAccess: string[];
}

function synthesize(stage: Stage, options: { generated: boolean; nag: boolean; out: string }): Synthesis {
  const { name, settings, registry } = stage;
  const folder = mkdtempSync(join(tmpdir(), 'referral-relay-'));
  try {
    const bundling = stopwatch();
    const bundles = bundleFunctions(root, stage.registryFiles, folder);
    const bundled = bundling();
    const synthesis = stopwatch();
    mkdirSync(options.out, { recursive: true });
    const app = createRelayApp({ stage: name, settings, registry, bundles, outdir: options.out });
    if (options.nag) Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const stacks = measureStacks(app.synth(), name, registry);
    return {
      stage: name,
      region: settings.region,
      hotlines: registry.hotlines.size,
      agencies: registry.agencies.size,
      ...options,
      seconds: { bundling: bundled, synthesis: synthesis() },
      bundles: Object.fromEntries(FUNCTIONS.map((each) => [each, statSync(join(bundles[each], 'index.mjs')).size])),
      stacks,
      bounds: STACK_BOUNDS,
      withoutAccess: withoutAccess(registry),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const beyondBounds = (stacks: readonly StackSize[]): StackSize[] =>
  stacks.filter(({ resources, bytes }) => resources > STACK_BOUNDS.resources || bytes > STACK_BOUNDS.bytes);

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

function report(done: Synthesis): string {
  const sizes = Object.entries(done.bundles).map(([name, bytes]) => `${name} ${kilobytes(bytes)}`);
  const lines = [
    `stage ${done.stage}: ${counted(done.hotlines, 'hotline', 'hotlines')}, ` +
      `${counted(done.agencies, 'agency', 'agencies')}, ${done.region}` +
      (done.generated ? ' (generated; not for deployment)' : ''),
    `bundles, ${done.seconds.bundling} s, KB: ${sizes.join(', ')}`,
    `${done.stacks.length} stacks, ${done.seconds.synthesis} s, in ${done.out}${done.nag ? ', held against AwsSolutions' : ''}`,
    '',
    row('', 'stacks', 'resources, most', 'template KB, most'),
  ];
  for (const kind of ['core', 'service', 'hotline', 'agency'] as const satisfies StackKind[]) {
    const list = done.stacks.filter((stack) => stack.kind === kind);
    if (list.length > 0)
      lines.push(row(kind, list.length, largest(list, 'resources'), kilobytes(largest(list, 'bytes'))));
  }
  lines.push(row('bound', '', STACK_BOUNDS.resources, kilobytes(STACK_BOUNDS.bytes)));
  lines.push(...beyondBounds(done.stacks).map(({ name }) => `${name} is beyond the bound.`));
  const [closed, ...more] = done.withoutAccess;
  if (closed !== undefined) lines.push('', `agencies without a way in yet: ${more.length + 1}, such as ${closed}`);
  return `${lines.join('\n')}\n`;
}

const largest = (list: readonly StackSize[], of: 'resources' | 'bytes'): number =>
  Math.max(...list.map((stack) => stack[of]));
const row = (...cells: (string | number)[]): string =>
  cells.map((cell, index) => (index === 0 ? String(cell).padEnd(10) : String(cell).padStart(18))).join('');
const kilobytes = (bytes: number): number => Math.ceil(bytes / 1000);

/** @returns seconds since, to a tenth */
function stopwatch(): () => number {
  const start = performance.now();
  return () => Math.round((performance.now() - start) / 100) / 10;
}

/** @returns what to exit with */
export function run(args: string[], write: (text: string) => void): number {
  const { help, json, stage, generated, nag, out } = readArguments(args);
  if (help) {
    write(HELP);
    return 0;
  }
  const chosen = stage === undefined ? generateStage(generated) : loadStage(root, stage);
  const done = synthesize(chosen, { generated: stage === undefined, nag, out });
  write(json ? `${JSON.stringify(done, null, 2)}\n` : report(done));
  return beyondBounds(done.stacks).length > 0 ? 1 : 0;
}

if (import.meta.main) {
  try {
    process.exitCode = run(process.argv.slice(2), (text) => void process.stdout.write(text));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isUsage = error instanceof UsageError || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));
    // CDK words its own report on templates that do not pass before it throws.
    const isKnown = error instanceof StageError || error instanceof RegistryError || error.name === 'ValidationFailed';
    if (!isKnown && !isUsage) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = isUsage ? 2 : 1;
  }
}
