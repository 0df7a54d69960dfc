import * as fc from 'fast-check';
import { SCHEDULE } from '../../core/limits.ts';
import { agencyQueue, type Lane, LANES } from '../../core/names.ts';
import type { Onward, Routing, Urgency } from '../../core/schema.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../core/time.ts';
import type { Further, Held, SimulatedAgency } from './agency.ts';
import { deliver, runSweep } from './functions.ts';
import type { SimulatedHotline } from './hotline.ts';
import { COUNTRIES, STAGE } from './partners.ts';
import { describePlan, fate, pollFate, relayPlan, sometimes, sweepPlan } from './plans.ts';
import { CALM, type Plan } from './processes.ts';
import type { ReferralCase } from './referral-case.ts';
import type { Address } from './sealing.ts';
import type { World } from './world.ts';

/** One step of a run, in the form that fast-check's model-based testing wants. */
export type Action = fc.AsyncCommand<World, World>;

interface Script<P> {
  name: string;
  weight: number;
  parameters: fc.Arbitrary<P>;
  /** Whether there is anything to do it with; a step for which there is not is left out. */
  isPossible?: (world: World, parameters: P) => boolean;
  act: (world: World, parameters: P) => Promise<void> | void;
  describe: (parameters: P) => string;
}

/** A referral and the hotline that submitted it. */
export interface Subject {
  hotline: SimulatedHotline;
  subject: ReferralCase;
}

export interface WeightedAction {
  name: string;
  weight: number;
  arbitrary: fc.Arbitrary<Action>;
}

/** After each step everything comes to a halt, and the invariants are checked. */
export function action<P>({ name, weight, parameters, isPossible, act, describe }: Script<P>): WeightedAction {
  const arbitrary = fc.tuple(parameters, chances).map(([values, seed]): Action => {
    const text = `${name} ${describe(values)}${seed === 0 ? '' : ` (chance ${seed})`}`;
    return {
      check: (world) => isPossible?.(world as World, values) ?? true,
      async run(world) {
        world.begin(() => text, seed);
        world.trace.count(name);
        await act(world, values);
        await world.processes.settle();
        await world.processes.letGo();
      },
      toString: () => text,
    };
  });
  return { name, weight, arbitrary };
}

const chances = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.constant(0), weight: 1 },
  { arbitrary: fc.nat(9_999), weight: 1 },
);

export const which = fc.nat(30);
const lane = fc.constantFrom(...LANES);
const batch = fc.integer({ min: 1, max: 10 });
const countries = fc.uniqueArray(fc.constantFrom(...COUNTRIES), { maxLength: 2 });
const routing: fc.Arbitrary<Routing> = fc.record({ suspect: countries, victim: countries });
export const somewhere = routing.filter(({ suspect, victim }) => suspect.length + victim.length > 0);
export const address: fc.Arbitrary<Address> = fc.record({
  routing,
  urgency: fc.constantFrom<Urgency>('routine', 'high', 'immediate'),
  onward: fc.oneof(
    { withCrossShrink: true },
    { arbitrary: fc.constant<Onward>('allowed'), weight: 4 },
    { arbitrary: fc.constant<Onward>('refused'), weight: 1 },
  ),
});
const seldom = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.constant(false), weight: 12 },
  { arbitrary: fc.constant(true), weight: 1 },
);

export const pick = <T>(list: readonly T[], index: number): T | undefined => list[index % list.length];

export const hotlineOf = (world: World, index: number): SimulatedHotline | undefined => pick(world.hotlines, index);
export const agencyOf = (world: World, index: number): SimulatedAgency | undefined => pick(world.agencies, index);
const pendingOf = (world: World) => world.hotlines.flatMap(({ pending }) => pending);
export const casesOf = (world: World): Subject[] =>
  world.hotlines.flatMap((hotline) => hotline.cases.map((subject) => ({ hotline, subject })));
