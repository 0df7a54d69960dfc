import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as z from 'zod';
import { parseJson } from '../core/json.ts';
import { DEFAULT_RETENTION } from '../core/limits.ts';
import { STAGE } from '../core/names.ts';
import { loadRegistry, type Registry, type RegistryFile } from '../core/registry.ts';
import { DAY } from '../core/time.ts';
import { readRegistryDir } from '../lambda/registry-files.ts';

/*
 * What the operator decides about a stage: `stages/<stage>.json`, beside `registry/<stage>/` with the partners. The
 * stage is chosen with `-c stage=<stage>`; where there is but one, it need not be named.
 */

const Days = z.int().min(1).max(9999);
const Rate = z.int().min(1).max(10_000);
const HostName = z.string().regex(/^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$/, {
  error: 'must be a lower-case host name such as "relay.example.org"',
});

/** Trusts the authorities in a PEM file in S3, and calls only by who shows a certificate of theirs. */
const MutualTls = z.strictObject({
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { error: 'must be the name of an S3 bucket' }),
  /** Key of the PEM file in the bucket. */
  key: z.string().min(1).max(1024),
  /** Version of that object: without it, API Gateway takes up a change only with the next deployment that changes this. */
  version: z.string().min(1).optional(),
});

const Domain = z.strictObject({
  name: HostName,
  /** Certificate for that name in ACM, in the stage's Region. */
  certificateArn: z.string().regex(/^arn:aws(-[a-z-]+)?:acm:[a-z0-9-]+:\d{12}:certificate\/[A-Za-z0-9-]+$/, {
    error: 'must be the ARN of a certificate in ACM',
  }),
  /** Route 53 zone to put the name into; without it, point the name to the deployment's output `ApiDomainTarget`. */
  hostedZone: z.strictObject({ id: z.string().regex(/^Z[A-Z0-9]{1,31}$/), name: HostName }).optional(),
  mutualTls: MutualTls.optional(),
});

export const StageSettings = z.strictObject({
  account: z.string().regex(/^\d{12}$/, { error: 'must be an AWS account: a string of 12 digits' }),
  region: z.string().regex(/^[a-z]{2,}(-[a-z]+)+-\d+$/, { error: 'must be an AWS Region such as "eu-west-2"' }),
  /** Who hears of every alarm. Each address has to be confirmed once (docs/operations/first-deployment.md, step 6). */
  alarmEmails: z
    .array(z.email())
    .min(1)
    .max(10)
    .refine((list) => new Set(list).size === list.length, { error: 'must not name an address twice' }),
  /** Roles and users, by ARN, that may take on the role `referral-relay-<stage>-operator`; without it there is none. */
  operators: z
    .array(
      z.string().regex(/^arn:aws(-[a-z-]+)?:iam::\d{12}:(role|user)\/[\w+=,.@/-]{1,512}$/, {
        error: 'must be the ARN of a role or a user',
      }),
    )
    .min(1)
    .max(10)
    .optional(),
  /** Without it, partners call the name that API Gateway gives. */
  domain: Domain.optional(),
  /** Protocol section 10; facts outlive content. */
  retention: z
    .strictObject({
      contentDays: Days.default(DEFAULT_RETENTION.content / DAY),
      custodyDays: Days.min(31).default(DEFAULT_RETENTION.custody / DAY),
    })
    .refine(({ contentDays, custodyDays }) => contentDays <= custodyDays, {
      error: 'must not be fewer days than contentDays',
      path: ['custodyDays'],
    })
    .prefault({}),
  /** Calls a second, of all partners together; further ones are answered with 429. */
  throttling: z.strictObject({ rate: Rate.default(300), burst: Rate.default(600) }).prefault({}),
  /** How many copies of `deliver` may work on a lane at once. */
  deliverConcurrency: z
    .strictObject({ urgent: z.int().min(2).max(1000).default(20), routine: z.int().min(2).max(1000).default(20) })
    .prefault({}),
  /** How many days the logs are kept, one of those that CloudWatch knows; they hold ids, codes and counts. */
  logDays: z.enum(RetentionDays).exclude(['INFINITE']).default(RetentionDays.THREE_MONTHS),
});
export type StageSettings = z.output<typeof StageSettings>;

