import { describe, expect, it } from 'vitest';
import { RelayError } from '../../../core/errors.ts';
import { openSealed } from '../../../core/open.ts';
import type { Routing } from '../../../core/schema.ts';
import { DAY, HOUR, MINUTE, toTimestamp } from '../../../core/time.ts';
import { answerReferral } from '../../../core/use-cases/answer.ts';
import { acknowledgeOutcomes, receiveOutcomes } from '../../../core/use-cases/collect.ts';
import { referralStatus } from '../../../core/use-cases/query.ts';
import { routeReferral } from '../../../core/use-cases/route.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import { World } from '../../support/world.ts';

const GB = 'gb-hotline';
const DE: Routing = { suspect: ['DE'], victim: [] };
const NOWHERE: Routing = { suspect: [], victim: [] };

const code = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof RelayError ? error.code : error),
  );

/** A referral that was submitted and placed. */
async function accepted(world: World, routing = DE, more: Parameters<World['seal']>[2] = {}) {
  const sealed = await world.seal(GB, routing, more);
  const acceptance = await submitReferral(world.relay(), world.hotline(GB), sealed.submission);
  await world.dispatch();
  return { ...sealed, acceptance };
}

/** What the alarm of unopened immediate referrals would have seen. */
const alarms = (world: World) => world.recorded.filter(({ event }) => event === 'unopened-immediate');

/** What the alarm of deliveries that are held up would have seen. */
const heldUp = (world: World) => world.recorded.filter(({ event }) => event === 'held-up').map(({ fields }) => fields);

const throttled = (point: string) => (point === 'keys.rewrap' ? 'throttle' : 'none');

