import * as fc from 'fast-check';
import { VISIBILITY } from '../../client/inbox.ts';
import { contentExpiry } from '../../core/ledger-rules.ts';
import { LANES } from '../../core/names.ts';
import type { Routing } from '../../core/schema.ts';
import { fromTimestamp, SECOND } from '../../core/time.ts';
import {
  action,
  address,
  casesOf,
  pick,
  show,
  somewhere,
  type Subject,
  type WeightedAction,
  which,
} from './actions.ts';
import { deliver, runSweep } from './functions.ts';
import type { Fate } from './hotline.ts';
import { giveAway } from './operator.ts';
import { AGENCIES } from './partners.ts';
import { AGENCY_POINTS } from './plans.ts';
import { CALM, type Plan } from './processes.ts';
import { caseKey, type ReferralCase } from './referral-case.ts';
import type { Address } from './sealing.ts';
import type { World } from './world.ts';

/*
 * Two at work on the same referral: one is held at a call, another does in full what it does, then the first goes on. Or
 * the other is held too, and a third comes in between.
 * Mishaps at random do this too, but seldom at the call that matters, and seldom while the right thing happens.
 */

type Deed = (world: World, about: Matter, plan: Plan) => Promise<void> | void;

interface Matter extends Subject {
  address: Address;
  /** Where else it is to go. */
  further: Routing;
}

const fine = (plan: Plan): Fate => ({ wire: 'fine', plan });

const submit: Deed = (_, { hotline, subject }, plan) =>
  hotline.journal.find(({ what }) => what === `submit ${subject.label}`)?.send(fine(plan));

const submitOther: Deed = async (_, { hotline, subject, address }, plan) => {
  const how = { id: subject.name.id, wrongly: false, oldKey: false };
  (await hotline.prepare(address, how)).send(fine(plan));
};

const sendOn: Deed = (_, { hotline, subject, further }, plan) => hotline.sendOn(subject, further).send(fine(plan));

const withdraw: Deed = (_, { hotline, subject }, plan) => hotline.withdraw(subject).send(fine(plan));

const deliverSome: Deed = (world, _, plan) => LANES.forEach((lane) => deliver(world, lane, 10, plan));

const handOver: Deed = (world, { subject }, plan) =>
  [...subject.stood.keys()].forEach((id) => giveAway(world, subject, id, plan));

const open: Deed = (world, _, plan) => openAll(world, CALM, plan);

interface Contest {
  /** What comes before, in full. */
  before: readonly Deed[];
  first: string;
  deed: Deed;
  /** The write, or the message, that it has decided on and is held before; or what it has read in part. */
  at: string;
  other: string;
  otherDeed: Deed;
}

/** What may be held, at what, and against what: each as often as its weight says, however many there are of them. */
interface Rivalry extends Pick<Contest, 'before' | 'first' | 'deed'> {
  weight: number;
  points: readonly string[];
  others: Readonly<Record<string, Deed>>;
}

const NEWS = {
  'a withdrawal': withdraw,
  'a sending on': sendOn,
  'a hand-over': handOver,
  delivery: () => undefined,
} as const satisfies Record<string, Deed>;
const WRITES = ['ledger.readOn', 'ledger.create', 'ledger.replace'];
const TAKING_IN = ['ledger.readOn', 'ledger.create'];
const APPLYING = ['ledger.readOn', 'ledger.replace'];
const POINTS = [...WRITES, 'queues.sendToAgency'];

const RIVALRIES: readonly Rivalry[] = [
  {
    weight: 2,
    before: [],
    first: 'submission',
    deed: submit,
    points: TAKING_IN,
    others: { 'the same': submit, another: submitOther },
  },
  { weight: 3, before: [submit], first: 'delivery', deed: deliverSome, points: POINTS, others: NEWS },
  {
    weight: 3,
    before: [submit, deliverSome, sendOn],
    first: 'delivery of what was sent on',
    deed: deliverSome,
    points: POINTS,
    others: NEWS,
  },
  { weight: 1, before: [submit], first: 'sending on', deed: sendOn, points: TAKING_IN, others: NEWS },
  { weight: 1, before: [submit], first: 'withdrawal', deed: withdraw, points: TAKING_IN, others: NEWS },
  { weight: 1, before: [submit, deliverSome], first: 'opening', deed: open, points: APPLYING, others: NEWS },
  {
    weight: 2,
    before: [submit, deliverSome, handOver],
    first: 'late opening',
    deed: open,
    points: APPLYING,
    others: { 'a withdrawal': withdraw, 'a sending on': sendOn },
  },
  {
    weight: 1,
    before: [submit, deliverSome, withdraw],
    first: 'release',
    deed: handOver,
    points: WRITES,
    others: { opening: open, delivery: deliverSome },
  },
  {
    weight: 1,
    before: [submit, deliverSome],
    first: 'hand-over',
    deed: handOver,
    points: WRITES,
    others: { ...NEWS, opening: open },
  },
];

