import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agencyLane, inboxLane, outboxLane } from '../../../core/lanes.ts';
import type { LedgerRow, OutboxRow, RouteRow } from '../../../core/ledger.ts';
import { SCHEDULE } from '../../../core/limits.ts';
import { dispatchQueue, outcomesQueue } from '../../../core/names.ts';
import type { DispatchMessage, Waiting } from '../../../core/ports.ts';
import type { Registry } from '../../../core/registry.ts';
import type { Urgency } from '../../../core/schema.ts';
import { DAY, HOUR, MINUTE, toTimestamp } from '../../../core/time.ts';
import { handOver } from '../../../core/use-cases/hand-over.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { sweep, type SweepBounds } from '../../../core/use-cases/sweep.ts';
import { type Fault, Invocation } from '../../doubles/faults.ts';
import { makeOutboxRow, makeRouteRow, makeStatementRow } from '../../support/rows.ts';
import { type AgencyId, STAGE, World } from '../../support/world.ts';

/* How sweep shares its time and deliver's between lanes. What it does with a row is in the journeys. */

const AGENCIES = ['ca-police', 'de-police', 'fr-police'] as const;

/** Writes a route that is owed to an agency since some minutes, with nothing else of its referral. */
async function owe(world: World, agency: AgencyId, urgency: Urgency, more: Partial<RouteRow> = {}): Promise<RouteRow> {
  const at = toTimestamp(world.clock.now() - MINUTE);
  const due = { lane: agencyLane(agency, urgency), at };
  const row = makeRouteRow(nameOf(world), { agency, urgency, due, ...more });
  await world.relay().ledger.create(row);
  return row;
}

/** Writes an outbox that is owed since some minutes. */
async function oweOutbox(world: World, urgency: Urgency, name = nameOf(world)): Promise<OutboxRow> {
  const at = toTimestamp(world.clock.now() - MINUTE);
  const row = makeOutboxRow(name, { createdAt: at, urgency, due: { lane: outboxLane(name.id), at } });
  await world.relay().ledger.create(row);
  return row;
}

const nameOf = (world: World) => ({ hotline: 'gb-hotline', id: world.newId() });

/** A name whose outbox stands in the lane in which those of others made so stand, too. */
function inOneLane(world: World): ReturnType<typeof nameOf> {
  let name = nameOf(world);
  while (outboxLane(name.id) !== 'outbox#0') name = nameOf(world);
  return name;
}

async function oweMany(world: World, count: number, agency: AgencyId, urgency: Urgency = 'routine'): Promise<void> {
  for (let made = 0; made < count; made++) await owe(world, agency, urgency);
}

/** One after the other: a route, or an outbox where there is no agency. */
async function oweAll(world: World, rows: readonly { agency: AgencyId | null; urgency: Urgency }[]) {
  const owed: LedgerRow[] = [];
  for (const { agency, urgency } of rows) {
    world.clock.advance(1);
    owed.push(await (agency === null ? oweOutbox(world, urgency, inOneLane(world)) : owe(world, agency, urgency)));
  }
  return owed;
}

/** One run, with what it dispatched, in order: the lane of the queue and the agency. */
async function run(world: World, bounds: Partial<SweepBounds> = {}) {
  const relay = world.relay();
  const sent: string[] = [];
  const paged: (readonly Waiting[])[] = [];
  const report = await sweep(
    {
      ...relay,
      queues: {
        ...relay.queues,
        dispatch: async (lane, message) => {
          sent.push(`${lane} ${message.attempt?.agency ?? 'placing'}`);
          await relay.queues.dispatch(lane, message);
        },
      },
      pages: { page: async (_agency, waiting) => void paged.push(waiting) },
    },
    { page: 2, concurrency: 2, deadline: Number.POSITIVE_INFINITY, ...bounds },
  );
  return { report, sent, paged };
}

/** A run in which this call never succeeds. */
const throttledAt = (point: string): Invocation =>
  new Invocation((call): Fault => (call === point ? 'throttle' : 'none'));

/** What it says it failed at. */
const failuresOf = (world: World) =>
  world.recorded.flatMap(({ event, fields }) => (event === 'due-failed' ? [fields] : []));

const dispatched = (world: World, lane: 'urgent' | 'routine') =>
  world.queues.bodies(dispatchQueue(STAGE, lane)).map((body) => JSON.parse(body) as DispatchMessage);

