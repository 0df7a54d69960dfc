import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RegistryError } from '../core/registry.ts';
import { loadStage, readSettings, StageError } from '../lib/stage-settings.ts';
import { possibilities } from './administrator.ts';
import { gather } from './findings.ts';
import { evaluate } from './matrix.ts';
import { partnersOfEverySort } from './partners.ts';
import { toMarkdown } from './report.ts';
import { AuditError } from './simulator.ts';
import { readWorld, type StageSources } from './world.ts';

const HELP = `npm run audit [-- <stage>] [--json]

Prints who may do what with the keys, queues, tables, topics and roles of a stage, with the statement behind each
permission, and what is left to an administrator, in Markdown. All of it comes from the synthesized templates, judged by
an IAM policy simulator; nothing is deployed and no network is needed. Without a stage, a small one is made up, with one
partner of every sort.

  --json   for programs: the same as one JSON document
  --help   this text
`;

const ON_CALL = 'arn:aws:iam::444455556666:role/on-call';

const root = join(import.meta.dirname, '..');

interface Subject extends StageSources {
  what: string;
}

function chooseSubject(stage: string | undefined): Subject {
  if (stage !== undefined) {
    const { name, settings, registryFiles } = loadStage(root, stage);
    return { name, what: `the stage ${name}`, settings, files: registryFiles };
  }
  const settings = {
    account: '111122223333',
    region: 'eu-west-2',
    alarmEmails: ['on-call@relay.example'],
    operators: [ON_CALL],
  };
  return {
    name: 'example',
    what: 'an example with one partner of every sort',
    settings: readSettings('example', JSON.stringify(settings)),
    files: partnersOfEverySort(settings.region),
  };
}

/** @returns what to exit with */
export async function run(args: string[], write: (text: string) => void): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    write(HELP);
    return 0;
  }
  const subject = chooseSubject(positionals[0]);
  const world = readWorld(subject);
  const findings = await gather(world, evaluate(world));
  const { things, place } = world.stage;
  const key = things.find(({ sort, account }) => /^(agency|intake) key$/.test(sort) && account === place.account);
  const left = key ? await possibilities(place, key) : [];
  write(
    values.json
      ? `${JSON.stringify({ subject: subject.what, ...findings, possibilities: left }, null, 2)}\n`
      : `${await toMarkdown({ subject: subject.what, deployment: world.stage, findings, possibilities: left })}\n`,
  );
  return 0;
}

if (import.meta.main) {
  try {
    process.exitCode = await run(process.argv.slice(2), (text) => void process.stdout.write(text));
  } catch (error) {
    const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
    const isKnown = error instanceof AuditError || error instanceof StageError || error instanceof RegistryError;
    if (!isKnown && !isUsage) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = isUsage ? 2 : 1;
  }
}
