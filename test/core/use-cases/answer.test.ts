import { describe, expect, it } from 'vitest';
import { MINUTE } from '../../../core/time.ts';
import { answerReferral } from '../../../core/use-cases/answer.ts';
import { acknowledgeOutcomes, receiveOutcomes } from '../../../core/use-cases/collect.ts';
import { routeReferral } from '../../../core/use-cases/route.ts';
import { Invocation } from '../../doubles/faults.ts';
import { accepted, code, GB } from '../../support/placed.ts';
import { World } from '../../support/world.ts';

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
    expect(world.recorded.filter(({ event }) => event === 'answered')).toEqual([
      { event: 'answered', fields: { ...name, agency: 'de-police', status: 'opened' } },
    ]);
  });

  it('counts once in whatever order it names its countries', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    for (const countries of [
      ['FR', 'CA'],
      ['CA', 'FR'],
      ['FR', 'CA'],
    ]) {
      const token = await world.outcome('de-police', name, hash, { status: 'wrong-jurisdiction', countries });
      await answerReferral(world.relay(), world.agency('de-police'), name, token);
    }
    expect(world.ledger.record(name).statements).toHaveLength(1);
  });

  it('stands though it cannot be brought to the hotline at once, and is brought there within minutes', async () => {
    const world = new World();
    const { name, hash } = await accepted(world);
    const token = await world.outcome('de-police', name, hash);
    const throttled = new Invocation((point) => (point === 'queues.sendToHotline' ? 'throttle' : 'none'));
    const ending = await throttled.run(() =>
      answerReferral(world.relay(throttled), world.agency('de-police'), name, token),
    );
    expect(ending).toMatchObject({ outcome: 'finished', value: { statement: token, repeated: false } });
    expect(world.inbox(GB)).toEqual([]);
    expect(world.recorded).toContainEqual({ event: 'inbox-failed', fields: name });
    await world.pass(2);
    expect(world.inbox(GB)).toEqual(['outcome#de-police#00']);
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
    expect(world.recorded.find(({ event }) => event === 'answered')?.fields).toMatchObject({ reason: 'decryption' });
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
