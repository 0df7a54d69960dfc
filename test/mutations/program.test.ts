import { readFileSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/command.ts';
import { readMutations } from './patches.ts';
import { EXIT, runMutations } from './program.ts';

const folder = temporaryFolder();

async function mutations(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  const heard = { out: '', err: '' };
  const exit = await runMutations(['--baseline', '2', '--folder', folder.path(), ...args], {
    out: async (text) => void (heard.out += text),
    err: async (text) => void (heard.err += text),
    signal: new AbortController().signal,
  });
  return { exit, ...heard };
}

async function addOwn(name: string): Promise<void> {
  const own = (await readMutations(import.meta.dirname)).find((mutation) => mutation.name === name);
  await copyFile(own?.file ?? name, folder.path(`01-${name}.patch`));
}

/** A patch that puts `line` at the head of a file of the product. */
async function addBefore(file: string, line: string): Promise<void> {
  const [first = ''] = readFileSync('core/time.ts', 'utf8').split('\n', 1);
  const patch = `--- a/core/time.ts\n+++ b/core/time.ts\n@@ -1,1 +1,2 @@\n+${line}\n ${first}\n`;
  await writeFile(folder.path(file), `Made for a test.\n\n${patch}`);
}

it('tells a mistake that is caught from one that changes nothing, and from code that does not load', async () => {
  await addOwn('first-row-skipped');
  await addBefore('90-nothing.patch', '// The same as before.');
  await addBefore('91-broken.patch', 'import "./no-such-file.ts";');
  await writeFile(
    folder.path('92-stale.patch'),
    'Stale.\n\n--- a/core/gone.ts\n+++ b/core/gone.ts\n@@ -1 +1 @@\n-a\n+b\n',
  );

  const { exit, out } = await mutations('--runs', '3', '--json');

  expect(exit).toBe(EXIT.survived);
  expect(JSON.parse(out)).toMatchObject({
    baseline: { result: 'survived', runs: 2 },
    mutations: [
      { name: 'first-row-skipped', result: 'caught', invariant: expect.any(String) },
      { name: 'nothing', result: 'survived', runs: 3 },
      { name: 'broken', result: 'invalid', reason: expect.stringContaining('no-such-file') },
      { name: 'stale', result: 'invalid', reason: expect.stringContaining('core/gone.ts') },
    ],
  });
});

it('says nothing of a mutation that it does not know', async () => {
  await addOwn('first-row-skipped');
  expect(await mutations('--only', 'other')).toEqual({
    exit: EXIT.usage,
    out: '',
    err: 'There is no such mutation. There are: first-row-skipped.\n',
  });
  expect((await mutations('--runs', 'many')).exit).toBe(EXIT.usage);
});