describe('a referral', () => {
  it('reaches the agency of every country, which alone opens it, and its answer reaches the hotline', async () => {
    const world = new World();
    const routing = { suspect: ['DE'], victim: ['FR', 'DE'] };
    const { name, hash, submission, acceptance } = await accepted(world, routing, { urgency: 'high' });

    expect(acceptance.routes.map(({ agency }) => agency)).toEqual(['de-police', 'fr-gendarmes', 'fr-police']);
    const [message] = world.waiting('de-police', 'urgent');
    expect(message).toMatchObject({
      agency: 'de-police',
      version: 1,
      roles: ['suspect', 'victim'],
      sealed: submission.sealed,
    });
    expect(message).not.toHaveProperty('routed');
    if (message?.kind !== undefined || !message) throw new Error('no referral');
    expect(openSealed(message.sealed, world.decrypt(message, hash)).split('.')).toHaveLength(3);
    expect(() => world.decrypt({ ...message, agency: 'fr-police' }, hash)).toThrow('InvalidCiphertextException');
    expect(() => world.decrypt(message, `${hash}x`)).toThrow('InvalidCiphertextException');

    await world.openAll('de-police');
    const { items } = await receiveOutcomes(world.relay(), world.hotline(GB), { max: 10, wait: 0 });
    expect(items).toMatchObject([{ kind: 'statement', referral: name.id, hotline: GB }]);
    const receipts = items.map(({ receipt }) => receipt);
    expect(await acknowledgeOutcomes(world.relay(), world.hotline(GB), [...receipts, 'unknown'])).toEqual({
      acknowledged: 1,
    });
    await world.pass(14 * 24 * 60, 24 * 60);
    expect(world.inbox(GB)).toEqual([]);

    const status = await referralStatus(world.relay(), world.hotline(GB), name);
    expect(status.routes.map((route) => [route.agency, route.status, route.statements.length])).toEqual([
      ['de-police', 'opened', 1],
      ['fr-gendarmes', 'delivered', 0],
      ['fr-police', 'delivered', 0],
    ]);
  });

  it('is accepted once: the same again gets the same answer, another under its id a conflict', async () => {
    const world = new World();
    const { submission, acceptance, hash } = await accepted(world);
    world.clock.advance(HOUR);
    const submit = (changes: object) => submitReferral(world.relay(), world.hotline(GB), { ...submission, ...changes });

    expect(await submit({})).toEqual(acceptance);
    expect(await code(submit({ urgency: 'high' }))).toBe('id-conflict');
    expect(await code(submit({ onward: 'refused' }))).toBe('id-conflict');
    expect(await code(submit({ routing: { suspect: ['FR'], victim: [] } }))).toBe('id-conflict');
    const other = await world.seal(GB, DE, { id: submission.id });
    await expect(submit({ sealed: other.submission.sealed })).rejects.toMatchObject({
      code: 'id-conflict',
      members: { sealed: hash, acceptedAt: acceptance.acceptedAt },
    });
    await world.dispatch();
    expect(world.waiting('de-police')).toHaveLength(1);
  });

  it('gets the same answer after its countries changed hands, its key was retired and its id grew old', async () => {
    const world = new World();
    const { submission, acceptance } = await accepted(world);
    world.clock.advance(100 * DAY);
    world.registry = { ...world.registry, fallback: undefined, agenciesFor: () => [] };
    const hotline = { ...world.hotline(GB), intakeKeys: [{ generation: 1, retiredAt: toTimestamp(0) }] };
    expect(await submitReferral(world.relay(), hotline, submission)).toEqual(acceptance);
  });

  it.each([
    [
      'no-route',
      {},
      (world: World) => void (world.registry = { ...world.registry, fallback: undefined, agenciesFor: () => [] }),
    ],
    ['malformed', {}, (world: World) => world.clock.advance(31 * DAY)],
    ['invalid-envelope', { sealed: 'a.b.c.d.e' }, () => undefined],
  ])('is refused as %s without a trace', async (expected, changes, prepare) => {
    const world = new World();
    const { submission, name } = await world.seal(GB, DE);
    prepare(world);
    expect(await code(submitReferral(world.relay(), world.hotline(GB), { ...submission, ...changes }))).toBe(expected);
    expect(world.ledger.record(name)).toEqual({ routes: [], statements: [] });
    expect(world.ledger.names()).toEqual([]);
  });

  it('is refused when sealed for another hotline’s key or a retired one', async () => {
    const world = new World();
    const { submission } = await world.seal('us-hotline', DE);
    expect(await code(submitReferral(world.relay(), world.hotline(GB), submission))).toBe('wrong-intake-key');
    const own = await world.seal(GB, DE);
    const retired = { ...world.hotline(GB), intakeKeys: [{ generation: 1, retiredAt: world.at() }] };
    expect(await code(submitReferral(world.relay(), retired, own.submission))).toBe('wrong-intake-key');
    expect(world.ledger.names()).toEqual([]);
  });

  it('goes out again before the queue forgets it, until its agency opens it', async () => {
    const world = new World();
    await accepted(world);
    await world.pass(40 * 24 * 60, 12 * 60);
    expect(world.waiting('de-police').length).toBeGreaterThanOrEqual(1);
    expect(world.queues.forgotten).toBeGreaterThanOrEqual(2);
    await world.openAll('de-police');
    await world.pass(40 * 24 * 60, 12 * 60);
    expect(world.waiting('de-police')).toEqual([]);
  });

  it('waits while the agency’s key is disabled, without piling up, and arrives when it is enabled', async () => {
    const world = new World();
    world.keys.setState(world.keys.agencyKeyId('de-police', { generation: 1 }), 'disabled');
    await accepted(world);
    await world.pass(600);
    expect(world.waiting('de-police')).toEqual([]);
    const failures = world.recorded.filter(({ event }) => event === 'delivery-failed');
    expect(failures.length).toBeLessThan(15);
    expect(failures.at(-1)?.fields).toMatchObject({ agency: 'de-police', cause: 'DisabledException' });
    expect(heldUp(world)).toEqual(failures.map(({ fields }) => fields));
    world.keys.setState(world.keys.agencyKeyId('de-police', { generation: 1 }), 'enabled');
    await world.pass(360);
    expect(world.waiting('de-police')).toHaveLength(1);
  });

  it('that AWS will not take for a moment alarms nobody, and does so when that lasts', async () => {
    const world = new World();
    const { submission } = await world.seal(GB, DE);
    await submitReferral(world.relay(), world.hotline(GB), submission);
    await world.dispatch(throttled);
    while (world.recorded.filter(({ event }) => event === 'delivery-failed').length < 4) {
      world.clock.advance(MINUTE);
      await world.sweep();
      await world.dispatch(throttled);
    }
    expect(heldUp(world)).toEqual([]);
    for (let minute = 0; heldUp(world).length === 0 && minute < 15; minute++) {
      world.clock.advance(MINUTE);
      await world.sweep();
      await world.dispatch(throttled);
    }
    expect(heldUp(world)).toMatchObject([{ agency: 'de-police', cause: 'try-again', failures: 5 }]);
  });

  it('whose content key was not wrapped for the intake key is undeliverable, and the hotline is told', async () => {
    const world = new World();
    const { submission, name } = await world.seal(GB, DE);
    const segments = submission.sealed.split('.');
    segments[1] = Buffer.alloc(512, 7).toString('base64url');
    await submitReferral(world.relay(), world.hotline(GB), { ...submission, sealed: segments.join('.') });
    await world.dispatch();
    await world.pass(2);
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'undeliverable' }]);
    expect(world.inbox(GB)).toEqual(['event#undeliverable#de-police#1']);
  });

  it('that is immediate and unopened goes out again after an hour', async () => {
    const world = new World();
    await accepted(world, DE, { urgency: 'immediate' });
    await world.pass(59);
    expect(world.waiting('de-police', 'urgent')).toHaveLength(1);
    await world.pass(2);
    expect(world.waiting('de-police', 'urgent')).toHaveLength(2);
  });
});

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

