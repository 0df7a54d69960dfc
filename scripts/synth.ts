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

/*
 * `npm run synth [-- <stage>]`: the templates of a stage, and how large they are. Without a stage, those of a generated
 * registry (60 hotlines, 250 agencies), which nobody can deploy. Needs no network.
 *
 *   --hotlines <n> --agencies <n>   size of the generated registry
 *   --nag                           holds the templates against cdk-nag's AwsSolutions too
 *   --out <folder>                  where to write them; default cdk.out
 */

const root = join(import.meta.dirname, '..');
const GENERATED = 'demo';

const write = (line = ''): void => {
  process.stdout.write(`${line}\n`);
};

function generateStage(hotlines: number, agencies: number): Stage {
  const region = 'eu-west-2';
  const settings = {
    account: '111122223333',
    region,
    alarmEmails: ['on-call@relay.example'],
    operators: ['arn:aws:iam::111122223333:role/on-call'],
  };
  const registryFiles = generateRegistryFiles({ hotlines, agencies, region });
  return {
    name: GENERATED,
    settings: readSettings('generated settings', JSON.stringify(settings)),
    registry: loadRegistry(registryFiles),
    registryFiles,
  };
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      hotlines: { type: 'string', default: '60' },
      agencies: { type: 'string', default: '250' },
      nag: { type: 'boolean', default: false },
      out: { type: 'string', default: 'cdk.out' },
    },
  });
  const stage =
    positionals[0] === undefined
      ? generateStage(Number(values.hotlines), Number(values.agencies))
      : loadStage(root, positionals[0]);
  const { name, settings, registry } = stage;
  write(
    `stage ${name}: ${registry.hotlines.size} hotlines, ${registry.agencies.size} agencies, ${settings.region}` +
      (positionals[0] === undefined ? ' (generated; not for deployment)' : ''),
  );

  const folder = mkdtempSync(join(tmpdir(), 'referral-relay-'));
  try {
    const bundling = stopwatch();
    const bundles = bundleFunctions(root, stage.registryFiles, folder);
    const sizes = FUNCTIONS.map((name) => `${name} ${kilobytes(statSync(join(bundles[name], 'index.mjs')).size)}`);
    write(`bundles, ${bundling()} s, KB: ${sizes.join(', ')}`);

    const synthesis = stopwatch();
    mkdirSync(values.out, { recursive: true });
    const app = createRelayApp({ stage: name, settings, registry, bundles, outdir: values.out });
    if (values.nag) Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const stacks = measureStacks(app.synth(), name, registry);
    write(
      `${stacks.length} stacks, ${synthesis()} s, in ${values.out}${values.nag ? ', held against AwsSolutions' : ''}`,
    );
    write();
    report(stacks);
    const closed = withoutAccess(registry);
    if (closed.length > 0) write(`\nagencies without a way in yet: ${closed.length}, such as ${closed[0]}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const largest = (list: readonly StackSize[], of: 'resources' | 'bytes'): number =>
  Math.max(...list.map((stack) => stack[of]));
const row = (...cells: (string | number)[]): void =>
  write(cells.map((cell, index) => (index === 0 ? String(cell).padEnd(10) : String(cell).padStart(18))).join(''));

function report(stacks: readonly StackSize[]): void {
  row('', 'stacks', 'resources, most', 'template KB, most');
  for (const kind of ['core', 'service', 'hotline', 'agency'] as const satisfies StackKind[]) {
    const list = stacks.filter((stack) => stack.kind === kind);
    if (list.length > 0) row(kind, list.length, largest(list, 'resources'), kilobytes(largest(list, 'bytes')));
  }
  row('bound', '', STACK_BOUNDS.resources, kilobytes(STACK_BOUNDS.bytes));
  const beyond = stacks.filter(
    ({ resources, bytes }) => resources > STACK_BOUNDS.resources || bytes > STACK_BOUNDS.bytes,
  );
  for (const { name } of beyond) write(`${name} is beyond the bound.`);
  if (beyond.length > 0) process.exitCode = 1;
}

const kilobytes = (bytes: number): number => Math.ceil(bytes / 1000);

function stopwatch(): () => string {
  const start = performance.now();
  return () => ((performance.now() - start) / 1000).toFixed(1);
}

try {
  main();
} catch (error) {
  // CDK words its own report on templates that do not pass before it throws.
  const isKnown = error instanceof StageError || error instanceof RegistryError;
  if (!isKnown && !(error instanceof Error && error.name === 'ValidationFailed')) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