const heldOf = (world: World): { agency: SimulatedAgency; held: Held }[] =>
  world.agencies.flatMap((agency) => Array.from(agency.held.values(), (held) => ({ agency, held })));

export const show = ({ suspect, victim }: Routing): string => `${suspect.join('+') || '-'}/${victim.join('+') || '-'}`;

const submit = action({
  name: 'submit',
  weight: 8,
  parameters: fc.record({ hotline: fc.nat(1), address, wrongly: seldom, oldKey: seldom, sameId: seldom, fate }),
  async act(world, { hotline: index, address, wrongly, oldKey, sameId, fate }) {
    const hotline = hotlineOf(world, index);
    if (!hotline) return;
    const others = casesOf(world).filter((other) => other.hotline !== hotline);
    const twin = sameId ? others.at(-1)?.subject.name.id : undefined;
    const isTaken = hotline.cases.some(({ name }) => name.id === twin);
    const id = (isTaken ? undefined : twin) ?? world.newId(hotline.skew);
    (await hotline.prepare(address, { id, wrongly, oldKey })).send(fate);
  },
  describe: ({ hotline, address, wrongly, oldKey, sameId, fate }) =>
    `by hotline ${hotline} to ${show(address.routing)}, ${address.urgency}, onward ${address.onward}` +
    `${wrongly ? ', sealed wrongly' : ''}${oldKey ? ', old key' : ''}${sameId ? ', an id of the other' : ''}` +
    ` ${fate.wire}${describePlan(fate.plan)}`,
});

const conflict = action({
  name: 'submit another under the id of',
  weight: 1,
  parameters: fc.record({ which, isSameAddress: fc.boolean(), address, fate }),
  isPossible: (world) => casesOf(world).length > 0,
  async act(world, { which, isSameAddress, address, fate }) {
    const found = pick(casesOf(world), which);
    const [first, second] = found?.subject.variants ?? [];
    if (!found || !first || second) return;
    const { id, routing, urgency, onward } = first.submission;
    const to = isSameAddress ? { routing, urgency, onward } : address;
    (await found.hotline.prepare(to, { id, wrongly: false, oldKey: false })).send(fate);
  },
  describe: ({ which, isSameAddress, address, fate }) =>
    `${which} to ${isSameAddress ? 'the same' : show(address.routing)} ${fate.wire}${describePlan(fate.plan)}`,
});

const retry = action({
  name: 'retry',
  weight: 4,
  parameters: fc.record({ which, fate }),
  isPossible: (world) => pendingOf(world).length > 0,
  act: (world, { which, fate }) => pick(pendingOf(world), which)?.send(fate),
  describe: ({ which, fate }) => `${which} ${fate.wire}${describePlan(fate.plan)}`,
});

const repeat = action({
  name: 'repeat',
  weight: 1,
  parameters: fc.record({ hotline: fc.nat(1), which, fate }),
  isPossible: (world, { hotline }) => (hotlineOf(world, hotline)?.journal.length ?? 0) > 0,
  act: (world, { hotline, which, fate }) => pick(hotlineOf(world, hotline)?.journal ?? [], which)?.send(fate),
  describe: ({ hotline, which, fate }) => `${which} of hotline ${hotline} ${fate.wire}${describePlan(fate.plan)}`,
});

const withdraw = action({
  name: 'withdraw',
  weight: 2,
  parameters: fc.record({ which, fate }),
  isPossible: (world) => casesOf(world).length > 0,
  act(world, { which, fate }) {
    const found = pick(casesOf(world), which);
    found?.hotline.withdraw(found.subject).send(fate);
  },
  describe: ({ which, fate }) => `${which} ${fate.wire}${describePlan(fate.plan)}`,
});

const hotlineSendsOn = action({
  name: 'its hotline sends on',
  weight: 2,
  parameters: fc.record({ which, routing: somewhere, fate }),
  isPossible: (world) => casesOf(world).length > 0,
  act(world, { which, routing, fate }) {
    const found = pick(casesOf(world), which);
    found?.hotline.sendOn(found.subject, routing).send(fate);
  },
  describe: ({ which, routing, fate }) => `${which} to ${show(routing)} ${fate.wire}${describePlan(fate.plan)}`,
});

