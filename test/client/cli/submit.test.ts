import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { quote } from '../../../client/cli/failure.ts';
import type { Io } from '../../../client/cli/io.ts';
import { createHotline } from '../../../client/hotline.ts';
import { createJournalFolder } from '../../../client/journal.ts';
import type { ReferralDraft } from '../../../core/referral.ts';
import { DAY } from '../../../core/time.ts';
import { records } from '../../support/command.ts';
import { hotlineOptions, trustAll } from '../../support/partners.ts';
import { hotlineMachine, writeHotline } from '../../support/profiles.ts';
import { hotlineCommand, ID, rotateIntakeKey } from '../../support/hotline-at-work.ts';
import { sampleDraft, withMember } from '../../support/referrals.ts';

const routine = sampleDraft('routine');
const thin = sampleDraft('hash-only');

const { the, folder, submit, write, sent } = hotlineCommand();
/** A draft that differs from all others. */
const numbered = (number: number): ReferralDraft => ({ ...routine, originator: { reference: `HL-${number}` } });

async function writeMany(count: number): Promise<string> {
  for (let number = 0; number < count; number += 1) await write(`${100 + number}.json`, numbered(number));
  return folder.path('drafts');
}

describe('one draft', () => {
  it('is referred again under a new id where --anew asks for it, and for one draft only', async () => {
    const file = await write('case.json', routine);
    const ids = [];
    for (const args of [[], ['--anew'], []]) {
      const [record] = records(await submit([file, ...args, '--json']));
      ids.push((record as { id: string }).id);
    }
    expect(ids[1]).not.toBe(ids[0]);
    expect(ids[2]).toBe(ids[1]);
    expect(sent()).toBe(2);

    const folderOfTwo = await writeMany(2);
    for (const args of [[folderOfTwo], [file, file], ['--unfinished'], []]) {
      expect((await submit([...args, '--anew'])).exit).toBe(2);
    }
    expect(sent()).toBe(2);
  });

  it.each([
    ['is out of reach', false],
    ['takes it, and the answer is lost', true],
  ])(
    'that is to be referred anew is so once, also where the relay %s at first and the same is asked again',
    async (_, isTaken) => {
      const file = await write('case.json', routine);
      await submit([file]);
      const { runtime } = hotlineMachine(the.world, the.log);
      const fetch: NonNullable<typeof runtime>['fetch'] = async (url, init) => {
        const isSubmission = url.endsWith('/v1/referrals');
        const answer = isTaken || !isSubmission ? await runtime?.fetch?.(url, init) : undefined;
        if (isSubmission || !answer) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
        return answer;
      };
      for (let times = 0; times < 2; times += 1) {
        expect((await submit([file, '--anew'], { runtime: { ...runtime, fetch } })).exit).toBe(4);
      }
      expect((await submit([file, '--anew'])).exit).toBe(0);
      expect(await readdir(path.join(the.home, 'journal', 'finished'))).toHaveLength(2);
      expect(await readdir(path.join(the.home, 'journal', 'unfinished'))).toEqual([]);
    },
  );

  it('is sealed for the next intake key where the one that it was sealed for was retired before it could be sent', async () => {
    const file = await write('case.json', routine);
    const { runtime } = hotlineMachine(the.world, the.log);
    const fetch: NonNullable<typeof runtime>['fetch'] = async (url, init) => {
      const answer = url.endsWith('/v1/referrals') ? undefined : await runtime?.fetch?.(url, init);
      if (!answer) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
      return answer;
    };
    expect((await submit([file], { runtime: { ...runtime, fetch } })).exit).toBe(4);
    const { partners, intakeKeys = [] } = await trustAll(ID).read();
    const next = rotateIntakeKey(the.world);
    await writeHotline(the.home, ID, { confirmed: { partners, intakeKeys: [...intakeKeys, next] } });
    the.world.clock.advance(DAY);

    const heard = await submit([file, '--json']);
    expect(heard.exit).toBe(0);
    const [accepted] = records(heard);
    expect(accepted).toMatchObject({ status: 'accepted', before: false });
    const { id } = accepted as { id: string };
    expect(the.world.ledger.record({ hotline: ID, id }).referral).toMatchObject({ generation: 2 });
    expect(records(await submit([file, '--json']))).toMatchObject([{ id, before: true }]);
    expect((await submit(['--unfinished'])).err).toContain('Nothing is unfinished');
  });

  it('from a file is accepted, and its routes are named', async () => {
    const file = await write('case.json', sampleDraft('immediate'));
    const { exit, out, err } = await submit([file]);
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(out).toMatch(
      new RegExp(
        `^accepted  [0-9a-f-]{36}  ${file}\n  to ca-police, for victim in CA \\(Canada\\)\n  to de-police, for suspect in DE \\(Germany\\)\n$`,
      ),
    );
  });

  it('that was accepted, which could not be printed, has not failed, and its run has', async () => {
    const closed = Object.assign(new Error('closed'), { code: 'EPIPE' });
    const file = await write('case.json', routine);
    expect(await submit([file], { out: () => Promise.reject(closed) })).toEqual({ exit: 1, out: '', err: '' });
    expect((await submit([file])).out).toContain('not sent again');
  });

  it('from standard input is accepted, and told as one object', async () => {
    const text = Buffer.from(JSON.stringify(routine));
    const stdin = Readable.from([text.subarray(0, 10), text.subarray(10)]);
    const heard = await submit(['-', '--json'], { stdin });
    expect(heard).toMatchObject({ exit: 0, err: '' });
    expect(records(heard)).toEqual([
      {
        input: '-',
        status: 'accepted',
        id: expect.any(String),
        acceptedAt: the.world.at(),
        sealed: expect.any(String),
        before: false,
        routes: expect.arrayContaining([{ agency: 'fr-police', roles: ['suspect'], countries: ['FR'] }]),
        unrouted: [],
        warnings: [],
      },
    ]);
  });

  it('that could be better is submitted, and the person is told what is missing', async () => {
    const { exit, err } = await submit([await write('thin.json', thin)]);
    expect(exit).toBe(0);
    expect(err).toMatch(/^could be better {2}.*thin\.json\n {2}\/files: A hash alone is rarely actionable/);
  });

  it('that could be better is kept back where --strict is given', async () => {
    const { exit, err } = await submit([await write('thin.json', thin), '--strict']);
    expect({ exit, sent: sent() }).toEqual({ exit: 3, sent: 0 });
    expect(err).toContain('A hash alone is rarely actionable');
    expect(err).toContain('--strict was given');
  });

  it.each([
    ['has faults', withMember(routine, '/routing/suspect/0', 'XX'), '/routing/suspect/0: must be an assigned'],
    ['is not JSON', '{"secret": "Jonas"', 'the document: is not valid JSON'],
    [
      'names a member twice',
      '{"urgency": 1, "urgency": 2}',
      'the document: is JSON in which a member appears twice in one object',
    ],
    ['begins with a byte order mark', '\uFEFF{}', 'save it as UTF-8 without'],
    ['is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'the document: is not valid UTF-8'],
    ['is far too long', ' '.repeat(4 * 1024 * 1024 + 1), 'the document: is longer than 4 MiB'],
    ['is too long once serialised', { ...routine, files: Array(500).fill(longFile()) }, 'Shorten the document'],
  ])('that %s is refused at its field, and nothing is sent', async (_, draft, text) => {
    const file = folder.path('drafts', 'case.json');
    await writeFile(file, typeof draft === 'string' || Buffer.isBuffer(draft) ? draft : JSON.stringify(draft));
    const { exit, out, err } = await submit([file]);
    expect({ exit, out, sent: sent() }).toEqual({ exit: 3, out: '', sent: 0 });
    expect(err).toContain(text);
    expect(err).not.toContain('Jonas');
    expect(err.trimEnd().split('\n').length).toBeLessThanOrEqual(4);
  });

  it.each([
    ['is not there', folder.path, 2, 'There is no such file or folder'],
    ['is a folder without drafts', () => folder.path('drafts'), 2, 'There is no *.json file in'],
  ])('that %s ends with 2', async (_, where, exit, text) => {
    const heard = await submit([where('none')]);
    expect(heard.exit).toBe(exit);
    expect(heard.err).toContain(text);
  });

  it('is not sealed for a key that was not confirmed', async () => {
    await writeHotline(the.home, 'gb-hotline', { confirmed: { partners: {} } });
    const { exit, err } = await submit([await write('case.json', routine)]);
    expect({ exit, sent: sent() }).toEqual({ exit: 5, sent: 0 });
    expect(err).toContain(`run "referral-relay trust gb-hotline --profile ${quote(the.home)}"`);
  });

  it('is refused by an agency that nobody has', async () => {
    const file = await write('case.json', { ...routine, routing: { suspect: ['AQ'], victim: [] } });
    the.world.registry = { ...the.world.registry, fallback: undefined };
    const { exit, err } = await submit([file]);
    expect(exit).toBe(3);
    expect(err).toContain(`failed  ${file}`);
  });
});

const longFile = () => ({ originalName: 'x'.repeat(500) });

describe('a folder', () => {
  it('is submitted file by file, and summed up', async () => {
    const { exit, out, err } = await submit([await writeMany(20), '--parallel', '4']);
    expect(exit).toBe(0);
    expect(out.match(/^accepted /gm)).toHaveLength(20);
    expect(err).toBe('20 accepted.\n');
    expect(sent()).toBe(20);
  });

  it('that was submitted is not sent again, whatever its files are called and however they are indented', async () => {
    await submit([await writeMany(3)]);
    await mkdir(folder.path('moved'));
    for (const number of [0, 1, 2]) {
      await writeFile(folder.path('moved', `${number}.json`), JSON.stringify(numbered(number), null, 4));
    }
    const heard = await submit([folder.path('moved'), '--json']);
    expect(heard).toMatchObject({ exit: 0, err: '0 accepted, 3 accepted before, not sent again.\n' });
    expect(records(heard)).toEqual(Array(3).fill(expect.objectContaining({ status: 'accepted', before: true })));
    expect(sent()).toBe(3);
  });

  it('with the same draft in many files is one referral', async () => {
    for (let number = 0; number < 12; number += 1) await write(`${number}.json`, routine);
    const heard = await submit([folder.path('drafts'), '--json']);
    expect(heard.exit).toBe(0);
    expect(new Set(records(heard).map((record) => (record as { id: string }).id)).size).toBe(1);
    expect(await readdir(path.join(the.home, 'journal', 'finished'))).toHaveLength(1);
  });

  it('is submitted whole, also where a name is not UTF-8', async () => {
    await write('a.json', numbered(1));
    const names = [0xe9, 0xe8].map((byte) => Buffer.from([byte, ...Buffer.from('.json')]));
    for (const [index, name] of names.entries()) {
      const file = Buffer.concat([Buffer.from(`${folder.path('drafts')}${path.sep}`), name]);
      await writeFile(file, JSON.stringify(numbered(index + 2)));
    }
    const { exit, out, err } = await submit([folder.path('drafts')]);
    expect({ exit, sent: sent(), err }).toEqual({ exit: 0, sent: 3, err: '3 accepted.\n' });
    expect(out).toContain(`${path.sep}\ufffd.json`);
  });

  it('is submitted whole, also what Windows programs call .JSON', async () => {
    await write('a.JSON', numbered(1));
    await write('b.json', numbered(2));
    const { exit, err } = await submit([folder.path('drafts')]);
    expect({ exit, err }).toEqual({ exit: 0, err: '2 accepted.\n' });
  });

  it('with faulty files is submitted but for them', async () => {
    await writeMany(3);
    await write('050.json', '{');
    const unreadable = await write('060.json', numbered(60));
    await chmod(unreadable, 0o000);
    const isRoot = process.getuid?.() === 0;
    const { exit, err } = await submit([folder.path('drafts')]);
    expect(exit).toBe(6);
    expect(err).toContain('050.json\n  the document: is not valid JSON\n');
    expect(err).toContain(isRoot ? '4 accepted, 1 failed.' : '3 accepted, 2 failed.');
  });

  it('names in the end what has failed, which stands far above among many', async () => {
    await writeMany(3);
    const faulty = await write('000.json', '{');
    const { err } = await submit([folder.path('drafts')]);
    expect(err.split('\n').slice(-4)).toEqual(['3 accepted, 1 failed.', 'Failed:', `  ${faulty}`, '']);
  });

  it('does not tell again what could have been better in what was accepted before', async () => {
    const file = await write('thin.json', thin);
    expect((await submit([file])).err).toContain('could be better');
    expect(await submit([file])).toMatchObject({ exit: 0, err: '' });
    const [record] = records(await submit([file, '--json']));
    expect(record).toMatchObject({ before: true, warnings: expect.arrayContaining([expect.anything()]) });
  });

  it.each([
    ['ENOSPC', 'There is no space left on the disk'],
    ['EDQUOT', 'There is no space left for you on the disk'],
  ])('is left for another run once the disk is full (%s)', async (code, text) => {
    const full = Object.assign(new Error('write'), { code });
    const stdin: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(full) }) };
    const { exit, err } = await submit(['-', await writeMany(3), '--parallel', '1'], { stdin });
    expect({ exit, sent: sent() }).toEqual({ exit: 1, sent: 0 });
    expect(err).toContain(`${text} (${code})`);
    expect(err).toContain('1 failed, 3 not tried.\nRun the same command again to continue');
  });

  it('goes on past a draft whose entry in the journal is damaged', async () => {
    await submit([await write('100.json', numbered(0))]);
    const finished = path.join(the.home, 'journal', 'finished');
    const [entry = ''] = await readdir(finished);
    await writeFile(path.join(finished, entry), '{');
    const { exit, err } = await submit([await writeMany(3), '--parallel', '1']);
    expect(exit).toBe(6);
    expect(err).toContain('2 accepted, 1 failed.');
    expect(err).toContain(`${entry} is damaged`);
  });

  it('that was interrupted is continued, and nothing is submitted twice', async () => {
    const drafts = await writeMany(12);
    const interrupt = new AbortController();
    let calls = 0;
    const { runtime } = hotlineMachine(the.world, the.log);
    const fetch: NonNullable<typeof runtime>['fetch'] = async (url, init) => {
      if (url.endsWith('/v1/referrals') && (calls += 1) === 5) interrupt.abort();
      return runtime?.fetch?.(url, init) ?? Promise.reject(new Error('no fetch'));
    };
    const first = await submit([drafts, '--parallel', '2'], {
      runtime: { ...runtime, fetch },
      signal: interrupt.signal,
    });
    expect(first.exit).toBe(6);
    expect(first.err).toMatch(/^[5-6] accepted, [6-7] not tried\.\nRun the same command again to continue/);

    const second = await submit([drafts]);
    expect(second.exit).toBe(0);
    expect(second.err).toMatch(/^[6-7] accepted, [5-6] accepted before, not sent again\.\n$/);
    expect(sent()).toBe(12);
    expect(await readdir(path.join(the.home, 'journal', 'finished'))).toHaveLength(12);
  });

  it('is left alone once the relay is out of reach, and continued by the same bytes', async () => {
    const drafts = await writeMany(12);
    const { runtime } = hotlineMachine(the.world, the.log);
    let submitted: string[] = [];
    let down = true;
    const fetch: NonNullable<typeof runtime>['fetch'] = async (url, init) => {
      if (url.endsWith('/v1/referrals')) submitted.push(Buffer.from(init.body as Uint8Array).toString());
      if (down && submitted.length > 3) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      return runtime?.fetch?.(url, init) ?? Promise.reject(new Error('no fetch'));
    };
    const io = { runtime: { ...runtime, fetch } };
    const { exit, err } = await submit([drafts, '--parallel', '1'], io);
    expect(exit).toBe(6);
    expect(err).toContain('No relay is running at https://relay.example');
    expect(err).toContain('3 accepted, 1 failed, 8 not tried.');

    const failed = submitted.at(-1);
    submitted = [];
    down = false;
    expect((await submit([drafts], io)).err).toBe('9 accepted, 3 accepted before, not sent again.\n');
    expect(submitted).toContain(failed);
  });

  describe.each([
    ['text', [], 'accepted '],
    ['JSON', ['--json'], '"status":"accepted"'],
  ])('whose results cannot be printed as %s', (_, args, accepted) => {
    it.each([
      ['nobody reads any more', 'EPIPE', ''],
      ['the disk is full', 'ENOSPC', 'There is no space left on the disk'],
    ])('as %s is not gone on with, and nothing is still being sent when it ends', async (_title, code, text) => {
      const drafts = await writeMany(12);
      let out = '';
      const full: Partial<Io> = {
        out(line) {
          if (out.includes(accepted)) return Promise.reject(Object.assign(new Error('closed'), { code }));
          out += line;
          return Promise.resolve();
        },
      };
      const { exit, err } = await submit([drafts, '--parallel', '3', ...args], full);
      const before = sent();
      expect(exit).toBe(1);
      expect(err).not.toContain('failed');
      expect(err).toContain(`${before} accepted, ${12 - before} not tried.\nRun the same command again`);
      expect(err).toContain(text);
      expect(await readdir(path.join(the.home, 'journal', 'finished'))).toHaveLength(before);
      expect(before).toBeLessThan(12);

      expect((await submit([drafts])).err).toContain(`${12 - before} accepted, ${before} accepted before`);
      expect(sent()).toBe(12);
    });
  });

  it('of which one is faulty, and that cannot be printed either, is not gone on with', async () => {
    await write('050.json', '{');
    const drafts = await writeMany(3);
    const closed = Object.assign(new Error('closed'), { code: 'EPIPE' });
    const io = { out: () => Promise.reject(closed) };
    const { exit, err } = await submit([drafts, '--parallel', '1', '--json'], io);
    expect({ exit, sent: sent() }).toEqual({ exit: 1, sent: 0 });
    expect(err).toContain('1 failed, 3 not tried.');
  });

  it('shows progress to a person who watches, and clears it away', async () => {
    const { err } = await submit([await writeMany(3), '--parallel', '1'], { watched: true });
    expect(err.endsWith('\r\u001b[K3 accepted.\n')).toBe(true);
    expect(err.startsWith('\r\u001b[K1 of 3, 0 failures')).toBe(true);
  });

  it('is told without progress, colour or escape sequences to a program', async () => {
    await writeFile(folder.path('drafts', 'a\u001b[2J.json'), JSON.stringify(routine));
    const { out, err } = await submit([folder.path('drafts')]);
    expect(out + err).not.toContain('\u001b');
  });
});

