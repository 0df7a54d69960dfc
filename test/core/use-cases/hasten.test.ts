import { describe, expect, it } from 'vitest';
import { agencyLane } from '../../../core/lanes.ts';
import { fromTimestamp, MINUTE, toTimestamp } from '../../../core/time.ts';
import { answerReferral } from '../../../core/use-cases/answer.ts';
import { hasten } from '../../../core/use-cases/hasten.ts';
import { routeReferral } from '../../../core/use-cases/route.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import { accepted, DE, GB } from '../../support/placed.ts';
import { makeRouteRow } from '../../support/rows.ts';
import { World } from '../../support/world.ts';

/** Whether what is there is owed by now. */
const isDue = (world: World, row: { due?: { at: string } | undefined } | undefined): boolean =>
  row?.due !== undefined && fromTimestamp(row.due.at) <= world.clock.now();

/** A route whose delivery fails, and waits for its next attempt. */
async function delayed() {
  const world = new World();
  world.keys.setState(world.keys.agencyKeyId('de-police', { generation: 1 }), 'disabled');
  const { name } = await accepted(world, { suspect: ['DE'], victim: ['CA'] });
  await world.pass(5);
  const route = () => {
    const found = world.ledger.record(name).routes.find(({ agency }) => agency === 'de-police');
    if (!found) throw new Error('there is no route');
    return found;
  };
  return { world, name, route };
}

describe('hastening an attempt', () => {
  it('has it made with the next sweep, and not at the end of its backoff', async () => {
    const { world, name, route } = await delayed();
    const { agency, version, attempts: number } = route();
    expect(isDue(world, route())).toBe(false);
    expect(await hasten(world.relay(), { v: 1, ...name, attempt: { agency, version, number } })).toBe(1);
    expect(isDue(world, route())).toBe(true);
    expect(await hasten(world.relay(), { v: 1, ...name, attempt: { agency, version, number } })).toBe(1);
  });

  it.each([
    ['another agency', { agency: 'fr-police' }],
    ['another version', { version: 2 }],
    ['an attempt that was made', { number: 0 }],
  ])('changes nothing for %s', async (_, stale) => {
    const { world, name, route } = await delayed();
    const before = route();
    const { agency, version, attempts: number } = before;
    const attempt = { agency, version, number, ...stale };
    expect(await hasten(world.relay(), { v: 1, ...name, attempt })).toBe(0);
    expect(route()).toEqual(before);
  });

  it('is counted for nothing where nothing is owed any more', async () => {
    const world = new World();
    const { name } = await accepted(world);
    await world.openAll('de-police');
    const [opened] = world.ledger.record(name).routes;
    if (!opened) throw new Error('there is no route');
    const { agency, version, attempts: number } = opened;
    expect(await hasten(world.relay(), { v: 1, ...name, attempt: { agency, version, number } })).toBe(0);
  });
});

describe('hastening what was to be placed', () => {
  it('has a referral placed with the next sweep', async () => {
    const world = new World();
    const { name, submission } = await world.seal(GB, DE);
    await submitReferral(world.relay(), world.hotline(GB), submission);
    expect(isDue(world, world.ledger.record(name).outbox)).toBe(false);
    expect(await hasten(world.relay(), { v: 1, ...name })).toBe(1);
    expect(isDue(world, world.ledger.record(name).outbox)).toBe(true);
  });

  it('has a statement that routes it applied with the next sweep, and leaves outcomes and attempts as they are', async () => {
    const { world, name, route } = await delayed();
    const { hash } = (await world.relay().ledger.read(name)).referral ?? {};
    if (hash === undefined) throw new Error('there is no referral');
    const answer = await world.outcome('ca-police', name, hash);
    await answerReferral(world.relay(), world.agency('ca-police'), name, answer);
    const token = await world.routeStatement(GB, name, hash, { suspect: ['FR'], victim: [] });
    await routeReferral(world.relay(), world.hotline(GB), name, token);
    const before = route();
    expect(await hasten(world.relay(), { v: 1, ...name })).toBe(1);
    const due = world.ledger.record(name).statements.filter((row) => isDue(world, row));
    expect(due.map(({ content }) => content.type)).toEqual(['route']);
    expect(route()).toEqual(before);
  });

  it('has a withdrawal announced with the next sweep', async () => {
    const { world, name } = await delayed();
    const { hash } = (await world.relay().ledger.read(name)).referral ?? {};
    if (hash === undefined) throw new Error('there is no referral');
    await withdrawReferral(world.relay(), world.hotline(GB), name, await world.withdrawStatement(name, hash));
    expect(await hasten(world.relay(), { v: 1, ...name })).toBe(1);
    const due = world.ledger.record(name).statements.filter((row) => isDue(world, row));
    expect(due.map(({ content }) => content.type)).toEqual(['withdraw']);
  });

  it('has routes attempted with the next sweep that were never attempted, and leaves the others as they are', async () => {
    const world = new World();
    const name = { hotline: GB, id: world.newId() };
    const at = toTimestamp(world.clock.now() + MINUTE);
    for (const [agency, attempts] of [['de-police', 0] as const, ['fr-police', 1] as const]) {
      const due = { lane: agencyLane(agency, 'high'), at };
      await world.relay().ledger.create(makeRouteRow(name, { agency, attempts, due }));
    }
    expect(await hasten(world.relay(), { v: 1, ...name })).toBe(1);
    const due = world.ledger.record(name).routes.filter((row) => isDue(world, row));
    expect(due.map(({ agency }) => agency)).toEqual(['de-police']);
  });
});
