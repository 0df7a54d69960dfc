import { createPublicKey } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createHotline, type Hotline, type HotlineOptions } from '../../client/hotline.ts';
import type { Journal } from '../../client/journal.ts';
import { runtimeOf } from '../../client/runtime.ts';
import { createTrustMemory } from '../../client/trust.ts';
import { signStatement } from '../../core/statements.ts';
import { answerReferral } from '../../core/use-cases/answer.ts';
import { referralIdTime } from '../../core/ids.ts';
import { IntakeJwk, thumbprint } from '../../core/keys.ts';
import { MINUTE, SECOND } from '../../core/time.ts';
import { type Ending, faultAt, Invocation } from '../doubles/faults.ts';
import { makeIntakeKey } from '../doubles/memory-keys.ts';
import { type Exchange, hotlineOptions, intakeKidOf, RELAY } from '../support/partners.ts';
import { sampleDraft, withMember } from '../support/referrals.ts';
import { type AgencyId, intakeKeyOf, signerOf, testRegistry, World } from '../support/world.ts';

const immediate = sampleDraft('immediate');
const ID = 'gb-hotline';

let world: World;
let log: Exchange[];
let options: HotlineOptions;
let hotline: Hotline;
beforeEach(() => {
  world = new World();
  log = [];
  options = hotlineOptions(world, ID, log);
  hotline = createHotline(options);
});

const submissions = () => log.filter(({ path }) => path === '/v1/referrals');
const name = (id: string) => ({ hotline: ID, id });

/** The agency states something about what lies at the relay. */
async function state(agency: AgencyId, id: string, stated: Parameters<World['outcome']>[3] = {}): Promise<void> {
  const hash = world.ledger.record(name(id)).referral?.hash ?? '';
  const token = await world.outcome(agency, name(id), hash, stated);
  await answerReferral(world.relay(), world.agency(agency), name(id), token);
}

/** The hotline as one process sees its journal and the relay: it ends at one of its calls to either. */
function inProcess(invocation: Invocation): Hotline {
  const { journal, runtime } = options;
  const watched: Journal = {
    read: async (id) => invocation.call('journal.read', () => journal.read(id)),
    write: async (entry) => invocation.call('journal.write', () => journal.write(entry)),
    findDraft: async (draft) => invocation.call('journal.findDraft', () => journal.findDraft(draft)),
    unfinished: () => journal.unfinished(),
  };
  const fetch = runtime?.fetch ?? globalThis.fetch;
  return createHotline({
    ...options,
    journal: watched,
    runtime: { ...runtime, fetch: async (url, init) => invocation.call('fetch', () => fetch(url, init)) },
  });
}

async function collect(from: Hotline = hotline) {
  const collected = [];
  for await (const outcome of from.outcomes({ drain: true })) collected.push(outcome);
  return collected;
}

async function answered(): Promise<string> {
  const { id } = await hotline.submit(immediate);
  await world.dispatch();
  await state('de-police', id);
  await state('ca-police', id, { status: 'not-actionable', reason: 'duplicate' });
  return id;
}

describe('check', () => {
  it('finds faults by their place, and says nothing more then', async () => {
    const faulty = withMember(withMember(immediate, '/routing/suspect/0', 'XX'), '/incident', undefined);
    expect(await hotline.check(faulty)).toEqual({
      faults: [
        expect.objectContaining({ pointer: '/routing/suspect/0' }),
        expect.objectContaining({ pointer: '/incident' }),
      ],
      warnings: [],
    });
    expect(log).toEqual([]);
  });

  it('finds what is too long to be sealed', async () => {
    const channel = { kind: 'chat', service: 'x', content: 'x'.repeat(20_000) };
    const { faults } = await hotline.check(
      withMember(
        immediate,
        '/channels',
        Array.from({ length: 12 }, () => channel),
      ),
    );
    expect(faults).toEqual([{ pointer: '', detail: expect.stringContaining('Shorten the document') }]);
  });

  it('gives warnings, and the agencies that would receive it', async () => {
    const { faults, warnings, plan } = await hotline.check(sampleDraft('hash-only'));
    expect(faults).toEqual([]);
    expect(warnings.map(({ code }) => code)).toContain('thin');
    expect(plan).toEqual({ routes: [{ agency: 'int-clearing', roles: [], countries: [] }], unrouted: [] });
    expect(submissions()).toEqual([]);
  });

  it('works without the relay when asked to', async () => {
    expect(await hotline.check(immediate, { offline: true })).toEqual({ faults: [], warnings: expect.any(Array) });
    expect(log).toEqual([]);
  });

  it.each([undefined, null, 'text', 7, [], {}])('finds faults in %j', async (document) => {
    expect((await hotline.check(document)).faults).not.toEqual([]);
  });
});