const contest: fc.Arbitrary<Contest> = fc.oneof(
  { withCrossShrink: true },
  ...RIVALRIES.map(({ weight, before, first, deed, points, others }) => ({
    arbitrary: fc
      .tuple(fc.constantFrom(...points), fc.constantFrom(...Object.entries(others)))
      .map(([at, [other, otherDeed]]): Contest => ({ before, first, deed, at, other, otherDeed })),
    weight,
  })),
);

const few = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.constant(0), weight: 4 },
  { arbitrary: fc.integer({ min: 1, max: 3 }), weight: 1 },
);

/** What comes after both; the other is held then as well, and each of the two may go on first. */
const third = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.constant(undefined), weight: 4 },
  {
    arbitrary: fc.record({
      news: fc.constantFrom(...(Object.keys(NEWS) as (keyof typeof NEWS)[])),
      at: fc.constantFrom(...POINTS),
      nth: few,
      isFirst: fc.boolean(),
    }),
    weight: 1,
  },
);

const race = action({
  name: 'race:',
  weight: 8,
  parameters: fc.record({
    contest,
    nth: few,
    third,
    hotline: fc.nat(1),
    address,
    further: somewhere,
  }),
  async act(world, { contest, nth, third, hotline: index, address, further }) {
    const hotline = pick(world.hotlines, index);
    if (!hotline) return;
    await hotline.prepare(address, { id: world.newId(hotline.skew), wrongly: false, oldKey: false });
    const subject = hotline.cases.at(-1);
    if (!subject) return;
    const run = async (deed: Deed, plan = CALM): Promise<void> => {
      await deed(world, { hotline, subject, address, further }, plan);
      await world.processes.settle();
    };
    for (const deed of contest.before) await run(deed);
    const held = world.processes.held;
    await run(contest.deed, holdAt(contest.at, nth));
    world.clock.advance(SECOND);
    await run(contest.otherDeed, third && holdAt(third.at, third.nth));
    if (third) await run(NEWS[third.news]);
    await run(deliverSome);
    await openAll(world);
    while (world.processes.held > held) {
      world.processes.resume(third?.isFirst ? held : world.processes.held - 1);
      await world.processes.settle();
    }
  },
  describe: ({ contest: { first, at, other }, nth, third, hotline, address, further }) =>
    `${first}, held at ${at} ${nth}, against ${other}, ${third ? `held at ${third.at} ${third.nth}, against ${third.news}, ` : ''}` +
    `${third?.isFirst ? 'the first goes on first, ' : ''}by hotline ${hotline} to ${show(address.routing)}, ` +
    `${address.urgency}, onward ${address.onward}, and then to ${show(further)}`,
});

/** A sending on at the very moment at which the content may go; either it or sweep is held. */
const lastMoment = action({
  name: 'at the last moment, somebody sends on',
  weight: 1,
  parameters: fc.record({
    which,
    hotline: fc.nat(1),
    address,
    further: somewhere,
    byAgency: fc.boolean(),
    sweeping: fc.constantFrom(undefined, 'ledger.readOn', 'ledger.replace'),
    nth: few,
  }),
  async act(world, { which: index, hotline, address, further, byAgency, sweeping, nth }) {
    if (expiring(world).length === 0) {
      await referOne(world, hotline, address);
      await openAll(world);
    }
    const about = pick(expiring(world), index);
    if (!about) return;
    world.clock.advance(Math.max(about.at - world.clock.now(), 0));
    world.processes.end('expired');
    const held = world.processes.held;
    const parts = [
      () => runSweep(world, 100, sweeping === undefined ? CALM : holdAt(sweeping, nth)),
      () => sendLate(world, about, further, { byAgency, isHeld: sweeping === undefined }),
    ];
    for (const part of sweeping === undefined ? parts.toReversed() : parts) {
      part();
      await world.processes.settle();
    }
    while (world.processes.held > held) world.processes.resume(world.processes.held - 1);
  },
  describe: ({ which: index, hotline, address, further, byAgency, sweeping, nth }) =>
    `${byAgency ? 'an agency' : 'its hotline'}, ${index} (or one by hotline ${hotline} to ${show(address.routing)}) ` +
    `to ${show(further)}, ${sweeping === undefined ? 'held at ledger.create' : `while sweep is held at ${sweeping} ${nth}`}`,
});

