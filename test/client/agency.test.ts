import { describe, expect, it } from 'vitest';
import { type Agency, createAgency } from '../../client/agency.ts';
import type { Delivery } from '../../client/inbox.ts';
import { agencyQueue, type Lane } from '../../core/names.ts';
import type { ReferralDraft } from '../../core/referral.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../core/time.ts';
import { agencyOptions, contentKeysOf, inboxOf } from '../support/partners.ts';
import { agencyAtWork, HOTLINE, immediate, POLICE } from '../support/agency-at-work.ts';
import { sampleDraft } from '../support/referrals.ts';
import { signerOf, STAGE, testRegistry } from '../support/world.ts';

const routine: ReferralDraft = { ...sampleDraft('routine'), routing: { suspect: ['DE'], victim: [] } };

const { the, take, submit, left, stated, unanswered, handleAll } = agencyAtWork();
async function pollOne(from: Agency = the.agency): Promise<Delivery> {
  const [delivery, ...others] = await from.poll({ max: 1, wait: 0 });
  if (!delivery || others.length > 0) throw new Error('expected one message');
  return delivery;
}

describe('poll', () => {
  it('takes the urgent queue first, then the routine one', async () => {
    await submit(routine);
    await submit(immediate);
    expect(await the.agency.poll({ wait: 0 })).toMatchObject([{ lane: 'urgent', kind: 'referral', receives: 1 }]);
    expect(await the.agency.poll({ wait: 0 })).toMatchObject([{ lane: 'routine', kind: 'referral' }]);
    expect(await the.agency.poll({ wait: 0 })).toEqual([]);
  });

  it.each([
    [0, ['routine 0']],
    [1, ['routine 1', 'urgent 1']],
    [4, ['routine 1', 'urgent 1', 'routine 1', 'urgent 1']],
  ])('waits at both queues in turn while they are empty: %j s', async (wait, then) => {
    const asked: string[] = [];
    const inbox = {
      ...inboxOf(the.world, POLICE),
      receive: (lane: Lane, _: number, seconds: number) => {
        asked.push(`${lane} ${seconds}`);
        return Promise.resolve([]);
      },
    };
    const aws = { inbox, contentKeys: contentKeysOf(the.world, POLICE) };
    await createAgency({ ...the.options, aws }).poll({ wait });
    expect(asked).toEqual(['urgent 0', ...then]);
  });
});

