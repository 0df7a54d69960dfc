import { beforeEach, describe, expect, it } from 'vitest';
import { createHotline, type Hotline } from '../../client/hotline.ts';
import type { Journal } from '../../client/journal.ts';
import { runtimeOf } from '../../client/runtime.ts';

import { MINUTE, SECOND } from '../../core/time.ts';
import { type Ending, faultAt, Invocation } from '../doubles/faults.ts';
import { type Exchange, hotlineOptions, intakeKidOf } from '../support/partners.ts';
import { hotlineAtWork, ID, rotateIntakeKey } from '../support/hotline-at-work.ts';
import { sampleDraft } from '../support/referrals.ts';
import { intakeKeyOf, signerOf, testRegistry, World } from '../support/world.ts';

/* Of a hotline: submitting. What else it does is in `hotline.test.ts` and `outcomes.test.ts`. */

const immediate = sampleDraft('immediate');

const { the, submissions, name } = hotlineAtWork();
/** The hotline as one process sees its journal and the relay: it ends at one of its calls to either. */
function inProcess(invocation: Invocation): Hotline {
  const { journal, runtime } = the.options;
  const watched: Journal = {
    read: async (id) => invocation.call('journal.read', () => journal.read(id)),
    write: async (entry) => invocation.call('journal.write', () => journal.write(entry)),
    findDraft: async (draft) => invocation.call('journal.findDraft', () => journal.findDraft(draft)),
    unfinished: () => journal.unfinished(),
  };
  const fetch = runtime?.fetch ?? globalThis.fetch;
  return createHotline({
    ...the.options,
    journal: watched,
    runtime: { ...runtime, fetch: async (url, init) => invocation.call('fetch', () => fetch(url, init)) },
  });
}

