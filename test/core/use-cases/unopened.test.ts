import { describe, expect, it } from 'vitest';
import { DAY, MINUTE } from '../../../core/time.ts';
import { answerReferral } from '../../../core/use-cases/answer.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { accepted, DE, GB } from '../../support/placed.ts';
import { World } from '../../support/world.ts';

/* What sweep tells of immediate referrals that nobody opens, and whom it pages. What nobody takes up: `overdue.test.ts`. */

/** What the alarm of unopened immediate referrals would have seen. */
const alarms = (world: World) => world.recorded.filter(({ event }) => event === 'unopened-immediate');

describe('immediate referrals that nobody opens', () => {
  const IMMEDIATE = { urgency: 'immediate' } as const;

  it('are counted by every sweep from 15 minutes on, until all are opened', async () => {
    const world = new World();
    await accepted(world, DE, IMMEDIATE);
    await world.pass(5);
    await accepted(world, { suspect: ['DE'], victim: ['CA'] }, IMMEDIATE);
    await accepted(world, DE, { urgency: 'high' });
    await world.pass(9);
    expect(alarms(world)).toEqual([]);
    await world.pass(5);
    expect(alarms(world).map(({ fields }) => fields)).toEqual(
      [15, 16, 17, 18, 19].map((minutes) => ({ agency: 'de-police', count: 1, minutes })),
    );
    await world.pass(1);
    expect(
      alarms(world)
        .slice(-2)
        .map(({ fields }) => fields),
    ).toEqual([
      { agency: 'ca-police', count: 1, minutes: 15 },
      { agency: 'de-police', count: 2, minutes: 20 },
    ]);
    await world.openAll('de-police');
    await world.openAll('ca-police');
    const count = alarms(world).length;
    await world.pass(3);
    expect(alarms(world)).toHaveLength(count);
  });

  it('are counted also where they could not be delivered, or not be read', async () => {
    const world = new World();
    world.ledger.suspended.add('de-police');
    const { name, hash } = await accepted(world, { suspect: ['DE'], victim: ['CA'] }, IMMEDIATE);
    const token = await world.outcome('ca-police', name, hash, { status: 'unreadable', reason: 'decryption' });
    await answerReferral(world.relay(), world.agency('ca-police'), name, token);
    await world.pass(16);
    expect(new Set(alarms(world).map(({ fields }) => fields['agency']))).toEqual(new Set(['ca-police', 'de-police']));
  });

  it('are counted no more where an agency could not read them after an hour and a day, so that the next one is heard', async () => {
    const world = new World();
    const { name, hash } = await accepted(world, DE, IMMEDIATE);
    const token = await world.outcome('de-police', name, hash, { status: 'unreadable', reason: 'signature' });
    await answerReferral(world.relay(), world.agency('de-police'), name, token);
    await world.pass(25 * 60);
    expect(alarms(world).at(-1)?.fields).toMatchObject({ count: 1, minutes: 25 * 60 });
    await world.pass(20);
    const count = alarms(world).length;
    await world.pass(14 * 24 * 60, 24 * 60);
    expect(alarms(world)).toHaveLength(count);
    expect(world.ledger.record(name).routes).toMatchObject([
      { status: 'unreadable', due: { lane: 'de-police#immediate' } },
    ]);
    await accepted(world, DE, IMMEDIATE);
    await world.pass(16);
    expect(alarms(world)[count]?.fields).toEqual({ agency: 'de-police', count: 1, minutes: 15 });
  });

  it('are neither delayed nor left uncounted by a backlog of others', async () => {
    const world = new World();
    for (let count = 0; count < 110; count++) await accepted(world, DE, { urgency: 'high' });
    await accepted(world, DE, IMMEDIATE);
    world.clock.advance(14 * DAY);
    await world.sweep();
    expect(alarms(world)).toMatchObject([{ fields: { agency: 'de-police', count: 1 } }]);
    expect(world.recorded.find(({ event }) => event === 'unopened')?.fields).toMatchObject({ urgency: 'immediate' });
  });

  it('page the people of an agency that named some: once at each reminder, all of a lane together', async () => {
    const world = new World();
    const first = await accepted(world, { suspect: ['DE'], victim: ['CA'] }, IMMEDIATE);
    const second = await accepted(world, DE, IMMEDIATE);
    await world.pass(14);
    expect(world.paged).toEqual([]);
    await world.pass(44);
    const both = (minutes: number) => ({
      agency: 'de-police',
      waiting: [first.name, second.name].map((name) => ({ ...name, minutes })),
    });
    expect(world.paged).toEqual([both(15)]);
    await world.pass(22 * 60, 5);
    expect(world.paged.map(({ waiting }) => waiting[0]?.minutes)).toEqual([15, 63, 363]);
  });

  it('page the people after a quarter of an hour also where sweep had to send them off again', async () => {
    const world = new World();
    const { submission } = await world.seal(GB, DE, IMMEDIATE);
    const key = world.keys.agencyKeyId('de-police', { generation: 1 });
    world.keys.setState(key, 'disabled');
    await submitReferral(world.relay(), world.hotline(GB), submission);
    await world.pass(6);
    world.keys.setState(key, 'enabled');
    await world.pass(40);
    expect(world.recorded.filter(({ event }) => event === 'delivery-failed').length).toBeGreaterThan(1);
    expect(world.paged).toHaveLength(1);
  });

  it('page nobody anew while their delivery keeps failing', async () => {
    const world = new World();
    await accepted(world, DE, IMMEDIATE);
    await world.pass(16);
    world.keys.setState(world.keys.agencyKeyId('de-police', { generation: 1 }), 'disabled');
    await world.pass(5 * 60);
    expect(world.paged.map(({ waiting }) => waiting[0]?.minutes)).toEqual([15, 60]);
  });

  it('are all looked after where a page fails', async () => {
    const world = new World();
    await accepted(world, DE, IMMEDIATE);
    world.clock.advance(15 * MINUTE);
    await world.sweep((point) => (point === 'pages.page' ? 'throttle' : 'none'));
    expect(world.recorded.slice(-2).map(({ event }) => event)).toEqual(['page-failed', 'swept']);
    await world.pass(10);
    expect(world.paged).toEqual([]);
  });
});
