import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { readOptions } from '../local/command-line.ts';

const HELP = `What software that others wrote has to say about the templates of every kind of stack: synthesizes them with no
network, holds them against CloudFormation's own schemas (cfn-lint), and creates the stacks in moto's CloudFormation.
Needs Python 3.11 or newer with venv; what it installs goes into .local/, once.

Usage: npm run check:templates [-- --help]

Exit codes: 0 no fault was found, 1 one was, or the check could not be done.`;

const root = join(import.meta.dirname, '..');
const pins = (name: string): string => join(import.meta.dirname, 'check-templates', name);
const REQUIREMENTS = pins('requirements.txt');
const CONSTRAINTS = pins('constraints.txt');
const REGION = 'eu-west-2';

/** Worded for the terminal. */
class CheckFailed extends Error {}

const write = (line: string): void => void process.stdout.write(`${line}\n`);

function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } });
  if (result.error) throw new CheckFailed(`${command} cannot be run: ${result.error.message}`);
  return result;
}

function need(what: string, { status, stdout, stderr }: SpawnSyncReturns<string>): string {
  if (status === 0) return stdout;
  throw new CheckFailed(`${what}\n${stdout}${stderr}`);
}

/** @returns the folder of the commands that are installed */
function installTools(): string {
  const version = spawnSync(
    'python3',
    ['-c', 'import sys, venv; print(sys.version); sys.exit(sys.version_info < (3, 11))'],
    { encoding: 'utf8' },
  );
  if (version.status !== 0) {
    throw new CheckFailed(
      'This check needs python3, 3.11 or newer, with its module venv, and found ' +
        `${version.error ? 'none' : (version.stdout || version.stderr).trim()}.\n` +
        'Install it (Debian and Ubuntu: apt install python3-venv; macOS: brew install python), or leave the check to CI.',
    );
  }
  const digest = createHash('sha256').update(version.stdout);
  for (const file of [REQUIREMENTS, CONSTRAINTS]) digest.update(readFileSync(file));
  const folder = join(root, '.local', `check-templates-${digest.digest('hex').slice(0, 12)}`);
  const done = join(folder, 'installed');
  if (!existsSync(done)) {
    write('installing cfn-lint and moto into .local/, once');
    rmSync(folder, { recursive: true, force: true });
    need('The virtual environment was not made.', run('python3', ['-m', 'venv', folder]));
    const pip = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-compile',
      '--requirement',
      REQUIREMENTS,
      '--constraint',
      CONSTRAINTS,
    ];
    need('The tools were not installed.', run(join(folder, 'bin', 'python'), pip));
    writeFileSync(done, '');
  }
  return join(folder, 'bin');
}

/** Proxies that nobody listens on, for where no network can be taken away. */
const NOWHERE = 'http://127.0.0.1:9';
const PROXIES = { HTTP_PROXY: NOWHERE, HTTPS_PROXY: NOWHERE, http_proxy: NOWHERE, https_proxy: NOWHERE };

/** As they are deployed: the core first, the service last. */
const rank = (file: string): number => (file.includes('-core.') ? 0 : file.includes('-service.') ? 2 : 1);

/** Two stages of one account: one with a partner of each sort, one with a domain of its own and mutual TLS. */
const STAGES = [
  ['--hotlines', '1', '--agencies', '3'],
  ['--hotlines', '0', '--agencies', '0', '--domain'],
] as const;

function synthesize(folder: string): string[] {
  const canUnshare = spawnSync('unshare', ['-rn', 'true']).status === 0;
  const files = STAGES.flatMap((options, index) => {
    const into = join(folder, `stage-${index + 1}`);
    const node = ['--import', './bin/require-node-24.mjs', 'scripts/synth.ts'];
    const synth = [process.execPath, ...node, ...options, '--out', into] as const;
    const [command, ...args] = canUnshare ? (['unshare', '-rn', ...synth] as const) : synth;
    const result = run(command, args, canUnshare ? {} : { ...PROXIES, NODE_USE_ENV_PROXY: '1' });
    need('Synthesis without a network failed.', result);
    const names = readdirSync(into).filter((name) => name.endsWith('.template.json'));
    return names.toSorted((a, b) => rank(a) - rank(b)).map((name) => join(into, name));
  });
  write(
    `${files.length} templates of ${STAGES.length} stages, synthesized ${canUnshare ? 'with no network (unshare)' : 'behind proxies to nowhere'}`,
  );
  return files;
}

function lint(bin: string, files: readonly string[], folder: string): void {
  const cfnLint = (paths: readonly string[]) => run(join(bin, 'cfn-lint'), ['--regions', REGION, '--', ...paths]);
  need('cfn-lint finds fault:', cfnLint(files));
  const wrong = join(folder, 'wrong.json');
  const template = { Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueNam: 'wrong' } } } };
  writeFileSync(wrong, JSON.stringify(template));
  if (cfnLint([wrong]).status === 0) throw new CheckFailed('cfn-lint lets a property pass that no queue has.');
  write(`cfn-lint: no fault in ${files.length} templates, and one found in a template that is wrong`);
}

const Created = z.object({
  stacks: z.array(z.object({ name: z.string(), created: z.number(), resources: z.number() })),
  lacks: z.array(z.string()),
  fallsShort: z.record(z.string(), z.string()),
  faults: z.array(z.string()),
});

function create(bin: string, files: readonly string[]): void {
  const script = join(import.meta.dirname, 'check-templates', 'create_stacks.py');
  const result = run(join(bin, 'python'), [script, ...files]);
  if (result.stdout === '') need('moto failed on its own account.', result);
  const { stacks, lacks, fallsShort, faults } = Created.parse(JSON.parse(result.stdout));
  if (faults.length > 0) throw new CheckFailed(`moto finds fault:\n${faults.join('\n')}`);
  write('moto creates:');
  for (const { name, created, resources } of stacks) write(`  ${name}: ${created} of ${resources} resources`);
  write(`moto lacks, so this was not tried:\n  ${lacks.join('\n  ')}`);
  for (const [type, what] of Object.entries(fallsShort)) write(`  ${type}: ${what}`);
}

function main(): void {
  const bin = installTools();
  const folder = mkdtempSync(join(tmpdir(), 'referral-relay-templates-'));
  try {
    const files = synthesize(folder);
    lint(bin, files, folder);
    create(bin, files);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

readOptions(HELP, {});
try {
  main();
} catch (error) {
  if (!(error instanceof CheckFailed)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