/** Takes all there is from a dispatch queue, as deliver would. @returns the ids, in order */
function drain(world: World, lane: 'urgent' | 'routine'): string[] {
  const queue = dispatchQueue(STAGE, lane);
  const ids: string[] = [];
  for (let batch = world.queues.receive(queue, 10); batch.length > 0; batch = world.queues.receive(queue, 10)) {
    for (const { handle, body } of batch) {
      ids.push((JSON.parse(body) as DispatchMessage).id);
      world.queues.remove(queue, handle);
    }
  }
  return ids;
}

/** What a round of routine lanes sends off, by country. */
const round = (text: string) => text.split(' ').map((country) => `routine ${country}-police`);

describe('a run of sweep', () => {
  it('goes round the lanes, a page of each, until all is done that was due', async () => {
    const world = new World();
    await oweMany(world, 5, 'de-police');
    await oweMany(world, 1, 'fr-police');
    await oweMany(world, 3, 'ca-police');
    const { report, sent } = await run(world);
    expect(sent.slice(0, 5).toSorted()).toEqual(round('ca ca de de fr'));
    expect(sent.slice(5, 8).toSorted()).toEqual(round('ca de de'));
    expect(sent.slice(8)).toEqual(round('de'));
    expect(report).toEqual({ rows: 9, failures: 0, complete: true });
  });

  it('looks after each row of a page once, and after no more at the same time than it may', async () => {
    const world = new World();
    await oweMany(world, 5, 'de-police');
    const relay = world.relay();
    let [atOnce, most] = [0, 0];
    const dispatch: typeof relay.queues.dispatch = async (lane, message) => {
      most = Math.max(most, (atOnce += 1));
      await relay.queues.dispatch(lane, message);
      atOnce -= 1;
    };
    const bounds = { page: 5, concurrency: 2, deadline: Number.POSITIVE_INFINITY };
    const report = await sweep({ ...relay, queues: { ...relay.queues, dispatch } }, bounds);
    expect({ report, most }).toEqual({ report: { rows: 5, failures: 0, complete: true }, most: 2 });
  });

  it('looks after what is urgent first, in every round', async () => {
    const world = new World();
    for (const urgency of ['routine', 'high', 'immediate'] as const) await oweMany(world, 3, 'de-police', urgency);
    const { sent } = await run(world);
    const [urgent, routine] = ['urgent de-police', 'routine de-police'];
    expect(sent).toEqual([urgent, urgent, urgent, urgent, routine, routine, urgent, urgent, routine]);
  });

  it('leaves what falls due while it runs to the next, even what it has leased itself', async () => {
    const world = new World();
    await oweMany(world, 4, 'de-police');
    let time = world.clock.now();
    const clock = { now: () => (time += SCHEDULE.lease) };
    const bounds = { page: 2, concurrency: 2, deadline: Number.POSITIVE_INFINITY };
    expect(await sweep({ ...world.relay(), clock }, bounds)).toMatchObject({ rows: 4 });
    expect(dispatched(world, 'routine')).toHaveLength(4);
  });

  it('gives deliver no more than it is to have, and touches nothing beyond that', async () => {
    const world = new World();
    await oweMany(world, 9, 'de-police');
    await oweMany(world, 9, 'de-police', 'high');
    const first = await run(world, { dispatched: 6 });
    expect(first.report).toEqual({ rows: 12, failures: 0, complete: false });
    expect([dispatched(world, 'urgent').length, dispatched(world, 'routine').length]).toEqual([6, 6]);
    expect((await run(world, { dispatched: 6 })).report).toMatchObject({ rows: 0, complete: false });

    await world.dispatch();
    const second = await run(world, { dispatched: 6 });
    expect(second.report).toEqual({ rows: 6, failures: 0, complete: true });
  });

  it('counts what deliver has in its hands as well', async () => {
    const world = new World();
    await oweMany(world, 4, 'de-police');
    await run(world, { dispatched: 2 });
    world.queues.receive(dispatchQueue(STAGE, 'routine'), 2);
    expect((await run(world, { dispatched: 2 })).sent).toEqual([]);
  });

  it('sends what is immediate on whatever deliver has to do, a page of each lane', async () => {
    const world = new World();
    await oweMany(world, 5, 'de-police', 'immediate');
    await oweMany(world, 1, 'fr-police', 'immediate');
    await oweMany(world, 1, 'fr-police', 'high');
    for (const urgency of ['immediate', 'high'] as const) await oweOutbox(world, urgency, inOneLane(world));
    const { sent, report } = await run(world, { dispatched: 0 });
    expect(sent.toSorted()).toEqual(['urgent de-police', 'urgent de-police', 'urgent fr-police', 'urgent placing']);
    expect(report.complete).toBe(false);
  });

  it('places what is urgent whatever routine submissions wait before it', async () => {
    const world = new World();
    await oweMany(world, 6, 'de-police');
    await run(world, { dispatched: 6 });
    for (let count = 0; count < 9; count++) await oweOutbox(world, 'routine', inOneLane(world));
    world.clock.advance(1);
    for (const urgency of ['high', 'immediate'] as const) await oweOutbox(world, urgency, inOneLane(world));
    const { sent, report } = await run(world, { dispatched: 6 });
    expect(sent).toEqual(['urgent placing', 'urgent placing']);
    expect(report).toEqual({ rows: 2, failures: 0, complete: false });
  });

  it('brings statements to hotlines and removes content whatever deliver has to do', async () => {
    const world = new World();
    await oweMany(world, 3, 'de-police');
    const { submission } = await world.seal('gb-hotline', { suspect: ['FR'], victim: [] });
    await submitReferral(world.relay(), world.hotline('gb-hotline'), submission);
    await world.dispatch();
    await world.openAll('fr-police');
    await world.openAll('fr-gendarmes');
    world.clock.advance(31 * DAY);
    const { report } = await run(world, { dispatched: 0 });
    expect(report).toEqual({ rows: 3, failures: 0, complete: false });
    expect(world.ledger.record({ hotline: 'gb-hotline', id: submission.id }).referral?.contentRemovedAt).toBeDefined();
  });

  it('stops in time, says so, and begins with another lane the next minute', async () => {
    const world = new World();
    for (const agency of AGENCIES) await oweMany(world, 2, agency);
    const first = new Set<string | undefined>();
    for (let minute = 0; minute < 5; minute++) {
      const relay = world.relay();
      const sent: (string | undefined)[] = [];
      const dispatch = async (_lane: string, { attempt }: DispatchMessage) => void sent.push(attempt?.agency);
      const [start, deadline] = [world.clock.now(), world.clock.now() + 1];
      const slow = { ...relay, queues: { ...relay.queues, dispatch }, clock: { now: () => start + sent.length } };
      expect(await sweep(slow, { page: 2, concurrency: 2, deadline })).toMatchObject({ rows: 2, complete: false });
      first.add(sent[0]);
      world.clock.advance(SCHEDULE.lease + MINUTE);
    }
    expect(first.size).toBeGreaterThan(1);
  });

  it('passes over a lane that cannot be read', async () => {
    const world = new World();
    for (const agency of AGENCIES) await oweMany(world, 1, agency);
    const relay = world.relay();
    const ledger: typeof relay.ledger = {
      ...relay.ledger,
      due: (lane, ...rest) =>
        lane === 'de-police#routine' ? Promise.reject(new Error('throttled')) : relay.ledger.due(lane, ...rest),
    };
    const report = await sweep({ ...relay, ledger }, { page: 2, concurrency: 2, deadline: Number.POSITIVE_INFINITY });
    expect(report).toMatchObject({ rows: 2, failures: 1 });
    expect(failuresOf(world)).toEqual([{ what: 'lane', lane: 'de-police#routine', error: 'Error' }]);
  });

  it.each([
    [
      'queues.countDispatched',
      [
        { what: 'dispatch-queue', lane: 'urgent' },
        { what: 'dispatch-queue', lane: 'routine' },
      ],
    ],
    [
      'ledger.remember',
      [
        { what: 'partners', kind: 'hotline' },
        { what: 'partners', kind: 'agency' },
      ],
    ],
    ['ledger.noteRegistry', [{ what: 'registry' }]],
  ])('does without %s, if it must', async (point, failures) => {
    const world = new World();
    await oweMany(world, 3, 'de-police');
    const bounds = { page: 2, concurrency: 2, deadline: Number.POSITIVE_INFINITY, dispatched: 2 };
    const report = await sweep(world.relay(throttledAt(point)), bounds);
    expect(report).toMatchObject({ rows: 2, failures: failures.length });
    expect(failuresOf(world)).toEqual(failures.map((failure) => ({ ...failure, error: 'ThrottlingException' })));
  });

  it.each([
    ['ledger.replace', ['outbox', 'route', 'statement']],
    ['ledger.read', ['statement']],
    ['queues.dispatch', ['outbox', 'route']],
    ['queues.sendToHotline', ['statement']],
  ])('says which rows it could not look after for want of %s, and comes back to them', async (point, kinds) => {
    const world = new World();
    const at = toTimestamp(world.clock.now() - MINUTE);
    const route = await owe(world, 'de-police', 'high');
    const { ledger } = world.relay();
    const name = nameOf(world);
    const outbox = makeOutboxRow(name, { createdAt: at, due: { lane: outboxLane(name.id), at } });
    const statement = makeStatementRow(nameOf(world), { due: { lane: inboxLane('gb-hotline'), at } });
    for (const row of [outbox, statement]) await ledger.create(row);

    const bounds = { page: 2, concurrency: 2, deadline: Number.POSITIVE_INFINITY };
    const report = await sweep(world.relay(throttledAt(point)), bounds);
    expect(report).toEqual({ rows: 3, failures: kinds.length, complete: true });
    const expected = [outbox, route, statement].filter(({ kind }) => kinds.includes(kind));
    expect(failuresOf(world)).toEqual(
      expected.map(({ kind, hotline, id }) => ({ what: kind, hotline, id, error: 'ThrottlingException' })),
    );
    world.clock.advance(SCHEDULE.lease);
    expect(await sweep(world.relay(), bounds)).toMatchObject({ failures: 0, complete: true });
    expect(new Set(dispatched(world, 'urgent').map(({ id }) => id))).toEqual(new Set([outbox.id, route.id]));
    expect(world.queues.bodies(outcomesQueue(STAGE, 'gb-hotline'))).toHaveLength(1);
  });

  it('pages the people of an agency even if nothing can be sent anew', async () => {
    const world = new World();
    const delivered = { status: 'delivered', deliveredAt: toTimestamp(world.clock.now() - HOUR), repeats: 1 } as const;
    const { id } = await owe(world, 'de-police', 'immediate', delivered);
    const paged: (readonly Waiting[])[] = [];
    const pages = { page: async (_agency: string, waiting: readonly Waiting[]) => void paged.push(waiting) };
    const bounds = { page: 2, concurrency: 2, deadline: Number.POSITIVE_INFINITY };
    expect(await sweep({ ...world.relay(throttledAt('queues.dispatch')), pages }, bounds)).toMatchObject({
      failures: 1,
    });
    expect(paged).toMatchObject([[{ id }]]);
  });

  it('pages the people of an agency with what has waited longest first, in whatever order it fell due', async () => {
    const world = new World();
    for (const waited of [20, 60, 40]) {
      world.clock.advance(1);
      const deliveredAt = toTimestamp(world.clock.now() - waited * MINUTE);
      await owe(world, 'de-police', 'immediate', { status: 'delivered', deliveredAt });
    }
    const { paged } = await run(world, { page: 3 });
    expect(paged.map((waiting) => waiting.map(({ minutes }) => minutes))).toEqual([[60, 40, 20]]);
  });

  it('pages the people of an agency twice at most, however many wait', async () => {
    const world = new World();
    const delivered = { status: 'delivered', deliveredAt: toTimestamp(world.clock.now() - 20 * MINUTE) } as const;
    for (let count = 0; count < 9; count++) await owe(world, 'de-police', 'immediate', delivered);
    const { paged } = await run(world);
    expect(paged.map((waiting) => waiting.length)).toEqual([2, 7]);
  });
});

