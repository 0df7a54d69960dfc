import type { RouteRow, StatementContent } from '../../core/ledger.ts';
import { SCHEDULE } from '../../core/limits.ts';
import { agencyQueue, dispatchQueue, LANES, outcomesQueue } from '../../core/names.ts';
import { DAY, fromTimestamp, HOUR, MINUTE } from '../../core/time.ts';
import type { SimulatedAgency } from './agency.ts';
import { deliver, runSweep } from './functions.ts';
import { AGENCIES, HOTLINES, STAGE } from './partners.ts';
import { CALM } from './processes.ts';
import { caseKey, isHandedOver, type ReferralCase } from './referral-case.ts';
import { type InvariantName, Violation } from './violation.ts';
import { isSubset } from './witness.ts';
import type { World } from './world.ts';

const FINE = { wire: 'fine', plan: CALM } as const;
const PAGE = 1_000;
/** Messages that a queue gives at once. */
const BATCH = 10;

/** Far more rounds than anything needs that makes progress; the news of withdrawals comes on top, see {@link newsOf}. */
const MOST_ROUNDS = 120;

/**
 * Faults have stopped: everybody is back, every clock is right, every key works, and time passes. All that was promised
 * comes true, then nothing is left to do, and in the end nothing is left at all.
 * @param absent an agency that never comes back, if any
 * @throws {Violation}
 */
export async function comeToRest(world: World, absent: string | undefined): Promise<void> {
  await stopFaults(world);
  const agencies = world.agencies.filter(({ id }) => id !== absent);
  const startedAt = world.clock.now();
  const longKept = [...world.witness.cases.values()].filter((subject) => isLongKept(world, subject));
  for (let round = 0; ; round += 1) {
    if (round >= MOST_ROUNDS + newsOf(world)) throw new Violation('rest', `work goes on after ${round} rounds`);
    await work(world, agencies);
    const next = nextWork(world, absent);
    if (next === undefined) break;
    world.clock.advance(Math.max(next - world.clock.now(), MINUTE));
  }
  checkSends(world, startedAt);
  await repeatSubmissions(world);
  for (const subject of world.witness.cases.values()) if (!subject.isForgotten) checkPromises(world, subject, absent);
  for (const subject of longKept) if (subject.isForgotten) checkTold(subject, agencies);
  checkAnswers(world);
  await untilForgotten(world, absent);
}

/** How often the news of withdrawals goes out again until custody ends, a round each: nothing confirms it. */
function newsOf({ ledger, retention }: World): number {
  const routes = [...ledger.names()].flatMap((name) => ledger.record(name).routes);
  const told = routes.filter(({ withdrawalSentAt }) => withdrawalSentAt !== null).length;
  return told * Math.ceil(retention.custody / SCHEDULE.beforeQueueForgets);
}

async function stopFaults(world: World): Promise<void> {
  world.begin(() => '== faults stop', 0);
  world.processes.end('all');
  world.witness.sends.clear();
  for (const party of [...world.hotlines, ...world.agencies]) {
    party.skew = 0;
    world.setSuspended(party.id, false);
    world.partners.setKeyState(party.id, 'enabled');
    if (!world.partners.isRegistered(party.id)) world.partners.register(party.id, true);
  }
  await world.processes.settle();
}

/** One round in which everybody does what there is to do. */
async function work(world: World, agencies: readonly SimulatedAgency[]): Promise<void> {
  world.trace.step(() => 'everybody works');
  const { processes } = world;
  for (const hotline of world.hotlines) {
    for (const owed of hotline.pending) {
      owed.send(FINE);
      await processes.settle();
    }
  }
  runSweep(world, PAGE, CALM);
  await processes.settle();
  for (const lane of LANES) while (deliver(world, lane, 10, CALM) > 0) await processes.settle();
  for (const agency of agencies) {
    for (const lane of LANES) {
      if (countOf(world, agencyQueue(STAGE, agency.id, lane)) === 0) continue;
      do {
        agency.poll(lane, BATCH, { ...FINE, own: CALM, reader: 'works', isAtOnce: false });
        await processes.settle();
      } while (agency.received === BATCH);
    }
  }
  for (const hotline of world.hotlines) {
    if (countOf(world, outcomesQueue(STAGE, hotline.id)) === 0) continue;
    do {
      hotline.collect(BATCH, BATCH, FINE);
      await processes.settle();
    } while (hotline.received === BATCH);
  }
}

