import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createSeenFolder, createSeenMemory, type SeenReferral } from '../../client/seen.ts';
import { hashText } from '../../core/base64url.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'seen-'));
afterAll(() => rmSync(folder, { recursive: true }));

const name = { hotline: 'gb-iwf', id: '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e' };
const seen: SeenReferral = { v: 1, ...name, handled: [{ version: 1, sealed: hashText('sealed') }] };
const withdrawn = {
  sealed: hashText('sealed'),
  reason: 'error',
  acceptedAt: '2026-11-23T09:30:00.000Z',
  told: false,
} as const;

describe.each([
  ['in a folder', () => createSeenFolder(path.join(folder, 'store'))],
  ['in memory', () => createSeenMemory()],
])('seen referrals %s', (_, create) => {
  it('are remembered by hotline and id', async () => {
    const store = create();
    expect(await store.read(name)).toBeUndefined();
    await store.write(seen);
    expect(await store.read({ ...name })).toEqual(seen);
    expect(await store.read({ ...name, hotline: 'us-other' })).toBeUndefined();
    await store.write({ ...seen, withdrawn });
    expect(await store.read(name)).toEqual({ ...seen, withdrawn });
  });

  it('cannot be named by what is no name', async () => {
    expect(await create().read({ hotline: '../..', id: 'passwd' })).toBeUndefined();
  });
});

describe('seen referrals in a folder', () => {
  it('are private, and survive the process', async () => {
    const home = path.join(folder, 'kept');
    await createSeenFolder(home).write(seen);
    expect(await createSeenFolder(home).read(name)).toEqual(seen);
    expect(statSync(path.join(home, name.hotline, `${name.id}.json`)).mode & 0o777).toBe(0o600);
  });

  it('are not taken for new when their file is damaged', async () => {
    const home = path.join(folder, 'damaged');
    await createSeenFolder(home).write(seen);
    writeFileSync(path.join(home, name.hotline, `${name.id}.json`), '');
    await expect(createSeenFolder(home).read(name)).rejects.toMatchObject({ code: 'storage' });
  });
});