describe('what was sealed before', () => {
  const NOTHING_OWED =
    'Nothing is unfinished: the relay has accepted or refused all that was sealed.\nWhat was refused is not sent again by this: submit its draft again.\n';

  it('and did not reach the relay is submitted by --unfinished', async () => {
    const journal = createJournalFolder(path.join(the.home, 'journal'));
    const { id } = await createHotline({ ...hotlineOptions(the.world, 'gb-hotline'), journal }).seal(routine);
    const heard = await submit(['--unfinished', '--json']);
    expect(heard.exit).toBe(0);
    expect(records(heard)).toMatchObject([{ input: id, id, status: 'accepted' }]);
    expect(await submit(['--unfinished'])).toMatchObject({ exit: 0, out: '', err: NOTHING_OWED });
  });

  it('and was refused for good is not unfinished, nor said to be with the relay', async () => {
    const file = await write('case.json', { ...routine, routing: { suspect: ['AQ'], victim: [] } });
    the.world.registry = { ...the.world.registry, fallback: undefined };
    expect((await submit([file])).exit).toBe(3);
    expect(await submit(['--unfinished'])).toEqual({ exit: 0, out: '', err: NOTHING_OWED });
  });

  it('is sent again, unchanged, where the operator asks for it', async () => {
    const file = await write('case.json', routine);
    await submit([file]);
    const { exit, out } = await submit([file, '--resend']);
    expect({ exit, sent: sent() }).toEqual({ exit: 0, sent: 2 });
    expect(out).not.toContain('not sent again');
    expect(the.log.filter(({ path }) => path === '/v1/referrals').map(({ status }) => status)).toEqual([202, 202]);
  });
});
