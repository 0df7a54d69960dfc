import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/command.ts';
import { publishOutput } from '../support/leaks.ts';

const folder = temporaryFolder();

it.each([
  ['at its first line', ''],
  ['while it starts', '   '],
  ['at its first chapter', '1. '],
])('the demonstration leaves nothing behind, also when it is interrupted %s', async (_, beginning) => {
  const child = spawn(process.execPath, ['local/demo.ts'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TMPDIR: folder.path() },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    publishOutput('demo', line);
    if (line.startsWith(beginning)) break;
  }
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([130, null]);
  expect(await readdir(folder.path())).toEqual([]);
});