describe('over several runs', () => {
  const owing = fc.record({
    agency: fc.option(fc.constantFrom(...AGENCIES), { freq: 1 }),
    urgency: fc.constantFrom('immediate', 'high', 'routine'),
  });
  const backlogs = fc.array(owing, { maxLength: 40 });
  const bounds = fc.record({ page: fc.integer({ min: 1, max: 4 }), dispatched: fc.integer({ min: 1, max: 9 }) });

  it('every row is sent off once, whatever the backlog, the pages and the room', async () => {
    await fc.assert(
      fc.asyncProperty(backlogs, bounds, async (rows, { page, dispatched }) => {
        const world = new World();
        const owed = await oweAll(world, rows);
        const sent = new Map<string, number>();
        // As many runs as the smaller room takes, all within one lease.
        for (let count = 0; count <= rows.length; count++) {
          await run(world, { page, concurrency: 2, dispatched });
          for (const id of [...drain(world, 'urgent'), ...drain(world, 'routine')])
            sent.set(id, (sent.get(id) ?? 0) + 1);
        }
        expect(sent).toEqual(new Map(owed.map(({ id }) => [id, 1])));
      }),
      { numRuns: 50 },
    );
  });

  it('nothing routine keeps back what is urgent, however long deliver leaves it', async () => {
    await fc.assert(
      fc.asyncProperty(backlogs, bounds, async (rows, { page, dispatched }) => {
        const world = new World();
        await oweMany(world, dispatched, 'ca-police');
        await run(world, { dispatched });
        const owed = await oweAll(world, rows);
        const sent = new Set<string>();
        for (let count = 0; count < rows.length; count++) {
          await run(world, { page, concurrency: 2, dispatched });
          for (const id of drain(world, 'urgent')) sent.add(id);
        }
        const urgent = owed.filter((row) => !('urgency' in row) || row.urgency !== 'routine').map(({ id }) => id);
        expect(sent).toEqual(new Set(urgent));
      }),
      { numRuns: 50 },
    );
  });
});

