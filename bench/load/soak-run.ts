import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { workAsAgency } from './agency-at-work.ts';
import { type AgencyEntry, type Book, type HotlineEntry, openBook } from './books.ts';
import { createChance } from './chance.ts';
import { createDraft, type Shares } from './drafts.ts';
import { writePartners } from './generated-partners.ts';
import { hireHotline } from './hotline-at-work.ts';
import { connectMachine, type Depths } from './machine.ts';
import { createMix, type Mix } from './mix.ts';
import type { Mark } from './picture.ts';
import { measureThisProcess } from './process-figures.ts';
import { createRelayChild } from './relay-child.ts';
import { injectFaults } from './soak-faults.ts';
import { type Books, compareBooks, complaintsOf, isSound } from './verdict.ts';

/*
 * Open-loop load: each referral has the moment at which it is meant to leave, whatever became of the others, and its
 * waiting time counts from then. The relay runs in a process of its own on files, as `npm start` does; all partners are
 * in this process, with the clients that partners use and journals in memory. Referrals are sealed two seconds ahead.
 */

export interface SoakLoad {
  /** Referrals a second. */
  rate: number;
  seconds: number;
  agencies: number;
  mix: Mix;
  shares: Shares;
  faults: boolean;
  /** No message is hidden longer; as deployed if not given. */
  hiddenSeconds?: number;
  seed: number;
}

/** How things stood, `at` seconds after the start. */
export interface Sample extends Depths {
  at: number;
  accepted: number;
  opened: number;
  collected: number;
  /** MB of resident memory. */
  relayMemory: number;
  driverMemory: number;
  /** Load average of the machine over a minute. */
  load: number;
}

export interface SoakRun {
  /** Milliseconds since 1970; what was submitted before was to warm up. */
  startedAt: number;
  hotlines: Map<string, Book<HotlineEntry>>;
  agencies: Map<string, Book<AgencyEntry>>;
  samples: Sample[];
  marks: Mark[];
  /** By how many milliseconds this driver itself was late, for each referral. */
  lateness: number[];
  /** Seconds from the last submission until nothing was owed any more; absent if that did not happen. */
  restAfter?: number;
  /** Seconds of processor time during the load; those of the relay only without faults. */
  cpu: { relay: number; driver: number };
}

const HOTLINES = 8;
const AHEAD_SECONDS = 2;
const WARM_UP = 30;
/** How long everything may take to come to rest, in milliseconds. */
const REST = 25 * 60_000;

/**
 * @param folder where everything is kept meanwhile
 * @param tell told what happens, now and then
 */
