import * as z from 'zod/mini';
import { MAX_ID_AGE } from '../core/ids.ts';
import { DEFAULT_RETENTION } from '../core/limits.ts';
import { type FunctionName, STAGE } from '../core/names.ts';
import { toFaults } from '../core/schema.ts';
import { DAY } from '../core/time.ts';

/*
 * The environment of each function, read once when its process starts. A value that is missing or wrong stops it there,
 * before it takes in anything.
 */

const variable = (form: RegExp, error: string) => z.string().check(z.regex(form, { error }));

/** Milliseconds, from a number of days that may be left out. */
const days = (least: number, preset: number) =>
  z.pipe(
    z.optional(
      z.string().check(
        z.refine((text) => /^[1-9]\d{0,3}$/.test(text) && Number(text) >= least, {
          error: `must be a whole number of days from ${least} to 9999`,
          abort: true,
        }),
      ),
    ),
    z.transform((text) => (text === undefined ? preset : Number(text) * DAY)),
  );

const shared = {
  stage: variable(STAGE, 'must be at most eight lower-case letters and digits, a letter first'),
  region: variable(/^[a-z]{2,}(?:-[a-z]+)+-\d+$/, 'must be an AWS Region such as "eu-west-2"'),
  ledgerTable: variable(/^[\w.-]{3,255}$/, 'must be the name of a DynamoDB table'),
  registryDir: variable(/\S/, 'must be the folder with the files of the partners'),
  /** Facts outlive content, and an id that could still be submitted for the first time. */
  retention: z
    .object({
      content: days(1, DEFAULT_RETENTION.content),
      custody: days(MAX_ID_AGE / DAY + 1, DEFAULT_RETENTION.custody),
    })
    .check(
      z.refine(({ content, custody }) => content <= custody, {
        error: 'must not be fewer days than CONTENT_DAYS',
        path: ['custody'],
      }),
    ),
};

/** What a queue's name is appended to: `https://sqs.<region>.amazonaws.com/<account>/`. */
const sending = { queueUrlBase: variable(/^https?:\/\/[^\s?#]+\/$/, 'must be a URL that ends with "/"') };

/** What requests are signed for; never taken from the request itself (protocol section 6). */
const behindApi = {
  authority: variable(
    /^(?!.*:(?:443|80)$)[a-z0-9.-]+(?::[1-9]\d{0,4})?$/,
    'must be a lower-case host name, with the port unless it is 443 or 80',
  ),
};

/** What the name of an agency's page topic is appended to. */
const paging = {
  topicArnBase: variable(/^arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:$/, 'must be the start of an ARN of SNS'),
};

const SCHEMAS = {
  submit: z.object({ ...shared, ...sending, ...behindApi }),
  deliver: z.object({ ...shared, ...sending }),
  answer: z.object({ ...shared, ...sending, ...behindApi }),
  collect: z.object({ ...shared, ...sending, ...behindApi }),
  query: z.object({ ...shared, ...behindApi }),
  sweep: z.object({ ...shared, ...sending, ...paging }),
} as const satisfies Record<FunctionName, z.ZodMiniObject>;

/** What the function `F` is configured with. `retention` is in milliseconds. */
export type Config<F extends FunctionName> = z.output<(typeof SCHEMAS)[F]>;

const CONFIGS: { [F in FunctionName]: z.ZodMiniType<Config<F>> } = SCHEMAS;

/** Where each variable goes, as a pointer into the configuration. */
const POINTERS = {
  STAGE: '/stage',
  AWS_REGION: '/region',
  LEDGER_TABLE: '/ledgerTable',
  REGISTRY_DIR: '/registryDir',
  QUEUE_URL_BASE: '/queueUrlBase',
  RELAY_AUTHORITY: '/authority',
  TOPIC_ARN_BASE: '/topicArnBase',
  CONTENT_DAYS: '/retention/content',
  CUSTODY_DAYS: '/retention/custody',
} as const;

/** The variables that may be left out: whole days, for how long content and facts are kept. */
export const OPTIONAL_VARIABLES: readonly string[] = ['CONTENT_DAYS', 'CUSTODY_DAYS'];

/** Every variable that a function reads, {@link OPTIONAL_VARIABLES} included. `AWS_REGION` is set by Lambda itself. */
export const VARIABLES: Readonly<Record<FunctionName, readonly string[]>> = {
  submit: variablesOf(SCHEMAS.submit),
  deliver: variablesOf(SCHEMAS.deliver),
  answer: variablesOf(SCHEMAS.answer),
  collect: variablesOf(SCHEMAS.collect),
  query: variablesOf(SCHEMAS.query),
  sweep: variablesOf(SCHEMAS.sweep),
};

function variablesOf(config: z.ZodMiniObject): readonly string[] {
  const isRead = ([, pointer]: [string, string]): boolean => (pointer.split('/')[1] ?? '') in config.shape;
  return Object.entries(POINTERS)
    .filter(isRead)
    .map(([name]) => name);
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The configuration of a function.
 * @throws {Error} whose message names every variable that is missing or wrong, and never a value
 */
export function readConfig<F extends FunctionName>(functionName: F, env: Environment): Config<F> {
  const result = CONFIGS[functionName].safeParse({
    stage: env['STAGE'],
    region: env['AWS_REGION'],
    ledgerTable: env['LEDGER_TABLE'],
    registryDir: env['REGISTRY_DIR'],
    queueUrlBase: env['QUEUE_URL_BASE'],
    authority: env['RELAY_AUTHORITY'],
    topicArnBase: env['TOPIC_ARN_BASE'],
    retention: { content: env['CONTENT_DAYS'], custody: env['CUSTODY_DAYS'] },
  });
  if (result.success) return result.data;
  const faults = result.error.issues
    .flatMap(toFaults)
    .map(({ pointer, detail }) => `  ${variableAt(pointer)} ${detail}`);
  throw new Error(`The function "${functionName}" cannot start; correct its environment:\n${faults.join('\n')}`);
}

const variableAt = (pointer: string): string =>
  Object.entries(POINTERS).find(([, known]) => known === pointer)?.[0] ?? pointer;
