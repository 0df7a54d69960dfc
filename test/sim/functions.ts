import { RelayError } from '../../core/errors.ts';
import { inboxLane } from '../../core/lanes.ts';
import { dispatchQueue, type Lane } from '../../core/names.ts';
import { sortKey } from '../../core/ledger.ts';
import { FUNCTION_SIZES } from '../../core/sizing.ts';
import { SECOND, toTimestamp } from '../../core/time.ts';
import { deliverOnce } from '../../core/use-cases/deliver.ts';
import { sweep, type SweepReport } from '../../core/use-cases/sweep.ts';
import { readDispatch } from '../../lambda/messages.ts';
import { ServiceError } from '../doubles/faults.ts';
import type { ReceivedMessage } from '../doubles/memory-queues.ts';
import { STAGE } from './partners.ts';
import { isCalm, type Plan } from './processes.ts';
import { caseKey } from './referral-case.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/* The functions of the relay that no partner calls, as AWS runs them. */

const DELIVER_TIMEOUT = FUNCTION_SIZES.deliver.timeout * SECOND;
const SWEEP_TIMEOUT = FUNCTION_SIZES.sweep.timeout * SECOND;

/**
 * The event source mapping of deliver: receives up to `max` messages, runs the function on them, and removes those that
 * it did not report as failed; none if it did not end.
 * @returns how many were received
 */
export function deliver(world: World, lane: Lane, max: number, plan: Plan): number {
  const queue = dispatchQueue(STAGE, lane);
  const received = world.queues.receive(queue, max);
  if (received.length === 0) return 0;
  const run = world.processes.start(`deliver ${lane}`, DELIVER_TIMEOUT, plan, async ({ invocation }) => {
    const deliverMessage = deliverOnce(world.relay(invocation, plan));
    return Promise.allSettled(
      received.map(async ({ body }) => {
        const message = readDispatch(body);
        if (!message) throw new ServiceError('not a dispatch message');
        await deliverMessage(message);
      }),
    );
  });
  void run.then((ending) =>
    ending.outcome === 'finished' ? settleBatch(world, queue, received, ending.value) : undefined,
  );
  return received.length;
}

function settleBatch(
  world: World,
  queue: string,
  received: readonly ReceivedMessage[],
  results: readonly PromiseSettledResult<void>[],
): void {
  if (new Set(results.map(({ status }) => status)).size > 1) world.trace.count('part of a batch fails');
  results.forEach((result, index) => {
    if (result.status === 'fulfilled') return world.queues.remove(queue, received[index]?.handle ?? '');
    const reason: unknown = result.reason;
    if (reason instanceof ServiceError || reason instanceof RelayError) return;
    world.processes.fail(new Violation('sound', `deliver fails with ${String(reason)}`, reason));
  });
}

/**
 * One run of sweep, `page` rows of a lane at a time.
 * @param dispatched as many messages a dispatch queue may hold before it adds none
 */
export function runSweep(world: World, page: number, plan: Plan, dispatched = Number.POSITIVE_INFINITY): void {
  // Beside others, with mishaps or without room, it may leave something to the next run.
  const isFree = world.processes.idle && isCalm(plan) && dispatched === Number.POSITIVE_INFINITY;
  const due = isFree ? dueRows(world) : undefined;
  const bounds = { page, concurrency: 10, deadline: Number.POSITIVE_INFINITY, dispatched };
  const run = world.processes.start('sweep', SWEEP_TIMEOUT, plan, ({ invocation }) =>
    sweep(world.relay(invocation, plan), bounds),
  );
  void run.then((ending) => {
    if (ending.outcome !== 'finished') return undefined;
    const { rows, failures } = ending.value;
    if (rows > 0) world.trace.note(() => `sweep: ${rows} rows, ${failures} failed`);
    return due && requireSwept(world, due, ending.value);
  });
}

/** Nothing that was `due` is as it was, however few rows sweep takes at a time; and it knows from now on who there is. */
function requireSwept(world: World, due: ReadonlySet<string>, report: SweepReport): void {
  for (const row of dueRows(world)) if (due.has(row)) world.witness.fail('swept', `${row} is still due`);
  if (report.failures > 0) world.witness.fail('sound', `sweep fails with ${report.failures} rows`);
  if (!report.complete) world.witness.fail('swept', 'sweep says that it left something over');
  for (const { id } of [...world.hotlines, ...world.agencies]) {
    if (world.partners.isRegistered(id)) world.witness.swept.add(id);
  }
}

/**
 * Everything that is due now, as it stands. Of a partner that came and went without any sweep in between nobody knows
 * until it comes back.
 */
function dueRows({ ledger, clock, partners, witness }: World): Set<string> {
  const isKnown = (partner: string) => partners.isRegistered(partner) || witness.swept.has(partner);
  const now = toTimestamp(clock.now());
  const found = new Set<string>();
  for (const name of ledger.names()) {
    const { outbox, routes, statements, retention } = ledger.record(name);
    for (const row of [outbox, ...routes, ...statements, retention]) {
      if (!row?.due || row.due.at > now) continue;
      if (row.kind === 'route' && !isKnown(row.agency)) continue;
      if (row.due.lane === inboxLane(row.hotline) && !isKnown(row.hotline)) continue;
      found.add(`${caseKey(name)} ${sortKey(row)} rev ${row.rev}`);
    }
  }
  return found;
}
