import { describe, expect, it } from 'vitest';
import { createAgency } from '../../client/agency.ts';
import { createHotline, type HotlineOptions } from '../../client/hotline.ts';
import { createTrustMemory } from '../../client/trust.ts';
import { signStatement } from '../../core/statements.ts';
import { referralIdTime } from '../../core/ids.ts';
import { agencyOptions, hotlineOptions, intakeKidOf } from '../support/partners.ts';
import { hotlineAtWork, ID } from '../support/hotline-at-work.ts';
import { sampleDraft, withMember } from '../support/referrals.ts';
import { signerOf, testRegistry } from '../support/world.ts';

const immediate = sampleDraft('immediate');

const { the, submissions, name } = hotlineAtWork();
describe('check', () => {
  it('finds faults by their place, and says nothing more then', async () => {
    const faulty = withMember(withMember(immediate, '/routing/suspect/0', 'XX'), '/incident', undefined);
    expect(await the.hotline.check(faulty)).toEqual({
      faults: [
        expect.objectContaining({ pointer: '/routing/suspect/0' }),
        expect.objectContaining({ pointer: '/incident' }),
      ],
      warnings: [],
    });
    expect(the.log).toEqual([]);
  });

  it('finds what is too long to be sealed', async () => {
    const channel = { kind: 'chat', service: 'x', content: 'x'.repeat(20_000) };
    const { faults } = await the.hotline.check(
      withMember(
        immediate,
        '/channels',
        Array.from({ length: 12 }, () => channel),
      ),
    );
    expect(faults).toEqual([{ pointer: '', detail: expect.stringContaining('Shorten the document') }]);
  });

  it('gives warnings, and the agencies that would receive it', async () => {
    const { faults, warnings, plan } = await the.hotline.check(sampleDraft('hash-only'));
    expect(faults).toEqual([]);
    expect(warnings.map(({ code }) => code)).toContain('thin');
    expect(plan).toEqual({ routes: [{ agency: 'int-clearing', roles: [], countries: [] }], unrouted: [] });
    expect(submissions()).toEqual([]);
  });

  it('works without the relay when asked to', async () => {
    expect(await the.hotline.check(immediate, { offline: true })).toEqual({ faults: [], warnings: expect.any(Array) });
    expect(the.log).toEqual([]);
  });

  it.each([undefined, null, 'text', 7, [], {}])('finds faults in %j', async (document) => {
    expect((await the.hotline.check(document)).faults).not.toEqual([]);
  });
});

