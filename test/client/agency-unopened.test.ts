import { describe, expect, it } from 'vitest';
import { type AgencyOptions, createAgency } from '../../client/agency.ts';
import { ClientError } from '../../client/errors.ts';
import type { Runtime } from '../../client/runtime.ts';
import { createTrustMemory } from '../../client/trust.ts';
import { hashText } from '../../core/base64url.ts';
import type { ReferralMessage } from '../../core/contracts.ts';
import { agencyQueue, type Lane } from '../../core/names.ts';
import { DAY, MINUTE } from '../../core/time.ts';
import { inboxOf } from '../support/partners.ts';
import { flipBit } from '../support/envelope.ts';
import { agencyAtWork, HOTLINE, POLICE } from '../support/agency-at-work.ts';
import { signerOf, STAGE } from '../support/world.ts';

/* Of an agency: messages that are not handed over, and withdrawals. The rest is in `agency.test.ts`. */

const { the, take, submit, left, stated, unanswered, handleAll } = agencyAtWork();
/** Puts a message into the queue with some members changed, as a faulty or hostile relay might. */
function tamper(lane: Lane, change: (message: ReferralMessage) => object): void {
  const queue = agencyQueue(STAGE, POLICE, lane);
  for (const { body, handle } of the.world.queues.receive(queue, 10)) {
    the.world.queues.remove(queue, handle);
    the.world.queues.send(queue, JSON.stringify(change(JSON.parse(body) as ReferralMessage)));
  }
}

describe('a message that cannot be opened', () => {
  it.each<[string, string, boolean, (message: ReferralMessage) => object]>([
    [
      'under a key that is not ours',
      'decryption',
      true,
      (message) => ({ ...message, key: Buffer.alloc(60).toString('base64') }),
    ],
    ['with another urgency', 'envelope', true, (message) => ({ ...message, urgency: 'high' })],
    ['with another routing', 'envelope', true, (message) => ({ ...message, routing: { suspect: ['DE'], victim: [] } })],
    ['for another agency', 'envelope', true, (message) => ({ ...message, agency: 'ca-police' })],
    ['with a member missing', 'envelope', true, (message) => ({ ...message, roles: undefined })],
    ['of a later version of the protocol', 'envelope', true, (message) => ({ ...message, v: 2 })],
    ['said to be from another hotline', 'decryption', false, (message) => ({ ...message, hotline: 'us-hotline' })],
    ['of other bytes', 'decryption', false, (message) => ({ ...message, sealed: flipBit(message.sealed, 900, 1) })],
  ])(
    '%s is answered as unreadable (%s) where the relay knows of it (%s), and left',
    async (_, reason, answered, change) => {
      const id = await submit();
      tamper('urgent', change);
      expect(await handleAll()).toMatchObject([{ result: 'unreadable', reason, answered }]);
      expect([the.received, left().length]).toEqual([[], 1]);
      expect(stated(id)).toEqual(answered ? [[POLICE, 'unreadable', reason]] : []);
    },
  );

  it.each([400, 403, 404, 409, 422])('is not taken for answered where only the gateway says %i', async (status) => {
    const id = await submit();
    tamper('urgent', (message) => ({ ...message, urgency: 'high' }));
    const fetch: Runtime['fetch'] = async (url, init) =>
      url.endsWith('/outcomes')
        ? Response.json({ message: 'Not Found' }, { status })
        : (the.options.runtime?.fetch ?? globalThis.fetch)(url, init);
    const cut = createAgency({ ...the.options, runtime: { ...the.options.runtime, fetch } });
    expect(await handleAll(take, cut)).toMatchObject([{ result: 'left', error: { code: 'relay-unreachable' } }]);
    the.world.clock.advance(MINUTE);
    expect(await handleAll()).toMatchObject([{ result: 'unreadable', answered: true }]);
    expect(stated(id)).toEqual([[POLICE, 'unreadable', 'envelope']]);
  });

  it('goes to the dead letters in the end', async () => {
    await submit();
    tamper('urgent', (message) => ({ ...message, urgency: 'high' }));
    for (let receipt = 0; receipt < 11; receipt += 1) {
      await handleAll();
      the.world.clock.advance(DAY / 4);
    }
    expect([left().length, left('dead').length]).toEqual([0, 1]);
  });

  it('says nothing to anybody if it does not tell what it is about', async () => {
    for (const body of ['{', '[]', '{"v":1}', '{"v":1,"v":1}', JSON.stringify({ v: 1, kind: 'notice' })]) {
      the.world.queues.send(agencyQueue(STAGE, POLICE, 'urgent'), body);
    }
    const reports = await handleAll();
    expect(reports).toHaveLength(5);
    for (const report of reports) expect(report).toMatchObject({ result: 'unreadable', answered: false });
    expect([the.log, left().length]).toEqual([[], 5]);
  });
});

