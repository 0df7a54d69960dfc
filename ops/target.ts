import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { CommandError, EXIT, usageError } from '../client/cli/exit.ts';
import { parseJson } from '../core/json.ts';
import { STAGE } from '../core/names.ts';
import { loadRegistry, type Registry } from '../core/registry.ts';
import { readRegistryDir } from '../lambda/registry-files.ts';

/* Which relay is meant: a stage in AWS, or one on this machine (`npm start`). */

export interface TargetOptions {
  stage?: string;
  region?: string;
  /** Data folder of a relay on this machine. */
  local?: string;
}

export interface Target {
  stage: string;
  region: string;
  registry: Registry;
  /** The account that the stage is in, as far as its settings say; nothing is done in another. */
  account?: string;
  /** Only of a relay on this machine. */
  local?: { endpoints: Endpoints; credentials: { accessKeyId: string; secretAccessKey: string }; profiles: string };
}

export interface Endpoints {
  sqs: string;
  dynamodb: string;
  lambda: string;
}

/** Names the stage where `--stage` does not. */
export const STAGE_VARIABLE = 'REFERRAL_RELAY_STAGE';

/** What `local/operator-file.ts` writes. */
const OperatorFile = z.object({
  stage: z.string(),
  region: z.string(),
  registry: z.string(),
  profiles: z.string(),
  endpoints: z.object({ sqs: z.url(), dynamodb: z.url(), lambda: z.url() }),
  credentials: z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }),
});

/** Of `stages/<stage>.json`, whose schema is in `lib/stage-settings.ts`, what matters here. */
const StageFile = z.object({ account: z.string(), region: z.string() });

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * @param root folder that holds `stages/` and `registry/`
 * @throws {CommandError} `usage`, saying what to add
 * @throws {RegistryError} if the partners' files are not sound
 */
export function findTarget(options: TargetOptions, env: Environment, root = PROJECT): Target {
  return options.local === undefined ? findStage(options, env, root) : findLocal(options, options.local);
}

const PROJECT = fileURLToPath(new URL('../', import.meta.url));

function findLocal({ stage, region }: TargetOptions, folder: string): Target {
  if (stage !== undefined || region !== undefined) {
    throw usageError('Give either --local or --stage and --region: a relay on this machine knows its own.');
  }
  const path = resolve(folder, 'operator.json');
  if (!existsSync(path)) {
    throw usageError(`There is no ${path}: name the data folder of a relay that runs on this machine (npm start).`);
  }
  const file = read(path, OperatorFile);
  return {
    stage: file.stage,
    region: file.region,
    registry: loadRegistry(readRegistryDir(resolve(folder, file.registry))),
    local: {
      endpoints: file.endpoints,
      credentials: file.credentials,
      profiles: resolve(folder, file.profiles),
    },
  };
}

function findStage(options: TargetOptions, env: Environment, root: string): Target {
  const stages = existsSync(join(root, 'stages'))
    ? readdirSync(join(root, 'stages')).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : []))
    : [];
  const stage = options.stage ?? env[STAGE_VARIABLE] ?? (stages.length === 1 ? stages[0] : undefined);
  if (stage === undefined || !STAGE.test(stage)) {
    throw usageError(
      `${stage === undefined ? '' : `"${stage}" is no name of a stage. `}Say which relay is meant: --stage STAGE (${stages.length > 0 ? stages.join(', ') : 'or set ' + STAGE_VARIABLE}), or --local DIR for one on this machine.`,
    );
  }
  const folder = join(root, 'registry', stage);
  if (!existsSync(folder)) {
    throw usageError(`There is no registry/${stage}/ here: run this in the checkout that the stage is deployed from.`);
  }
  const settings = stages.includes(stage) ? read(join(root, 'stages', `${stage}.json`), StageFile) : undefined;
  const region = options.region ?? settings?.region ?? env['AWS_REGION'];
  if (region === undefined) throw usageError(`Say in which Region the stage "${stage}" is: --region REGION.`);
  const registry = loadRegistry(readRegistryDir(folder));
  return { stage, region, registry, ...(settings && { account: settings.account }) };
}

function read<T>(path: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(parseJson(readFileSync(path)));
  } catch (cause) {
    if (!(cause instanceof z.ZodError) && !(cause instanceof SyntaxError)) throw cause;
    const where = cause instanceof z.ZodError ? ` at /${cause.issues[0]?.path.join('/')}` : '';
    throw new CommandError(EXIT.usage, 'settings', `Correct ${path}: it is not sound${where}.`);
  }
}
