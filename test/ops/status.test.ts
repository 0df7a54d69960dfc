import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { agencyQueue } from '../../core/names.ts';
import { callHotline } from '../../local/demo/cast.ts';
import { operate } from './operated.ts';
import { draft, ops, until, writePartner } from './operator.ts';

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

const operated = operate({ [HOTLINE]: {}, 'us-beacon': {}, [AGENCY]: { countries: ['DE'] }, 'zz-test-agency': {} });
const { run, submit, untilStatus, open, openAll } = operated;

describe('status', () => {
  it('shows what is not opened, by agency and urgency, and how deep the queues are', async () => {
    const id = await submit('DE', 'immediate');
    await untilStatus(id, AGENCY, 'delivered');
    const { exit, result } = await run('status', '--json');
    expect(exit).toBe(0);
    expect(result).toMatchObject({ stage: operated.relay.stage, suspended: [], outbox: { count: 0 } });
    expect(result['routes']).toContainEqual(
      expect.objectContaining({ agency: AGENCY, urgency: 'immediate', pending: 0, delivered: 1, unreadable: 0 }),
    );
    expect(result['queues']).toContainEqual(
      expect.objectContaining({
        queue: agencyQueue(operated.relay.stage, AGENCY, 'urgent'),
        waiting: 1,
        isMissing: false,
      }),
    );

    const { text } = await run('status');
    expect(text).toMatch(/de-kinderwacht +immediate +0 +1 +0 +0 +0 min/);
    expect(text).not.toContain('zz-test-agency');
    expect((await run('status', '--all')).text).toContain('zz-test-agency');
    await open(AGENCY, id);
    expect((await run('status')).text).toContain('Not opened, by the ledger: nothing');
    const outcomes = (await run('status', '--json')).result['inboxes'];
    expect(outcomes).toContainEqual(expect.objectContaining({ hotline: HOTLINE, count: 1 }));
  });
});

describe('a hotline that is gone from the registry', () => {
  it('is shown as long as answers are owed to it, or agencies are still to open what it referred', async () => {
    await writePartner(`${operated.relay.dataDir}/registry`, 'us-beacon', {});
    await operated.relay.sweepNow();
    const beacon = await callHotline(operated.relay, 'us-beacon');
    const seen = async (): Promise<unknown> => (await run('status', '--json')).result['gone'];
    for await (const _ of beacon.outcomes({ drain: true }));
    const { id } = await beacon.submit(draft('routine', { routing: { suspect: ['DE'], victim: [] } }));
    await until('it is delivered', async () => (await beacon.status(id)).routes[0]?.status === 'delivered');
    expect(await seen()).toEqual([]);
    await rm(`${operated.relay.dataDir}/registry/us-beacon.json`);
    expect(await seen()).toEqual(['us-beacon']);
    expect((await run('status')).text).toMatch(
      /GONE {2}us-beacon is not in the registry of this checkout, and .* not opened/,
    );

    await openAll(AGENCY);
    const { result, text } = await ops({ dataDir: operated.relay.dataDir }, 'status', '--json');
    expect(result['gone']).toEqual(['us-beacon']);
    expect(result['inboxes']).toContainEqual(expect.objectContaining({ hotline: 'us-beacon', count: 1 }));
    expect(text).toContain('us-beacon-outcomes');
    expect((await run('status')).text).toMatch(
      /GONE {2}us-beacon is not in the registry of this checkout, and .* not acknowledged/,
    );

    for await (const _ of beacon.outcomes({ drain: true }));
    expect(await seen()).toEqual([]);
  });

  it('is shown as suspended if it is, and may be let in again', async () => {
    await writePartner(`${operated.relay.dataDir}/registry`, 'us-beacon', {});
    await run('suspend', 'us-beacon', '--reason', 'left');
    await rm(`${operated.relay.dataDir}/registry/us-beacon.json`);
    expect((await run('status')).text).toMatch(/SUSPENDED {2}us-beacon since .*: left\n/);
    expect((await run('resume', 'us-beacon')).exit).toBe(0);
    expect((await run('status')).text).not.toContain('us-beacon');
  });
});