function sendLate(
  world: World,
  { hotline, subject }: Subject,
  further: Routing,
  { byAgency, isHeld }: { byAgency: boolean; isHeld: boolean },
): void {
  const fate = fine(isHeld ? holdAt('ledger.create') : CALM);
  const holders = world.agencies.filter((agency) => agency.held.has(caseKey(subject.name)));
  const sender = holders.find(({ id }) => AGENCIES[id]?.forwards) ?? holders[0];
  const held = sender?.held.get(caseKey(subject.name));
  if (byAgency && held) sender?.sendOn(held, further, fate);
  else hotline.sendOn(subject, further).send(fate);
}

/** Cases whose content only waits for its time to be over, and when sweep will look at them. */
const expiring = (world: World): (Subject & { at: number })[] =>
  casesOf(world).flatMap((about) => {
    const record = world.ledger.record(about.subject.name);
    const expiry = contentExpiry(record, world.retention.content);
    if (expiry === undefined || !record.retention?.due || record.referral?.contentRemovedAt !== undefined) return [];
    return [{ ...about, at: Math.max(expiry, fromTimestamp(record.retention.due.at)) }];
  });

/** Every agency that has just been sent something fails at the same point of its work. */
const cutShort = action({
  name: 'agencies are cut short',
  weight: 5,
  parameters: fc.record({
    at: fc.constantFrom(...AGENCY_POINTS),
    what: fc.constantFrom('crash-before' as const, 'crash-after' as const, 'lose-request' as const),
    hotline: fc.nat(1),
    address,
  }),
  async act(world, { at, what, hotline: index, address }) {
    await referOne(world, index, address);
    await openAll(world, { ...CALM, mishaps: [{ at, nth: 0, what, lasting: false }] });
  },
  describe: ({ at, what, hotline, address }) => `by ${what} at ${at}, hotline ${hotline} to ${show(address.routing)}`,
});

/** One machine is held in the middle of its work until its messages come back, and another gets them. */
const twoMachines = action({
  name: 'two machines at once',
  weight: 3,
  parameters: fc.record({
    at: fc.constantFrom(...AGENCY_POINTS),
    nth: few,
    news: fc.constantFrom(undefined, 'a withdrawal', 'a sending on'),
    hotline: fc.nat(1),
    address,
    further: somewhere,
  }),
  async act(world, { at, nth, news, hotline: index, address, further }) {
    const subject = await referOne(world, index, address);
    const hotline = pick(world.hotlines, index);
    if (!subject || !hotline) return;
    const held = world.processes.held;
    await openAll(world, holdAt(at, nth));
    world.clock.advance((VISIBILITY + 1) * SECOND);
    if (news) await NEWS[news](world, { hotline, subject, address, further }, CALM);
    await world.processes.settle();
    LANES.forEach((lane) => deliver(world, lane, 10, CALM));
    await world.processes.settle();
    await openAll(world);
    while (world.processes.held > held) {
      world.processes.resume(held);
      await world.processes.settle();
    }
  },
  describe: ({ at, nth, news, hotline, address, further }) =>
    `one held at ${at} ${nth}, ${news ?? 'no news'}, hotline ${hotline} to ${show(address.routing)}, then to ${show(further)}`,
});

/** Whoever opened it sends it on, whether it may or not. */
const allSendOn = action({
  name: 'all that opened it send it on',
  weight: 2,
  parameters: fc.record({ hotline: fc.nat(1), address, further: somewhere }),
  async act(world, { hotline: index, address, further }) {
    const subject = await referOne(world, index, address);
    await openAll(world);
    for (const agency of world.agencies) {
      const held = subject && agency.held.get(caseKey(subject.name));
      if (held) agency.sendOn(held, further, fine(CALM));
    }
  },
  describe: ({ hotline, address, further }) =>
    `hotline ${hotline} to ${show(address.routing)}, onward ${address.onward}, then to ${show(further)}`,
});

/** A referral, as far as the queues of its agencies. */
async function referOne(world: World, index: number, address: Address): Promise<ReferralCase | undefined> {
  const hotline = pick(world.hotlines, index);
  if (!hotline) return undefined;
  const submission = await hotline.prepare(address, { id: world.newId(hotline.skew), wrongly: false, oldKey: false });
  submission.send(fine(CALM));
  await world.processes.settle();
  LANES.forEach((lane) => deliver(world, lane, 10, CALM));
  await world.processes.settle();
  return hotline.cases.at(-1);
}

async function openAll(world: World, own: Plan = CALM, plan: Plan = CALM): Promise<void> {
  for (const lane of LANES) {
    for (const agency of world.agencies) {
      if (!agency.isBusy) agency.poll(lane, 10, { ...fine(plan), own, reader: 'works', isAtOnce: false });
    }
    await world.processes.settle();
  }
}

const holdAt = (point: string, nth = 0): Plan => ({
  ...CALM,
  mishaps: [{ at: point, nth, what: 'hold', lasting: false }],
});

export const RACES: readonly WeightedAction[] = [race, lastMoment, cutShort, twoMachines, allSendOn];
