import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/command.ts';
import { publishOutput } from '../support/leaks.ts';

const folder = temporaryFolder();

it.each([
  ['it is interrupted at its first line', '', 'SIGINT', 130],
  ['it is interrupted while it starts', '   ', 'SIGINT', 130],
  ['it is interrupted at its first chapter', '1. ', 'SIGINT', 130],
  ['its terminal is closed', '1. ', 'SIGHUP', 129],
] as const)('the demonstration leaves nothing behind, also when %s', async (_, beginning, signal, exit) => {
  const child = spawn(process.execPath, ['local/demo.ts'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TMPDIR: folder.path() },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    publishOutput('demo', line);
    if (line.startsWith(beginning)) break;
  }
  child.kill(signal);
  expect(await once(child, 'exit')).toEqual([exit, null]);
  expect(await readdir(folder.path())).toEqual([]);
});

it('the demonstration says in one line why it cannot start', async () => {
  const child = spawn(process.execPath, ['local/demo.ts'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: path.join(folder.path(), 'missing') },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [said, exited] = await Promise.all([text(child.stderr), once(child, 'exit'), text(child.stdout)]);
  publishOutput('demo', said);
  expect(said).toMatch(/^ENOENT: .*missing.*\n$/);
  expect(exited).toEqual([1, null]);
});
