import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/command.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/require-node-24.mjs', import.meta.url));

/* A checkout in which npm has left out the native parts of what the tests run on, as it does on an old Node. */

const checkout = temporaryFolder();
beforeEach(() => {
  for (const folder of ['bin', 'node_modules/@rolldown/pluginutils'])
    mkdirSync(checkout.path(folder), { recursive: true });
  copyFileSync(PROGRAM, checkout.path('bin/require-node-24.mjs'));
  for (const name of ['vitest.mjs', 'demo.mjs']) writeFileSync(checkout.path(name), "console.log('it runs');");
});

const run = (program: string, env: NodeJS.ProcessEnv = {}): Promise<{ exit: unknown; out: string; err: string }> =>
  new Promise((resolve) => {
    const args = ['--import', './bin/require-node-24.mjs', path.join('.', program)];
    execFile(process.execPath, args, { cwd: checkout.path(), env: { ...process.env, ...env } }, (error, out, err) =>
      resolve({ exit: error?.code ?? 0, out, err }),
    );
  });

describe('a checkout without native parts', () => {
  it('says on which Node to install the tests again', async () => {
    const { exit, out, err } = await run('vitest.mjs');
    expect([exit, out]).toEqual([1, '']);
    expect(err).toMatch(/older than 20\.19 or 22\.12\.\n.*npm ci/);
  });

  it('runs what needs none', async () => {
    expect(await run('demo.mjs')).toEqual({ exit: 0, out: 'it runs\n', err: '' });
  });

  it('runs the tests once they are there', async () => {
    mkdirSync(checkout.path('node_modules/@rolldown/binding-linux-x64-gnu'));
    expect(await run('vitest.mjs')).toEqual({ exit: 0, out: 'it runs\n', err: '' });
  });
});

const ASK = `
import { createServer } from 'node:http';
const server = createServer((_, answer) => answer.end()).listen(0, '127.0.0.1', async () => {
  const { status } = await fetch('http://127.0.0.1:' + server.address().port);
  console.log(String(status));
  process.exit();
});
`;

it.each(['', 'other.example'])(
  'what runs on this machine is not asked for through a proxy (others: %j)',
  async (others) => {
    writeFileSync(checkout.path('ask.mjs'), ASK);
    // Nothing listens there.
    const proxied = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: 'http://127.0.0.1:9', NO_PROXY: others, no_proxy: '' };
    expect(await run('ask.mjs', proxied)).toEqual({ exit: 0, out: '200\n', err: '' });
  },
);