describe('a suspended agency', () => {
  it('is sent nothing, and all that waited once it is resumed', async () => {
    const world = new World();
    world.ledger.suspended.add('de-police');
    const { name } = await accepted(world, { suspect: ['DE'], victim: ['CA'] }, { urgency: 'high' });
    expect(world.waiting('ca-police', 'urgent')).toHaveLength(1);
    await world.pass(30);
    expect(world.waiting('de-police', 'urgent')).toEqual([]);
    expect(heldUp(world)).toEqual([]);
    expect(world.ledger.record(name).routes).toMatchObject([{ agency: 'ca-police' }, { status: 'pending' }]);
    expect(world.recorded).toContainEqual({
      event: 'delivery-failed',
      fields: { hotline: GB, id: name.id, agency: 'de-police', cause: 'suspended', failures: 1 },
    });
    world.ledger.suspended.delete('de-police');
    await world.pass(7 * 60);
    expect(await world.openAll('de-police')).toHaveLength(1);
    expect(world.ledger.record(name).routes[1]).toMatchObject({ status: 'opened' });
  });

  it('is told of a withdrawal once it is resumed', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    world.ledger.suspended.add('de-police');
    await withdrawReferral(world.relay(), world.hotline(GB), name, await world.withdrawStatement(name, hash));
    await world.dispatch();
    expect(world.waiting('de-police')).toHaveLength(1);
    world.ledger.suspended.delete('de-police');
    await world.pass(5);
    expect(world.waiting('de-police')).toMatchObject([{ id: name.id }, { kind: 'withdrawn', id: name.id }]);
  });
});

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