const countOf = ({ queues }: World, queue: string): number => queues.bodies(queue).length;

/** When there is something to do again but to remove what need not be kept; nothing if never. */
function nextWork(world: World, absent: string | undefined): number | undefined {
  const times: number[] = [];
  for (const name of world.ledger.names()) {
    const { outbox, routes, statements } = world.ledger.record(name);
    for (const row of [outbox, ...routes.filter(({ agency }) => agency !== absent), ...statements]) {
      if (row?.due) times.push(fromTimestamp(row.due.at));
    }
  }
  const queues = [
    ...LANES.map((lane) => dispatchQueue(STAGE, lane)),
    ...HOTLINES.map((hotline) => outcomesQueue(STAGE, hotline)),
    ...Object.keys(AGENCIES)
      .filter((agency) => agency !== absent)
      .flatMap((agency) => LANES.map((lane) => agencyQueue(STAGE, agency, lane))),
  ];
  const now = world.clock.now();
  if (queues.some((queue) => countOf(world, queue) > 0)) times.push(now + HOUR);
  if (world.hotlines.some(({ pending }) => pending.length > 0)) times.push(now + MINUTE);
  return times.length > 0 ? Math.min(...times) : undefined;
}

/** Since faults stopped, nothing was sent more often than the schedule has it. */
function checkSends(world: World, startedAt: number): void {
  const days = (world.clock.now() - startedAt) / DAY;
  for (const [what, times] of world.witness.sends) {
    if (times > 5 + days) throw new Violation('rest', `${what} was sent ${times} times in ${Math.ceil(days)} days`);
  }
}

/** Whatever a hotline submits once more gets the answer that it got, or would have got. */
async function repeatSubmissions(world: World): Promise<void> {
  for (const hotline of world.hotlines) {
    for (const owed of hotline.journal) {
      if (owed.state !== 'done') continue;
      owed.send(FINE);
      await world.processes.settle();
    }
  }
  runSweep(world, PAGE, CALM);
  await world.processes.settle();
  for (const lane of LANES) while (deliver(world, lane, 10, CALM) > 0) await world.processes.settle();
}

function checkPromises(world: World, subject: ReferralCase, absent: string | undefined): void {
  const record = world.ledger.record(subject.name);
  const { referral, routes, statements } = record;
  if (!referral) return;
  const isWithdrawn = statements.some(({ content }) => content.type === 'withdraw');
  const isBroken = subject.variantOf(referral)?.isBroken === true;
  for (const agency of world.agencies) {
    if (agency.id === absent) continue;
    const fail = (invariant: InvariantName, detail: string): never => {
      throw new Violation(invariant, `${subject.label}: ${agency.id} ${detail}`);
    };
    const held = agency.held.get(caseKey(subject.name));
    const promised = subject.promised.get(agency.id);
    const route = routes.find((row) => row.agency === agency.id);
    const hasLeft = subject.released.has(agency.id) || (route && isHandedOver(record, route));
    if (isWithdrawn && held && !hasLeft && !subject.told.has(agency.id)) {
      fail('withdrawn', 'was not told of the withdrawal');
    }
    if (isBroken && held) fail('intact', 'opened what cannot be opened');
    if (!promised || isWithdrawn || isBroken) continue;
    if (route && isHandedOver(record, route)) {
      checkHandedOver(world, subject, route, absent);
      continue;
    }
    if (!held) fail('opened', 'never opened it');
    if (!isSubset(promised.countries, [...(held?.countries ?? []), ...foreign(agency.id, promised.countries)])) {
      fail('opened', `opened it, but not for ${promised.countries.join()}`);
    }
    if (route?.status !== 'opened') fail('truthful', `opened it, and the ledger says ${route?.status}`);
  }
}

/** Whether custody lasts until the news of a withdrawal has gone out again. */
const isLongKept = ({ clock, retention }: World, { isForgotten, acceptedAt }: ReferralCase): boolean =>
  !isForgotten && acceptedAt + retention.custody > clock.now() + SCHEDULE.beforeQueueForgets + 2 * DAY;