const without = (registry: Registry, partner: string): Registry => ({
  ...registry,
  agencies: new Map([...registry.agencies].filter(([id]) => id !== partner)),
  hotlines: new Map([...registry.hotlines].filter(([id]) => id !== partner)),
});

describe('an agency that has gone from the registry', () => {
  it('is tried on, so that somebody sees it, and gets what it was owed when it comes back', async () => {
    const world = new World();
    const { registry } = world;
    await world.sweep();
    const { submission, name } = await world.seal('gb-hotline', { suspect: ['DE'], victim: [] });
    await submitReferral(world.relay(), world.hotline('gb-hotline'), submission);
    world.registry = without(registry, 'de-police');
    await world.dispatch();
    await world.pass(2 * 24 * 60, 30);

    const failures = world.recorded.filter(({ event }) => event === 'delivery-failed');
    expect(failures.length).toBeGreaterThan(8);
    expect(new Set(failures.map(({ fields }) => fields['cause']))).toEqual(new Set(['agency-unknown']));
    expect(world.queues.bodies(dispatchQueue(STAGE, 'routine'))).toEqual([]);

    world.registry = registry;
    await world.pass((6 * HOUR) / MINUTE, 30);
    expect(world.waiting('de-police')).toHaveLength(1);
    await world.openAll('de-police');
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'opened', version: 1 }]);
  });
});

