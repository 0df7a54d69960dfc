import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { outboxLane } from '../../core/lanes.ts';
import { toTimestamp } from '../../core/time.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import { callAgency } from '../../local/demo/cast.ts';
import { offboard } from '../../ops/offboard.ts';
import { testRegistry, World } from '../support/world.ts';
import { operate } from './operated.ts';
import { deployPartner, until, writePartner } from './operator.ts';
import { sessionIn } from './session.ts';

const HOTLINE = 'gb-lantern';
const LEAVING = 'gb-crossbar';
const GONE = 'fr-littoral';
const TOLD = 'gb-crossbar-north';
const KEPT = 'de-kinderwacht';

const operated = operate({
  [HOTLINE]: {},
  'int-clearing': {},
  [LEAVING]: { countries: ['GB'] },
  [GONE]: { countries: ['FR'] },
  [TOLD]: { countries: ['IE'] },
  [KEPT]: { countries: ['DE'] },
});
const { run, submit, untilStatus, letDie, open } = operated;

/** Withdrawals that {@link TOLD} is still to be told, by what status says. */
async function countWithdrawals(): Promise<unknown> {
  const { routes } = (await run('status', '--json')).result as { routes: Record<string, unknown>[] };
  return routes.find(({ agency, urgency }) => agency === TOLD && urgency === 'routine')?.['withdrawals'];
}

describe('offboard', () => {
  it('refuses an agency that new referrals still go to, or that nobody knows', async () => {
    expect(await run('offboard', LEAVING)).toMatchObject({ exit: 3, text: expect.stringContaining('GB') as string });
    expect(await run('offboard', 'int-clearing')).toMatchObject({
      exit: 3,
      text: expect.stringContaining('is the fallback') as string,
    });
    expect((await run('offboard', 'gb-typo')).exit).toBe(3);
  });

  it('refuses while anything is open, and hands it to the fallback if told to, which can open it', async () => {
    const id = await submit('GB', 'onward-refused');
    await untilStatus(id, LEAVING, 'delivered');
    await letDie(LEAVING, 'urgent');
    await deployPartner(operated.relay, LEAVING, { countries: [] });
    const refused = await run('offboard', LEAVING);
    expect(refused).toMatchObject({ exit: 3 });
    expect(refused.text).toContain('has not opened 1 referrals (1 high)');
    expect((await run('status')).text).not.toContain('SUSPENDED');

    const { exit, result, audit } = await run('offboard', LEAVING, '--hand-over', '--json');
    expect([exit, result]).toEqual([
      0,
      { offboarded: LEAVING, handedOver: 1, released: 0, open: 0, to: 'int-clearing' },
    ]);
    expect(audit).toMatchObject({ what: `offboard ${LEAVING} --hand-over`, exit: 0 });
    const redriven = await run('redrive', LEAVING, '--json');
    expect([redriven.exit, redriven.result['letters']]).toEqual([0, { 'handed-over': 1 }]);
    expect(await run('redeliver', `${HOTLINE}/${id}`, LEAVING)).toMatchObject({
      exit: 3,
      text: expect.stringContaining('Another agency has taken it over') as string,
    });
    await operated.relay.sweepNow();
    await open('int-clearing', id);
    await operated.relay.sweepNow();
    const { routes } = await operated.hotline.status(id);
    expect(routes.map((route) => [route.agency, route.status])).toEqual([
      [LEAVING, 'undeliverable'],
      ['int-clearing', 'opened'],
    ]);
    const events: unknown[] = [];
    for await (const outcome of operated.hotline.outcomes({ drain: true })) {
      if (outcome.referral === id && outcome.kind === 'event') events.push(outcome.event);
    }
    expect(events).toEqual(['handed-over']);
    expect((await run('status')).text).toContain(`SUSPENDED  ${LEAVING}`);
    expect((await run('offboard', LEAVING)).text).toContain('nothing was open');
  });
});

