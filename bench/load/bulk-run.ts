import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createChance } from './chance.ts';
import { type CommandRun, HEAP, runSubmit } from './command-run.ts';
import { createDraft } from './drafts.ts';
import { writePartners } from './generated-partners.ts';
import { connectMachine } from './machine.ts';
import { createMix } from './mix.ts';
import { createRelayChild } from './relay-child.ts';

/*
 * A folder of generated drafts, submitted by the command as it is typed: interrupted in order, killed a few times, run to
 * the end, and run once more. What the ledger holds then is held against what the command has said.
 */

export interface BulkPlan {
  files: number;
  /** As of the command. */
  parallel: number;
  /** SIGKILLs, after the one SIGINT. */
  kills: number;
}

export interface BulkRun {
  /** How it was to end. */
  name: 'interrupted' | 'killed' | 'finished' | 'again';
  exit: number | null;
  /** Files that the run found accepted or had accepted, and how many of them an earlier run had. */
  accepted: number;
  before: number;
  failed: number;
  seconds: number;
  /** The most resident memory that was seen, in MB. */
  memory: number;
}

export interface BulkReport {
  plan: BulkPlan;
  runs: BulkRun[];
  /** Referrals in the ledger. */
  referrals: number;
  /** Requests to submit that the relay answered, and those beyond one for each referral. */
  submissions: number;
  retried: number;
  /** Requests that were under way at the same time, at most. */
  together: number;
  /** Referrals in the ledger that are not the one by which a file is known. */
  duplicates: number;
  /** Files that are not in the ledger. */
  lost: number;
  /** What must hold, and whether it does. */
  claims: Record<string, boolean>;
}

/** Below so many files, memory says more about when garbage was collected than about the command. */
const FLAT_FROM = 5_000;
/** Factor by which the peak of the whole folder may exceed that of its first tenth. */
const FLAT = 1.25;

/**
 * @param folder where everything is kept meanwhile
 * @param tell told how far it is
 */
export async function runBulk(plan: BulkPlan, folder: string, tell: (text: string) => void): Promise<BulkReport> {
  const { files, parallel, kills } = plan;
  const drafts = join(folder, 'drafts');
  const dataDir = join(folder, 'relay');
  const registryDir = join(folder, 'registry');
  const partners = await writePartners(registryDir, { hotlines: 1, agencies: 4 });
  tell(`writing ${files} files`);
  await writeDrafts(drafts, files, partners.countries);

  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const relay = createRelayChild({ dataDir, registryDir, port, sweepEverySeconds: 60 }, (error) => {
    throw error;
  });
  await relay.start();
  try {
    const machine = connectMachine(dataDir);
    const profile = join(machine.profilesDir, partners.hotlines[0] ?? '');
    const run = (name: string, interrupt?: { after: number; signal: 'SIGINT' | 'SIGKILL' }): Promise<CommandRun> =>
      runSubmit({
        profile,
        folder: drafts,
        parallel,
        ...(interrupt && { interrupt }),
        tell: (count) => tell(`${name}: ${count} of ${files}`),
      });

    // A tenth and the SIGINT, then a tenth each and a SIGKILL: most is left for the run that goes through all of it.
    const tenth = Math.max(1, Math.floor(files / 10));
    const step = Math.min(tenth, Math.floor((files - tenth) / (kills + 1)));
    const interrupted = await run('until SIGINT', { after: tenth, signal: 'SIGINT' });
    const killed: CommandRun[] = [];
    for (let kill = 1; kill <= kills; kill += 1) {
      killed.push(await run(`until SIGKILL ${kill}`, { after: tenth + kill * step, signal: 'SIGKILL' }));
    }
    const finished = await run('to the end');
    const again = await run('once more');
    const inLedger = new Set((await machine.listReferrals()).map(({ id }) => id));
    machine.close();

    const all = [interrupted, ...killed, finished, again];
    const ids = new Map<string, Set<string>>();
    for (const { accepted } of all) {
      for (const [input, id] of accepted) ids.set(input, (ids.get(input) ?? new Set()).add(id));
    }
    const known = new Set([...ids.values()].map((names) => names.values().next().value ?? ''));
    const traffic = await readTraffic(dataDir);
    const retried = traffic.submissions - inLedger.size;
    const duplicates = [...inLedger].filter((id) => !known.has(id)).length;
    const lost = files - [...known].filter((id) => inLedger.has(id)).length;
    return {
      plan,
      runs: [
        summarize('interrupted', interrupted),
        ...killed.map((one) => summarize('killed', one)),
        summarize('finished', finished),
        summarize('again', again),
      ],
      referrals: inLedger.size,
      ...traffic,
      retried,
      duplicates,
      lost,
      claims: {
        'every file is in the ledger': lost === 0,
        'no file is there twice': duplicates === 0 && [...ids.values()].every(({ size }) => size === 1),
        'interrupted in order, the command says that some is left (exit status 6)': interrupted.exit === 6,
        'killed, it ends at once': killed.every(({ exit }) => exit === null),
        'started again, it finishes (exit status 0)': finished.exit === 0 && finished.failed === 0,
        'each time it continues where it stopped': killed.every(({ before }, index) => before >= tenth + index * step),
        'once everything is accepted, nothing is sent any more': again.exit === 0 && again.before === files,
        'sent again is only what a kill cut off': retried <= kills * parallel,
        'no more are sent at a time than allowed': traffic.together <= parallel,
        ...(files >= FLAT_FROM && {
          [`with a heap of ${HEAP} MB, memory for ${files} files is no more than ${FLAT} times that for ${tenth}`]:
            finished.memory <= FLAT * interrupted.memory,
        }),
      },
    };
  } finally {
    await relay.stop();
  }
}

const summarize = (
  name: BulkRun['name'],
  { exit, accepted, before, failed, seconds, memory }: CommandRun,
): BulkRun => ({
  name,
  exit,
  accepted: accepted.size,
  before,
  failed,
  seconds: Math.round(seconds * 10) / 10,
  memory,
});

async function writeDrafts(drafts: string, files: number, countries: readonly string[]): Promise<void> {
  const chance = createChance(1);
  const draw = createMix('even', countries, chance);
  await mkdir(drafts);
  for (let number = 1; number <= files; number += 1) {
    const draft = createDraft(number, draw(), chance, { immediate: 0.0025, high: 0.05 });
    await writeFile(join(drafts, `${String(number).padStart(6, '0')}.json`), JSON.stringify(draft, null, 2));
  }
}

/** Submissions that the gateway answered, and how many were under way at the same time, from the relay's log. */
async function readTraffic(dataDir: string): Promise<{ submissions: number; together: number }> {
  const log = await readFile(join(dataDir, 'relay.log'), 'utf8');
  const spans = [...log.matchAll(/^(\S+) gateway POST \/v1\/referrals \d+ (\d+) ms$/gm)].map(([, end = '', took]) => {
    const at = Date.parse(end);
    return { from: at - Number(took), to: at };
  });
  // A millisecond's rounding is no overlap: ends come before starts.
  const steps = spans.flatMap(({ from, to }) => [[from + 1, 1] as const, [to - 1, -1] as const]);
  let together = 0;
  let most = 0;
  for (const [, step] of steps.sort(([a, one], [b, other]) => a - b || one - other)) {
    together += step;
    most = Math.max(most, together);
  }
  return { submissions: spans.length, together: most };
}
