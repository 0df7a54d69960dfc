import { beforeEach, describe, expect, it } from 'vitest';
import { createHotline, type Hotline } from '../../client/hotline.ts';
import type { Journal } from '../../client/journal.ts';
import { createTrustMemory } from '../../client/trust.ts';
import { MINUTE, SECOND } from '../../core/time.ts';
import { RELAY } from '../support/partners.ts';
import { hotlineAtWork, ID } from '../support/hotline-at-work.ts';
import { sampleDraft } from '../support/referrals.ts';
import { signerOf, testRegistry } from '../support/world.ts';

const immediate = sampleDraft('immediate');

const { the, name } = hotlineAtWork();
async function collect(from: Hotline = the.hotline) {
  const collected = [];
  for await (const outcome of from.outcomes({ drain: true })) collected.push(outcome);
  return collected;
}

async function answered(): Promise<string> {
  const { id } = await the.hotline.submit(immediate);
  await the.world.dispatch();
  await the.world.state('de-police', name(id));
  await the.world.state('ca-police', name(id), { status: 'not-actionable', reason: 'duplicate' });
  return id;
}

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
    the.world.clock.advance(10 * MINUTE);
    expect(await collect()).toEqual([]);
    expect(the.world.inbox(ID)).toEqual([]);
  });

  it('does not acknowledge the item at which the consumer stopped', async () => {
    await answered();
    const failure = new Error('the database is down');
    let seen = 0;
    const consume = async () => {
      for await (const _ of the.hotline.outcomes({ drain: true })) {
        seen += 1;
        if (seen === 2) throw failure;
      }
    };
    await expect(consume()).rejects.toBe(failure);
    expect(the.world.inbox(ID)).toHaveLength(1);
    the.world.clock.advance(3 * MINUTE);
    expect(await collect()).toMatchObject([{ payload: { agency: 'ca-police' } }]);
  });

  it('meets what goes wrong with one item in its turn, after those that came before it', async () => {
    const first = await the.hotline.submit(immediate);
    const second = await the.hotline.submit(sampleDraft('routine'));
    await the.world.dispatch();
    await the.world.state('de-police', name(first.id));
    await the.world.state('fr-police', name(second.id));
    const failure = new Error('the disk is gone');
    const journal: Journal = {
      ...the.options.journal,
      read: (id) => (id === second.id ? Promise.reject(failure) : the.options.journal.read(id)),
    };
    const seen: unknown[] = [];
    const consume = async () => {
      for await (const outcome of createHotline({ ...the.options, journal }).outcomes({ drain: true }))
        seen.push(outcome);
    };
    await expect(consume()).rejects.toBe(failure);
    expect(seen).toMatchObject([{ referral: first.id, check: 'verified' }]);
    the.world.clock.advance(3 * MINUTE);
    expect(await collect()).toMatchObject([{ referral: second.id, check: 'verified' }]);
  });

  it('keeps what cannot be verified before its key is trusted', async () => {
    await answered();
    const trust = createTrustMemory({ partners: { 'ca-police': [signerOf('ca-police').kid] } });
    const careful = createHotline({ ...the.options, trust });
    expect(await collect(careful)).toMatchObject([
      { check: 'untrusted', error: { partner: 'de-police', situation: 'unknown' } },
      { check: 'verified', payload: { agency: 'ca-police' } },
    ]);
    await careful.trustKeys(await careful.reviewKeys('de-police'));
    the.world.clock.advance(3 * MINUTE);
    expect(await collect(careful)).toMatchObject([{ check: 'verified', payload: { agency: 'de-police' } }]);
  });

  it('ends, drained, where what is not trusted comes back before all of it was seen', async () => {
    await answered();
    const slow = createHotline({ ...the.options, trust: createTrustMemory({ partners: {} }) });
    const seen: string[] = [];
    for await (const outcome of slow.outcomes({ drain: true })) {
      seen.push(outcome.kind === 'outcome' ? outcome.statement : outcome.kind);
      if (seen.length > 10) break;
      the.world.clock.advance(3 * MINUTE);
    }
    expect(seen).toHaveLength(2);
    expect(new Set(seen).size).toBe(2);
  });

  it('gives up what nobody can confirm any more: a key that was compromised before it was trusted', async () => {
    const id = await answered();
    the.world.clock.advance(SECOND);
    const burnt = { jwk: signerOf('de-police').record.jwk, compromisedAt: the.world.at() };
    the.world.registry = testRegistry({ 'de-police': { keys: [burnt] } });
    const careful = createHotline({ ...the.options, trust: createTrustMemory() });
    const detail = expect.stringContaining('Ask de-police, by telephone or in person, to send it anew') as string;
    expect(await collect(careful)).toContainEqual(expect.objectContaining({ referral: id, check: 'invalid', detail }));
    the.world.clock.advance(3 * MINUTE);
    expect(await collect()).toMatchObject([{ check: 'verified', payload: { agency: 'ca-police' } }]);
  });

  it('passes on events, also those it does not know, and tells of kinds that it does not know', async () => {
    const { id } = await the.hotline.submit(immediate);
    const item = { hotline: ID, referral: id, at: the.world.at() };
    const acknowledged: unknown[] = [];
    const items = [
      { ...item, receipt: 'r1', kind: 'event', event: 'undeliverable', agency: 'de-police' },
      { ...item, receipt: 'r2', kind: 'event', event: 'eclipse', planet: 'moon' },
      { ...item, receipt: 'r3', kind: 'poem' },
      { ...item, receipt: 'r4', kind: 'statement', statement: 'none', acceptedAt: the.world.at() },
    ];
    const { fetch = globalThis.fetch } = the.options.runtime ?? {};
    const other = createHotline({
      ...the.options,
      runtime: {
        ...the.options.runtime,
        fetch(url, init) {
          const body = init.body instanceof Uint8Array ? (JSON.parse(Buffer.from(init.body).toString()) as object) : {};
          if (url === `${RELAY}/v1/outcomes/receive`) return Promise.resolve(Response.json({ items: items.splice(0) }));
          if (url !== `${RELAY}/v1/outcomes/acknowledge`) return fetch(url, init);
          acknowledged.push(body);
          return Promise.resolve(Response.json({ acknowledged: 4 }));
        },
      },
    });
    const unknown: object[] = [];
    const collected: object[] = [];
    const onUnknown = (raw: object): void => void unknown.push(raw);
    for await (const outcome of other.outcomes({ drain: true, onUnknown })) collected.push(outcome);
    expect(unknown).toEqual([{ ...item, kind: 'poem' }]);
    expect(collected).toMatchObject([
      { kind: 'event', event: 'undeliverable', agency: 'de-police' },
      { kind: 'event', event: 'eclipse' },
      { kind: 'outcome', check: 'invalid' },
    ]);
    expect(acknowledged).toEqual([{ receipts: ['r1', 'r2', 'r3', 'r4'] }]);
  });

  it('acknowledges as it goes when the consumer is slow', async () => {
    await answered();
    const left: number[] = [];
    for await (const _ of the.hotline.outcomes({ drain: true })) {
      left.push(the.world.inbox(ID).length);
      the.world.clock.advance(MINUTE);
    }
    expect(left).toEqual([2, 1]);
    expect(the.world.inbox(ID)).toEqual([]);
  });

  it('ends when its signal is aborted', async () => {
    await answered();
    const stop = new AbortController();
    const seen = [];
    for await (const outcome of the.hotline.outcomes({ signal: stop.signal })) {
      seen.push(outcome);
      if (seen.length === 2) stop.abort();
    }
    expect(seen).toHaveLength(2);
    expect(the.world.inbox(ID)).toEqual([]);
  });

  it('waits for more only where there is none left', async () => {
    const id = await answered();
    for (const reason of ['child-safeguarded', 'suspect-identified', 'arrest', 'no-result'] as const) {
      for (const agency of ['de-police', 'ca-police'] as const)
        await the.world.state(agency, name(id), { status: 'closed', reason });
    }
    const waits: unknown[] = [];
    const { fetch = globalThis.fetch } = the.options.runtime ?? {};
    const stop = new AbortController();
    const watched = createHotline({
      ...the.options,
      runtime: {
        ...the.options.runtime,
        async fetch(url, init) {
          const body = init.body instanceof Uint8Array ? (JSON.parse(Buffer.from(init.body).toString()) as object) : {};
          if ('wait' in body) waits.push(body.wait);
          if (waits.length > 2) stop.abort();
          return fetch(url, init);
        },
      },
    });
    const collected = [];
    for await (const outcome of watched.outcomes({ signal: stop.signal })) collected.push(outcome);
    expect([collected.length, waits]).toEqual([10, [20, 0, 20]]);
  });
});

