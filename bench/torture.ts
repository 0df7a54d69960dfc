import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readNumber, readOptions } from '../local/command-line.ts';
import { type AgencyEntry, type HotlineEntry, readBook } from './load/books.ts';
import { createChance } from './load/chance.ts';
import { connectMachine } from './load/machine.ts';
import { createPartnerChild } from './load/partner-child.ts';
import { createProgress } from './load/progress.ts';
import { createRelayChild } from './load/relay-child.ts';
import { complaintsOf, compareBooks, isSound } from './load/verdict.ts';

const HELP = `Kills the local relay (kill -9) at random moments while partners work with it, and starts it again. At the end
the books of all hotlines and agencies must agree exactly.

Usage: npm run torture [-- OPTIONS]

  --kills N   of the relay (default 50); its partners are killed as well, now and then
  --seed S    of all that is drawn (default: from the clock); timing differs from run to run
  --hidden S  no message is hidden longer than so many seconds (default: as deployed, two to six minutes), so that what
              a kill has cut off comes back sooner, also while somebody is still at work on it
  --json      the result as JSON on standard output
  --help

Exit status: 0 if nothing was lost, changed, misdirected or doubled, else 1; what was kept is not removed then.
At the end the relay may have to wait for leases and hidden messages that a kill left behind: some ten minutes at most.`;

const values = readOptions(HELP, {
  kills: { type: 'string', default: '50' },
  hidden: { type: 'string' },
  seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  json: { type: 'boolean', default: false },
});
const kills = readNumber('--kills', values.kills);
const seed = readNumber('--seed', values.seed);
const hiding =
  values.hidden === undefined
    ? {}
    : { hiddenSeconds: readNumber('--hidden', values.hidden, { least: 1, fraction: true }) };

/** Milliseconds that the relay lives, at most. */
const LIFE = 4_000;
/** Until everything must be at rest, in milliseconds: beyond the longest lease, and the longest that a message is hidden. */
const REST = 25 * 60_000;
const HOTLINES = ['gb-lantern', 'us-beacon', 'zz-test-hotline'];

const started = performance.now();
const chance = createChance(seed);
const folder = await mkdtemp(join(tmpdir(), 'referral-relay-torture-'));
const dataDir = join(folder, 'relay');
const booksDir = join(folder, 'books');
await mkdir(booksDir);
const progress = createProgress();

// Below the ports that systems give to outgoing connections, so that nobody takes it while the relay is down.
const port = 20_000 + Math.floor(Math.random() * 10_000);
const relay = createRelayChild({ dataDir, port, sweepEverySeconds: 1, ...hiding }, fail);

function fail(error: Error): never {
  progress.clear();
  process.stderr.write(`${error.message}\nWhat was kept is in ${folder}.\n`);
  process.exit(1);
}

await relay.start();
const agencies = [...connect((machine) => machine.registry.agencies.keys())];
const crews = [
  { hotlines: HOTLINES.slice(0, 1), agencies: [] },
  { hotlines: HOTLINES.slice(1), agencies: [] },
  { hotlines: [], agencies: agencies.filter((_, index) => index % 2 === 0) },
  { hotlines: [], agencies: agencies.filter((_, index) => index % 2 === 1) },
].map((crew) => createPartnerChild({ dataDir, booksDir, ...hiding, ...crew }, fail));
const drawSeed = (): number => Math.floor(chance.between(0, 2 ** 31));
for (const crew of crews) crew.start(drawSeed());
// Until the first partner has said a word, there is nothing to interrupt.
await delay(2 * LIFE);

let partnerKills = 0;
for (let count = 1; count <= kills; count += 1) {
  await delay(chance.between(0, LIFE));
  const victim = chance.fraction() < 0.3 ? chance.pick(crews) : undefined;
  await Promise.all([relay.kill(), victim?.kill()]);
  if (victim) {
    partnerKills += 1;
    victim.start(drawSeed());
  }
  progress.update(`kill ${count} of ${kills}, ${describeSoFar()}`);
  const up = relay.start();
  // One in ten is killed while it starts, or right after.
  if (count === kills || chance.fraction() >= 0.1) await up;
}

const submittedBy = performance.now() + REST;
const submitted = Promise.all(crews.map((crew) => crew.finish())).then(() => true);
while (!(await Promise.race([submitted, delay(1_000, false)]))) {
  progress.update(`submitting what was begun, ${describeSoFar()}`);
  if (performance.now() > submittedBy) fail(new Error('What hotlines had begun to submit is not accepted.'));
}
const machine = connectMachine(dataDir);
const restBy = performance.now() + REST;
for (let owed = await machine.countOwed(); owed > 0; owed = await machine.countOwed()) {
  progress.update(`coming to rest, ${owed} owed, ${describeSoFar()}`);
  if (performance.now() > restBy) fail(new Error(`It does not come to rest: the ledger still owes ${owed} acts.`));
  await delay(1_000);
}
const referrals = (await machine.listReferrals()).length;
machine.close();
await Promise.all(crews.map((crew) => crew.kill()));
await relay.stop();
progress.clear();

const verdict = compareBooks({
  hotlines: new Map(HOTLINES.map((id) => [id, { entries: readBook<HotlineEntry>(bookOf(id)) }])),
  agencies: new Map(agencies.map((id) => [id, { entries: readBook<AgencyEntry>(bookOf(id)) }])),
});
const sound = isSound(verdict) && referrals === verdict.accepted;
const seconds = Math.round((performance.now() - started) / 1000);
if (values.json) {
  process.stdout.write(
    `${JSON.stringify({ sound, seed, kills, partnerKills, seconds, referrals, ...verdict }, null, 2)}\n`,
  );
} else {
  process.stdout
    .write(`kills                  ${kills} of the relay, ${partnerKills} of partners, in ${seconds} s (seed ${seed})
submissions            ${verdict.accepted} accepted, ${referrals} in the ledger
retries                ${verdict.retries}
routes                 ${verdict.routes}, of which ${verdict.opened} opened, ${verdict.outcomes} outcomes collected
duplicates suppressed  ${verdict.suppressed}
lost                   ${verdict.lost.length}
`);
}
for (const complaint of complaintsOf(verdict)) process.stderr.write(`${complaint}\n`);
if (sound) await rm(folder, { recursive: true, force: true });
else process.stderr.write(`The books do not agree. What was kept is in ${folder}.\n`);
process.exit(sound ? 0 : 1);

function bookOf(id: string): string {
  return join(booksDir, `${id}.jsonl`);
}

/** The books are being written: nothing but a glance. */
function describeSoFar(): string {
  return `${countEntries(HOTLINES, 'accepted')} accepted, ${countEntries(agencies, 'opened')} opened`;
}

function countEntries(ids: readonly string[], kind: string): number {
  const files = ids.map(bookOf).filter((file) => existsSync(file));
  return files.reduce((sum, file) => sum + readFileSync(file, 'utf8').split(`{"kind":"${kind}"`).length - 1, 0);
}

function connect<T>(look: (machine: ReturnType<typeof connectMachine>) => T): T {
  const machine = connectMachine(dataDir);
  try {
    return look(machine);
  } finally {
    machine.close();
  }
}
