import { describe, expect, it } from 'vitest';
import { loadAgencyProfile, RelayProblem } from '../../client/index.ts';
import { createTransport } from '../../client/transport.ts';
import { failed } from '../../core/ledger-rules.ts';
import type { Ledger } from '../../core/ports.ts';
import { fromTimestamp } from '../../core/time.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import { resume, suspend } from '../../ops/suspend.ts';
import { testRegistry, World } from '../support/world.ts';
import { operate } from './operated.ts';
import { until } from './operator.ts';
import { sessionIn } from './session.ts';

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

const operated = operate({ [HOTLINE]: {}, [AGENCY]: { countries: ['DE'] } });
const { run, submit, routeOf, untilStatus, open, rowOf } = operated;

describe('suspend and resume', () => {
  it('shut out an agency at once, keep what is owed to it, and let it in again', async () => {
    const agency = await loadAgencyProfile(`${operated.relay.profilesDir}/${AGENCY}`);
    const transport = createTransport({ ...agency, partner: AGENCY });
    const ask = () =>
      transport.call({ method: 'GET', path: '/v1/directory' }).then(
        ({ status }) => status,
        (error: unknown) => (error instanceof RelayProblem ? error.code : error),
      );
    expect(await ask()).toBe(200);

    const { exit, result } = await run('suspend', AGENCY, '--reason', 'a drill', '--json');
    expect([exit, result]).toEqual([0, expect.objectContaining({ suspended: AGENCY, reason: 'a drill' })]);
    expect(await ask()).toBe('unauthorized');
    expect((await run('suspend', AGENCY)).text).toMatch(/is suspended already, since .* it can still open: docs\//);
    expect((await run('status')).text).toMatch(/SUSPENDED {2}de-kinderwacht since .*: a drill\n/);

    const id = await submit('DE');
    await until('the attempt has failed', async () => Number((await rowOf(HOTLINE, id, `route#${AGENCY}`))['rev']) > 1);
    expect((await routeOf(id, AGENCY))?.status).toBe('pending');

    expect(await run('resume', AGENCY)).toMatchObject({ exit: 0 });
    expect(await ask()).toBe(200);
    await operated.relay.sweepNow();
    await untilStatus(id, AGENCY, 'delivered');
    await open(AGENCY, id);
    expect((await run('resume', AGENCY)).text).toMatch(/^de-kinderwacht was not suspended\.\n/);
  });

  it('say of an agency alone that its queues have something to open still', async () => {
    for (const [partner, isSaid] of [
      [AGENCY, true],
      [HOTLINE, false],
    ] as const) {
      const { text } = await run('suspend', partner);
      expect(text.includes('What lies in its queues it can still open')).toBe(isSaid);
      await run('resume', partner);
    }
  });

  it.each([
    ['suspend', 'gb-typo'],
    ['resume', 'gb-typo'],
  ])('%s refuses a partner that nobody knows', async (command, partner) => {
    expect(await run(command, partner)).toMatchObject({ exit: 3, text: expect.stringContaining('gb-typo') as string });
  });
});

const GB = 'gb-hotline';

it('lets go at once also of what an attempt gave up while the partner was let in', async () => {
  const world = new World();
  world.ledger.suspended.add('de-police');
  const { submission, name } = await world.seal(GB, { suspect: ['DE'], victim: [] }, { urgency: 'immediate' });
  await submitReferral(world.relay(), world.hotline(GB), submission);
  await world.dispatch();
  await world.pass(600, 10);

  const session = sessionIn(world);
  const { ledger } = session.cloud;
  let isFirst = true;
  const replace: Ledger['replace'] = async (row) => {
    if (isFirst && row.kind === 'route') {
      isFirst = false;
      const [current] = world.ledger.record(name).routes;
      if (current) await ledger.replace(failed(current, world.clock.now(), 1));
    }
    return ledger.replace(row);
  };
  await resume({ ...session, cloud: { ...session.cloud, ledger: { ...ledger, replace } } }, 'de-police');
  const [route] = world.ledger.record(name).routes;
  expect(fromTimestamp(route?.due?.at ?? '')).toBeLessThanOrEqual(world.clock.now());
});

const elsewhere = (world: World) => {
  const nobody = { find: () => undefined, hotlines: new Map(), agencies: new Map() };
  return sessionIn(world, { ...testRegistry(), ...nobody });
};

describe('from a checkout that does not have the partner', () => {
  it.each(['de-police', GB])('the deployed relay’s %s is shut out and let in', async (partner) => {
    const world = new World();
    await world.pass(2);
    const session = elsewhere(world);
    await suspend(session, partner);
    expect(world.ledger.suspended).toEqual(new Set([partner]));
    await resume(session, partner);
    expect(world.ledger.suspended).toEqual(new Set());
    expect(await resume(session, partner)).toMatchObject({ exit: 0 });
  });

  it('a name that is nobody’s is refused, and nothing is noted under it', async () => {
    const world = new World();
    await world.pass(2);
    const session = elsewhere(world);
    for (const order of [suspend, resume]) {
      await expect(order(session, 'de-polize')).rejects.toMatchObject({ code: 'unknown-partner' });
    }
    expect(world.ledger.suspended).toEqual(new Set());
  });
});
