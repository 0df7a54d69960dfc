import { RelayError } from '../errors.ts';
import type { ReferralName } from '../ids.ts';
import { outboxLane } from '../lanes.ts';
import { isHandOver, type ReferralRecord } from '../ledger.ts';
import { LIMITS, SCHEDULE } from '../limits.ts';
import type { Relay } from '../ports.ts';
import type { Partner } from '../registry.ts';
import {
  canonicalRouting,
  mergeRoutes,
  type PlannedRoute,
  planRoutes,
  type RoutePlan,
  routingKey,
} from '../routing.ts';
import { verifyStatement } from '../statements.ts';
import { checkBinding, checkName, keysOf, mismatch, notFound, takeStatement } from './binding.ts';
import { dispatchPlacing } from './dispatch.ts';
import { keepContent } from './keep-content.ts';

type Parts = Pick<Relay, 'ledger' | 'queues' | 'registry' | 'clock' | 'telemetry' | 'retention'>;

/**
 * Sends a referral on to the agencies of further countries (protocol section 8). The statement is its own outbox: its
 * row is owed to deliver until every route it leads to exists.
 * @throws {RelayError} `wrong-role`, `not-found`, `onward-refused`, `malformed`, `statement-mismatch`,
 *   `content-expired`, `limit-reached`
 */
export async function routeReferral(
  relay: Parts,
  caller: Partner,
  name: ReferralName,
  token: string,
): Promise<RoutePlan> {
  const { ledger, registry, clock } = relay;
  if (caller.kind === 'agency' && !caller.forwards) {
    throw new RelayError('wrong-role', 'Ask the operator to register this agency for sending on.');
  }
  if (caller.kind === 'hotline' && caller.id !== name.hotline) throw notFound();

  const now = clock.now();
  const { payload } = await verifyStatement('route', token, keysOf(registry, caller.id, now));
  checkName(payload, name);
  if (payload.by !== caller.id) throw mismatch('by', 'must be the partner that signs the request');

  const record = await ledger.read(name);
  const { referral } = record;
  if (!referral) throw notFound();
  if (caller.kind === 'agency') {
    if (!record.routes.some(({ agency }) => agency === caller.id)) throw notFound();
    if (referral.onward === 'refused') {
      throw new RelayError('onward-refused', 'Ask the hotline to route it: it does not allow agencies to send it on.');
    }
  }
  checkBinding(payload, referral, now);

  const routing = canonicalRouting(payload.routing);
  const same = findRouting(record, caller.id, routingKey(routing));
  if (same) return answer(record, same);

  refuseIfGone(record);
  if (!(await keepContent(relay, record))) {
    throw new RelayError('try-again', 'Send the same request again.', { retryAfter: 1 });
  }
  const plan = planRoutes(routing, registry, caller.kind === 'agency' ? caller.id : undefined);
  const { row } = await takeStatement(
    relay,
    name,
    record.statements,
    {
      prefix: 'route',
      limit: LIMITS.routeStatements,
      content: { type: 'route', statement: token, by: caller.id, routing, plan },
      same: (stated) =>
        stated.type === 'route' && stated.by === caller.id && routingKey(stated.routing) === routingKey(routing),
      lane: outboxLane(name.id),
      grace: SCHEDULE.grace,
    },
    now,
  );
  await dispatchPlacing(relay, referral);
  return answer(record, row.content.type === 'route' ? row.content.plan : plan);
}

function findRouting({ statements }: ReferralRecord, by: string, key: string): RoutePlan | undefined {
  for (const { content } of statements) {
    if (content.type === 'route' && content.by === by && routingKey(content.routing) === key) return content.plan;
  }
  return undefined;
}

function refuseIfGone({ referral, statements }: ReferralRecord): void {
  if (referral?.contentRemovedAt !== undefined) {
    throw new RelayError(
      'content-expired',
      'Ask the hotline to submit it anew: the sealed referral is no longer kept.',
    );
  }
  if (statements.some(({ content }) => content.type === 'withdraw')) {
    throw new RelayError('content-expired', 'Do not send it on: the hotline has withdrawn this referral.');
  }
}

/** The routes as they will be once the statement is applied. */
function answer(record: ReferralRecord, plan: RoutePlan): RoutePlan {
  return { routes: mergeRoutes([...plannedSoFar(record), plan.routes]), unrouted: plan.unrouted };
}

/** Every plan that has led to routes of this referral, in the order in which they apply. */
export const plannedSoFar = ({ referral, statements }: ReferralRecord): PlannedRoute[][] => [
  referral?.plan.routes ?? [],
  ...statements.flatMap(({ content }) =>
    content.type === 'route' || isHandOver(content) ? [content.plan.routes] : [],
  ),
];
