import { describe, expect, it } from 'vitest';
import { callHotline } from '../../local/demo/cast.ts';
import { operate } from './operated.ts';
import { deployPartner, draft, writePartner } from './operator.ts';

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

const operated = operate({ [HOTLINE]: {}, 'us-beacon': {}, 'zz-test-hotline': {}, [AGENCY]: { countries: ['DE'] } });
const { run, submit, openAll } = operated;

describe('keys', () => {
  it('says that a key is needed until the content that is sealed for it is gone', async () => {
    await submit('DE');
    const { exit, text, result } = await run('keys', `${HOTLINE}/1`, '--json');
    expect([exit, result['intakeKeys']]).toEqual([
      3,
      [{ hotline: HOTLINE, generation: 1, state: 'accepted', needed: expect.any(Number) as number }],
    ]);
    expect(text).toContain('Keep gb-lantern/1 enabled');
    expect((await run('keys', 'zz-test-hotline')).exit).toBe(0);
    expect((await run('keys', 'zz-test-hotline/1')).text).toContain('Retire zz-test-hotline/1 first');
    expect((await run('keys', 'zz-test-hotline/7')).exit).toBe(3);
    expect((await run('keys', 'gb-typo')).exit).toBe(3);
    expect((await run('keys', 'gb-lantern/one')).exit).toBe(2);
    await openAll(AGENCY);
  });

  it('says of no key that it is not needed by another registry than the relay works by', async () => {
    const registry = `${operated.relay.dataDir}/registry`;
    await writePartner(registry, HOTLINE, { name: 'Renamed' });
    expect(await run('keys', `${HOTLINE}/2`, '--json')).toMatchObject({
      exit: 3,
      result: { error: { code: 'other-registry' } },
    });
    const { exit, text } = await run('keys', HOTLINE);
    expect([exit, text]).toEqual([0, expect.stringContaining('works by another registry')]);

    await deployPartner(operated.relay, HOTLINE, { name: 'Renamed' });
    expect((await run('keys', HOTLINE)).text).not.toContain('another registry');
  });

  it('knows the key of a hotline that is gone from the registry, as long as it is needed', async () => {
    const beacon = await callHotline(operated.relay, 'us-beacon');
    await beacon.submit(draft('routine', { routing: { suspect: ['DE'], victim: [] } }));
    await deployPartner(operated.relay, 'us-beacon', 'gone');
    const { exit, result } = await run('keys', 'us-beacon/1', '--json');
    const use = { hotline: 'us-beacon', generation: 1, state: 'unknown', needed: 1 };
    expect([exit, result]).toEqual([3, { intakeKeys: [use] }]);
    expect((await run('keys', '--json')).result['intakeKeys']).toContainEqual(use);
    await openAll(AGENCY);
  });
});
