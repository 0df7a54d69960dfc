import { describe, expect, it } from 'vitest';
import { DAY } from '../../../core/time.ts';
import { answerReferral } from '../../../core/use-cases/answer.ts';
import { deliverReferral } from '../../../core/use-cases/deliver.ts';
import { handOver } from '../../../core/use-cases/hand-over.ts';
import { routeReferral } from '../../../core/use-cases/route.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import { type Ending, Invocation } from '../../doubles/faults.ts';
import { code, GB } from '../../support/placed.ts';
import { testRegistry, World } from '../../support/world.ts';

/* Use cases that overlap: one goes on from what it had read, and that is no longer so. Found by test/sim. */

type Sealed = Awaited<ReturnType<World['seal']>>;

/** Runs `work` up to its first call of this name; it goes on when the function that comes back is called. */
async function holdAt<T>(
  point: string,
  work: (invocation: Invocation) => Promise<T>,
): Promise<() => Promise<Ending<T>>> {
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<'none'>()];
  const invocation = new Invocation((name) => {
    if (name !== point) return 'none';
    held.resolve();
    return released.promise;
  });
  const ending = invocation.run(() => work(invocation));
  await held.promise;
  return () => {
    released.resolve('none');
    return ending;
  };
}

async function opened(world: World): Promise<Sealed> {
  const sealed = await world.seal(GB, { suspect: ['DE'], victim: [] });
  await submitReferral(world.relay(), world.hotline(GB), sealed.submission);
  await world.dispatch();
  await world.openAll('de-police');
  return sealed;
}

async function withdraw(world: World, { name, hash }: Sealed): Promise<void> {
  await withdrawReferral(world.relay(), world.hotline(GB), name, await world.withdrawStatement(name, hash));
  await world.dispatch();
}

describe('a withdrawal while deliver is about to widen an opened route', () => {
  it('stands, and the referral is not sent again', async () => {
    const world = new World();
    const sealed = await opened(world);
    const { name, hash } = sealed;
    const token = await world.routeStatement(GB, name, hash, { suspect: [], victim: ['DE'] });
    await routeReferral(world.relay(), world.hotline(GB), name, token);
    const goOn = await holdAt('ledger.replace', (invocation) =>
      deliverReferral(world.relay(invocation), { v: 1, ...name }),
    );
    await withdraw(world, sealed);
    await goOn();
    await world.pass(15);
    expect(world.ledger.record(name).routes).toMatchObject([{ status: 'opened', version: 1, roles: ['suspect'] }]);
    expect(world.waiting('de-police')).toMatchObject([{ kind: 'withdrawn' }]);
  });
});

describe('a statement that is about to be written when custody ends', () => {
  it.each(['outcome', 'withdrawal'] as const)('is removed with all else (%s)', async (kind) => {
    const world = new World();
    const { name, hash } = await opened(world);
    const endsAt = world.clock.now() + world.relay().retention.custody;
    await world.pass(60 * 24 * 60, 24 * 60);
    world.clock.advance(endsAt - world.clock.now());
    const outcome = await world.outcome('de-police', name, hash, { status: 'closed', reason: 'arrest' });
    const withdrawal = await world.withdrawStatement(name, hash);
    const goOn = await holdAt<unknown>('ledger.create', (invocation) =>
      kind === 'outcome'
        ? answerReferral(world.relay(invocation), world.agency('de-police'), name, outcome)
        : withdrawReferral(world.relay(invocation), world.hotline(GB), name, withdrawal),
    );
    await world.sweep();
    expect(await goOn()).toMatchObject({ outcome: 'finished' });
    await world.pass(60);
    expect(world.ledger.names()).toEqual([]);
  });
});