const agencySendsOn = action({
  name: 'an agency sends on',
  weight: 3,
  parameters: fc.record({ which, routing: somewhere, fate }),
  isPossible: (world) => heldOf(world).length > 0,
  act(world, { which, routing, fate }) {
    const found = pick(heldOf(world), which);
    found?.agency.sendOn(found.held, routing, fate);
  },
  describe: ({ which, routing, fate }) => `${which} to ${show(routing)} ${fate.wire}${describePlan(fate.plan)}`,
});

const FURTHER: readonly Further[] = [
  { status: 'actionable', reason: 'case-opened' },
  { status: 'closed', reason: 'child-safeguarded' },
  { status: 'wrong-jurisdiction', countries: ['FR', 'DE'] },
  { status: 'not-actionable', reason: 'insufficient' },
  { status: 'unreadable', reason: 'schema' },
];

const state = action({
  name: 'an agency states',
  weight: 2,
  parameters: fc.record({ which, further: fc.constantFrom(...FURTHER), fate }),
  isPossible: (world) => heldOf(world).length > 0,
  act(world, { which, further, fate }) {
    const found = pick(heldOf(world), which);
    found?.agency.state(found.held, further, fate);
  },
  describe: ({ which, further, fate }) => `${which} ${further.status} ${fate.wire}${describePlan(fate.plan)}`,
});

const collect = action({
  name: 'collect',
  weight: 4,
  parameters: fc.record({ hotline: fc.nat(1), max: batch, acknowledged: fc.nat(10), fate }),
  act: (world, { hotline, max, acknowledged, fate }) => hotlineOf(world, hotline)?.collect(max, acknowledged, fate),
  describe: ({ hotline, max, acknowledged, fate }) =>
    `by hotline ${hotline}, ${acknowledged} of ${max}, ${fate.wire}${describePlan(fate.plan)}`,
});

const poll = action({
  name: 'poll',
  weight: 8,
  parameters: fc.record({ agency: fc.nat(4), lane, max: batch, fate: pollFate }),
  isPossible: (world, { agency }) => agencyOf(world, agency)?.isBusy === false,
  act: (world, { agency, lane, max, fate }) => agencyOf(world, agency)?.poll(lane, max, fate),
  describe: ({ agency, lane, max, fate }) =>
    `by agency ${agency} ${lane} ×${max}${fate.isAtOnce ? ' at once' : ''}, reader ${fate.reader}, ${fate.wire}` +
    `${describePlan(fate.plan)}${describePlan(fate.own)}`,
});

const runDeliver = action({
  name: 'deliver',
  weight: 9,
  parameters: fc.record({ lane, max: batch, plan: relayPlan }),
  act: (world, { lane, max, plan }) => void deliver(world, lane, max, plan),
  describe: ({ lane, max, plan }) => `${lane} ×${max}${describePlan(plan)}`,
});

const CRASHING: Plan = {
  mishaps: [{ at: 'any', nth: 0, what: 'crash-before', lasting: true }],
  skew: 0,
  behind: false,
};

/** What waits becomes dead letters. */
const fail = action({
  name: 'for an hour everybody fails who reads',
  weight: 1,
  parameters: lane,
  async act(world, each) {
    for (let times = 0; times < 12; times += 1) {
      deliver(world, each, 10, CRASHING);
      for (const agency of world.agencies) {
        const isEmpty = world.queues.bodies(agencyQueue(STAGE, agency.id, each)).length === 0;
        if (!agency.isBusy && !isEmpty)
          agency.poll(each, 10, { wire: 'fine', plan: CALM, own: CRASHING, reader: 'works', isAtOnce: false });
      }
      await world.processes.settle();
      world.clock.advance(6 * MINUTE);
      world.processes.end('expired');
    }
  },
  describe: String,
});

