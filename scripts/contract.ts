import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCases, findFaults, readCases } from './contract/report.ts';
import { startRehearsalCloud } from './contract/rehearsal-cloud.ts';

/*
 * `npm run contract`: the same cases on the doubles, on the embedded cloud and on AWS, and how many each has passed. See
 * docs/emulators.md.
 */

const HELP = `npm run contract -- [--rehearse] [--json]

Holds the doubles, the embedded cloud and AWS to the same contract, and prints how many cases each has passed.
On AWS only if a stage that is not there is named; everything is made under its name, and removed:

  REFERRAL_RELAY_CONTRACT_STAGE=ct1 AWS_REGION=eu-west-1 npm run contract

  --rehearse  what is done on AWS, on emulators that stand for it
  --json      the cases and the faults, for machines

Exit codes: 0 all that ran have passed the same cases, 1 they have not, 2 the command was not understood.
`;

const root = join(import.meta.dirname, '..');

async function runTests(environment: NodeJS.ProcessEnv): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'referral-relay-contract-'));
  const file = join(folder, 'report.json');
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const child = spawn(process.execPath, [vitest, 'run', '--project', 'fast', 'test/contract/', ...reporters], {
      cwd: root,
      // In CI the configuration would have the report written elsewhere.
      env: { ...environment, CI: '' },
      // What the tests tell belongs to progress: the result is on standard output.
      stdio: ['ignore', process.stderr, process.stderr],
    });
    await once(child, 'exit');
    return JSON.parse(await readFile(file, 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the report, and what was left behind */
async function rehearse(): Promise<{ report: unknown; leftovers: string[] }> {
  const cloud = await startRehearsalCloud();
  try {
    const report = await runTests({
      ...process.env,
      ...cloud.environment,
      REFERRAL_RELAY_CONTRACT_STAGE: 'contract',
    });
    return { report, leftovers: await cloud.leftovers() };
  } finally {
    await cloud.close();
  }
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { rehearse: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { report, leftovers } = values.rehearse
    ? await rehearse()
    : { report: await runTests(process.env), leftovers: [] };
  const cases = readCases(report).map((one) =>
    values.rehearse && one.backend === 'AWS' ? { ...one, backend: 'AWS, rehearsed' } : one,
  );
  const faults = [...findFaults(cases), ...leftovers.map((name) => `left behind: ${name}`)];
  process.stdout.write(values.json ? `${JSON.stringify({ cases, faults })}\n` : describe(cases, faults));
  return faults.length > 0 ? 1 : 0;
}

function describe(cases: Parameters<typeof describeCases>[0], faults: readonly string[]): string {
  const isSkipped = cases.some(({ backend, status }) => backend === 'AWS' && status === 'skipped');
  return [
    describeCases(cases),
    ...(isSkipped ? ['AWS was not asked: set REFERRAL_RELAY_CONTRACT_STAGE and AWS_REGION (docs/emulators.md).'] : []),
    faults.length === 0 ? 'All that ran have passed the same cases.' : faults.join('\n'),
    '',
  ].join('\n\n');
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof TypeError && 'code' in error;
  process.stderr.write(`contract: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = isUsage ? 2 : 1;
}