describe('withdrawing', () => {
  it('ends what was not placed, without sending anything', async () => {
    const world = new World();
    const { submission, name, hash } = await world.seal(GB, DE);
    await submitReferral(world.relay(), world.hotline(GB), submission);
    const token = await world.withdrawStatement(name, hash);
    const { routes } = await withdrawReferral(world.relay(), world.hotline(GB), name, token);
    expect(routes).toMatchObject([{ agency: 'de-police', status: 'withdrawn' }]);
    await world.dispatch();
    await world.pass(5);
    expect(world.waiting('de-police')).toEqual([]);
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'withdrawn' }]);
  });

  it('tells every agency that may have it, keeps "opened", and sends no referral again', async () => {
    const world = new World();
    const { name, hash } = await accepted(world, { suspect: ['DE'], victim: ['CA'] });
    await world.openAll('de-police');
    const token = await world.withdrawStatement(name, hash);
    await withdrawReferral(world.relay(), world.hotline(GB), name, token);
    await world.dispatch();
    expect(world.waiting('de-police')).toMatchObject([{ kind: 'withdrawn', statement: token }]);
    expect(world.waiting('ca-police')).toMatchObject([{ agency: 'ca-police' }, { kind: 'withdrawn' }]);
    const record = world.ledger.record(name);
    expect(record.routes.map(({ status }) => status)).toEqual(['withdrawn', 'opened']);
    await world.pass(60 * 24 * 60, 24 * 60);
    expect(new Set(world.waiting('ca-police').map(({ kind }) => kind))).toEqual(new Set(['withdrawn']));
    const second = await withdrawReferral(
      world.relay(),
      world.hotline(GB),
      name,
      await world.withdrawStatement(name, hash),
    );
    expect(second.routes.map(({ status }) => status)).toEqual(['withdrawn', 'opened']);
  });

  it('is heard of by an agency that was away when the queue forgot it, as long as the facts are kept', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    await world.openAll('de-police');
    const token = await world.withdrawStatement(name, hash);
    await withdrawReferral(world.relay(), world.hotline(GB), name, token);
    await world.dispatch();
    await world.pass(32 * 24 * 60, 24 * 60);
    expect(world.ledger.record(name, 'content').referral?.sealed).toBeUndefined();
    for (let month = 0; month < 12; month++) {
      expect(await world.openAll('de-police')).toContainEqual(expect.objectContaining({ kind: 'withdrawn' }));
      await world.pass(30 * 24 * 60, 24 * 60);
    }
    await world.pass(20 * 24 * 60, 24 * 60);
    expect(world.ledger.names()).toEqual([]);
  });
});