/** What was sent off and did not arrive goes out again, and with it whatever else is owed: a full batch. */
const failInPart = action({
  name: 'one of a batch fails',
  weight: 1,
  parameters: fc.record({ lane, nth: fc.nat(3), address, isAnew: sometimes }),
  async act(world, { lane: each, nth, address, isAnew }) {
    for (const hotline of isAnew ? world.hotlines : []) {
      const to: Address = { ...address, urgency: each === 'urgent' ? 'high' : 'routine' };
      const how = { id: world.newId(hotline.skew), wrongly: false, oldKey: false };
      (await hotline.prepare(to, how)).send({ wire: 'fine', plan: CALM });
    }
    await world.processes.settle();
    world.clock.advance(SCHEDULE.lease + MINUTE);
    world.processes.end('expired');
    runSweep(world, 100, CALM);
    await world.processes.settle();
    deliver(world, each, 10, { ...CALM, mishaps: [{ at: 'ledger.read', nth, what: 'lose-request', lasting: false }] });
  },
  describe: ({ lane: each, nth, address, isAnew }) =>
    `${each}, read ${nth}${isAnew ? `, each hotline to ${show(address.routing)}` : ''}`,
});

const sweepOnce = action({
  name: 'sweep',
  weight: 6,
  parameters: fc.record({
    page: fc.constantFrom(100, 2),
    plan: sweepPlan,
    dispatched: fc.constantFrom(undefined, undefined, 3, 0),
  }),
  act: (world, { page, plan, dispatched }) => runSweep(world, page, plan, dispatched),
  describe: ({ page, plan, dispatched }) =>
    `${page} a lane${dispatched === undefined ? '' : `, room for ${dispatched}`}${describePlan(plan)}`,
});

const resume = action({
  name: 'resume',
  weight: 6,
  parameters: which,
  isPossible: (world) => world.processes.held > 0,
  act: (world, index) => world.processes.resume(index),
  describe: String,
});

const WAITS = [SECOND, 20 * SECOND, MINUTE, 2 * MINUTE, 11 * MINUTE, HOUR, 7 * HOUR, DAY, 13 * DAY, 15 * DAY, 31 * DAY];

const wait = action({
  name: 'wait',
  weight: 6,
  parameters: fc.constantFrom(...WAITS),
  act(world, time) {
    world.clock.advance(time);
    world.processes.end('expired');
  },
  describe: (time) => `${time / SECOND} s`,
});

/** What passes in a minute when nothing goes wrong, or in some hours. */
const work = action({
  name: 'the relay works',
  weight: 4,
  parameters: fc.record({
    time: fc.constantFrom(MINUTE, HOUR),
    agency: fc.nat(4),
    lane: fc.constantFrom<Lane>(...LANES),
  }),
  async act(world, { time, agency: index, lane }) {
    for (let rounds = time === HOUR ? 5 : 1; rounds > 0; rounds -= 1) {
      world.clock.advance(time);
      world.processes.end('expired');
      runSweep(world, 100, CALM);
      await world.processes.settle();
      for (const each of LANES) while (deliver(world, each, 10, CALM) > 0) await world.processes.settle();
    }
    const agency = agencyOf(world, index);
    if (agency && !agency.isBusy)
      agency.poll(lane, 10, { wire: 'fine', plan: CALM, own: CALM, reader: 'works', isAtOnce: false });
  },
  describe: ({ time, agency, lane }) =>
    `${time === HOUR ? 'for five hours' : 'for a minute'}, and agency ${agency} polls ${lane}`,
});

/** What partners, the relay and the world do. */
export const ACTIONS: readonly WeightedAction[] = [
  submit,
  runDeliver,
  poll,
  sweepOnce,
  fail,
  failInPart,
  wait,
  work,
  collect,
  retry,
  resume,
  withdraw,
  hotlineSendsOn,
  agencySendsOn,
  state,
  repeat,
  conflict,
];
