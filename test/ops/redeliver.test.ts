import { describe, expect, it } from 'vitest';
import { callAgency } from '../../local/demo/cast.ts';
import { operate } from './operated.ts';

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

const operated = operate({ [HOTLINE]: {}, [AGENCY]: { countries: ['DE'] } });
const { run, submit, untilStatus, letDie, open } = operated;

describe('redeliver', () => {
  it('says what keeps it from an agency that is suspended', async () => {
    const id = await submit('DE');
    await untilStatus(id, AGENCY, 'delivered');
    await run('suspend', AGENCY);
    const { exit, text } = await run('redeliver', `${HOTLINE}/${id}`, AGENCY);
    expect([exit, text]).toEqual([0, expect.stringContaining('it goes out after "resume de-kinderwacht"')]);
    await letDie(AGENCY, 'routine');
    const { result } = await run('redrive', AGENCY, '--json');
    expect(result).toMatchObject({ redrive: AGENCY, letters: { owed: 1 }, held: 'suspended' });
    await run('resume', AGENCY);
    await operated.relay.sweepNow();
    await open(AGENCY, id);
  });

  it('brings what was opened only if asked for, as a new version', async () => {
    const id = await submit('DE');
    await open(AGENCY, id);
    const refused = await run('redeliver', `${HOTLINE}/${id}`, AGENCY);
    expect([refused.exit, refused.text]).toEqual([3, expect.stringContaining('add --opened')]);
    expect((await run('redeliver', `${HOTLINE}/${id}`, AGENCY, '--opened')).exit).toBe(0);
    await operated.relay.sweepNow();
    const again = await callAgency(operated.relay, AGENCY);
    while (!again.opened.has(id)) await again.work();
    expect(again.opened.get(id)?.version).toBe(2);
  });

  it.each([
    ['gb-lantern', 2],
    ['gb-lantern/not-an-id', 2],
    ['gb-lantern/0197a5b0-1111-7abc-8def-000000000000', 3],
  ])('refuses %s with exit code %i', async (name, exit) => {
    expect((await run('redeliver', name, AGENCY)).exit).toBe(exit);
  });
});
