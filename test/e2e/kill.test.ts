import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { createHotline, loadHotlineProfile } from '../../client/index.ts';
import { publishOutput } from '../support/leaks.ts';

/* `npm start`, killed without warning, on a machine that stays. */

const ROOT = new URL('../../', import.meta.url);
const folder = await mkdtemp(join(tmpdir(), 'referral-relay-kill-'));
const running = new Set<ChildProcess>();

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  publishOutput('relay.log', readFileSync(join(folder, 'relay.log'), 'utf8'));
  await rm(folder, { recursive: true, force: true });
});

/** Starts the relay on any free port and resolves when it says that it is up. */
function start(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['local/start.ts', '--port', '0', '--data', folder], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      publishOutput('start', chunk.toString());
      output += chunk.toString();
      if (output.includes('The relay is up')) resolve(child);
    });
    child.on('exit', () => reject(new Error(`the relay ended: ${output}`)));
  });
}

function kill(child: ChildProcess): Promise<void> {
  running.delete(child);
  return new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.on('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

/** What the agency's command prints, a process of its own. */
async function poll(): Promise<string> {
  const command = [
    'bin/referral-relay.mjs',
    'agency',
    'poll',
    '--json',
    '--profile',
    join(folder, 'profiles', 'fr-littoral'),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: ROOT });
  return stdout;
}

const hotlineProfile = () => loadHotlineProfile(join(folder, 'profiles', 'gb-lantern'));

it('what was accepted before kill -9 is delivered, opened and answered after it', async () => {
  const first = await start();
  const draft = JSON.parse(readFileSync(new URL('samples/routine.json', ROOT), 'utf8')) as object;
  const acceptance = await createHotline(await hotlineProfile()).submit(draft);
  await kill(first);

  const second = await start();
  const hotline = createHotline(await hotlineProfile());
  expect(await hotline.submit(acceptance.id, { resend: true })).toEqual(acceptance);
  let polled = '';
  while (!polled.includes(acceptance.id)) polled = await poll();
  await kill(second);

  await start();
  const again = createHotline(await hotlineProfile());
  for await (const outcome of again.outcomes({ drain: true })) {
    expect(outcome).toMatchObject({ kind: 'outcome', referral: acceptance.id, check: 'verified' });
  }
  expect((await again.status(acceptance.id)).routes).toMatchObject([{ agency: 'fr-littoral', status: 'opened' }]);
});
