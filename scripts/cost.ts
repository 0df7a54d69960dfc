import { readFile, writeFile } from 'node:fs/promises';
import { allLanes } from '../core/lanes.ts';
import { DEFAULT_RETENTION } from '../core/limits.ts';
import { type FunctionName, FUNCTIONS, LANES } from '../core/names.ts';
import { SEALED_LENGTHS } from '../core/sealed.ts';
import { FUNCTION_SIZES } from '../core/sizing.ts';
import { HOUR, SECOND } from '../core/time.ts';
import { readOptions } from '../local/command-line.ts';
import { generateRegistryFiles } from '../test/support/generated-registry.ts';
import { propertiesOf, synthesizeStage } from '../test/support/synthesized-stage.ts';
import { table } from './protocol-examples/tables.ts';
import { fillBlocks, prettify } from './write-protocol-examples.ts';

/* Tests fail while the page that this writes differs from it, and while it differs from what the code does. */

const HELP = `Prints what a relay costs a month, from list prices, as Markdown.

Usage: npm run cost [-- OPTIONS]

  --write   writes it into docs/operations/cost.md instead
  --help`;

export const PAGE_FILE = new URL('../docs/operations/cost.md', import.meta.url);

/** List prices in US dollars, US East (N. Virginia), without free tiers and discounts. */
const PRICED = 'November 2026';
const PRICES = {
  key: { usd: 1, of: 1, what: 'KMS key, a month' },
  rsa: { usd: 0.15, of: 10_000, what: 'KMS requests with RSA_4096' },
  symmetric: { usd: 0.03, of: 10_000, what: 'KMS requests with symmetric keys' },
  write: { usd: 0.625, of: 1_000_000, what: 'DynamoDB write units, on demand (1 KB)' },
  read: { usd: 0.125, of: 1_000_000, what: 'DynamoDB read units, on demand (4 KB)' },
  table: { usd: 0.25, of: 1, what: 'GB in DynamoDB, a month' },
  recovery: { usd: 0.2, of: 1, what: 'GB under point-in-time recovery, a month' },
  sqs: { usd: 0.4, of: 1_000_000, what: 'SQS requests (64 KB)' },
  api: { usd: 1, of: 1_000_000, what: 'HTTP API calls (512 KB)' },
  invocation: { usd: 0.2, of: 1_000_000, what: 'Lambda invocations' },
  compute: { usd: 13.3334, of: 1_000_000, what: 'Lambda GB-seconds, arm64' },
  alarm: { usd: 0.1, of: 1, what: 'CloudWatch alarm, a month' },
  metric: { usd: 0.3, of: 1, what: 'CloudWatch metric of our own, a month' },
  dashboard: { usd: 3, of: 1, what: 'CloudWatch dashboard, a month' },
  log: { usd: 0.5, of: 1, what: 'GB of logs taken in' },
  kept: { usd: 0.03, of: 1, what: 'GB of logs kept, a month' },
  out: { usd: 0.09, of: 1, what: 'GB sent to the internet' },
} as const;
type Item = keyof typeof PRICES;
export type Usage = Partial<Record<Item, number>>;

export const SIZE = { hotlines: 60, agencies: 250 };

const HOURS = 730;
const MINUTES = HOURS * 60;
const GB = 1e9;

/**
 * What one referral to two agencies does to the ledger in all its life, if it is of the second of the four sizes and each
 * agency opens it and answers once more. `test/docs/cost.test.ts` measures it, and allows for a twentieth.
 */
export const LEDGER_USE = {
  writes: 123,
  reads: 126,
  /** Bytes of all its rows, without and with the content. */
  facts: 4382,
  withContent: 34_653,
};

/** The same referral elsewhere. */
const REFERRAL = {
  /** Directory, submit, four answers, one receive, one acknowledge. */
  calls: { query: 1, submit: 1, answer: 4, collect: 2 },
  /** Dispatch, two agencies' queues, four items in the hotline's inbox: send, receive, delete. */
  sqs: 3 * (1 + 2 + 4),
  agencies: 2,
  /** A line for each call, each delivery and each entry of the gateway. */
  logBytes: 8 * 250 + 10 * 450,
  /** Both messages with their envelopes, and the answers of the API. */
  sentBytes: 2 * 31_500 + 8 * 2000,
};

/** Assumed, in milliseconds; the dashboard shows what they are. Of sweep: for each lane that it looks into. */
const DURATIONS: Readonly<Record<FunctionName, number>> = {
  submit: 60,
  deliver: 150,
  answer: 50,
  collect: 40,
  query: 20,
  sweep: 4,
};
const SWEEP_LOG_BYTES = 500;

