import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ReferralDraft } from '../../../core/referral.ts';
import { hotlineCommand } from '../../support/hotline-at-work.ts';
import { sampleDraft } from '../../support/referrals.ts';

/* Two that submit with one profile. */

const routine = sampleDraft('routine');

const { the, submit, write, sent } = hotlineCommand();
/** A draft that differs from all others. */
const numbered = (number: number): ReferralDraft => ({ ...routine, originator: { reference: `HL-${number}` } });

const lock = (): string => path.join(the.home, 'journal', 'submitting');

/** The number of no process. */
const NOBODY = 999_999_999;

/* What this process holds, as another one would. */
const asItIs = (entry: string): string => entry;
const numberedAs = (pid: number) => (entry: string) => entry.replace(`.${process.pid}.`, `.${pid}.`);
const elsewhere = (entry: string): string => entry.replace(hostname(), 'other.example');
const inContainer = (entry: string): string => entry.replace(/\.\d+(\.\d+\.[^.]+)$/, '.1$1');

/** Leaves behind what this process holds while it submits, or what `change` makes of it. */
async function leave(change: (entry: string) => string = asItIs): Promise<string> {
  let held: string[] = [];
  await submit([await write('other.json', numbered(0))], {
    async out() {
      held = await readdir(lock());
    },
  });
  await rm(path.join(the.home, 'journal'), { recursive: true });
  the.log.length = 0;
  expect(held).toHaveLength(1);
  const entry = change(held[0] ?? '');
  await mkdir(lock(), { recursive: true });
  await writeFile(path.join(lock(), entry), '');
  return entry;
}

describe('two at once', () => {
  it.each([
    // Process 1 always lives.
    ['a process of this machine that lives', numberedAs(1)],
    ['a process of another machine, with the same number', elsewhere],
    [
      'a process of another machine, with a number that nobody has here',
      (entry) => numberedAs(NOBODY)(elsewhere(entry)),
    ],
    ['a process of another container on this machine, with the same number', inContainer],
    ['something unknown', () => 'unknown'],
  ] satisfies [string, (entry: string) => string][])(
    'on one profile are not allowed where the first is %s, and the second says what to do',
    async (_, change) => {
      const file = await write('case.json', routine);
      const entry = await leave(change);
      const { exit, err } = await submit([file]);
      expect({ exit, sent: sent() }).toEqual({ exit: 4, sent: 0 });
      expect(err).toMatch(/Another "submit" is using this profile.*, or interrupt it/);
      expect(err).toContain(`If there is none, remove ${path.join(lock(), entry)}.`);
      expect(await readdir(lock())).toEqual([entry]);
      expect(await readdir(path.join(the.home, 'journal'))).toEqual(['submitting']);

      await rm(path.join(lock(), entry));
      expect((await submit([file])).exit).toBe(0);
    },
  );

  it.each([
    ['a process that died', () => leave(numberedAs(NOBODY))],
    ['an earlier process of the same number', () => leave()],
    ['a process that was about to end', () => mkdir(lock(), { recursive: true })],
  ])('is not what a lock left by %s means', async (_, happened) => {
    const file = await write('case.json', routine);
    await happened();
    expect((await submit([file])).exit).toBe(0);
    expect(await readdir(path.join(the.home, 'journal'))).not.toContain('submitting');
  });

  it('leave nothing of one that died while it took the lock', async () => {
    const file = await write('case.json', routine);
    const held = await leave();
    const entries = [asItIs, numberedAs(NOBODY), numberedAs(1), elsewhere].map((change) => change(held));
    await rm(lock(), { recursive: true });
    for (const entry of entries) await mkdir(`${lock()}.${entry}`);
    expect((await submit([file])).exit).toBe(0);
    const left = (await readdir(path.join(the.home, 'journal'))).filter((name) => name.startsWith('submitting'));
    expect(left.sort()).toEqual(
      entries
        .slice(2)
        .map((entry) => `submitting.${entry}`)
        .sort(),
    );
  });

  it.each([
    ['nobody was at it', () => Promise.resolve()],
    ['a process had died', () => leave(numberedAs(NOBODY))],
  ])('and more, that start where %s, make one referral', async (_, happened) => {
    const file = await write('case.json', routine);
    await happened();
    const heard = await Promise.all(Array.from({ length: 12 }, () => submit([file])));
    expect(heard.filter(({ exit }) => exit === 0)).not.toEqual([]);
    expect(heard.filter(({ exit }) => exit !== 0 && exit !== 4)).toEqual([]);
    expect(await readdir(path.join(the.home, 'journal', 'finished'))).toHaveLength(1);
    expect(sent()).toBe(1);
    expect(await readdir(path.join(the.home, 'journal'))).not.toContain('submitting');
  });

  it('leave each other their locks, also where one was removed by hand', async () => {
    const file = await write('case.json', routine);
    const { exit } = await submit([file], {
      async out() {
        await rm(lock(), { recursive: true });
        await mkdir(lock());
        await writeFile(path.join(lock(), 'another'), '');
      },
    });
    expect(exit).toBe(0);
    expect(await readdir(lock())).toEqual(['another']);
  });
});
