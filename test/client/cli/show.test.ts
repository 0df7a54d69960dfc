import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ReferralDraft } from '../../../core/referral.ts';
import { MINUTE, toTimestamp } from '../../../core/time.ts';
import { agencyAtCommand, HOTLINE, immediate, routine } from '../../support/agency-at-command.ts';
import { records } from '../../support/command.ts';

const { the, folder, submit, agency } = agencyAtCommand();

describe('show', () => {
  const high: ReferralDraft = { ...immediate, urgency: 'high' };

  it('lists what was opened, the most urgent first and of these the oldest, and what was withdrawn', async () => {
    const ids = [];
    for (const draft of [routine, high, immediate, { ...immediate, urgencyReason: 'Later.' }]) {
      ids.push(await submit(draft));
      the.world.clock.advance(MINUTE);
    }
    await agency(['poll']);
    await the.hotline.withdraw(ids[2] ?? '', 'error');
    await the.world.dispatch();
    await agency(['poll']);
    the.log.length = 0;
    const { exit, out, err } = await agency(['show']);
    const at = (minutes: number) => `${toTimestamp(the.world.clock.now() - (4 - minutes) * MINUTE).slice(11, 16)} UTC`;
    expect(exit).toBe(0);
    expect(out.split('\n')).toEqual([
      expect.stringMatching(`^IMMEDIATE  ${HOTLINE}/${ids[2]}  .* ${at(2)}  online-enticement  WITHDRAWN$`),
      expect.stringMatching(`^IMMEDIATE  ${HOTLINE}/${ids[3]}  .* ${at(3)}  online-enticement$`),
      expect.stringMatching(`^HIGH       ${HOTLINE}/${ids[1]}  .* ${at(1)}  online-enticement$`),
      expect.stringMatching(`^ROUTINE    ${HOTLINE}/${ids[0]}  .* ${at(0)}  possession`),
      '',
    ]);
    expect(err).toMatch(/^4 referrals: 2 immediate, 1 high, 1 routine\.\n/);
    expect(err).toMatch(new RegExp(`\nImmediate:\n  ${HOTLINE}/${ids[3]}\n$`));
    expect(the.log).toEqual([]);
  });

  it('lists what was withdrawn after its document had been moved away, and not what never came', async () => {
    const again = { ...immediate, urgencyReason: 'Another.' };
    const [moved, kept, other] = [await submit(), await submit(again), await submit(routine)];
    await agency(['poll', '--out', folder.path('inbox')]);
    await rm(folder.path(`inbox/${HOTLINE}/${moved}.v1.json`));
    const never = await the.hotline.submit({ ...immediate, urgencyReason: 'Never read.' });
    for (const id of [moved, never.id]) await the.hotline.withdraw(id, 'error');
    await the.world.dispatch();
    await agency(['poll', '--out', folder.path('inbox')]);
    const { out } = await agency(['show', '--out', folder.path('inbox')]);
    const named = [moved, kept, other].map((id) => out.indexOf(id));
    expect(out).toMatch(new RegExp(`^WITHDRAWN  ${moved}\n`));
    expect(named).toEqual(named.toSorted((a, b) => a - b));
    expect(out).not.toContain(never.id);
  });

  it('lists only those of one urgency if told to', async () => {
    const [, id] = [await submit(routine), await submit(high), await submit(immediate)];
    await agency(['poll', '--out', folder.path('inbox')]);
    const { out } = await agency(['show', '--urgency', 'high', '--out', folder.path('inbox')]);
    expect(out).toMatch(new RegExp(`^HIGH .*${id}.*\n$`));
    expect(await agency(['show', '--out', folder.path('none')])).toEqual({
      exit: 0,
      out: '',
      err: `Nothing is kept in ${folder.path('none')}.\n`,
    });
  });

  it('lists all others where one is damaged, which it names in the end', async () => {
    const [broken, sound] = [await submit(), await submit(routine)];
    await agency(['poll', '--out', folder.path('inbox')]);
    const file = folder.path(`inbox/${HOTLINE}/${broken}.v1.json`);
    await writeFile(file, '{');
    const { exit, out, err } = await agency(['show', '--out', folder.path('inbox')]);
    expect([exit, out]).toEqual([6, expect.stringMatching(new RegExp(`^ROUTINE .*${sound}.*\n$`))]);
    expect(err.split('\n').at(-2)).toContain(`${file} is damaged (`);
    expect((await agency(['show', broken, '--out', folder.path('inbox')])).exit).toBe(1);
  });

  it.each([
    ['by its id', (id: string) => id],
    ['as poll names it', (id: string) => `${HOTLINE}/${id}`],
  ])('prints the gist of one again, named %s', async (_, name) => {
    const id = await submit();
    await submit(routine);
    const { out } = await agency(['poll']);
    const again = await agency(['show', name(id)]);
    expect(again).toEqual({ exit: 0, out: out.slice(0, out.indexOf('ROUTINE')), err: '' });
  });

  it('tells programs what poll told them', async () => {
    const id = await submit();
    await submit(routine);
    const polled = await agency(['poll', '--json', '--out', folder.path('inbox')]);
    expect(records(await agency(['show', '--json', '--out', folder.path('inbox')]))).toEqual(records(polled));
    const one = await agency(['show', id, '--json', '--out', folder.path('inbox')]);
    expect(records(one)).toEqual([expect.objectContaining({ kind: 'referral', id })]);
  });

  it('shows the last version', async () => {
    const id = await submit();
    await agency(['poll']);
    const file = (version: number) => join(the.home, 'opened', HOTLINE, `${id}.v${version}.json`);
    const first = JSON.parse(await readFile(file(1), 'utf8')) as object;
    for (const version of [10, 9]) await writeFile(file(version), JSON.stringify({ ...first, version }));
    expect((await agency(['show', id])).out).toContain('version 10,');
  });

  it('of what is not kept ends with 3', async () => {
    const { exit, out, err } = await agency(['show', HOTLINE]);
    expect({ exit, out }).toEqual({ exit: 3, out: '' });
    expect(err).toContain(`No referral ${HOTLINE} is kept in ${join(the.home, 'opened')}.`);
  });
});