describe('seal', () => {
  it('completes the draft and stores it, without sending it', async () => {
    const entry = await the.hotline.seal(immediate);
    expect(entry).toMatchObject({ hotline: ID, state: 'sealed', routing: immediate.routing, urgency: 'immediate' });
    expect(referralIdTime(entry.id)).toBe(the.world.clock.now());
    expect(await the.hotline.unfinished()).toEqual([entry.id]);
    expect(submissions()).toEqual([]);
  });

  it('seals one draft once, also for those who ask at the same time', async () => {
    const [entry, ...others] = await Promise.all([1, 2, 3].map(() => the.hotline.seal(immediate)));
    for (const other of others) expect(other).toEqual(entry);
    expect(await the.hotline.unfinished()).toEqual([entry?.id]);
  });

  it('seals one draft once, however its members are ordered, and anew if asked to', async () => {
    const entry = await the.hotline.seal(immediate);
    const reordered = Object.fromEntries(Object.entries(immediate).toReversed());
    expect(await the.hotline.seal(reordered)).toEqual(entry);
    const anew = await the.hotline.seal(immediate, { anew: true });
    expect(anew.id).not.toBe(entry.id);
    expect(await the.hotline.seal(immediate)).toEqual(anew);
  });

  it('takes a complete referral under its own id, once', async () => {
    const referral = { ...immediate, id: the.world.newId(), hotline: ID, writtenAt: the.world.at() };
    const entry = await the.hotline.seal(referral);
    expect(entry.id).toBe(referral.id);
    expect(await the.hotline.seal(referral)).toEqual(entry);
    const changed = the.hotline.seal({ ...referral, urgency: 'high' });
    await expect(changed).rejects.toMatchObject({ code: 'malformed', faults: [{ pointer: '/id' }] });
    await expect(the.hotline.seal(referral, { anew: true })).rejects.toMatchObject({ faults: [{ pointer: '/id' }] });
    expect(await the.options.journal.read(referral.id)).toEqual(entry);
  });

  it('gives one id to one of two referrals that ask for it at the same time', async () => {
    const referral = { ...immediate, id: the.world.newId(), hotline: ID, writtenAt: the.world.at() };
    const [first, second] = await Promise.allSettled([
      the.hotline.seal(referral),
      the.hotline.seal({ ...referral, urgency: 'high' }),
    ]);
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'malformed', faults: [{ pointer: '/id' }] } });
    expect(first).toMatchObject({ status: 'fulfilled', value: await the.options.journal.read(referral.id) });
  });

  it('refuses a referral in the name of another hotline', async () => {
    const referral = { ...immediate, id: the.world.newId(), hotline: 'us-hotline', writtenAt: the.world.at() };
    await expect(the.hotline.seal(referral)).rejects.toMatchObject({ faults: [{ pointer: '/hotline' }] });
  });

  it.each([
    ['nothing was confirmed', () => createTrustMemory(), 'unknown'],
    [
      'another key was confirmed',
      () => createTrustMemory({ partners: {}, intakeKeys: [intakeKidOf('us-hotline')] }),
      'changed',
    ],
  ])('seals for no intake key while %s', async (_, trust, situation) => {
    const careful = createHotline({ ...the.options, trust: trust() });
    const refusal = { name: 'UntrustedKeyError', use: 'intake', partner: ID, kid: intakeKidOf(ID), situation };
    await expect(careful.submit(immediate)).rejects.toMatchObject(refusal);
    expect(await careful.unfinished()).toEqual([]);
    await careful.trustKeys(await careful.reviewKeys(ID));
    expect(await careful.submit(immediate)).toMatchObject({ status: 'accepted' });
  });
});

