import { beforeEach, describe, expect, it } from 'vitest';
import { createHotline, type Hotline, type HotlineOptions } from '../../client/hotline.ts';
import { createTrustMemory } from '../../client/trust.ts';
import { signStatement } from '../../core/statements.ts';
import { referralIdTime } from '../../core/ids.ts';
import { type Exchange, hotlineOptions, intakeKidOf } from '../support/partners.ts';
import { sampleDraft, withMember } from '../support/referrals.ts';
import { signerOf, World } from '../support/world.ts';

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
    await world.state('de-police', name(id));
    await world.state('de-police', name(id), { status: 'actionable', reason: 'case-opened' });
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
    await world.state('de-police', name(id));
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
    await world.state('de-police', name(id));
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