describe('submit', () => {
  it('hands a draft over to the relay, which then owns it', async () => {
    const acceptance = await the.hotline.submit(immediate);
    expect(acceptance).toMatchObject({
      hotline: ID,
      routes: [{ agency: 'ca-police' }, { agency: 'de-police' }],
      unrouted: [],
    });
    expect(await the.options.journal.read(acceptance.id)).toMatchObject({ state: 'accepted', acceptance });
    expect(await the.hotline.unfinished()).toEqual([]);
    expect(the.world.ledger.record(name(acceptance.id)).referral).toMatchObject({ hash: acceptance.sealed });
  });

  it('does not send again what was accepted, unless asked to, and then the same bytes', async () => {
    const acceptance = await the.hotline.submit(immediate);
    expect(await the.hotline.submit(immediate)).toEqual(acceptance);
    expect(await the.hotline.submit(acceptance.id)).toEqual(acceptance);
    expect(submissions()).toHaveLength(1);
    expect(await the.hotline.submit(acceptance.id, { resend: true })).toEqual(acceptance);
    expect(submissions()).toHaveLength(2);
  });

  it('sends what was sealed before by its id', async () => {
    const { id, hash } = await the.hotline.seal(immediate);
    expect(await the.hotline.submit(id)).toMatchObject({ id, sealed: hash });
    await expect(the.hotline.submit(the.world.newId())).rejects.toMatchObject({ code: 'not-known' });
  });

  it('asks for the directory once a minute, not for each referral', async () => {
    await the.hotline.submit(immediate);
    await the.hotline.submit(sampleDraft('routine'));
    expect(the.log.map(({ path }) => path)).toEqual(['/v1/directory', '/v1/referrals', '/v1/referrals']);
    the.world.clock.advance(MINUTE);
    the.log.length = 0;
    await the.hotline.submit(sampleDraft('hash-only'));
    expect(the.log.map(({ path }) => path)).toEqual(['/v1/directory', '/v1/referrals']);
  });

  describe('when its intake key has been retired since it asked for the directory', () => {
    beforeEach(async () => {
      await the.hotline.submit(immediate);
      const kid = rotateIntakeKey(the.world);
      await the.hotline.trustKeys([{ partner: ID, use: 'intake', kid, state: 'changed' }]);
      the.world.clock.advance(SECOND);
      the.log.length = 0;
    });

    it('seals a draft anew for the next key, once', async () => {
      const { id } = await the.hotline.submit(sampleDraft('routine'));
      expect(the.log.map(({ path }) => path)).toEqual(['/v1/referrals', '/v1/directory', '/v1/referrals']);
      expect(the.world.ledger.record(name(id)).referral).toMatchObject({ generation: 2 });
      expect(await the.hotline.unfinished()).toEqual([]);
      await the.hotline.submit(sampleDraft('hash-only'));
      expect(submissions()).toHaveLength(3);
    });

    it('makes one referral of a draft that is submitted twice at the same time, whichever is refused last', async () => {
      await the.hotline.seal(sampleDraft('routine'));
      const runtime = runtimeOf(the.options.runtime);
      const firstIsDone = Promise.withResolvers<void>();
      let asked = 0;
      const fetch: typeof runtime.fetch = async (url, init) => {
        const isSecond = (asked += 1) === 2;
        const response = await runtime.fetch(url, init);
        if (isSecond) await firstIsDone.promise;
        return response;
      };
      const impatient = createHotline({ ...the.options, runtime: { ...runtime, fetch } });
      const first = impatient.submit(sampleDraft('routine'));
      const second = impatient.submit(sampleDraft('routine'));
      const { id } = await first;
      firstIsDone.resolve();
      expect(await second).toMatchObject({ id });
      expect(await the.hotline.submit(sampleDraft('routine'))).toMatchObject({ id });
    });

    it('makes no second referral of a draft that was accepted, even by a relay that has lost it', async () => {
      const { journal, trust } = the.options;
      const [restored, log]: [World, Exchange[]] = [new World(), []];
      rotateIntakeKey(restored);
      const hotline = createHotline({ ...hotlineOptions(restored, ID, log), journal, trust });
      await expect(hotline.submit(immediate, { resend: true })).rejects.toMatchObject({ code: 'wrong-intake-key' });
      expect(restored.ledger.names()).toEqual([]);
      expect(log.map(({ path }) => path)).toEqual(['/v1/referrals', '/v1/directory']);
    });

    it('refuses what has an id of its own, and seals the next one for the next key', async () => {
      const referral = { ...sampleDraft('routine'), id: the.world.newId(), hotline: ID, writtenAt: the.world.at() };
      await expect(the.hotline.submit(referral)).rejects.toMatchObject({ code: 'wrong-intake-key' });
      expect(await the.options.journal.read(referral.id)).toMatchObject({ state: 'refused' });
      await the.hotline.submit(sampleDraft('hash-only'));
      expect(submissions()).toHaveLength(2);
    });
  });

  it('seals for no older key while the relay cannot read the current one, and for that as soon as it can', async () => {
    await the.hotline.submit(immediate);
    the.world.keys.createIntakeKey(ID, { generation: 2 }, intakeKeyOf('us-hotline'));
    await the.hotline.trustKeys([{ partner: ID, use: 'intake', kid: intakeKidOf('us-hotline'), state: 'changed' }]);
    const current = the.world.keys.intakeKeyId(ID, { generation: 2 });
    the.world.keys.setState(current, 'denied');
    the.world.registry = testRegistry({ [ID]: { intakeKeys: [{ generation: 1 }, { generation: 2 }] } });
    the.world.clock.advance(MINUTE);
    await expect(the.hotline.submit(sampleDraft('routine'))).rejects.toMatchObject({
      code: 'unexpected-answer',
      transient: true,
    });
    expect(submissions()).toHaveLength(1);
    the.world.keys.setState(current, 'enabled');
    const { id } = await the.hotline.submit(sampleDraft('routine'));
    expect(the.world.ledger.record(name(id)).referral).toMatchObject({ generation: 2 });
  });

  it('remembers a refusal, after which the draft may be sealed anew', async () => {
    const entry = await the.hotline.seal(sampleDraft('unserved-country'));
    const { fallback } = the.world.registry;
    the.world.registry = { ...the.world.registry, fallback: undefined };
    await expect(the.hotline.submit(entry.id)).rejects.toMatchObject({ code: 'no-route' });
    expect(await the.options.journal.read(entry.id)).toMatchObject({ state: 'refused', refusal: { code: 'no-route' } });
    expect(await the.hotline.unfinished()).toEqual([]);

    the.world.registry = { ...the.world.registry, fallback };
    const acceptance = await the.hotline.submit(sampleDraft('unserved-country'));
    expect(acceptance.id).not.toBe(entry.id);
    expect(acceptance.routes).toEqual([expect.objectContaining({ agency: 'int-clearing' })]);
  });

  it.each([
    ['the relay does not know the signature', { signingKey: signerOf('us-hotline') }, {}, 'unauthorized'],
    ['the clocks differ', {}, { now: () => Date.parse('2026-11-23T08:00:00.000Z') }, 'stale-signature'],
  ])('goes on owing what was not accepted because %s', async (_, changes, runtime, code) => {
    const { id } = await the.hotline.seal(immediate);
    const broken = createHotline({ ...the.options, ...changes, runtime: { ...the.options.runtime, ...runtime } });
    await expect(broken.submit(id)).rejects.toMatchObject({ code });
    expect(await the.hotline.unfinished()).toEqual([id]);
    expect(await the.hotline.submit(id)).toMatchObject({ id });
  });

  it.each([400, 403, 404, 413, 431])('goes on owing what something else than the relay refuses: %i', async (status) => {
    const { id } = await the.hotline.seal(immediate);
    const refuse = () => Promise.resolve(Response.json({ message: 'No' }, { status }));
    const elsewhere = createHotline({ ...the.options, runtime: { ...the.options.runtime, fetch: refuse } });
    await expect(elsewhere.submit(id)).rejects.toMatchObject({ code: 'relay-unreachable' });
    expect(await the.options.journal.read(id)).toMatchObject({ state: 'sealed' });
    expect(await the.hotline.submit(immediate)).toMatchObject({ id });
  });

  it.each([
    ['id', { id: '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e' }],
    ['hotline', { hotline: 'us-hotline' }],
    ['hash', { sealed: intakeKidOf(ID) }],
  ])('believes no confirmation of another %s', async (_, changes) => {
    const { fetch = globalThis.fetch } = the.options.runtime ?? {};
    const lying = createHotline({
      ...the.options,
      runtime: {
        ...the.options.runtime,
        async fetch(url, init) {
          const response = await fetch(url, init);
          if (response.status !== 202) return response;
          const body = (await response.json()) as object;
          return new Response(JSON.stringify({ ...body, ...changes }), { status: 202 });
        },
      },
    });
    await expect(lying.submit(immediate)).rejects.toMatchObject({ code: 'unexpected-answer' });
    expect(await lying.unfinished()).toHaveLength(1);
    expect(await the.hotline.submit(immediate)).toMatchObject({ status: 'accepted' });
  });
});

