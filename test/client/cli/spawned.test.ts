import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { loadSigningKey } from '../../../client/signing-key.ts';
import { temporaryFolder } from '../../support/command.ts';

/* The command as it is typed: `bin/referral-relay.mjs`, in a process of its own. */

const BIN = path.resolve('bin/referral-relay.mjs');
const run = promisify(execFile);
const folder = temporaryFolder();

interface Ended {
  exit: number;
  out: string;
  err: string;
}

async function type(args: readonly string[], { node = [] as string[], env = {} } = {}): Promise<Ended> {
  const options = { env: { ...process.env, NO_COLOR: undefined, REFERRAL_RELAY_PROFILE: undefined, ...env } };
  try {
    const { stdout, stderr } = await run(process.execPath, [...node, BIN, ...args], options);
    return { exit: 0, out: stdout, err: stderr };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'stdout' in error && 'stderr' in error)) throw error;
    return { exit: Number(error.code), out: String(error.stdout), err: String(error.stderr) };
  }
}

/** Makes every import of the AWS SDK fail. */
const WITHOUT_AWS = `import { registerHooks } from 'node:module';
registerHooks({
  resolve(specifier, context, next) {
    if (/^@(aws-sdk|smithy)\\//.test(specifier)) throw new Error('the AWS SDK was loaded');
    return next(specifier, context);
  },
});`;
const withoutAws = ['--import', `data:text/javascript,${encodeURIComponent(WITHOUT_AWS)}`];

it('shows help, and ends well', async () => {
  const { exit, out, err } = await type(['--help']);
  expect({ exit, err }).toEqual({ exit: 0, err: '' });
  expect(out).toMatch(/^Usage: referral-relay /);
});

it('names the version of the package', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  expect(await type(['--version'])).toEqual({ exit: 0, out: `${version}\n`, err: '' });
});

it('ends with 2 where the command line is wrong', async () => {
  const { exit, out, err } = await type(['hotline', 'submt']);
  expect({ exit, out }).toEqual({ exit: 2, out: '' });
  expect(err).toContain('(Did you mean submit?)');
});

describe('a profile made by keygen', () => {
  let home: string;
  let relay: string;
  beforeEach(async () => {
    home = folder.path('gb-test');
    relay = `http://127.0.0.1:${await unusedPort()}`;
    expect((await type(['keygen', home, '--kind', 'hotline', '--id', 'gb-test', '--relay', relay])).exit).toBe(0);
  });

  it('has a private key for its owner alone, which loads', async () => {
    const file = path.join(home, 'signing-key.pem');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    expect((await loadSigningKey(file)).privateKey.asymmetricKeyType).toBe('ed25519');
  });

  it('leaves no half of a file where the disk is full, which would keep the next run from making it', async () => {
    const args = [
      'keygen',
      folder.path('full'),
      '--kind',
      'hotline',
      '--id',
      'zz-full',
      '--relay',
      'https://relay.example',
    ];
    const full = run('sh', ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, BIN, ...args]);
    await expect(full).rejects.toMatchObject({ stderr: expect.stringContaining('EFBIG') as string });
    expect(await readdir(folder.path('full'))).toEqual([]);
  });

  it('serves a hotline without the AWS SDK', async () => {
    const args = ['hotline', 'check', 'samples/immediate.json', '--offline', '--profile', home];
    expect(await type(args, { node: withoutAws })).toMatchObject({ exit: 0, err: '' });
  });

  it('ends with 4 where nobody answers', async () => {
    const { exit, err } = await type(['hotline', 'outcomes'], { env: { REFERRAL_RELAY_PROFILE: home } });
    expect(exit).toBe(4);
    expect(err).toBe(`referral-relay: No relay is running at ${relay}: start it, or correct "relay".\n`);
  });

  it('says, when it is interrupted while nobody answers, how to end at once', async () => {
    const silent = createServer().listen(Number(new URL(relay).port), '127.0.0.1');
    onTestFinished(() => void silent.close());
    const args = ['hotline', 'submit', 'samples/routine.json', '--profile', home];
    const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(silent, 'connection');
    child.kill('SIGINT');
    const [said] = (await once(child.stderr, 'data')) as [Buffer];
    expect(String(said)).toContain('interrupt again to end at once');
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
  });

  it('is refused once others can read its key', async () => {
    await chmod(path.join(home, 'signing-key.pem'), 0o644);
    const { exit, err } = await type(['hotline', 'outcomes', '--profile', home]);
    expect(exit).toBe(2);
    expect(err).toContain('run "chmod 600"');
    expect(err).not.toContain('PRIVATE');
  });
});

it('an agency loads the AWS SDK, which is what the test above would have noticed', async () => {
  const home = folder.path('gb-agency');
  await type(['keygen', home, '--kind', 'agency', '--id', 'gb-agency', '--relay', 'http://localhost']);
  const file = path.join(home, 'profile.json');
  const queues = { urgent: 'http://localhost/urgent', routine: 'http://localhost/routine' };
  const kmsKey = 'arn:aws:kms:eu-west-1:000000000000:key/none';
  const made = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...made, countries: [], queues, kmsKey, region: 'eu-west-1' }));
  expect(await type(['agency', 'poll', '--profile', home], { node: withoutAws })).toMatchObject({ exit: 1 });
});

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await promisify(server.close.bind(server))();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Says so on standard error whenever a file is synced. */
const TELLING_SYNC = `import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { fsync } = fs;
fs.fsync = (file, done) => {
  process.stderr.write('synced ' + file + '\\n');
  fsync(file, done);
};
syncBuiltinESMExports();`;

it('what goes into a file is on the disk before it counts as shown', async () => {
  const tellingSync = `data:text/javascript,${encodeURIComponent(TELLING_SYNC)}`;
  const check = ['registry', 'check', 'registry/sample'];
  expect((await type(check, { node: ['--import', tellingSync] })).err).toBe('');
  const file = await open(folder.path('out'), 'w');
  const child = spawn(process.execPath, ['--import', tellingSync, BIN, ...check], {
    stdio: ['ignore', file.fd, 'pipe'],
  });
  let err = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  expect(await once(child, 'close')).toEqual([0, null]);
  await file.close();
  expect(await readFile(folder.path('out'), 'utf8')).toMatch(/^sound /);
  expect(err).toBe('synced 1\n');
});

describe('the registry', () => {
  it.each([{}, { CI: 'true' }, { FORCE_COLOR: '1' }])(
    'of the samples is sound, told a pipe without colours: %o',
    async (env) => {
      const { exit, out } = await type(['registry', 'check'], { env });
      expect({ exit, out }).toEqual({ exit: 0, out: expect.stringMatching(/^sound {2}registry\/sample: 3 hotlines/) });
    },
  );

  it('ends quietly when nobody reads on', async () => {
    const child = spawn(process.execPath, [BIN, 'registry', 'list'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += String(chunk)));
    const [code] = (await once(child, 'close')) as [number | null];
    expect({ code, err }).toEqual({ code: 1, err: '' });
  });
});