describe('a hotline that has gone from the registry', () => {
  it('holds up no hand-over that was begun, and hears of it when it comes back', async () => {
    const world = new World();
    const { registry } = world;
    await world.sweep();
    const { submission, name } = await world.seal('gb-hotline', { suspect: ['DE'], victim: [] });
    await submitReferral(world.relay(), world.hotline('gb-hotline'), submission);
    await world.dispatch();
    const cutOff = new Invocation((point) => (point === 'ledger.create' ? 'crash-after' : 'none'));
    await cutOff.run(() => handOver(world.relay(cutOff), name, 'de-police', { id: 'int-clearing' }));
    world.registry = without(registry, 'gb-hotline');
    await world.pass(60);

    const routesOf = () => world.ledger.record(name).routes.map(({ agency, status }) => [agency, status]);
    expect(routesOf()).toEqual([
      ['de-police', 'undeliverable'],
      ['int-clearing', 'pending'],
    ]);
    expect(world.inbox('gb-hotline')).toEqual([]);
    expect(failuresOf(world)).toEqual([]);

    world.registry = registry;
    await world.pass((6 * HOUR) / MINUTE, 10);
    expect(world.inbox('gb-hotline')).toEqual(['event#handed-over#de-police#1']);
    expect(routesOf()).toEqual([
      ['de-police', 'undeliverable'],
      ['int-clearing', 'delivered'],
    ]);
  });
});
