import { beforeEach, describe, expect, it } from 'vitest';
import { createHotline, type HotlineOptions } from '../../client/hotline.ts';
import { answerReferral } from '../../core/use-cases/answer.ts';
import { hotlineOptions, RELAY } from '../support/partners.ts';
import { sampleDraft } from '../support/referrals.ts';
import { World } from '../support/world.ts';

/* What `test/client/hotline.test.ts` does not show of collecting: trouble in between. */

const ID = 'gb-hotline';

let world: World;
let options: HotlineOptions;
let id: string;
beforeEach(async () => {
  world = new World();
  options = hotlineOptions(world, ID);
  ({ id } = await createHotline(options).submit(sampleDraft('immediate')));
  await world.dispatch();
  await answer();
});

/** Both agencies state the same. */
async function answer(stated?: Parameters<World['outcome']>[3]): Promise<void> {
  const name = { hotline: ID, id };
  const hash = world.ledger.record(name).referral?.hash ?? '';
  for (const agency of ['de-police', 'ca-police'] as const) {
    await answerReferral(world.relay(), world.agency(agency), name, await world.outcome(agency, name, hash, stated));
  }
}

/** A hotline that has nobody to talk to where `isDown` says so. */
function troubled(isDown: (path: string) => boolean): ReturnType<typeof createHotline> {
  const { fetch = globalThis.fetch } = options.runtime ?? {};
  return createHotline({
    ...options,
    runtime: {
      ...options.runtime,
      fetch: (url, init) =>
        isDown(url.slice(RELAY.length))
          ? Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
          : fetch(url, init),
    },
  });
}

it('waits for more only where there is none left', async () => {
  for (const reason of ['child-safeguarded', 'suspect-identified', 'arrest', 'no-result'] as const) {
    await answer({ status: 'closed', reason });
  }
  const waits: unknown[] = [];
  const { fetch = globalThis.fetch } = options.runtime ?? {};
  const stop = new AbortController();
  const watched = createHotline({
    ...options,
    runtime: {
      ...options.runtime,
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

describe('trouble', () => {
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
