import { describe, expect, it } from 'vitest';
import type { Routing, Urgency } from '../../../core/schema.ts';
import { MINUTE } from '../../../core/time.ts';
import { answerReferral } from '../../../core/use-cases/answer.ts';
import { acknowledgeOutcomes, receiveOutcomes } from '../../../core/use-cases/collect.ts';
import { handOver } from '../../../core/use-cases/hand-over.ts';
import { referralStatus } from '../../../core/use-cases/query.ts';
import { routeReferral } from '../../../core/use-cases/route.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import { type Fault, faultAt, Invocation } from '../../doubles/faults.ts';
import { accepted, DE, GB } from '../../support/placed.ts';
import { World } from '../../support/world.ts';

const CLEARING = { id: 'int-clearing' };

/** One that its hotline does not allow to be sent on. */
const restricted = (world: World, routing = DE, urgency: Urgency = 'routine') =>
  accepted(world, routing, { urgency, onward: 'refused' });

async function withdraw(world: World, { name, hash }: Awaited<ReturnType<typeof restricted>>): Promise<void> {
  await withdrawReferral(world.relay(), world.hotline(GB), name, await world.withdrawStatement(name, hash));
  await world.dispatch();
}

describe('a hand-over', () => {
  it('gives what an agency has not opened to the fallback, and the hotline hears of it', async () => {
    const world = new World();
    const { name } = await restricted(world, { suspect: ['DE'], victim: ['CA'] }, 'high');
    expect(await handOver(world.relay(), name, 'de-police', CLEARING)).toBe('handed-over');
    expect(await handOver(world.relay(), name, 'de-police', CLEARING)).toBe('nothing-owed');
    await world.pass(2);
    expect(world.waiting('int-clearing', 'urgent')).toMatchObject([
      { version: 1, roles: ['suspect'], countries: ['DE'] },
    ]);
    await world.openAll('int-clearing');
    const { items } = await receiveOutcomes(world.relay(), world.hotline(GB), { max: 10, wait: 0 });
    expect(items).toContainEqual(
      expect.objectContaining({ kind: 'event', event: 'handed-over', agency: 'de-police', countries: ['DE'] }),
    );
    expect(items.every((item) => !('plan' in item))).toBe(true);
    await acknowledgeOutcomes(
      world.relay(),
      world.hotline(GB),
      items.map(({ receipt }) => receipt),
    );
    const { routes } = await referralStatus(world.relay(), world.hotline(GB), name);
    expect(routes.map(({ agency, status }) => [agency, status])).toEqual([
      ['ca-police', 'delivered'],
      ['de-police', 'undeliverable'],
      ['int-clearing', 'opened'],
    ]);
    await world.pass(20 * 24 * 60, 24 * 60);
    expect(world.waiting('de-police', 'urgent')).toEqual([]);
    expect(world.inbox(GB)).toEqual([]);
  });

  it('widens the route that the fallback has already', async () => {
    const world = new World();
    const { name } = await restricted(world, { suspect: ['DE', 'SE'], victim: [] });
    await world.openAll('int-clearing');
    await handOver(world.relay(), name, 'de-police', CLEARING);
    await world.pass(1);
    expect(world.waiting('int-clearing')).toMatchObject([{ version: 2, countries: ['DE', 'SE'] }]);
  });

  it('is sent off by the next sweep, and once only, however long the hotline cannot be told of it', async () => {
    const world = new World();
    const { name } = await restricted(world);
    await handOver(world.relay(), name, 'de-police', CLEARING);
    for (let minute = 0; minute < 10; minute++) {
      await world.sweep((point) => (point === 'queues.sendToHotline' ? 'throttle' : 'none'));
      await world.dispatch();
      expect(world.waiting('int-clearing')).toHaveLength(1);
      world.clock.advance(MINUTE);
    }
    expect(world.inbox(GB)).toEqual([]);
    await world.pass(10);
    expect(world.inbox(GB)).toEqual(['event#handed-over#de-police#1']);
    expect(world.waiting('int-clearing')).toHaveLength(1);
  });

  it('goes on with the statements behind the route that is taken over, each once, however often it is taken over', async () => {
    const world = new World();
    const { name, hash } = await restricted(world, { suspect: ['CA'], victim: [] });
    const send = async (routing: Routing) => {
      const token = await world.routeStatement(GB, name, hash, routing);
      await routeReferral(world.relay(), world.hotline(GB), name, token);
      await world.dispatch();
      return token;
    };
    const routed = [await send({ suspect: ['FR'], victim: [] }), await send({ suspect: [], victim: ['FR', 'DE'] })];
    await handOver(world.relay(), name, 'fr-police', { id: 'fr-gendarmes' });
    await handOver(world.relay(), name, 'fr-gendarmes', CLEARING);
    await handOver(world.relay(), name, 'ca-police', CLEARING);
    await world.pass(1);
    expect(world.waiting('int-clearing').at(-1)).toMatchObject({
      roles: ['suspect', 'victim'],
      countries: ['CA', 'FR'],
      routed: routed.map((statement) => ({ statement })),
    });
    expect(world.waiting('ca-police')[0]).not.toHaveProperty('routed');
  });

  it('tells who takes over of the statements behind that route, and of none behind another', async () => {
    const world = new World();
    const { name, hash } = await restricted(world, { suspect: ['CA'], victim: [] });
    const token = await world.routeStatement(GB, name, hash, { suspect: ['FR'], victim: [] });
    await routeReferral(world.relay(), world.hotline(GB), name, token);
    await world.dispatch();
    await handOver(world.relay(), name, 'fr-police', { id: 'de-police' });
    await handOver(world.relay(), name, 'ca-police', CLEARING);
    await world.pass(1);
    expect(world.waiting('de-police')).toMatchObject([{ routed: [{ statement: token }] }]);
    expect(world.waiting('int-clearing')).toHaveLength(1);
    expect(world.waiting('int-clearing')[0]).not.toHaveProperty('routed');
  });

  it('takes nothing from an agency that has opened it, and believes one that opens it late', async () => {
    const world = new World();
    const opened = await restricted(world);
    await world.openAll('de-police');
    expect(await handOver(world.relay(), opened.name, 'de-police', CLEARING)).toBe('nothing-owed');
    const { name, hash } = await restricted(world);
    await handOver(world.relay(), name, 'de-police', CLEARING);
    const token = await world.outcome('de-police', name, hash);
    await answerReferral(world.relay(), world.agency('de-police'), name, token);
    expect(world.ledger.record(name).routes[0]).toMatchObject({ agency: 'de-police', status: 'opened' });
  });

  it('brings nothing back that was withdrawn meanwhile', async () => {
    const world = new World();
    world.ledger.suspended.add('de-police');
    const sealed = await restricted(world);
    await withdraw(world, sealed);
    expect(world.ledger.record(sealed.name).routes).toMatchObject([{ status: 'withdrawn', withdrawalSentAt: null }]);
    expect(await handOver(world.relay(), sealed.name, 'de-police', undefined)).toBe('released');
    await world.pass(10);
    expect(world.ledger.record(sealed.name).routes).toHaveLength(1);
    expect(world.ledger.record(sealed.name).routes[0]).not.toHaveProperty('due');
  });

  it('is withdrawn with the referral', async () => {
    const world = new World();
    const sealed = await restricted(world);
    await handOver(world.relay(), sealed.name, 'de-police', CLEARING);
    await withdraw(world, sealed);
    await world.pass(5);
    expect(world.ledger.record(sealed.name).routes).toMatchObject([
      { agency: 'de-police', status: 'undeliverable' },
      { agency: 'int-clearing', status: 'withdrawn' },
    ]);
  });

  it.each(['crash-before', 'crash-after', 'lose-request', 'lose-answer', 'throttle', 'repeat'] satisfies Fault[])(
    'that ends at any of its calls (%s) is finished by sweep, or has not begun',
    async (fault) => {
      for (let point = 0, points = 1; point < points; point++) {
        const world = new World();
        const { name } = await restricted(world);
        const invocation = new Invocation(faultAt(point, fault));
        await invocation.run(() => handOver(world.relay(invocation), name, 'de-police', CLEARING));
        points = Math.max(points, invocation.points.length);
        const begun = world.ledger.record(name).statements.length > 0;
        await world.pass(3);
        const { routes } = world.ledger.record(name);
        expect(routes.map(({ agency, status }) => [agency, status])).toEqual(
          begun
            ? [
                ['de-police', 'undeliverable'],
                ['int-clearing', 'delivered'],
              ]
            : [['de-police', 'delivered']],
        );
        expect(await handOver(world.relay(), name, 'de-police', CLEARING)).toBe(begun ? 'nothing-owed' : 'handed-over');
      }
    },
  );
});