describe('seal', () => {
  it('completes the draft and stores it, without sending it', async () => {
    const entry = await hotline.seal(immediate);
    expect(entry).toMatchObject({ hotline: ID, state: 'sealed', routing: immediate.routing, urgency: 'immediate' });
    expect(referralIdTime(entry.id)).toBe(world.clock.now());
    expect(await hotline.unfinished()).toEqual([entry.id]);
    expect(submissions()).toEqual([]);
  });

  it('seals one draft once, also for those who ask at the same time', async () => {
    const [entry, ...others] = await Promise.all([1, 2, 3].map(() => hotline.seal(immediate)));
    for (const other of others) expect(other).toEqual(entry);
    expect(await hotline.unfinished()).toEqual([entry?.id]);
  });

  it('seals one draft once, however its members are ordered, and anew if asked to', async () => {
    const entry = await hotline.seal(immediate);
    const reordered = Object.fromEntries(Object.entries(immediate).toReversed());
    expect(await hotline.seal(reordered)).toEqual(entry);
    const anew = await hotline.seal(immediate, { anew: true });
    expect(anew.id).not.toBe(entry.id);
    expect(await hotline.seal(immediate)).toEqual(anew);
  });

  it('takes a complete referral under its own id, once', async () => {
    const referral = { ...immediate, id: world.newId(), hotline: ID, writtenAt: world.at() };
    const entry = await hotline.seal(referral);
    expect(entry.id).toBe(referral.id);
    expect(await hotline.seal(referral)).toEqual(entry);
    const changed = hotline.seal({ ...referral, urgency: 'high' });
    await expect(changed).rejects.toMatchObject({ code: 'malformed', faults: [{ pointer: '/id' }] });
    await expect(hotline.seal(referral, { anew: true })).rejects.toMatchObject({ faults: [{ pointer: '/id' }] });
    expect(await options.journal.read(referral.id)).toEqual(entry);
  });

  it('gives one id to one of two referrals that ask for it at the same time', async () => {
    const referral = { ...immediate, id: world.newId(), hotline: ID, writtenAt: world.at() };
    const [first, second] = await Promise.allSettled([
      hotline.seal(referral),
      hotline.seal({ ...referral, urgency: 'high' }),
    ]);
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'malformed', faults: [{ pointer: '/id' }] } });
    expect(first).toMatchObject({ status: 'fulfilled', value: await options.journal.read(referral.id) });
  });

  it('refuses a referral in the name of another hotline', async () => {
    const referral = { ...immediate, id: world.newId(), hotline: 'us-hotline', writtenAt: world.at() };
    await expect(hotline.seal(referral)).rejects.toMatchObject({ faults: [{ pointer: '/hotline' }] });
  });

  it.each([
    ['nothing was confirmed', () => createTrustMemory(), 'unknown'],
    [
      'another key was confirmed',
      () => createTrustMemory({ partners: {}, intakeKeys: [intakeKidOf('us-hotline')] }),
      'changed',
    ],
  ])('seals for no intake key while %s', async (_, trust, situation) => {
    const careful = createHotline({ ...options, trust: trust() });
    const refusal = { name: 'UntrustedKeyError', use: 'intake', partner: ID, kid: intakeKidOf(ID), situation };
    await expect(careful.submit(immediate)).rejects.toMatchObject(refusal);
    expect(await careful.unfinished()).toEqual([]);
    await careful.trustKeys(await careful.reviewKeys(ID));
    expect(await careful.submit(immediate)).toMatchObject({ status: 'accepted' });
  });
});