describe('an answer', () => {
  it('counts once; the first of its kind stands', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    const post = async () =>
      answerReferral(world.relay(), world.agency('de-police'), name, await world.outcome('de-police', name, hash));
    const first = await post();
    world.clock.advance(1000);
    const second = await post();
    expect(first.repeated).toBe(false);
    expect(second).toEqual({ ...first, repeated: true });
    expect(world.inbox(GB)).toHaveLength(1);
  });

  it.each([
    ['another agency', { agency: 'ca-police' }, 'statement-mismatch'],
    ['another referral', { referral: '01900000-0000-7000-8000-000000000000' }, 'statement-mismatch'],
    ['other sealed bytes', { sealed: 'A'.repeat(43) }, 'statement-mismatch'],
    ['a version that is not there', { version: 2 }, 'statement-mismatch'],
    ['the future', { at: '2027-01-01T00:00:00.000Z' }, 'statement-mismatch'],
    ['a time before acceptance', { at: '2026-11-01T00:00:00.000Z' }, 'statement-mismatch'],
  ])('about %s is refused and leaves no trace', async (_, stated, expected) => {
    const world = new World();
    const { name, hash } = await accepted(world);
    const token = await world.outcome('de-police', name, hash, stated);
    expect(await code(answerReferral(world.relay(), world.agency('de-police'), name, token))).toBe(expected);
    expect(world.ledger.record(name).statements).toEqual([]);
  });

  it('is not found for an agency that was never a route', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    const token = await world.outcome('ca-police', name, hash);
    expect(await code(answerReferral(world.relay(), world.agency('ca-police'), name, token))).toBe('not-found');
    const unknown = { ...name, id: world.newId() };
    const other = await world.outcome('de-police', unknown, hash);
    expect(await code(answerReferral(world.relay(), world.agency('de-police'), unknown, other))).toBe('not-found');
  });

  it('is taken 32 times a route and no more, however many come at once', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    const tokens = await Promise.all(
      ['DE', 'FR', 'CA', 'AQ', 'BV', 'GB', 'US', 'SE', 'NO'].flatMap((country) =>
        ['AT', 'BE', 'BG', 'HR'].map((second) =>
          world.outcome('de-police', name, hash, { status: 'wrong-jurisdiction', countries: [country, second] }),
        ),
      ),
    );
    const endings = await Promise.all(
      tokens.map((token) => code(answerReferral(world.relay(), world.agency('de-police'), name, token))),
    );
    expect(endings.filter((ending) => ending === 'no error')).toHaveLength(32);
    expect(endings.filter((ending) => ending === 'limit-reached')).toHaveLength(4);
    expect(world.ledger.record(name).statements).toHaveLength(32);
  });

  it('"unreadable" brings the referral again until it is opened', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    world.queues.receive('referral-relay-test-de-police-routine', 10);
    const token = await world.outcome('de-police', name, hash, { status: 'unreadable', reason: 'decryption' });
    await answerReferral(world.relay(), world.agency('de-police'), name, token);
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'unreadable' }]);
    await world.pass(62);
    expect(world.waiting('de-police')).toHaveLength(2);
    await world.openAll('de-police');
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'opened' }]);
  });

  it('comes back to the hotline until it is acknowledged, also after the queue has forgotten it', async () => {
    const world = new World();
    await accepted(world);
    await world.openAll('de-police');
    await world.pass(30 * 24 * 60, 24 * 60);
    expect(world.inbox(GB).length).toBeGreaterThanOrEqual(1);
    world.clock.advance(5 * MINUTE);
    const { items } = await receiveOutcomes(world.relay(), world.hotline(GB), { max: 10, wait: 0 });
    await acknowledgeOutcomes(
      world.relay(),
      world.hotline(GB),
      items.map(({ receipt }) => receipt),
    );
    await world.pass(30 * 24 * 60, 24 * 60);
    expect(world.inbox(GB)).toEqual([]);
  });
});

describe('a receipt', () => {
  it('that was not given for an item of the inbox leaves owed what is to be routed', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    const token = await world.routeStatement(GB, name, hash, { suspect: ['CA'], victim: [] });
    await routeReferral(world.relay(), world.hotline(GB), name, token);
    const forged = Buffer.from(JSON.stringify(['handle', name.id, 'route#00'])).toString('base64url');
    await acknowledgeOutcomes(world.relay(), world.hotline(GB), [forged]);
    expect(world.ledger.record(name).statements).toMatchObject([{ key: 'route#00', due: expect.anything() }]);
  });
});

describe('what is kept', () => {
  it('loses its content 30 days after the last route is final, and everything after the custody period', async () => {
    const world = new World();
    const { name } = await accepted(world, { suspect: ['DE'], victim: ['CA'] });
    await world.openAll('de-police');
    await world.pass(60 * 24 * 60, 24 * 60);
    expect(world.ledger.record(name, 'content').referral?.sealed).toBeDefined();
    await world.openAll('ca-police');
    await world.pass(29 * 24 * 60, 24 * 60);
    expect(world.ledger.record(name, 'content').referral?.sealed).toBeDefined();
    await world.pass(33 * 24 * 60, 24 * 60);
    const { referral } = world.ledger.record(name, 'content');
    expect(referral?.sealed).toBeUndefined();
    expect(referral?.contentRemovedAt).toBeDefined();
    await world.pass(300 * 24 * 60, 24 * 60);
    expect(world.ledger.names()).toEqual([]);
  });

  it('keeps an unopened referral beyond the custody period', async () => {
    const world = new World();
    const { name } = await accepted(world);
    await world.pass(450 * 24 * 60, 24 * 60);
    expect(world.ledger.record(name, 'content').referral?.sealed).toBeDefined();
    expect(world.waiting('de-police').length).toBeGreaterThanOrEqual(1);
  });
});