/** A stage that cannot be synthesized; the message says what to do, and is fit for the operator's terminal. */
export class StageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StageError';
  }
}

export interface Stage {
  name: string;
  settings: StageSettings;
  registry: Registry;
  registryFiles: readonly RegistryFile[];
}

/** Invented parties, and no keys: for the sources and the tests. */
const SAMPLE = 'sample';

/**
 * The stage to deploy.
 * @param root folder that holds `stages/` and `registry/`
 * @param wanted value of the context `stage`
 * @throws {StageError} if it is not complete, not sound, or not to be deployed
 * @throws {RegistryError} if its registry is not sound
 */
export function loadStage(root: string, wanted: unknown): Stage {
  const name = stageName(root, wanted);
  const settingsFile = `stages/${name}.json`;
  if (!existsSync(join(root, settingsFile))) {
    throw new StageError(
      `There is no ${settingsFile}. Write it, with at least:\n` +
        '{ "account": "111122223333", "region": "eu-west-2", "alarmEmails": ["on-call@relay.example"] }\n' +
        'All settings are in lib/stage-settings.ts.',
    );
  }
  const settings = readSettings(settingsFile, readFileSync(join(root, settingsFile), 'utf8'));
  const folder = join(root, 'registry', name);
  if (!existsSync(folder)) {
    throw new StageError(
      `There is no registry/${name}/. Make the folder and put one file a partner into it, <partner id>.json; ` +
        'registry/sample/ shows their form.',
    );
  }
  const registryFiles = readRegistryDir(folder);
  return { name, settings, registry: loadRegistry(registryFiles), registryFiles };
}

/**
 * Whether this deployment goes on while an alarm is raised: CodeDeploy stops every other, also one that was to mend it.
 * @param wanted value of the context `alarms`
 * @throws {StageError} if it is anything but "ignored"
 */
export function ignoresAlarms(wanted: unknown): boolean {
  if (wanted !== undefined && wanted !== 'ignored') {
    throw new StageError('Say -c alarms=ignored, or leave it out: alarms then stop the deployment.');
  }
  return wanted === 'ignored';
}

function stageName(root: string, wanted: unknown): string {
  const name = wanted ?? onlyStage(root);
  if (typeof name !== 'string' || !STAGE.test(name)) {
    throw new StageError(
      `Name the stage: -c stage=<stage>, at most eight lower-case letters and digits, a letter first. ${known(root)}`,
    );
  }
  if (name === SAMPLE) {
    throw new StageError(
      'The stage "sample" is not for deployment: its parties are invented and nobody holds their keys. Make a stage of ' +
        'your own: registry/<stage>/ with one file a partner, and stages/<stage>.json.',
    );
  }
  return name;
}

const stagesIn = (root: string): string[] =>
  existsSync(join(root, 'stages'))
    ? readdirSync(join(root, 'stages'))
        .filter((file) => file.endsWith('.json'))
        .map((file) => file.slice(0, -'.json'.length))
    : [];

function onlyStage(root: string): string | undefined {
  const [first, ...others] = stagesIn(root);
  return others.length === 0 ? first : undefined;
}

function known(root: string): string {
  const stages = stagesIn(root);
  return stages.length > 0
    ? `There are: ${stages.join(', ')}.`
    : 'There is none yet: write stages/<stage>.json and put the partners into registry/<stage>/.';
}

/** @throws {StageError} naming every member at fault */
export function readSettings(file: string, text: string): StageSettings {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new StageError(`${file}: ${error instanceof Error ? error.message : 'not valid JSON'}`);
  }
  const result = StageSettings.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => `  /${path.join('/')} ${message}`);
  throw new StageError(`${file} is not sound:\n${faults.join('\n')}`);
}
