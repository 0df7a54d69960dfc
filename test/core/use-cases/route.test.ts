import { describe, expect, it } from 'vitest';
import type { Routing } from '../../../core/schema.ts';
import { receiveOutcomes } from '../../../core/use-cases/collect.ts';
import { deliverReferral } from '../../../core/use-cases/deliver.ts';
import { referralStatus } from '../../../core/use-cases/query.ts';
import { routeReferral } from '../../../core/use-cases/route.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import { accepted, code, GB, NOWHERE } from '../../support/placed.ts';
import { World } from '../../support/world.ts';

describe('sending on', () => {
  it('brings a referral without countries from the clearing house to the agencies it finds', async () => {
    const world = new World();
    const { name, hash } = await accepted(world, NOWHERE);
    await world.openAll('int-clearing');
    const token = await world.routeStatement('int-clearing', name, hash, { suspect: ['DE'], victim: ['CA'] });
    const send = () => routeReferral(world.relay(), world.agency('int-clearing'), name, token);

    const answer = await send();
    expect(answer.routes.map(({ agency }) => agency)).toEqual(['ca-police', 'de-police', 'int-clearing']);
    expect(await send()).toEqual(answer);
    await world.dispatch();
    expect(world.waiting('de-police')).toMatchObject([
      { roles: ['suspect'], countries: ['DE'], routed: [{ statement: token }] },
    ]);
    expect(world.waiting('ca-police')).toMatchObject([{ routing: NOWHERE, routed: [{ statement: token }] }]);
    expect(world.ledger.record(name).statements.filter(({ content }) => content.type === 'route')).toHaveLength(1);
    await world.pass(2);
    expect(world.inbox(GB)).toContain('event#sent-on#00');
  });

  it('widens a route that is there, one version up, and does not repeat what adds nothing', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    await world.openAll('de-police');
    const send = async (routing: Routing) =>
      routeReferral(world.relay(), world.hotline(GB), name, await world.routeStatement(GB, name, hash, routing));
    await send({ suspect: ['DE'], victim: [] });
    await world.dispatch();
    expect(world.waiting('de-police')).toEqual([]);
    await send({ suspect: [], victim: ['DE'] });
    await world.dispatch();
    expect(world.waiting('de-police')).toMatchObject([{ version: 2, roles: ['suspect', 'victim'] }]);
    expect((await world.openAll('de-police')).length).toBe(1);
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'opened', version: 2 }]);
  });

  it('brings it at once to an agency that could not read it and that it names, and to no other', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    const send = async (routing: Routing) => {
      const token = await world.routeStatement(GB, name, hash, routing);
      await routeReferral(world.relay(), world.hotline(GB), name, token);
      await world.dispatch();
      await world.pass(1);
    };
    await world.state('de-police', name, { status: 'unreadable', reason: 'decryption' });
    await send({ suspect: ['DE'], victim: ['FR'] });
    expect(world.waiting('de-police')).toHaveLength(2);
    await send({ suspect: ['CA'], victim: [] });
    expect(world.waiting('ca-police')).toHaveLength(1);
    expect(world.waiting('de-police')).toHaveLength(2);
  });

  it('tells the hotline what another sends on, but not what it has sent on itself', async () => {
    const world = new World();
    const { name, hash } = await accepted(world, { suspect: ['AQ'], victim: [] });
    const routing = { suspect: ['FR', 'DE'], victim: ['DE', 'CA'] };
    const own = await world.routeStatement(GB, name, hash, routing);
    await routeReferral(world.relay(), world.hotline(GB), name, own);
    await world.pass(2);
    expect(world.inbox(GB)).toEqual([]);
    const onward = await world.routeStatement('int-clearing', name, hash, routing);
    await routeReferral(world.relay(), world.agency('int-clearing'), name, onward);
    await world.pass(2);
    const { items } = await receiveOutcomes(world.relay(), world.hotline(GB), { max: 10, wait: 0 });
    expect(items).toMatchObject([{ event: 'sent-on', agency: 'int-clearing', countries: ['CA', 'DE', 'FR'] }]);
    const { routed } = await referralStatus(world.relay(), world.hotline(GB), name);
    expect(routed.map(({ statement }) => statement)).toEqual([own, onward]);
  });

  it('tells each agency of the statement that led to it, and of no other', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    const send = async (routing: Routing): Promise<string> => {
      const token = await world.routeStatement(GB, name, hash, routing);
      await routeReferral(world.relay(), world.hotline(GB), name, token);
      return token;
    };
    const toFrance = await send({ suspect: ['FR'], victim: [] });
    const toCanada = await send({ suspect: ['CA'], victim: [] });
    await world.dispatch();
    expect(world.waiting('fr-police')).toMatchObject([{ routed: [{ statement: toFrance }] }]);
    expect(world.waiting('ca-police')).toMatchObject([{ routed: [{ statement: toCanada }] }]);
    expect(world.waiting('de-police')[0]).not.toHaveProperty('routed');
  });

  it('is not attempted on behalf of what was asked for an earlier version', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    await world.dispatch();
    const [attempted] = world.ledger.record(name).routes;
    const token = await world.routeStatement(GB, name, hash, { suspect: [], victim: ['DE'] });
    await routeReferral(world.relay(), world.hotline(GB), name, token);
    await world.dispatch();
    const [widened] = world.ledger.record(name).routes;
    if (!attempted || !widened) throw new Error('there is no route');
    const { agency, version, attempts: number } = widened;
    const ask = (asked: number) =>
      deliverReferral(world.relay(), { v: 1, ...name, attempt: { agency, version: asked, number } });
    await ask(attempted.version);
    expect(world.ledger.record(name).routes).toEqual([widened]);
    await ask(version);
    expect(world.ledger.record(name).routes).not.toEqual([widened]);
  });

  it('tells the hotline of a country nobody takes but the one who sends it on', async () => {
    const world = new World();
    const { name, hash } = await accepted(world, NOWHERE);
    const token = await world.routeStatement('int-clearing', name, hash, { suspect: ['AQ'], victim: [] });
    const answer = await routeReferral(world.relay(), world.agency('int-clearing'), name, token);
    expect(answer.unrouted).toEqual(['AQ']);
    await world.dispatch();
    await world.pass(2);
    expect(world.inbox(GB).sort()).toEqual(['event#sent-on#00', 'event#unrouted#00']);
  });

  it('is refused to who may not', async () => {
    const world = new World();
    const open = await accepted(world, { suspect: ['AQ'], victim: ['DE'] });
    const closed = await accepted(world, NOWHERE, { onward: 'refused' });
    const other = await accepted(world);
    const routing = { suspect: ['CA'], victim: [] };
    const send = async (by: 'de-police' | 'int-clearing', { name, hash }: typeof open) =>
      code(routeReferral(world.relay(), world.agency(by), name, await world.routeStatement(by, name, hash, routing)));

    expect(await send('de-police', open)).toBe('wrong-role');
    expect(await send('int-clearing', closed)).toBe('onward-refused');
    expect(await send('int-clearing', other)).toBe('not-found');
    const foreign = await world.routeStatement('us-hotline', open.name, open.hash, routing);
    expect(await code(routeReferral(world.relay(), world.hotline('us-hotline'), open.name, foreign))).toBe('not-found');
    const own = await world.routeStatement(GB, closed.name, closed.hash, routing);
    expect(await code(routeReferral(world.relay(), world.hotline(GB), closed.name, own))).toBe('no error');
  });

  it('is limited to 16 statements', async () => {
    const world = new World();
    const { name, hash } = await accepted(world, NOWHERE);
    const codes = [
      'DE',
      'FR',
      'CA',
      'AQ',
      'BV',
      'GB',
      'US',
      'SE',
      'NO',
      'DK',
      'FI',
      'IS',
      'IE',
      'ES',
      'PT',
      'IT',
      'CH',
    ];
    const endings: unknown[] = [];
    for (const country of codes) {
      const token = await world.routeStatement(GB, name, hash, { suspect: [country], victim: [] });
      endings.push(await code(routeReferral(world.relay(), world.hotline(GB), name, token)));
    }
    expect(endings).toEqual([...Array.from({ length: 16 }, () => 'no error'), 'limit-reached']);
  });

  it('is no longer possible once content is gone or the hotline has withdrawn', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    await world.openAll('de-police');
    await world.pass(31 * 24 * 60, 24 * 60);
    const send = async (target: typeof name, sealed: string) =>
      code(
        routeReferral(
          world.relay(),
          world.hotline(GB),
          target,
          await world.routeStatement(GB, target, sealed, { suspect: ['CA'], victim: [] }),
        ),
      );
    expect(await send(name, hash)).toBe('content-expired');
    const second = await accepted(world);
    await withdrawReferral(
      world.relay(),
      world.hotline(GB),
      second.name,
      await world.withdrawStatement(second.name, second.hash),
    );
    expect(await send(second.name, second.hash)).toBe('content-expired');
  });

  it('is answered again as before, also after the hotline has withdrawn', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    const send = async () =>
      routeReferral(
        world.relay(),
        world.hotline(GB),
        name,
        await world.routeStatement(GB, name, hash, { suspect: ['CA'], victim: [] }),
      );
    const first = await send();
    await withdrawReferral(world.relay(), world.hotline(GB), name, await world.withdrawStatement(name, hash));
    expect(await send()).toEqual(first);
  });
});