/** A hotline that has nobody to talk to where `isDown` says so. */
function troubled(isDown: (path: string) => boolean): ReturnType<typeof createHotline> {
  const { fetch = globalThis.fetch } = the.options.runtime ?? {};
  return createHotline({
    ...the.options,
    runtime: {
      ...the.options.runtime,
      fetch: (url, init) =>
        isDown(url.slice(RELAY.length))
          ? Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
          : fetch(url, init),
    },
  });
}

describe('trouble', () => {
  let id: string;
  beforeEach(async () => {
    id = await answered();
  });

  it('is thrown where nobody wants to be told', async () => {
    const outcomes = troubled((path) => path === '/v1/outcomes/receive').outcomes();
    await expect(outcomes.next()).rejects.toMatchObject({ code: 'relay-unreachable' });
  });

  it('is told, and gone on from', async () => {
    let calls = 0;
    const told: unknown[] = [];
    const outcomes = troubled((path) => path === '/v1/outcomes/receive' && (calls += 1) <= 2).outcomes({
      onTrouble: ({ message }, pause) => void told.push([message, pause]),
    });
    expect(await outcomes.next()).toMatchObject({ value: { referral: id, check: 'verified' } });
    expect(told).toEqual([
      [expect.stringContaining('No relay is running'), 750],
      [expect.stringContaining('No relay is running'), 1500],
    ]);
    await outcomes.return();
  });

  it('ends it where whoever is told throws', async () => {
    const full = new Error('the log is full');
    const outcomes = troubled((path) => path === '/v1/outcomes/receive').outcomes({
      onTrouble: () => Promise.reject(full),
    });
    await expect(outcomes.next()).rejects.toBe(full);
  });

  it('with acknowledging is thrown at a consumer who wants no more', async () => {
    const told: unknown[] = [];
    const outcomes = troubled((path) => path === '/v1/outcomes/acknowledge').outcomes({
      onTrouble: (error) => void told.push(error),
    });
    await outcomes.next();
    await outcomes.next();
    await expect(outcomes.return()).rejects.toMatchObject({ code: 'relay-unreachable' });
    expect(told).toEqual([]);
    expect(await outcomes.next()).toEqual({ done: true, value: undefined });
  });
});
