import { readdir, readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ReferralDraft } from '../../../core/referral.ts';
import { agencyAtCommand, HOTLINE, immediate, POLICE } from '../../support/agency-at-command.ts';
import { type Heard, records } from '../../support/command.ts';
import { agencyMachine, writeAgency, writeHotline } from '../../support/profiles.ts';
import { signerOf } from '../../support/world.ts';

const { the, folder, submit, agency, stated, now } = agencyAtCommand();
const unknown: ReferralDraft = { ...immediate, routing: { suspect: [], victim: [] } };

describe('answer', () => {
  it.each([
    [['opened'], 'has opened it'],
    [['actionable', '--reason', 'case-opened'], 'acts on it: a case was opened'],
    [['not-actionable', '--reason', 'duplicate'], 'cannot act on it: they have it already'],
    [['closed', '--reason', 'arrest'], 'has closed it: somebody was arrested'],
    [
      ['wrong-jurisdiction', '--countries', 'ca,US'],
      'is not the one for it; it belongs to CA (Canada), US (United States)',
    ],
    [['wrong-jurisdiction'], 'is not the one for it, and does not know who is'],
  ])('%j reaches the hotline', async (args, words) => {
    const id = await submit();
    await agency(['poll']);
    const { exit, out } = await agency(['answer', HOTLINE, id, ...args]);
    expect({ exit, out }).toEqual({ exit: 0, out: `answered  ${HOTLINE}/${id}: "${words}", taken in ${now()}\n` });
    expect(stated(id)).toContain(`de-police ${args[0]}`);
  });

  it('is about the version that is named', async () => {
    const id = await submit();
    await agency(['poll']);
    const args = ['answer', HOTLINE, id, 'actionable', '--reason', 'case-opened', '--json', '--version'];
    expect(records(await agency([...args, '1']))).toEqual([
      { hotline: HOTLINE, id, status: 'actionable', reason: 'case-opened', acceptedAt: the.world.at() },
    ]);
    expect(await agency([...args, '2'])).toMatchObject({ exit: 3, err: expect.stringContaining('poll for it first') });
  });

  it('reaches the hotline for several at once', async () => {
    const ids = [await submit(), await submit({ ...immediate, urgencyReason: 'Another one.' })];
    await agency(['poll']);
    const args = [HOTLINE, `${ids.join(',')},${ids[0]}`, 'not-actionable', '--reason', 'no-resources'];
    const { exit, out, err } = await agency(['answer', ...args]);
    expect({ exit, err }).toEqual({ exit: 0, err: '2 answered.\n' });
    expect(out.match(/^answered {2}.*$/gm)).toHaveLength(2);
    for (const id of ids) expect(stated(id)).toEqual(['de-police opened', 'de-police not-actionable']);
  });

  it('to several ends with 6 if one of them is not known, which keeps the others from nothing', async () => {
    const [id, other] = [await submit(), await submit({ ...immediate, urgencyReason: 'Another one.' })];
    await agency(['poll']);
    const unknown = '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e';
    const args = ['answer', HOTLINE, [id, unknown, other].join(','), 'actionable', '--reason', 'case-opened'];
    const { exit, err } = await agency(args);
    expect(exit).toBe(6);
    expect(err).toMatch(new RegExp(`\\n2 answered, 1 failed\\.\\nFailed:\\n  ${HOTLINE}/${unknown}\\n$`));
    expect(stated(other)).toContain('de-police actionable');
    expect(records(await agency([...args, '--json']))).toMatchObject([
      { id, status: 'actionable' },
      { id: unknown, error: { code: 'not-known', exit: 3 } },
      { id: other, status: 'actionable' },
    ]);
    expect(await agency([...args, '--version', '1'])).toMatchObject({ exit: 2 });
  });

  it.each(['', ','])('to none (%j) ends with 2', async (ids) => {
    expect(await agency(['answer', HOTLINE, ids, 'opened'])).toMatchObject({ exit: 2, out: '' });
  });

  it('to several ends at once where the relay cannot be reached, and may be repeated', async () => {
    const ids = [await submit(), await submit({ ...immediate, urgencyReason: 'Another one.' })];
    await agency(['poll']);
    const args = ['answer', HOTLINE, ids.join(','), 'closed', '--reason', 'arrest'];
    const { aws, runtime } = agencyMachine(the.world, POLICE);
    const down = await agency(args, {
      aws,
      runtime: {
        ...runtime,
        fetch: () => Promise.reject(Object.assign(new TypeError('fetch failed'), { code: 'ECONNREFUSED' })),
        wait: () => Promise.resolve(),
      },
    });
    expect(down.exit).toBe(4);
    expect(down.err).toContain('0 answered, 1 failed, 1 not tried.\nRun the same command again');
    expect((await agency(args)).err).toBe('2 answered.\n');
  });

  it('to several ends where it cannot be shown, and says how far it came', async () => {
    const ids = [await submit(), await submit({ ...immediate, urgencyReason: 'Another one.' })];
    await agency(['poll']);
    const closed = Object.assign(new Error('closed'), { code: 'EPIPE' });
    const args = ['answer', HOTLINE, ids.join(','), 'closed', '--reason', 'arrest'];
    const { exit, err } = await agency(args, { out: () => Promise.reject(closed) });
    expect({ exit, err }).toEqual({
      exit: 1,
      err: '1 answered, 1 not tried.\nRun the same command again to continue: the first answer of its kind stands.\n',
    });
    expect(stated(ids[1] ?? '')).toEqual(['de-police opened']);
  });

  it('to what was not polled with this profile ends with 3', async () => {
    const id = await submit();
    const { exit, err } = await agency(['answer', HOTLINE, id, 'opened']);
    expect(exit).toBe(3);
    expect(err).toContain('poll for it first');
  });
});

