import * as fc from 'fast-check';
import type { ReferralName } from '../../core/ids.ts';
import type { Relay } from '../../core/ports.ts';
import { MINUTE } from '../../core/time.ts';
import { handOver } from '../../core/use-cases/hand-over.ts';
import { redeliver } from '../../core/use-cases/redeliver.ts';
import { action, casesOf, pick, which } from './actions.ts';
import { AGENCIES } from './partners.ts';
import { describePlan, relayPlan } from './plans.ts';
import type { Plan } from './processes.ts';
import { handOverName, type ReferralCase } from './referral-case.ts';
import type { World } from './world.ts';

/* What the operator's command does to single referrals; `ops offboard` and `ops redeliver` are made of these. */

/** An operator waits longer than any function may take. */
const PATIENCE = 5 * MINUTE;

const FALLBACK = 'int-clearing';

const agency = fc.constantFrom(...Object.keys(AGENCIES).filter((id) => id !== FALLBACK));

function operate(world: World, what: string, plan: Plan, work: (relay: Relay) => Promise<unknown>): void {
  void world.processes.start(what, PATIENCE, plan, ({ invocation }) => work(world.relay(invocation, plan)));
}

const routeOf = (world: World, name: ReferralName, id: string) =>
  world.ledger.record(name).routes.find((row) => row.agency === id);

/** A referral that has a route to the agency. */
function find(world: World, index: number, id: string): ReferralCase | undefined {
  const routed = casesOf(world).filter(({ subject }) => routeOf(world, subject.name, id));
  return pick(routed, index)?.subject;
}

const sendAnew = action({
  name: 'operator: send anew',
  weight: 3,
  parameters: fc.record({
    which,
    agency,
    what: fc.constantFrom('referral' as const, 'withdrawal' as const),
    evenIfOpened: fc.boolean(),
    plan: relayPlan,
  }),
  isPossible: (world, { which: index, agency: id }) => find(world, index, id) !== undefined,
  act(world, { which: index, agency: id, what, evenIfOpened, plan }) {
    const subject = find(world, index, id);
    if (!subject) return;
    if (evenIfOpened) subject.sentAnew.add(id);
    const order = { agency: id, what, evenIfOpened };
    operate(world, `operator: ${subject.label} anew`, plan, (relay) => redeliver(relay, subject.name, order));
  },
  describe: ({ which: index, agency: id, what, evenIfOpened, plan }) =>
    `${what} ${index} to ${id}${evenIfOpened ? ', even if opened' : ''}${describePlan(plan)}`,
});

/** What `id` has not opened, the fallback is to have. */
export function giveAway(world: World, subject: ReferralCase, id: string, plan: Plan): void {
  if (!world.partners.isRegistered(FALLBACK)) return;
  subject.handOverAsked.add(id);
  operate(world, handOverName(subject, id), plan, (relay) => handOver(relay, subject.name, id, { id: FALLBACK }));
}

const giveToFallback = action({
  name: 'operator: hand over',
  weight: 3,
  parameters: fc.record({ which, agency, plan: relayPlan }),
  isPossible: (world, { which: index, agency: id }) =>
    world.partners.isRegistered(FALLBACK) && find(world, index, id) !== undefined,
  act(world, { which: index, agency: id, plan }) {
    const subject = find(world, index, id);
    if (!subject) return;
    giveAway(world, subject, id, plan);
  },
  describe: ({ which: index, agency: id, plan }) => `what ${id} has of ${index} to the fallback${describePlan(plan)}`,
});

export const OPERATOR_ACTIONS = [sendAnew, giveToFallback];