describe('submit, stopped anywhere', () => {
  it('goes through these steps', async () => {
    const invocation = new Invocation();
    await invocation.run(() => inProcess(invocation).submit(immediate));
    expect(invocation.points).toEqual([
      'journal.findDraft',
      'journal.read',
      'fetch',
      'journal.write',
      'fetch',
      'journal.write',
    ]);
  });

  it.each(
    [0, 1, 2, 3, 4, 5].flatMap((step) =>
      (['crash-before', 'crash-after', 'lose-request', 'lose-answer', 'repeat'] as const).map(
        (fault) => [step, fault] as const,
      ),
    ),
  )('ends with one referral when the same draft is submitted again (step %i, %s)', async (step, fault) => {
    const invocation = new Invocation(faultAt(step, fault));
    const ending: Ending<unknown> = await invocation.run(() => inProcess(invocation).submit(immediate));
    expect(ending.outcome).toBe(
      fault.startsWith('crash') ? 'crashed' : step === 2 || step === 4 || fault === 'repeat' ? 'finished' : 'failed',
    );

    const acceptance = await the.hotline.submit(immediate);
    expect(the.world.recorded.filter(({ event }) => event === 'accepted')).toHaveLength(1);
    expect(await the.options.journal.read(acceptance.id)).toMatchObject({ state: 'accepted', acceptance });
    expect(await the.hotline.unfinished()).toEqual([]);
  });
});