describe('where there is no verdict', () => {
  const denied = new ClientError('aws-access-denied', 'denied');

  it.each<[string, () => Partial<AgencyOptions>, object]>([
    [
      'the key of the hotline is not trusted',
      () => ({ trust: createTrustMemory() }),
      { name: 'UntrustedKeyError', partner: HOTLINE, situation: 'unknown' },
    ],
    [
      'the hotline has another key than the trusted one',
      () => ({ trust: createTrustMemory({ partners: { [HOTLINE]: [signerOf('us-hotline').kid] } }) }),
      { name: 'UntrustedKeyError', partner: HOTLINE, situation: 'changed' },
    ],
    [
      'KMS refuses access',
      () => ({ aws: { inbox: inboxOf(the.world, POLICE), contentKeys: { unwrap: () => Promise.reject(denied) } } }),
      { code: 'aws-access-denied' },
    ],
    [
      'the directory cannot be reached',
      () => ({
        patience: 1,
        runtime: { ...the.options.runtime, fetch: () => Promise.reject(new TypeError('fetch failed')) },
      }),
      { code: 'relay-unreachable' },
    ],
  ])('nothing is answered, and the message comes back: %s', async (_, changes, error) => {
    const id = await submit();
    expect(await handleAll(take, createAgency({ ...the.options, ...changes() }))).toMatchObject([
      { result: 'left', error },
    ]);
    expect([the.received, stated(id), left().length]).toEqual([[], [], 1]);
    the.world.clock.advance(MINUTE);
    expect(await handleAll()).toMatchObject([{ result: 'handled' }]);
  });

  it('confirming the keys lets it through', async () => {
    await submit();
    const careful = createAgency({ ...the.options, trust: createTrustMemory() });
    await handleAll(take, careful);
    const entries = await careful.reviewKeys();
    expect(entries.map(({ partner }) => partner)).toEqual([HOTLINE, 'int-clearing', 'us-hotline']);
    await careful.trustKeys(entries);
    the.world.clock.advance(MINUTE);
    expect(await handleAll(take, careful)).toMatchObject([{ result: 'handled' }]);
  });
});

