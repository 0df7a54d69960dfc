import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createJournalFolder, createJournalMemory, type JournalEntry } from '../../client/journal.ts';
import { hashText } from '../../core/base64url.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'journal-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const newFolder = () => path.join(folder, String((count += 1)));

const idOf = (number: number) => `019ab3f0-2a80-7c11-9d2e-${String(number).padStart(12, '0')}`;

const entryOf = (number: number, changes: Partial<JournalEntry> = {}): JournalEntry => ({
  v: 1,
  id: idOf(number),
  hotline: 'gb-iwf',
  sealedAt: '2026-11-23T09:30:00.000Z',
  draft: hashText(`draft ${number}`),
  routing: { suspect: ['DE'], victim: [] },
  urgency: 'routine',
  onward: 'allowed',
  sealed: `sealed ${number}`,
  hash: hashText(`sealed ${number}`),
  state: 'sealed',
  ...changes,
});

const acceptance: NonNullable<JournalEntry['acceptance']> = {
  id: idOf(1),
  hotline: 'gb-iwf',
  status: 'accepted',
  acceptedAt: '2026-11-23T09:30:01.000Z',
  sealed: hashText('sealed 1'),
  routes: [{ agency: 'de-police', roles: ['suspect'], countries: ['DE'] }],
  unrouted: [],
};
const refusal = { code: 'no-route', detail: 'No agency.', at: '2026-11-23T09:30:01.000Z' };

describe.each([
  ['in a folder', () => createJournalFolder(newFolder())],
  ['in memory', () => createJournalMemory()],
])('a journal %s', (_, create) => {
  it('gives back what was written', async () => {
    const journal = create();
    await journal.write(entryOf(1));
    expect(await journal.read(idOf(1))).toEqual(entryOf(1));
    expect(await journal.findDraft(hashText('draft 1'))).toEqual(entryOf(1));
  });

  it('knows nothing of what was not', async () => {
    const journal = create();
    expect(await journal.read(idOf(1))).toBeUndefined();
    expect(await journal.read('../../etc/passwd')).toBeUndefined();
    expect(await journal.findDraft(hashText('draft 1'))).toBeUndefined();
    expect(await journal.unfinished()).toEqual([]);
  });

  it('lists what is unfinished, oldest first', async () => {
    const journal = create();
    for (const number of [3, 1, 4, 2]) await journal.write(entryOf(number));
    await journal.write(entryOf(1, { state: 'accepted', acceptance }));
    await journal.write(entryOf(4, { state: 'refused', refusal }));
    expect(await journal.unfinished()).toEqual([idOf(2), idOf(3)]);
    expect(await journal.read(idOf(1))).toMatchObject({ state: 'accepted', acceptance });
    expect(await journal.read(idOf(4))).toMatchObject({ state: 'refused', refusal });
  });

  it('finds the last referral of a draft that was sealed anew', async () => {
    const journal = create();
    const draft = hashText('draft 1');
    await journal.write(entryOf(1, { state: 'refused', refusal }));
    await journal.write(entryOf(2, { draft }));
    expect(await journal.findDraft(draft)).toMatchObject({ id: idOf(2) });
  });

  it('finds that one also after something has become of an earlier one', async () => {
    const journal = create();
    const draft = hashText('draft 1');
    await journal.write(entryOf(1));
    await journal.write(entryOf(2, { draft }));
    await journal.write(entryOf(1, { state: 'refused', refusal }));
    expect(await journal.findDraft(draft)).toMatchObject({ id: idOf(2) });
  });

  it('does not change when what was written or read is changed', async () => {
    const journal = create();
    const written = entryOf(1);
    await journal.write(written);
    written.state = 'accepted';
    const read = await journal.read(idOf(1));
    if (read) read.state = 'refused';
    expect(await journal.read(idOf(1))).toMatchObject({ state: 'sealed' });
  });
});

describe('a journal in a folder', () => {
  it('keeps its entries for another process, one private file for each', async () => {
    const home = newFolder();
    await createJournalFolder(home).write(entryOf(1));
    await createJournalFolder(home).write(entryOf(2, { state: 'accepted', acceptance }));
    expect(await createJournalFolder(home).read(idOf(1))).toEqual(entryOf(1));
    expect(readdirSync(path.join(home, 'unfinished'))).toEqual([`${idOf(1)}.json`]);
    expect(readdirSync(path.join(home, 'finished'))).toEqual([`${idOf(2)}.json`]);
    expect(statSync(path.join(home, 'unfinished', `${idOf(1)}.json`)).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(home, 'unfinished')).mode & 0o777).toBe(0o700);
  });

  it('believes the later of the two files that a crash may leave', async () => {
    const home = newFolder();
    const journal = createJournalFolder(home);
    await journal.write(entryOf(1));
    copyFileSync(path.join(home, 'unfinished', `${idOf(1)}.json`), path.join(home, 'kept'));
    await journal.write(entryOf(1, { state: 'accepted', acceptance }));
    copyFileSync(path.join(home, 'kept'), path.join(home, 'unfinished', `${idOf(1)}.json`));
    expect(await journal.unfinished()).toEqual([]);
    expect(await journal.read(idOf(1))).toMatchObject({ state: 'accepted' });
  });

  it('overlooks what a crash left half-written, and a pointer to nothing', async () => {
    const home = newFolder();
    const journal = createJournalFolder(home);
    await journal.write(entryOf(1));
    writeFileSync(path.join(home, 'unfinished', `${idOf(2)}.json.1234567`), '{"v":1,');
    writeFileSync(path.join(home, 'drafts', `${hashText('draft 3')}.json`), JSON.stringify({ id: idOf(3) }));
    expect(await journal.unfinished()).toEqual([idOf(1)]);
    expect(await journal.findDraft(hashText('draft 3'))).toBeUndefined();
  });

  it('names a file that is damaged', async () => {
    const home = newFolder();
    const file = path.join(home, 'unfinished', `${idOf(1)}.json`);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify({ ...entryOf(1), state: 'sent' }));
    await expect(createJournalFolder(home).read(idOf(1))).rejects.toMatchObject({
      code: 'storage',
      message: expect.stringContaining(`${file} is damaged (/state`),
    });
  });
});