export async function runSoak(options: SoakLoad, folder: string, tell: (text: string) => void): Promise<SoakRun> {
  const { rate, seconds, faults, hiddenSeconds } = options;
  const dataDir = join(folder, 'relay');
  const registryDir = join(folder, 'registry');
  const partners = await writePartners(registryDir, { hotlines: HOTLINES, agencies: options.agencies });
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const relay = createRelayChild(
    {
      dataDir,
      registryDir,
      port,
      sweepEverySeconds: faults ? 10 : 60,
      proxied: faults,
      ...(hiddenSeconds && { hiddenSeconds }),
    },
    (error) => {
      throw error;
    },
  );
  tell('starting the relay and its partners');
  await relay.start();

  const stop = new AbortController();
  const agencies = new Map(partners.agencies.map((id) => [id, openBook<AgencyEntry>()]));
  const hotlines = new Map(partners.hotlines.map((id) => [id, openBook<HotlineEntry>()]));
  const agenciesAtWork = [...agencies].map(([agency, book]) =>
    workAsAgency({ dataDir, agency, book, signal: stop.signal, memory: true, hiddenSeconds }),
  );
  const machine = connectMachine(dataDir);
  const atWork = await Promise.all(
    [...hotlines].map(([id, book]) => hireHotline(machine.profilesDir, id, book, { memory: true })),
  );
  machine.close();
  const collecting = atWork.map((hotline) => hotline.collect(stop.signal));

  const chance = createChance(options.seed);
  const draw = createMix(options.mix, partners.countries, chance);
  let number = 0;
  /** Seals the next referral; it is the hotlines' turn one after the other. */
  async function prepare(): Promise<(meantAt: number) => Promise<void>> {
    const hotline = atWork[number % atWork.length];
    if (!hotline) throw new Error('There is no hotline.');
    number += 1;
    const { id } = await hotline.prepare(createDraft(number, draw(), chance, options.shares));
    return (meantAt) => hotline.submit(id, undefined, meantAt);
  }

  const run: SoakRun = {
    startedAt: 0,
    hotlines,
    agencies,
    samples: [],
    marks: [],
    lateness: [],
    cpu: { relay: 0, driver: 0 },
  };
  const books = { hotlines, agencies };
  tell('warming up');
  for (let count = 0; count < WARM_UP; count += 1) await (await prepare())(Date.now());
  await untilSound(books, REST);

  const ahead = Array.from({ length: Math.ceil(rate * AHEAD_SECONDS) }, prepare);
  await Promise.all(ahead);
  run.startedAt = Date.now();
  const relayBefore = await relay.measure();
  const ownBefore = measureThisProcess();
  const sampling = startSampling();
  const injecting = faults
    ? injectFaults({ relay, dataDir, agency: partners.agencies[0] ?? '', seconds }, run.marks)
    : Promise.resolve();

  const submissions: Promise<void>[] = [];
  for (let index = 0; index < rate * seconds; index += 1) {
    const meantAt = run.startedAt + (index * 1000) / rate;
    if (meantAt > Date.now()) await delay(meantAt - Date.now());
    run.lateness.push(Math.max(0, Date.now() - meantAt));
    ahead.push(prepare());
    const next = ahead.shift();
    if (next) submissions.push(next.then((submit) => submit(meantAt)));
  }
  const lastAt = Date.now();
  run.cpu = {
    relay: ((await relay.measure())?.cpu ?? 0) - (relayBefore?.cpu ?? 0),
    driver: measureThisProcess().cpu - ownBefore.cpu,
  };
  await injecting;
  await Promise.all(submissions);
  if (await comesToRest()) run.restAfter = (Date.now() - lastAt) / 1000;
  await sampling.stop();
  stop.abort();
  await Promise.all([...agenciesAtWork, ...collecting]);
  await relay.stop();
  return run;

  /** All that the books promise is done, and the ledger owes nothing. */
  async function comesToRest(): Promise<boolean> {
    const until = Date.now() + REST;
    while (Date.now() < until) {
      if (isSound(compareBooks(books))) {
        const seen = connectMachine(dataDir);
        const owed = await seen.countOwed();
        seen.close();
        if (owed === 0) return true;
      }
      await delay(1_000);
    }
    return false;
  }

  function startSampling(): { stop: () => Promise<void> } {
    const stopped = new AbortController();
    const every = Math.max(1, seconds / 100) * 1000;
    async function sample(): Promise<void> {
      while (!stopped.signal.aborted) {
        const memory = (await relay.measure())?.memory ?? 0;
        const taken: Sample = {
          at: (Date.now() - run.startedAt) / 1000,
          accepted: countEntries(hotlines, 'accepted'),
          opened: countEntries(agencies, 'opened'),
          collected: countEntries(hotlines, 'outcome'),
          ...(await measureDepths(dataDir)),
          relayMemory: memory,
          driverMemory: measureThisProcess().memory,
          load: loadavg()[0] ?? 0,
        };
        run.samples.push(taken);
        tell(
          `${taken.at.toFixed(0)} s: ${taken.accepted} accepted, ${taken.opened} opened, ${taken.agencies} in the agencies' queues, relay ${memory} MB, load ${taken.load.toFixed(1)}`,
        );
        await delay(every, undefined, { signal: stopped.signal }).catch(() => undefined);
      }
    }
    const sampled = sample();
    return {
      async stop() {
        stopped.abort();
        await sampled;
      },
    };
  }
}

/**
 * @param patience in milliseconds
 * @throws {Error} if the books do not agree by then, with what differs
 */
export async function untilSound(books: Books, patience: number): Promise<void> {
  const until = Date.now() + patience;
  while (!isSound(compareBooks(books))) {
    if (Date.now() >= until) {
      throw new Error(['The warm-up does not come to rest.', ...complaintsOf(compareBooks(books))].join('\n'));
    }
    await delay(200);
  }
}

const countEntries = (books: ReadonlyMap<string, Book<{ kind: string }>>, wanted: string): number =>
  [...books.values()].reduce((sum, { entries }) => sum + entries.filter(({ kind }) => kind === wanted).length, 0);

/** Zeros while the relay is down. */
async function measureDepths(dataDir: string): Promise<Depths> {
  const machine = connectMachine(dataDir);
  try {
    return await machine.measureDepths();
  } catch {
    return { dispatch: 0, agencies: 0, inboxes: 0 };
  } finally {
    machine.close();
  }
}