const compute = (name: FunctionName, seconds: number): number => (FUNCTION_SIZES[name].memory / 1024) * seconds;

const makeIds = (number: number): string[] => Array.from({ length: number }, (_, index) => `xx-${index}`);

/** Keys, alarms and dashboards, counted in the templates; sweep and dispatch, which never rest; and partners that look for work. */
export function idleUsage({ hotlines, agencies } = SIZE): Record<
  'standing' | 'sweep' | 'dispatch' | 'agencies' | 'hotlines',
  Usage
> {
  const stage = synthesizeStage(generateRegistryFiles({ hotlines: 1, agencies: 1 }));
  const count = (type: string): number =>
    stage.stacks
      .map(
        (stack) =>
          propertiesOf(stack, type).length *
          (stack.kind === 'hotline' ? hotlines : stack.kind === 'agency' ? agencies : 1),
      )
      .reduce((total, number) => total + number, 0);
  const lanes = allLanes(makeIds(hotlines), makeIds(agencies), 0).length;
  const sweeping = (lanes * DURATIONS.sweep) / SECOND;
  return {
    standing: {
      key: count('AWS::KMS::Key'),
      alarm: count('AWS::CloudWatch::Alarm'),
      dashboard: count('AWS::CloudWatch::Dashboard'),
      metric: 1,
    },
    sweep: {
      invocation: MINUTES,
      compute: MINUTES * compute('sweep', sweeping),
      // Eventually consistent, and empty.
      read: MINUTES * lanes * 0.5,
      log: (MINUTES * SWEEP_LOG_BYTES) / GB,
    },
    // Lambda polls each dispatch queue with five connections (Lambda, "SQS event source mappings"), 20 seconds at a time.
    dispatch: { sqs: LANES.length * 5 * MINUTES * 3 },
    // Both queues, 20 seconds at a time, day and night.
    agencies: { sqs: agencies * MINUTES * 3 * 2 },
    hotlines: hotlineUsage(hotlines, MINUTES / 5, 1),
  };
}

/** Hotlines that ask `times` a month for what there is, and wait for `seconds` each time. */
function hotlineUsage(hotlines: number, times: number, seconds: number): Usage {
  const calls = hotlines * times;
  return {
    api: calls,
    sqs: calls,
    invocation: calls,
    compute: calls * compute('collect', seconds),
    read: calls,
    write: calls,
  };
}

/** `outcomes --follow`: 20 seconds at a time, day and night. */
export const followUsage = (hotlines: number): Usage => hotlineUsage(hotlines, MINUTES * 3, 20);

/** What so many referrals a month cost beside. */
export function loadUsage(referrals: number): Usage {
  const { calls, sqs, agencies, logBytes, sentBytes } = REFERRAL;
  const invocations: Partial<Record<FunctionName, number>> = { ...calls, deliver: 1 };
  const total = Object.values(calls).reduce((sum, number) => sum + number, 0);
  const seconds = FUNCTIONS.map((name) => compute(name, ((invocations[name] ?? 0) * DURATIONS[name]) / SECOND));
  const contentMonths = 1 + DEFAULT_RETENTION.content / (HOURS * HOUR);
  const factMonths = DEFAULT_RETENTION.custody / (HOURS * HOUR);
  const stored =
    (referrals * ((LEDGER_USE.withContent - LEDGER_USE.facts) * contentMonths + LEDGER_USE.facts * factMonths)) / GB;
  return {
    rsa: referrals * agencies,
    // Wrapped by the relay, and unwrapped by an agency whose role is in the same account.
    symmetric: referrals * agencies * 2,
    write: referrals * LEDGER_USE.writes,
    // Every call asks whether its caller is suspended, every delivery whether its agency is.
    read: referrals * (LEDGER_USE.reads + total + agencies),
    table: stored,
    recovery: stored,
    sqs: referrals * sqs,
    api: referrals * total,
    invocation: referrals * (total + 1),
    compute: referrals * seconds.reduce((sum, number) => sum + number, 0),
    metric: referrals > 0 ? 12 : 0,
    log: (referrals * logBytes) / GB,
    kept: (referrals * logBytes * 3) / GB,
    out: (referrals * sentBytes) / GB,
  };
}

export const cost = (usage: Usage): number =>
  Object.entries(usage).reduce((sum, [item, number]) => {
    const { usd, of } = PRICES[item as Item];
    return sum + (number * usd) / of;
  }, 0);