describe('route and withdraw', () => {
  it('send a referral on, and take it back', async () => {
    const { id } = await the.hotline.submit(immediate);
    await the.world.dispatch();
    expect(await the.hotline.route(id, { suspect: ['FR'], victim: [] })).toMatchObject({
      routes: ['ca-police', 'de-police', 'fr-gendarmes', 'fr-police'].map((agency) => ({ agency })),
    });
    expect(await the.hotline.withdraw(id, 'superseded')).toMatchObject({ routes: expect.any(Array) });
    await the.world.dispatch();
    const { routed, routes } = await the.hotline.status(id);
    expect(routed).toEqual([
      expect.objectContaining({ check: 'verified', payload: expect.objectContaining({ by: ID }) }),
    ]);
    expect(new Set(routes.map(({ status }) => status))).toEqual(new Set(['withdrawn']));
  });

  it('work without the journal', async () => {
    const { id } = await the.hotline.submit(immediate);
    await the.world.dispatch();
    const elsewhere = createHotline(hotlineOptions(the.world, ID));
    expect(await elsewhere.withdraw(id, 'error')).toMatchObject({ routes: expect.any(Array) });
    await expect(elsewhere.withdraw(the.world.newId(), 'error')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('do not let what was sealed and not sent pass for withdrawn: it is still owed', async () => {
    const { id } = await the.hotline.seal(immediate);
    const refusal = the.hotline.withdraw(id, 'error');
    await expect(refusal).rejects.toMatchObject({ code: 'not-known' });
    await expect(refusal).rejects.toThrow(`Move unfinished/${id}.json out of the journal`);
    expect(await the.hotline.unfinished()).toEqual([id]);
  });

  it('do not let what the relay has pass for still owed, when it cannot be reached', async () => {
    const { id } = await the.hotline.submit(immediate);
    const runtime = { ...the.options.runtime, fetch: () => Promise.reject(new TypeError('fetch failed')) };
    const refusal = createHotline({ ...the.options, patience: 1, runtime }).withdraw(id, 'error');
    await expect(refusal).rejects.toMatchObject({ code: 'relay-unreachable' });
  });

  it.each(['', 'x', '../directory', '019ab3f0-2a80-4c11-9d2e-5f6a7b8c9d0e'])('send nothing about %j', async (id) => {
    await expect(the.hotline.withdraw(id, 'error')).rejects.toMatchObject({ code: 'not-known' });
    await expect(the.hotline.status(id)).rejects.toMatchObject({ code: 'not-known' });
    expect(the.log).toEqual([]);
  });

  it('name the member at fault', async () => {
    const { id } = await the.hotline.submit(immediate);
    await expect(the.hotline.route(id, { suspect: ['XX'], victim: [] })).rejects.toMatchObject({
      faults: [{ pointer: '/routing/suspect/0' }],
    });
  });
});

describe('status', () => {
  it('shows every statement as it verifies here', async () => {
    const { id } = await the.hotline.submit(immediate);
    await the.world.dispatch();
    await the.world.state('de-police', name(id));
    await the.world.state('de-police', name(id), { status: 'actionable', reason: 'case-opened' });
    const { routes } = await the.hotline.status(id);
    expect(routes.find(({ agency }) => agency === 'de-police')).toMatchObject({
      status: 'opened',
      statements: [
        { check: 'verified', payload: { agency: 'de-police', status: 'opened' } },
        { check: 'verified', payload: { status: 'actionable', reason: 'case-opened' } },
      ],
    });
  });

  it('shows a sending on as it verifies here: of a clearing house it counts while it may send on', async () => {
    const { id } = await the.hotline.submit(sampleDraft('four-accounts'));
    await the.world.dispatch();
    const sealed = the.world.ledger.record(name(id)).referral?.hash ?? '';
    const clearing = createAgency(agencyOptions(the.world, 'int-clearing'));
    await clearing.sendOn({ ...name(id), version: 1, sealed }, { suspect: ['DE'], victim: [] });
    expect((await the.hotline.status(id)).routed).toMatchObject([
      { check: 'verified', payload: { by: 'int-clearing', routing: { suspect: ['DE'] } } },
    ]);
    the.world.registry = testRegistry({ 'int-clearing': { forwards: false } });
    expect((await createHotline(the.options).status(id)).routed).toMatchObject([
      { check: 'invalid', detail: expect.any(String) },
    ]);
  });

  it('marks statements whose key is not trusted, and shows the rest', async () => {
    const { id } = await the.hotline.submit(immediate);
    await the.world.dispatch();
    await the.world.state('de-police', name(id));
    const careful = createHotline({ ...the.options, trust: createTrustMemory() });
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
    const { id } = await the.hotline.submit(immediate);
    await the.world.dispatch();
    await the.world.state('de-police', name(id));
    const hash = the.world.ledger.record(name(id)).referral?.hash ?? '';
    const payload = {
      hotline: ID,
      referral: id,
      version: 1,
      agency: 'de-police',
      sealed: hash,
      status: 'opened' as const,
    };
    const forged = await signStatement('outcome', { ...payload, at: the.world.at(), ...changes }, signerOf(signer));
    const { routes } = await createHotline({
      ...the.options,
      runtime: replacing(the.options, (body) => body.replaceAll(/"statement":"[^"]+"/g, `"statement":"${forged}"`)),
    }).status(id);
    expect(routes.find(({ agency }) => agency === 'de-police')).toMatchObject({
      statements: [{ check: 'invalid', detail: expect.any(String) }],
    });
  });

  it('refuses the status of other bytes than those in the journal', async () => {
    const { id, sealed } = await the.hotline.submit(immediate);
    const lying = createHotline({
      ...the.options,
      runtime: replacing(the.options, (body) => body.replaceAll(sealed, intakeKidOf(ID))),
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