describe('a withdrawal while an agency opens what another was given meanwhile', () => {
  it('reaches the agency that has opened it', async () => {
    const world = new World();
    const sealed = await world.seal(GB, { suspect: ['DE'], victim: [] });
    const { name, hash } = sealed;
    await submitReferral(world.relay(), world.hotline(GB), sealed.submission);
    await world.dispatch();
    await handOver(world.relay(), name, 'de-police', { id: 'int-clearing' });
    const token = await world.outcome('de-police', name, hash);
    const goOn = await holdAt('ledger.replace', (invocation) =>
      answerReferral(world.relay(invocation), world.agency('de-police'), name, token),
    );
    await withdraw(world, sealed);
    await goOn();
    await world.pass(5);
    expect(world.waiting('de-police')).toMatchObject([{ version: 1 }, { kind: 'withdrawn' }]);
  });
});

describe('an answer that is applied long after it was taken in', () => {
  it('does not let content go that is just being sent on', async () => {
    const world = new World();
    const sealed = await world.seal(GB, { suspect: ['DE'], victim: [] });
    const { name, hash } = sealed;
    await submitReferral(world.relay(), world.hotline(GB), sealed.submission);
    await world.dispatch();
    const token = await world.outcome('de-police', name, hash);
    const crashed = new Invocation((point) => (point === 'ledger.create' ? 'crash-after' : 'none'));
    await crashed.run(() => answerReferral(world.relay(crashed), world.agency('de-police'), name, token));
    world.clock.advance(40 * DAY);

    const onward = await world.routeStatement(GB, name, hash, { suspect: ['CA'], victim: [] });
    const goOn = await holdAt('ledger.create', (invocation) =>
      routeReferral(world.relay(invocation), world.hotline(GB), name, onward),
    );
    await world.sweep();
    await world.sweep();
    expect(await goOn()).toMatchObject({ outcome: 'finished' });
    await world.dispatch();
    expect(world.waiting('ca-police')).toMatchObject([{ sealed: sealed.submission.sealed }]);
  });
});

describe('a statement that sends on', () => {
  it('while content is being removed is refused for the moment, and then for good', async () => {
    const world = new World();
    const { name, hash } = await opened(world);
    world.clock.advance(30 * DAY);
    const token = await world.routeStatement(GB, name, hash, { suspect: ['CA'], victim: [] });
    const send = (invocation?: Invocation) => routeReferral(world.relay(invocation), world.hotline(GB), name, token);
    const goOn = await holdAt('ledger.replace', send);
    await world.sweep();
    expect(world.ledger.record(name).referral).toHaveProperty('contentRemovedAt');
    expect(await goOn()).toMatchObject({ outcome: 'failed', error: { code: 'try-again' } });
    expect(world.ledger.record(name).statements.filter(({ content }) => content.type === 'route')).toEqual([]);
    expect(await code(send())).toBe('content-expired');
  });

  it('made twice at a time is answered alike, though its country changes hands in between', async () => {
    const world = new World();
    const { name, hash } = await opened(world);
    const token = await world.routeStatement(GB, name, hash, { suspect: ['CA'], victim: [] });
    const send = (invocation?: Invocation) => routeReferral(world.relay(invocation), world.hotline(GB), name, token);
    const goOn = await holdAt('ledger.create', send);
    world.registry = testRegistry({ 'ca-police': { countries: [] }, 'fr-police': { countries: ['CA'] } });
    const answer = await send();
    expect(answer.routes.map(({ agency }) => agency)).toEqual(['de-police', 'fr-police']);
    expect(await goOn()).toEqual({ outcome: 'finished', value: answer });
  });
});

describe('the same submission twice at a time', () => {
  it('is accepted once, and both are answered alike', async () => {
    const world = new World();
    const { submission } = await world.seal(GB, { suspect: ['DE'], victim: [] });
    const goOn = await holdAt('ledger.create', (invocation) =>
      submitReferral(world.relay(invocation), world.hotline(GB), submission),
    );
    const acceptance = await submitReferral(world.relay(), world.hotline(GB), submission);
    expect(await goOn()).toEqual({ outcome: 'finished', value: acceptance });
    expect(world.recorded.filter(({ event }) => event === 'accepted')).toHaveLength(1);
  });
});
