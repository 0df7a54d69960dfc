import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { type AgencyEntry, type HotlineEntry, openBook } from './books.ts';
import { createChance } from './chance.ts';
import { createDraft } from './drafts.ts';
import { hireHotline, type HotlineAtWork } from './hotline-at-work.ts';
import { connectMachine } from './machine.ts';
import { createMix } from './mix.ts';
import { FINISH, FINISHED, type PartnerProcessOptions } from './partner-child.ts';
import { workAsAgency } from './agency-at-work.ts';

/* Hotlines and agencies in a process of their own, with everything they know in files, to be killed at any moment. */

/** Referrals that a hotline submits at the same time, and its pause between two, in milliseconds. */
const PARALLEL = 3;
const PAUSE = 100;
const SHARES = { immediate: 0.05, high: 0.2 };

process.on('disconnect', () => process.exit());

const { dataDir, booksDir, hotlines, agencies, hiddenSeconds, seed } = JSON.parse(
  process.argv[2] ?? '',
) as PartnerProcessOptions;
const chance = createChance(seed);
const machine = connectMachine(dataDir);
const { registry, profilesDir } = machine;
machine.close();
const draw = createMix(
  'even',
  [...registry.agencies.values()].flatMap(({ countries }) => countries),
  chance,
);
const forever = new AbortController().signal;
const finishing = new AbortController();
let number = 0;

async function submitWithoutEnd(hotline: HotlineAtWork): Promise<void> {
  while (!finishing.signal.aborted) {
    number += 1;
    // Now and then, nobody knows yet where anybody is: that goes to the clearing house.
    const routing = chance.fraction() < 0.05 ? { suspect: [], victim: [] } : draw();
    const { id } = await hotline.prepare(createDraft(number, routing, chance, SHARES));
    await hotline.submit(id);
    await delay(PAUSE * chance.fraction());
  }
}

async function workAsHotline(id: string): Promise<void> {
  const book = openBook<HotlineEntry>(join(booksDir, `${id}.jsonl`));
  const hotline = await hireHotline(profilesDir, id, book);
  hotline.collect(forever).catch(fail);
  // What an earlier life of this process has left.
  for (const owed of await hotline.unfinished()) await hotline.submit(owed);
  await Promise.all(Array.from({ length: PARALLEL }, () => submitWithoutEnd(hotline)));
}

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}

process.on('message', (message) => {
  if (message === FINISH) finishing.abort();
});
for (const agency of agencies) {
  const book = openBook<AgencyEntry>(join(booksDir, `${agency}.jsonl`));
  workAsAgency({ dataDir, agency, book, signal: forever, hiddenSeconds }).catch(fail);
}
try {
  await Promise.all([...hotlines.map(workAsHotline), once(finishing.signal, 'abort')]);
  process.send?.(FINISHED);
} catch (error) {
  fail(error);
}