const sendOn = (id: string): Promise<Heard> =>
  agency(['send-on', HOTLINE, id, '--suspect', 'DE', '--victim', 'CA'], {}, 'int-clearing');

describe('send-on', () => {
  beforeEach(() => writeAgency(folder.path('int-clearing'), 'int-clearing'));

  it('names where the referral goes now, and those agencies get it', async () => {
    const id = await submit(unknown);
    await agency(['poll'], {}, 'int-clearing');
    const { exit, out } = await sendOn(id);
    expect(exit).toBe(0);
    expect(out).toBe(
      `routed  ${id}\n  to ca-police, for victim in CA (Canada)\n  to de-police, for suspect in DE (Germany)\n  to int-clearing, as no country is known\n`,
    );
    await the.world.dispatch();
    expect((await agency(['poll'])).out.replaceAll(/\s+/g, ' ')).toContain(
      'int-clearing named suspect in DE (Germany), victim in CA (Canada) later',
    );
  });

  it('is refused where the hotline does not allow it, and says whom to ask', async () => {
    const id = await submit({ ...unknown, onward: 'refused' });
    await agency(['poll'], {}, 'int-clearing');
    const { exit, err } = await sendOn(id);
    expect(exit).toBe(3);
    expect(err).toContain('Ask the hotline');
  });

  it('is refused to an agency that is not registered for it', async () => {
    const id = await submit();
    await agency(['poll']);
    const { exit, err } = await agency(['send-on', HOTLINE, id, '--victim', 'FR']);
    expect(exit).toBe(3);
    expect(err).toContain('Ask the operator');
  });
});

it('the profile of a hotline does not poll', async () => {
  await writeHotline(the.home, HOTLINE);
  const { exit, err } = await agency(['poll']);
  expect(exit).toBe(2);
  expect(err).toContain('is the profile of a hotline, gb-hotline: name that of an agency');
});

it('neither keys nor documents are left where nobody asked for them', async () => {
  const id = await submit();
  const heard = await agency(['poll']);
  const { d } = signerOf(POLICE).privateKey.export({ format: 'jwk' });
  expect(heard.out + heard.err).not.toContain(String(d));
  const seen = folder.path(POLICE, 'seen', HOTLINE);
  expect(await readdir(seen)).toEqual([`${id}.json`]);
  expect(await readFile(`${seen}/${id}.json`, 'utf8')).not.toContain('Jonas');
});