/** The news of a withdrawal goes out until custody ends, and nothing is left of it then to hold against what happened. */
function checkTold(subject: ReferralCase, agencies: readonly SimulatedAgency[]): void {
  if (subject.withdrawal !== 'accepted') return;
  for (const { id, held } of agencies) {
    const hasLeft = subject.released.has(id) || subject.stood.get(id)?.status === 'undeliverable';
    if (!held.has(caseKey(subject.name)) || hasLeft || subject.told.has(id)) continue;
    throw new Violation('withdrawn', `${subject.label}: ${id} was not told of the withdrawal until custody ended`);
  }
}

/** The fallback has opened what the operator gave it in the place of another. */
function checkHandedOver(world: World, subject: ReferralCase, { countries, agency }: RouteRow, absent?: string): void {
  const fallback = world.agencies.find(({ id }) => AGENCIES[id]?.fallback);
  if (!fallback || fallback.id === absent) return;
  const { routes } = world.ledger.record(subject.name);
  const route = routes.find((row) => row.agency === fallback.id);
  const hasAll = route?.status === 'opened' && isSubset(countries, route.countries);
  if (hasAll && fallback.held.has(caseKey(subject.name))) return;
  throw new Violation('opened', `${subject.label}: ${fallback.id} never opened what it took over from ${agency}`);
}

/** Countries that an agency has as stand-in, which it cannot see in the document as its own. */
const foreign = (agency: string, countries: readonly string[]): string[] =>
  countries.filter((country) => !AGENCIES[agency]?.countries.includes(country));

/** Every statement taken in and every event has reached its hotline. */
function checkAnswers(world: World): void {
  for (const { statement, name } of world.witness.answers.values()) {
    if (world.witness.find(name)?.isForgotten || world.witness.received.get(name.hotline)?.has(statement)) continue;
    throw new Violation('answered', `a statement about ${caseKey(name)} never reached its hotline`);
  }
  for (const name of world.ledger.names()) {
    for (const { content, key, due } of world.ledger.record(name).statements) {
      if (isForHotline(content) && due) throw new Violation('rest', `${key} is still owed to its hotline`);
    }
  }
}

const isForHotline = ({ type }: StatementContent): boolean => type === 'outcome' || type === 'event';

/** Content goes when its time has come, and everything when custody ends. */
async function untilForgotten(world: World, absent: string | undefined): Promise<void> {
  const { content, custody } = world.retention;
  await letPass(world, content + 2 * HOUR);
  await letPass(world, content + 2 * HOUR);
  checkContentRemoved(world, absent);
  await letPass(world, custody);
  await letPass(world, SCHEDULE.abandoned);
  for (const name of world.ledger.names()) {
    const { referral, routes } = world.ledger.record(name);
    if (referral && routes.some(({ agency }) => agency === absent)) continue;
    throw new Violation('rest', `${world.witness.find(name)?.label} is kept for ever`);
  }
}

/** After a while, sweep does what has become due, and then, as long as no time passes, has nothing to write any more. */
async function letPass(world: World, wait: number): Promise<void> {
  world.begin(() => `== ${Math.round(wait / DAY)} days later`, 0);
  world.clock.advance(wait);
  let before = 0;
  for (const pause of [MINUTE, MINUTE, MINUTE, 0, 0, 0]) {
    before = world.writes;
    runSweep(world, PAGE, CALM);
    await world.processes.settle();
    world.clock.advance(pause);
  }
  if (world.writes !== before)
    throw new Violation('rest', 'sweep goes on writing, though it has done all that was due');
  for (const lane of LANES) while (deliver(world, lane, 10, CALM) > 0) await world.processes.settle();
}

/** Twice the time of content has passed since all was final that can be. */
function checkContentRemoved(world: World, absent: string | undefined): void {
  for (const name of world.ledger.names()) {
    const { referral, routes } = world.ledger.record(name);
    if (!referral || referral.contentRemovedAt !== undefined || routes.some(({ agency }) => agency === absent))
      continue;
    throw new Violation('content', `the content of ${world.witness.find(name)?.label} is kept beyond its time`);
  }
}