describe('a withdrawn referral', () => {
  it('is told to the handler, which had it already', async () => {
    const id = await submit();
    await handleAll();
    await the.hotline.withdraw(id, 'legal');
    await the.world.dispatch();
    const told: unknown[] = [];
    expect(await handleAll({ ...take, withdrawn: (withdrawal) => void told.push(withdrawal) })).toMatchObject([
      { result: 'withdrawn', hotline: HOTLINE, id },
    ]);
    expect(told).toEqual([{ hotline: HOTLINE, id, reason: 'legal', acceptedAt: expect.any(String), handed: true }]);
    expect(left()).toEqual([]);
  });

  it('is discarded unread if the withdrawal came first, and nothing is answered', async () => {
    const id = await submit();
    await the.hotline.withdraw(id, 'error');
    await the.world.dispatch();
    const deliveries = await the.agency.poll({ wait: 0 });
    const referral = deliveries.find(({ kind }) => kind === 'referral');
    const withdrawal = deliveries.find(({ kind }) => kind === 'withdrawn');
    if (!referral || !withdrawal) throw new Error('expected two messages');
    const told: unknown[] = [];
    const handlers = { ...take, withdrawn: (each: unknown) => void told.push(each) };
    expect(await the.agency.handle(withdrawal, handlers)).toMatchObject({ result: 'withdrawn' });
    expect(await the.agency.handle(referral, handlers)).toMatchObject({ result: 'discarded' });
    expect(told).toMatchObject([{ handed: false }]);
    expect([the.received, stated(id), left()]).toEqual([[], [], []]);
  });

  it('does not keep an agency from answering that it has what was handed over before', async () => {
    const id = await submit();
    const cutOff = createAgency({
      ...the.options,
      patience: 1,
      runtime: { ...the.options.runtime, fetch: unanswered },
    });
    expect(await handleAll(take, cutOff)).toMatchObject([{ result: 'left', error: { code: 'relay-unreachable' } }]);
    await the.hotline.withdraw(id, 'error');
    await the.world.dispatch();
    the.world.clock.advance(MINUTE);
    const told: unknown[] = [];
    const reports = await handleAll({ ...take, withdrawn: (each) => void told.push(each) });
    expect(reports.map(({ result }) => result).sort()).toEqual(['duplicate', 'withdrawn']);
    expect([the.received.length, told]).toMatchObject([1, [{ handed: true }]]);
    expect([stated(id), left()]).toEqual([[[POLICE, 'opened', 1]], []]);
    expect(await the.hotline.status(id)).toMatchObject({ routes: [{ agency: 'ca-police' }, { status: 'opened' }] });
  });

  it('is told again until the handler has returned, and then no more', async () => {
    const id = await submit();
    await handleAll();
    await the.hotline.withdraw(id, 'error');
    await the.world.dispatch();
    const [body = ''] = left();
    let attempts = 0;
    const withdrawn = () => {
      attempts += 1;
      if (attempts === 1) throw new Error('down');
    };
    expect(await handleAll({ ...take, withdrawn })).toMatchObject([{ result: 'left' }]);
    the.world.clock.advance(MINUTE);
    expect(await handleAll({ ...take, withdrawn })).toMatchObject([{ result: 'withdrawn' }]);
    the.world.queues.send(agencyQueue(STAGE, POLICE, 'urgent'), body);
    expect(await handleAll({ ...take, withdrawn })).toMatchObject([{ result: 'withdrawn' }]);
    expect(attempts).toBe(2);
  });

  it.each<[string, (id: string) => Promise<string>]>([
    [
      'signed by somebody else',
      async (id) => {
        const statement = await the.world.withdrawStatement({ hotline: 'us-hotline', id }, hashText('x'));
        return statement;
      },
    ],
    [
      'about another referral',
      () => the.world.withdrawStatement({ hotline: HOTLINE, id: the.world.newId() }, hashText('x')),
    ],
    ['that is none', () => Promise.resolve('a.b.c')],
  ])('is not believed when it is %s', async (_, sign) => {
    const id = await submit();
    const message = {
      v: 1,
      kind: 'withdrawn',
      hotline: HOTLINE,
      id,
      statement: await sign(id),
      acceptedAt: the.world.at(),
    };
    the.world.queues.send(agencyQueue(STAGE, POLICE, 'routine'), JSON.stringify(message));
    const told: unknown[] = [];
    const reports = await handleAll({ ...take, withdrawn: (each) => void told.push(each) });
    expect(reports).toMatchObject([{ result: 'handled' }, { result: 'unreadable' }]);
    expect([told, left('routine').length]).toEqual([[], 1]);
  });

  it('does not make other bytes under the same id disappear', async () => {
    const id = await submit();
    const statement = await the.world.withdrawStatement({ hotline: HOTLINE, id }, hashText('other bytes'));
    const message = { v: 1, kind: 'withdrawn', hotline: HOTLINE, id, statement, acceptedAt: the.world.at() };
    const [referral] = await the.agency.poll({ wait: 0 });
    the.world.queues.send(agencyQueue(STAGE, POLICE, 'urgent'), JSON.stringify(message));
    expect(await handleAll()).toMatchObject([{ result: 'withdrawn' }]);
    if (!referral) throw new Error('expected a message');
    expect(await the.agency.handle(referral, take)).toMatchObject({ result: 'handled' });
  });
});