describe('submit', () => {
  it('hands a draft over to the relay, which then owns it', async () => {
    const acceptance = await hotline.submit(immediate);
    expect(acceptance).toMatchObject({
      hotline: ID,
      routes: [{ agency: 'ca-police' }, { agency: 'de-police' }],
      unrouted: [],
    });
    expect(await options.journal.read(acceptance.id)).toMatchObject({ state: 'accepted', acceptance });
    expect(await hotline.unfinished()).toEqual([]);
    expect(world.ledger.record(name(acceptance.id)).referral).toMatchObject({ hash: acceptance.sealed });
  });

  it('does not send again what was accepted, unless asked to, and then the same bytes', async () => {
    const acceptance = await hotline.submit(immediate);
    expect(await hotline.submit(immediate)).toEqual(acceptance);
    expect(await hotline.submit(acceptance.id)).toEqual(acceptance);
    expect(submissions()).toHaveLength(1);
    expect(await hotline.submit(acceptance.id, { resend: true })).toEqual(acceptance);
    expect(submissions()).toHaveLength(2);
  });

  it('sends what was sealed before by its id', async () => {
    const { id, hash } = await hotline.seal(immediate);
    expect(await hotline.submit(id)).toMatchObject({ id, sealed: hash });
    await expect(hotline.submit(world.newId())).rejects.toMatchObject({ code: 'not-known' });
  });

  it('asks for the directory once a minute, not for each referral', async () => {
    await hotline.submit(immediate);
    await hotline.submit(sampleDraft('routine'));
    expect(log.map(({ path }) => path)).toEqual(['/v1/directory', '/v1/referrals', '/v1/referrals']);
    world.clock.advance(MINUTE);
    log.length = 0;
    await hotline.submit(sampleDraft('hash-only'));
    expect(log.map(({ path }) => path)).toEqual(['/v1/directory', '/v1/referrals']);
  });

  describe('when its intake key has been retired since it asked for the directory', () => {
    beforeEach(async () => {
      await hotline.submit(immediate);
      const next = makeIntakeKey();
      world.keys.createIntakeKey(ID, { generation: 2 }, next);
      const intakeKeys = [{ generation: 1, retiredAt: world.at() }, { generation: 2 }];
      world.registry = testRegistry({ [ID]: { intakeKeys } });
      const jwk = IntakeJwk.parse(createPublicKey(next).export({ format: 'jwk' }));
      await hotline.trustKeys([{ partner: ID, use: 'intake', kid: thumbprint(jwk), state: 'changed' }]);
      world.clock.advance(SECOND);
      log.length = 0;
    });

    it('seals a draft anew for the next key, once', async () => {
      const { id } = await hotline.submit(sampleDraft('routine'));
      expect(log.map(({ path }) => path)).toEqual(['/v1/referrals', '/v1/directory', '/v1/referrals']);
      expect(world.ledger.record(name(id)).referral).toMatchObject({ generation: 2 });
      expect(await hotline.unfinished()).toEqual([]);
      await hotline.submit(sampleDraft('hash-only'));
      expect(submissions()).toHaveLength(3);
    });

    it('makes one referral of a draft that is submitted twice at the same time, whichever is refused last', async () => {
      await hotline.seal(sampleDraft('routine'));
      const runtime = runtimeOf(options.runtime);
      const firstIsDone = Promise.withResolvers<void>();
      let asked = 0;
      const fetch: typeof runtime.fetch = async (url, init) => {
        const isSecond = (asked += 1) === 2;
        const response = await runtime.fetch(url, init);
        if (isSecond) await firstIsDone.promise;
        return response;
      };
      const impatient = createHotline({ ...options, runtime: { ...runtime, fetch } });
      const first = impatient.submit(sampleDraft('routine'));
      const second = impatient.submit(sampleDraft('routine'));
      const { id } = await first;
      firstIsDone.resolve();
      expect(await second).toMatchObject({ id });
      expect(await hotline.submit(sampleDraft('routine'))).toMatchObject({ id });
    });

    it('refuses what has an id of its own, and seals the next one for the next key', async () => {
      const referral = { ...sampleDraft('routine'), id: world.newId(), hotline: ID, writtenAt: world.at() };
      await expect(hotline.submit(referral)).rejects.toMatchObject({ code: 'wrong-intake-key' });
      expect(await options.journal.read(referral.id)).toMatchObject({ state: 'refused' });
      await hotline.submit(sampleDraft('hash-only'));
      expect(submissions()).toHaveLength(2);
    });
  });

  it('seals for no older key while the relay cannot read the current one, and for that as soon as it can', async () => {
    await hotline.submit(immediate);
    world.keys.createIntakeKey(ID, { generation: 2 }, intakeKeyOf('us-hotline'));
    await hotline.trustKeys([{ partner: ID, use: 'intake', kid: intakeKidOf('us-hotline'), state: 'changed' }]);
    const current = world.keys.intakeKeyId(ID, { generation: 2 });
    world.keys.setState(current, 'denied');
    world.registry = testRegistry({ [ID]: { intakeKeys: [{ generation: 1 }, { generation: 2 }] } });
    world.clock.advance(MINUTE);
    await expect(hotline.submit(sampleDraft('routine'))).rejects.toMatchObject({
      code: 'unexpected-answer',
      transient: true,
    });
    expect(submissions()).toHaveLength(1);
    world.keys.setState(current, 'enabled');
    const { id } = await hotline.submit(sampleDraft('routine'));
    expect(world.ledger.record(name(id)).referral).toMatchObject({ generation: 2 });
  });

  it('remembers a refusal, after which the draft may be sealed anew', async () => {
    const entry = await hotline.seal(sampleDraft('unserved-country'));
    const { fallback } = world.registry;
    world.registry = { ...world.registry, fallback: undefined };
    await expect(hotline.submit(entry.id)).rejects.toMatchObject({ code: 'no-route' });
    expect(await options.journal.read(entry.id)).toMatchObject({ state: 'refused', refusal: { code: 'no-route' } });
    expect(await hotline.unfinished()).toEqual([]);

    world.registry = { ...world.registry, fallback };
    const acceptance = await hotline.submit(sampleDraft('unserved-country'));
    expect(acceptance.id).not.toBe(entry.id);
    expect(acceptance.routes).toEqual([expect.objectContaining({ agency: 'int-clearing' })]);
  });

  it.each([
    ['the relay does not know the signature', { signingKey: signerOf('us-hotline') }, {}, 'unauthorized'],
    ['the clocks differ', {}, { now: () => Date.parse('2026-11-23T08:00:00.000Z') }, 'stale-signature'],
  ])('goes on owing what was not accepted because %s', async (_, changes, runtime, code) => {
    const { id } = await hotline.seal(immediate);
    const broken = createHotline({ ...options, ...changes, runtime: { ...options.runtime, ...runtime } });
    await expect(broken.submit(id)).rejects.toMatchObject({ code });
    expect(await hotline.unfinished()).toEqual([id]);
    expect(await hotline.submit(id)).toMatchObject({ id });
  });

  it.each([400, 403, 404, 413, 431])('goes on owing what something else than the relay refuses: %i', async (status) => {
    const { id } = await hotline.seal(immediate);
    const refuse = () => Promise.resolve(Response.json({ message: 'No' }, { status }));
    const elsewhere = createHotline({ ...options, runtime: { ...options.runtime, fetch: refuse } });
    await expect(elsewhere.submit(id)).rejects.toMatchObject({ code: 'relay-unreachable' });
    expect(await options.journal.read(id)).toMatchObject({ state: 'sealed' });
    expect(await hotline.submit(immediate)).toMatchObject({ id });
  });

  it.each([
    ['id', { id: '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e' }],
    ['hotline', { hotline: 'us-hotline' }],
    ['hash', { sealed: intakeKidOf(ID) }],
  ])('believes no confirmation of another %s', async (_, changes) => {
    const { fetch = globalThis.fetch } = options.runtime ?? {};
    const lying = createHotline({
      ...options,
      runtime: {
        ...options.runtime,
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
    expect(await hotline.submit(immediate)).toMatchObject({ status: 'accepted' });
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

    const acceptance = await hotline.submit(immediate);
    expect(world.recorded.filter(({ event }) => event === 'accepted')).toHaveLength(1);
    expect(await options.journal.read(acceptance.id)).toMatchObject({ state: 'accepted', acceptance });
    expect(await hotline.unfinished()).toEqual([]);
  });
});

describe('route and withdraw', () => {
  it('send a referral on, and take it back', async () => {
    const { id } = await hotline.submit(immediate);
    await world.dispatch();
    expect(await hotline.route(id, { suspect: ['FR'], victim: [] })).toMatchObject({
      routes: ['ca-police', 'de-police', 'fr-gendarmes', 'fr-police'].map((agency) => ({ agency })),
    });
    expect(await hotline.withdraw(id, 'superseded')).toMatchObject({ routes: expect.any(Array) });
    await world.dispatch();
    const { routed, routes } = await hotline.status(id);
    expect(routed).toEqual([
      expect.objectContaining({ check: 'verified', payload: expect.objectContaining({ by: ID }) }),
    ]);
    expect(new Set(routes.map(({ status }) => status))).toEqual(new Set(['withdrawn']));
  });

  it('work without the journal', async () => {
    const { id } = await hotline.submit(immediate);
    await world.dispatch();
    const elsewhere = createHotline(hotlineOptions(world, ID));
    expect(await elsewhere.withdraw(id, 'error')).toMatchObject({ routes: expect.any(Array) });
    await expect(elsewhere.withdraw(world.newId(), 'error')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('do not let what was sealed and not sent pass for withdrawn: it is still owed', async () => {
    const { id } = await hotline.seal(immediate);
    const refusal = hotline.withdraw(id, 'error');
    await expect(refusal).rejects.toMatchObject({ code: 'not-known' });
    await expect(refusal).rejects.toThrow(`Move unfinished/${id}.json out of the journal`);
    expect(await hotline.unfinished()).toEqual([id]);
  });

  it.each(['', 'x', '../directory', '019ab3f0-2a80-4c11-9d2e-5f6a7b8c9d0e'])('send nothing about %j', async (id) => {
    await expect(hotline.withdraw(id, 'error')).rejects.toMatchObject({ code: 'not-known' });
    await expect(hotline.status(id)).rejects.toMatchObject({ code: 'not-known' });
    expect(log).toEqual([]);
  });

  it('name the member at fault', async () => {
    const { id } = await hotline.submit(immediate);
    await expect(hotline.route(id, { suspect: ['XX'], victim: [] })).rejects.toMatchObject({
      faults: [{ pointer: '/routing/suspect/0' }],
    });
  });
});

describe('status', () => {
  it('shows every statement as it verifies here', async () => {
    const { id } = await hotline.submit(immediate);
    await world.dispatch();
    await state('de-police', id);
    await state('de-police', id, { status: 'actionable', reason: 'case-opened' });
    const { routes } = await hotline.status(id);
    expect(routes.find(({ agency }) => agency === 'de-police')).toMatchObject({
      status: 'opened',
      statements: [
        { check: 'verified', payload: { agency: 'de-police', status: 'opened' } },
        { check: 'verified', payload: { status: 'actionable', reason: 'case-opened' } },
      ],
    });
  });

  it('marks statements whose key is not trusted, and shows the rest', async () => {
    const { id } = await hotline.submit(immediate);
    await world.dispatch();
    await state('de-police', id);
    const careful = createHotline({ ...options, trust: createTrustMemory() });
    const { routes } = await careful.status(id);
    expect(routes.find(({ agency }) => agency === 'de-police')).toMatchObject({
      statements: [{ check: 'untrusted', error: { name: 'UntrustedKeyError', partner: 'de-police' } }],
    });
  });

  it.each([
    ['about other bytes', { sealed: intakeKidOf(ID) }, 'de-police'],
    ['about another referral', { referral: '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e' }, 'de-police'],
    ['of another hotline', { hotline: 'us-hotline' }, 'de-police'],
    ['of another agency', { agency: 'ca-police' }, 'ca-police'],
    ['in the name of another agency', {}, 'ca-police'],
  ] as const)('marks a statement %s as invalid', async (_, changes, signer) => {
    const { id } = await hotline.submit(immediate);
    await world.dispatch();
    await state('de-police', id);
    const hash = world.ledger.record(name(id)).referral?.hash ?? '';
    const payload = {
      hotline: ID,
      referral: id,
      version: 1,
      agency: 'de-police',
      sealed: hash,
      status: 'opened' as const,
    };
    const forged = await signStatement('outcome', { ...payload, at: world.at(), ...changes }, signerOf(signer));
    const { routes } = await createHotline({
      ...options,
      runtime: replacing(options, (body) => body.replaceAll(/"statement":"[^"]+"/g, `"statement":"${forged}"`)),
    }).status(id);
    expect(routes.find(({ agency }) => agency === 'de-police')).toMatchObject({
      statements: [{ check: 'invalid', detail: expect.any(String) }],
    });
  });

  it('refuses the status of other bytes than those in the journal', async () => {
    const { id, sealed } = await hotline.submit(immediate);
    const lying = createHotline({
      ...options,
      runtime: replacing(options, (body) => body.replaceAll(sealed, intakeKidOf(ID))),
    });
    await expect(lying.status(id)).rejects.toMatchObject({ code: 'unexpected-answer' });
  });
});

describe('outcomes', () => {
  it('brings what agencies stated, verified, and each once', async () => {
    const id = await answered();
    expect(await collect()).toEqual([
      expect.objectContaining({
        kind: 'outcome',
        hotline: ID,
        referral: id,
        check: 'verified',
        payload: expect.objectContaining({ agency: 'de-police', status: 'opened' }),
      }),
      expect.objectContaining({ payload: expect.objectContaining({ agency: 'ca-police', reason: 'duplicate' }) }),
    ]);
    world.clock.advance(10 * MINUTE);
    expect(await collect()).toEqual([]);
    expect(world.inbox(ID)).toEqual([]);
  });

  it('does not acknowledge the item at which the consumer stopped', async () => {
    await answered();
    const failure = new Error('the database is down');
    let seen = 0;
    const consume = async () => {
      for await (const _ of hotline.outcomes({ drain: true })) {
        seen += 1;
        if (seen === 2) throw failure;
      }
    };
    await expect(consume()).rejects.toBe(failure);
    expect(world.inbox(ID)).toHaveLength(1);
    world.clock.advance(3 * MINUTE);
    expect(await collect()).toMatchObject([{ payload: { agency: 'ca-police' } }]);
  });

  it('meets what goes wrong with one item in its turn, after those that came before it', async () => {
    const first = await hotline.submit(immediate);
    const second = await hotline.submit(sampleDraft('routine'));
    await world.dispatch();
    await state('de-police', first.id);
    await state('fr-police', second.id);
    const failure = new Error('the disk is gone');
    const journal: Journal = {
      ...options.journal,
      read: (id) => (id === second.id ? Promise.reject(failure) : options.journal.read(id)),
    };
    const seen: unknown[] = [];
    const consume = async () => {
      for await (const outcome of createHotline({ ...options, journal }).outcomes({ drain: true })) seen.push(outcome);
    };
    await expect(consume()).rejects.toBe(failure);
    expect(seen).toMatchObject([{ referral: first.id, check: 'verified' }]);
    world.clock.advance(3 * MINUTE);
    expect(await collect()).toMatchObject([{ referral: second.id, check: 'verified' }]);
  });

  it('keeps what cannot be verified before its key is trusted', async () => {
    await answered();
    const trust = createTrustMemory({ partners: { 'ca-police': [signerOf('ca-police').kid] } });
    const careful = createHotline({ ...options, trust });
    expect(await collect(careful)).toMatchObject([
      { check: 'untrusted', error: { partner: 'de-police', situation: 'unknown' } },
      { check: 'verified', payload: { agency: 'ca-police' } },
    ]);
    await careful.trustKeys(await careful.reviewKeys('de-police'));
    world.clock.advance(3 * MINUTE);
    expect(await collect(careful)).toMatchObject([{ check: 'verified', payload: { agency: 'de-police' } }]);
  });

  it('gives up what nobody can confirm any more: a key that was compromised before it was trusted', async () => {
    const id = await answered();
    world.clock.advance(SECOND);
    const burnt = { jwk: signerOf('de-police').record.jwk, compromisedAt: world.at() };
    world.registry = testRegistry({ 'de-police': { keys: [burnt] } });
    const careful = createHotline({ ...options, trust: createTrustMemory() });
    const detail = expect.stringContaining('Ask de-police, by telephone or in person, to send it anew') as string;
    expect(await collect(careful)).toContainEqual(expect.objectContaining({ referral: id, check: 'invalid', detail }));
    world.clock.advance(3 * MINUTE);
    expect(await collect()).toMatchObject([{ check: 'verified', payload: { agency: 'ca-police' } }]);
  });

  it('passes on events, and acknowledges those it does not know, and kinds as well', async () => {
    const { id } = await hotline.submit(immediate);
    const item = { hotline: ID, referral: id, at: world.at() };
    const acknowledged: unknown[] = [];
    const items = [
      { ...item, receipt: 'r1', kind: 'event', event: 'undeliverable', agency: 'de-police' },
      { ...item, receipt: 'r2', kind: 'event', event: 'eclipse', planet: 'moon' },
      { ...item, receipt: 'r3', kind: 'poem' },
      { ...item, receipt: 'r4', kind: 'statement', statement: 'none', acceptedAt: world.at() },
    ];
    const { fetch = globalThis.fetch } = options.runtime ?? {};
    const other = createHotline({
      ...options,
      runtime: {
        ...options.runtime,
        fetch(url, init) {
          const body = init.body instanceof Uint8Array ? (JSON.parse(Buffer.from(init.body).toString()) as object) : {};
          if (url === `${RELAY}/v1/outcomes/receive`) return Promise.resolve(Response.json({ items: items.splice(0) }));
          if (url !== `${RELAY}/v1/outcomes/acknowledge`) return fetch(url, init);
          acknowledged.push(body);
          return Promise.resolve(Response.json({ acknowledged: 4 }));
        },
      },
    });
    expect(await collect(other)).toMatchObject([
      { kind: 'event', event: 'undeliverable', agency: 'de-police' },
      { kind: 'event', event: 'eclipse' },
      { kind: 'outcome', check: 'invalid' },
    ]);
    expect(acknowledged).toEqual([{ receipts: ['r1', 'r2', 'r3', 'r4'] }]);
  });

  it('acknowledges as it goes when the consumer is slow', async () => {
    await answered();
    const left: number[] = [];
    for await (const _ of hotline.outcomes({ drain: true })) {
      left.push(world.inbox(ID).length);
      world.clock.advance(MINUTE);
    }
    expect(left).toEqual([2, 1]);
    expect(world.inbox(ID)).toEqual([]);
  });

  it('ends when its signal is aborted', async () => {
    await answered();
    const stop = new AbortController();
    const seen = [];
    for await (const outcome of hotline.outcomes({ signal: stop.signal })) {
      seen.push(outcome);
      if (seen.length === 2) stop.abort();
    }
    expect(seen).toHaveLength(2);
    expect(world.inbox(ID)).toEqual([]);
  });
});

/** The runtime with every answer of the relay's changed. */
function replacing({ runtime }: HotlineOptions, change: (body: string) => string): HotlineOptions['runtime'] {
  const { fetch = globalThis.fetch } = runtime ?? {};
  return {
    ...runtime,
    async fetch(url, init) {
      const response = await fetch(url, init);
      const body = await response.text();
      return new Response(body === '' ? null : change(body), response);
    },
  };
}
