import { describe, expect, it } from 'vitest';
import { openSealed } from '../../../core/open.ts';
import { dispatchQueue, LANES } from '../../../core/names.ts';
import { DAY, HOUR, MINUTE, toTimestamp } from '../../../core/time.ts';
import { acknowledgeOutcomes, receiveOutcomes } from '../../../core/use-cases/collect.ts';
import { referralStatus } from '../../../core/use-cases/query.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import { accepted, code, DE, GB } from '../../support/placed.ts';
import { STAGE, World } from '../../support/world.ts';

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

  it.each([
    [{ suspect: ['FR'], victim: ['DE'] }, 'DE, FR'],
    [{ suspect: [], victim: [] }, 'referrals without a known country'],
  ])('that nobody takes is refused with the countries named (%j)', async (routing, where) => {
    const world = new World();
    const { submission } = await world.seal(GB, routing);
    world.registry = { ...world.registry, fallback: undefined, agenciesFor: () => [] };
    await expect(submitReferral(world.relay(), world.hotline(GB), submission)).rejects.toMatchObject({
      message: `Refer this case by other means: no agency is registered for ${where}.`,
      faults: [{ pointer: '/routing', detail: `no agency is registered for ${where}` }],
    });
  });

  it('asks nobody to place it again once it is placed, however often it is repeated', async () => {
    const world = new World();
    const { submission } = await accepted(world);
    await world.dispatch();
    await submitReferral(world.relay(), world.hotline(GB), submission);
    expect(LANES.flatMap((lane) => world.queues.bodies(dispatchQueue(STAGE, lane)))).toEqual([]);
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
    expect(heldUp(world)).toMatchObject([
      { agency: 'de-police', cause: 'try-again', error: 'ThrottlingException', failures: 5 },
    ]);
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