const VOLUMES = [0, 10_000, 100_000, 1_000_000, 3_000_000];

const dollars = (usd: number): string => (usd < 10 ? usd.toFixed(2) : Math.round(usd).toLocaleString('en-GB'));
const number = (value: number): string => value.toLocaleString('en-GB');

function priceTable(): string {
  const rows = Object.values(PRICES).map(({ usd, of, what }) => [what, of === 1 ? '' : number(of), String(usd)]);
  return [
    `List prices of ${PRICED}, US East (N. Virginia), in US dollars:`,
    '',
    table(['what', 'for', '$'], rows),
  ].join('\n');
}

type Idle = ReturnType<typeof idleUsage>;

function idleTable(idle: Idle): string {
  const { standing } = idle;
  const lines: [string, Usage][] = [
    [`${standing.key} KMS keys`, { key: standing.key ?? 0 }],
    [`${standing.alarm} alarms, a dashboard, a metric`, { ...standing, key: 0 }],
    ['sweep, every minute', idle.sweep],
    ['Lambda, which polls the dispatch queues', idle.dispatch],
    ['agencies that poll both queues day and night', idle.agencies],
    ['hotlines that collect every five minutes', idle.hotlines],
  ];
  const rows = lines.map(([what, usage]) => [what, dollars(cost(usage))]);
  const total = lines.reduce((sum, [, usage]) => sum + cost(usage), 0);
  const follow = dollars(cost(followUsage(1)));
  return [
    table(['idle, a month', '$'], [...rows, ['**together**', `**${dollars(total)}**`]]),
    '',
    `A hotline that follows day and night (\`outcomes --follow\`) costs ${follow} more a month: a function waits for it.`,
  ].join('\n');
}

function loadTable(usages: Idle): string {
  const idle = Object.values(usages).reduce((sum, usage) => sum + cost(usage), 0);
  const parts: [string, Item[]][] = [
    ['KMS', ['rsa', 'symmetric']],
    ['DynamoDB', ['write', 'read', 'table', 'recovery']],
    ['SQS', ['sqs']],
    ['API, Lambda', ['api', 'invocation', 'compute']],
    ['logs, metrics', ['metric', 'log', 'kept']],
    ['transfer', ['out']],
  ];
  const rows = VOLUMES.map((volume) => {
    const usage = loadUsage(volume);
    const costs = parts.map(([, items]) => cost(Object.fromEntries(items.map((item) => [item, usage[item] ?? 0]))));
    return [number(volume), ...costs.map(dollars), dollars(idle), `**${dollars(idle + cost(usage))}**`];
  });
  return table(['referrals a month', ...parts.map(([name]) => name), 'idle', 'together'], rows);
}

function assumptions(): string {
  const { writes, reads, facts, withContent } = LEDGER_USE;
  const durations = Object.entries(DURATIONS).map(
    ([name, ms]) => `${name} ${ms}${name === 'sweep' ? ' for each lane' : ''}`,
  );
  return [
    `- ${SIZE.hotlines} hotlines and ${SIZE.agencies} agencies, each with one key in the relay's account, which pays for opening, too.`,
    `- A referral goes to two agencies, is of the second size (${number(SEALED_LENGTHS[1] ?? 0)} characters), is opened by both and answered once more by each.`,
    `- In all its life it takes ${writes} write units and ${reads} read units of the ledger, where it has ${number(withContent)} bytes while its content is kept and ${number(facts)} after (measured by a test).`,
    `- Functions take, in milliseconds: ${durations.join(', ')} (assumed; see the dashboard for yours).`,
    '- Storage is that of a relay which has had this load for as long as facts are kept.',
  ].join('\n');
}

function blocks(): Map<string, string> {
  const idle = idleUsage();
  return new Map([
    ['idle', idleTable(idle)],
    ['load', loadTable(idle)],
    ['assumptions', assumptions()],
    ['prices', priceTable()],
  ]);
}

/** The page as it should be. */
export const costPage = (page: string): Promise<string> => prettify(fillBlocks(page, blocks()), PAGE_FILE);

if (import.meta.main) {
  const { write } = readOptions(HELP, { write: { type: 'boolean' } });
  if (write) {
    await writeFile(PAGE_FILE, await costPage(await readFile(PAGE_FILE, 'utf8')));
  } else {
    process.stdout.write(`${[...blocks().values()].join('\n\n')}\n`);
  }
}