describe('a delivered referral', () => {
  it('is handed over, answered as opened, and removed', async () => {
    const id = await submit();
    expect(await handleAll()).toEqual([{ result: 'handled', lane: 'urgent', hotline: HOTLINE, id, version: 1 }]);
    expect(the.received).toEqual([
      {
        hotline: HOTLINE,
        id,
        version: 1,
        acceptedAt: expect.any(String),
        sealed: the.world.ledger.record({ hotline: HOTLINE, id }).referral?.hash,
        roles: ['suspect'],
        countries: ['DE'],
        routed: [],
        referral: expect.objectContaining({ id, hotline: HOTLINE, incident: immediate.incident }),
      },
    ]);
    expect(stated(id)).toEqual([[POLICE, 'opened', 1]]);
    expect(left()).toEqual([]);
  });

  it('is still there, and unanswered, while the handler runs', async () => {
    const id = await submit();
    const during: unknown[] = [];
    await handleAll({ referral: () => void during.push(stated(id), left().length) });
    expect(during).toEqual([[], 1]);
  });

  it('can be opened without being answered', async () => {
    const id = await submit();
    expect(await the.agency.open(await pollOne())).toMatchObject({ id, countries: ['DE'] });
    expect([stated(id), left().length]).toEqual([[], 1]);
  });

  it('comes back later and later while the handler fails', async () => {
    const id = await submit();
    const failure = new Error('the case system is down');
    const waits = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const startedAt = the.world.clock.now();
      const [report] = await handleAll({ referral: () => Promise.reject(failure) });
      expect(report).toEqual({ result: 'left', error: failure, lane: 'urgent', hotline: HOTLINE, id, version: 1 });
      while ((await the.agency.poll({ wait: 0 })).length === 0) the.world.clock.advance(SECOND);
      waits.push((the.world.clock.now() - startedAt) / SECOND);
      the.world.clock.advance(2 * MINUTE);
    }
    // Every look is a receipt as well, so that the delay doubles twice from one failure to the next.
    expect(waits).toEqual([22, 90, 360, 1440]);
    expect(stated(id)).toEqual([]);
  });

  it('is handled at last when the handler succeeds', async () => {
    const id = await submit();
    await handleAll({ referral: () => Promise.reject(new Error('down')) });
    the.world.clock.advance(MINUTE);
    expect(await handleAll()).toMatchObject([{ result: 'handled' }]);
    expect([stated(id), left()]).toEqual([[[POLICE, 'opened', 1]], []]);
  });

  it('is handed over once, though it comes again', async () => {
    const id = await submit();
    const [body = ''] = left();
    await handleAll();
    the.world.queues.send(agencyQueue(STAGE, POLICE, 'urgent'), body);
    the.world.queues.send(agencyQueue(STAGE, POLICE, 'routine'), body);
    expect(await handleAll()).toMatchObject([{ result: 'duplicate' }, { result: 'duplicate' }]);
    expect(the.received).toHaveLength(1);
    expect([stated(id), left(), left('routine')]).toEqual([[[POLICE, 'opened', 1]], [], []]);
    expect(the.log.filter(({ status }) => status === 200 || status === 201)).toMatchObject([
      { path: '/v1/directory' },
      { status: 201 },
      { status: 200 },
      { status: 200 },
    ]);
  });

  it('is handed over once, though it comes twice at the same time', async () => {
    await submit();
    const [body = ''] = left();
    the.world.queues.send(agencyQueue(STAGE, POLICE, 'urgent'), body);
    const deliveries = await the.agency.poll({ wait: 0 });
    const reports = await Promise.all(deliveries.map((delivery) => the.agency.handle(delivery, take)));
    expect(reports.map(({ result }) => result)).toEqual(['handled', 'duplicate']);
    expect(the.received).toHaveLength(1);
  });

  it('leaves in the memory what another machine wrote there while the handler was running', async () => {
    const id = await submit();
    const delivery = await pollOne();
    const other = createAgency(the.options);
    await the.hotline.withdraw(id, 'error');
    await the.world.dispatch();
    const told: unknown[] = [];
    const report = await the.agency.handle(delivery, {
      referral: async () => void (await handleAll({ ...take, withdrawn: (each) => void told.push(each) }, other)),
    });
    expect([report.result, told]).toMatchObject(['handled', [{ handed: false }]]);
    expect(await the.options.seen.read({ hotline: HOTLINE, id })).toMatchObject({
      handled: [{ version: 1 }],
      withdrawn: { reason: 'error', told: true },
    });
  });

  it('is answered at the next receipt if that failed after the handler had returned', async () => {
    const id = await submit();
    const cutOff = createAgency({
      ...the.options,
      patience: 1,
      runtime: { ...the.options.runtime, fetch: unanswered },
    });
    expect(await handleAll(take, cutOff)).toMatchObject([{ result: 'left', error: { code: 'relay-unreachable' } }]);
    expect([the.received.length, stated(id), left().length]).toEqual([1, [], 1]);
    the.world.clock.advance(MINUTE);
    expect(await handleAll()).toMatchObject([{ result: 'duplicate' }]);
    expect([the.received.length, stated(id), left()]).toEqual([1, [[POLICE, 'opened', 1]], []]);
  });

  it('is handed over again under a new version', async () => {
    const id = await submit();
    await handleAll();
    await the.hotline.route(id, { suspect: [], victim: ['DE'] });
    await the.world.dispatch();
    expect(await handleAll()).toMatchObject([{ result: 'handled', version: 2 }]);
    expect(the.received[1]).toMatchObject({ version: 2, roles: ['suspect', 'victim'], routed: [{ by: HOTLINE }] });
    expect(stated(id)).toEqual([
      [POLICE, 'opened', 1],
      [POLICE, 'opened', 2],
    ]);
  });
});