describe('the news of a withdrawal', () => {
  it('is owed until it lies in the queue, and keeps nobody from being let go from then on', async () => {
    const id = await submit('IE');
    await open(TOLD, id);
    await run('suspend', TOLD);
    await operated.hotline.withdraw(id, 'error');
    await until('the news is owed', async () => (await countWithdrawals()) === 1);
    await deployPartner(operated.relay, TOLD, { countries: [] });
    const refused = await run('offboard', TOLD);
    expect([refused.exit, refused.text]).toEqual([
      3,
      expect.stringMatching(/was not told of 1 withdrawals\.\n.*--hand-over: it is then not told any more/),
    ]);

    await run('resume', TOLD);
    await operated.relay.sweepNow();
    await until('the news is in the queue', async () => (await countWithdrawals()) === 0);
    expect((await run('status')).text).not.toContain(`${TOLD} `);
    const { exit, result } = await run('offboard', TOLD, '--json');
    expect([exit, result]).toMatchObject([0, { offboarded: TOLD, handedOver: 0, released: 1, open: 0 }]);
  });
});

describe('an agency that is gone from the registry', () => {
  it('keeps what is owed to it, and can be offboarded', async () => {
    const [first, second] = [await submit('FR'), await submit('FR')];
    await untilStatus(first, GONE, 'delivered');
    await untilStatus(second, GONE, 'delivered');
    await deployPartner(operated.relay, GONE, 'gone');

    const again = await run('redeliver', `${HOTLINE}/${first}`, GONE);
    expect([again.exit, again.text]).toEqual([0, expect.stringContaining('it goes out when its file is back')]);
    await letDie(GONE, 'routine');
    expect(await run('redrive', GONE)).toMatchObject({
      exit: 0,
      text: expect.stringContaining('2  owed anew') as string,
    });
    expect(await run('offboard', GONE)).toMatchObject({
      exit: 3,
      text: expect.stringContaining('has not opened 2') as string,
    });
    const { exit, text } = await run('offboard', GONE, '--hand-over');
    expect([exit, text]).toEqual([0, expect.stringMatching(/2 referrals went to int-clearing.*Put its file back/)]);
    await operated.relay.sweepNow();
    const heir = await callAgency(operated.relay, 'int-clearing');
    while (!heir.opened.has(first) || !heir.opened.has(second)) await heir.work();
    expect((await run('status')).text).toMatch(/SUSPENDED {2}fr-littoral since .*: offboarded\n/);
  });
});

describe('a checkout with another registry than the relay works by', () => {
  it('lets no agency go: not one that has its countries still, nor one that only this checkout lacks', async () => {
    const registry = `${operated.relay.dataDir}/registry`;
    await writePartner(registry, KEPT, { countries: [] });
    expect(await run('offboard', KEPT, '--json')).toMatchObject({
      exit: 3,
      result: { error: { code: 'other-registry' } },
    });
    await rm(`${registry}/${KEPT}.json`);
    const { exit, text } = await run('offboard', KEPT, '--hand-over');
    expect([exit, text]).toEqual([3, expect.stringContaining('works by another registry')]);
    expect((await run('status')).text).not.toContain(`SUSPENDED  ${KEPT}`);

    await deployPartner(operated.relay, KEPT, { countries: [] });
    expect((await run('offboard', KEPT)).exit).toBe(0);
  });

  it("is not told from the relay's before its first sweep", async () => {
    const session = sessionIn(new World(), testRegistry({ 'de-police': { countries: [] } }));
    session.cloud.ledger.notedRegistry = () => Promise.resolve(undefined);
    await expect(offboard(session, 'de-police', {})).rejects.toMatchObject({ code: 'registry-unknown', exit: 4 });
  });
});

const GB = 'gb-hotline';

it('lets no agency go that a referral behind a bulk of others is on its way to', async () => {
  const world = new World();
  const createdAt = toTimestamp(world.clock.now());
  const due = { lane: 'outbox#0', at: createdAt };
  for (let count = 0; count < 10_000; count++) {
    const id = `0197a5b0-1111-7abc-8def-${String(count).padStart(11, '0')}0`;
    const others = { v: 1, kind: 'outbox', hotline: GB, id, rev: 1, createdAt, urgency: 'routine', due } as const;
    await world.relay().ledger.put(others);
  }
  world.clock.advance(1000);
  let sealed = await world.seal(GB, { suspect: ['DE'], victim: [] });
  while (outboxLane(sealed.name.id) !== due.lane) sealed = await world.seal(GB, { suspect: ['DE'], victim: [] });
  await submitReferral(world.relay(), world.hotline(GB), sealed.submission);
  await expect(
    offboard(sessionIn(world, testRegistry({ 'de-police': { countries: [] } })), 'de-police', {}),
  ).rejects.toMatchObject({
    code: 'being-placed',
  });
  expect(world.ledger.suspended).toEqual(new Set());
});