describe('answer and sendOn', () => {
  it('state an outcome about what was handed over', async () => {
    const id = await submit();
    await handleAll();
    const first = await the.agency.answer({ hotline: HOTLINE, id }, { status: 'actionable', reason: 'case-opened' });
    the.world.clock.advance(MINUTE);
    expect(await the.agency.answer({ hotline: HOTLINE, id }, { status: 'actionable', reason: 'case-opened' })).toEqual(
      first,
    );
    const [referral] = the.received;
    if (!referral) throw new Error('expected a referral');
    await the.agency.answer(referral, { status: 'wrong-jurisdiction', countries: ['AT'] });
    expect(stated(id)).toMatchObject([
      [POLICE, 'opened', 1],
      [POLICE, 'actionable', 'case-opened'],
      [POLICE, 'wrong-jurisdiction', 1],
    ]);
  });

  it('refuse a referral that was never handed over here, and a reason that does not belong to the status', async () => {
    const id = await submit();
    await expect(the.agency.answer({ hotline: HOTLINE, id }, { status: 'opened' })).rejects.toMatchObject({
      code: 'not-known',
    });
    await handleAll();
    const wrong = { status: 'closed', reason: 'duplicate' } as unknown as { status: 'opened' };
    await expect(the.agency.answer({ hotline: HOTLINE, id }, wrong)).rejects.toMatchObject({
      code: 'malformed',
      faults: [{ pointer: '/reason' }],
    });
  });

  it('send a referral of unknown countries on, whose agencies then open it', async () => {
    const clearing = createAgency(agencyOptions(the.world, 'int-clearing'));
    const id = await submit(sampleDraft('four-accounts'));
    await handleAll(take, clearing);
    expect(the.received).toMatchObject([{ id, roles: [], countries: [] }]);
    const routing = { suspect: ['DE'], victim: ['CA'] };
    expect(await clearing.sendOn({ hotline: HOTLINE, id }, routing)).toMatchObject({
      routes: ['ca-police', 'de-police', 'int-clearing'].map((each) => ({ agency: each })),
      unrouted: [],
    });
    await the.world.dispatch();
    await handleAll();
    await handleAll(take, createAgency(agencyOptions(the.world, 'ca-police')));
    expect(the.received.slice(1)).toMatchObject([
      { roles: ['suspect'], countries: ['DE'], routed: [{ by: 'int-clearing' }] },
      { roles: ['victim'], countries: ['CA'] },
    ]);
  });

  it.each<[string, (since: string) => object]>([
    [
      'had a compromised key then',
      (since) => ({ keys: [{ jwk: signerOf('int-clearing').record.jwk, compromisedAt: since }] }),
    ],
    ['may not send on any more', () => ({ forwards: false })],
  ])(
    'lead nowhere from a clearing house that %s, and no longer stand in the way of the hotline’s own statement',
    async (_, changes) => {
      const since = the.world.at();
      const clearing = createAgency(agencyOptions(the.world, 'int-clearing'));
      const id = await submit(sampleDraft('four-accounts'));
      await handleAll(take, clearing);
      const routing = { suspect: ['DE'], victim: [] };
      await clearing.sendOn({ hotline: HOTLINE, id }, routing);
      await the.world.dispatch();
      the.world.registry = testRegistry({ 'int-clearing': changes(since) });
      expect(await handleAll()).toMatchObject([{ result: 'unreadable', reason: 'not-addressed', answered: true }]);

      await the.hotline.route(id, routing);
      await the.world.dispatch();
      await the.world.pass(1);
      expect(await handleAll()).toContainEqual(expect.objectContaining({ result: 'handled', version: 1 }));
      expect(the.received[1]).toMatchObject({ id, countries: ['DE'], routed: [{ by: HOTLINE, routing }] });
      expect((await the.hotline.status(id)).routes).toContainEqual(
        expect.objectContaining({ agency: POLICE, status: 'opened', version: 1 }),
      );
    },
  );

  it('are refused by the relay where the hotline refuses', async () => {
    const clearing = createAgency(agencyOptions(the.world, 'int-clearing'));
    const id = await submit(sampleDraft('onward-refused'));
    await handleAll(take, clearing);
    const refusal = clearing.sendOn({ hotline: HOTLINE, id }, { suspect: ['DE'], victim: [] });
    await expect(refusal).rejects.toMatchObject({ name: 'RelayProblem', code: 'onward-refused' });
  });
});

describe('run', () => {
  it('handles everything there is and ends, when told to drain', async () => {
    const ids = [await submit(routine), await submit(immediate)];
    const reports: unknown[] = [];
    await the.agency.run((referral) => void the.received.push(referral), {
      drain: true,
      concurrency: 1,
      report: (each) => reports.push(each),
    });
    expect(the.received.map(({ id }) => id)).toEqual(ids.toReversed());
    expect(reports).toMatchObject([
      { result: 'handled', lane: 'urgent' },
      { result: 'handled', lane: 'routine' },
    ]);
  });

  it('finishes what is under way when it is stopped, and takes nothing new', async () => {
    await submit();
    const stop = new AbortController();
    let signalled = false;
    await the.agency.run(
      (referral, signal) => {
        stop.abort();
        signalled = signal.aborted;
        the.received.push(referral);
      },
      { report: () => undefined, signal: stop.signal },
    );
    expect([the.received.length, signalled, left()]).toEqual([1, true, []]);
  });
});

describe('the whole time of a referral', () => {
  it('ends with one hand-over, though the agency was away for a month', async () => {
    const id = await submit();
    for (let day = 0; day < 30; day += 1) await the.world.pass(DAY / HOUR / 4, 4 * 60);
    for (let round = 0; round < 60; round += 1) {
      await handleAll();
      the.world.clock.advance(MINUTE);
    }
    expect(the.received).toHaveLength(1);
    expect(stated(id)).toEqual([[POLICE, 'opened', 1]]);
    expect(left()).toEqual([]);
  });
});
