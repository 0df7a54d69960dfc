import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePrivateFolder, syncFolder, writeDurably } from '../../client/durable-file.ts';

const posix = process.platform !== 'win32';
const module = new URL('../../client/durable-file.ts', import.meta.url).href;

let home: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'durable-'));
});
afterAll(() => rm(home, { recursive: true }));

describe('a durable write', () => {
  it('replaces what was there, for its owner alone, and leaves nothing beside it', async () => {
    const folder = path.join(home, 'replaced');
    await mkdir(folder);
    const file = path.join(folder, 'kept.json');
    await writeFile(file, 'before', { mode: 0o644 });
    await writeDurably(file, { after: true });
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ after: true });
    if (posix) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['kept.json']);
  });

  // The system call then takes what fits, and says so only by a number.
  it.runIf(posix)('keeps what was there if there is room for a part only', async () => {
    const folder = path.join(home, 'full');
    await mkdir(folder);
    const file = path.join(folder, 'kept.json');
    await writeFile(file, 'before');
    const write = `
      const { writeDurably } = await import(${JSON.stringify(module)});
      await writeDurably(process.argv[1], { text: 'x'.repeat(200_000) }).then(
        () => console.log('written'),
        (error) => console.log(error.code),
      );`;
    const limited = 'ulimit -f 64 && exec "$0" --input-type=module --eval "$1" "$2"';
    const { stdout } = await promisify(execFile)('sh', ['-c', limited, process.execPath, write, file]);
    expect(stdout.trim()).toBe('EFBIG');
    expect(await readFile(file, 'utf8')).toBe('before');
    expect(await readdir(folder)).toEqual(['kept.json']);
  });
});

describe('a folder', () => {
  // No file system for files that can be had everywhere is without the call; that of the processes is.
  it.runIf(process.platform === 'linux')('is left as it is where it cannot be synced', async () => {
    await expect(syncFolder('/proc')).resolves.toBeUndefined();
  });

  it('that is not there cannot be synced', async () => {
    await expect(syncFolder(path.join(home, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a private folder', () => {
  it('is made where its name leads, also through what is not there', async () => {
    const there = path.join(home, 'there');
    await mkdir(there);
    await makePrivateFolder(`${there}/missing/../../led/here`);
    expect(await readdir(path.join(home, 'led'))).toEqual(['here']);
    expect(await readdir(there)).toEqual([]);
  });

  it('may be made with those above it, and made again', async () => {
    const folder = path.join(home, 'a', 'b', 'c');
    await makePrivateFolder(folder);
    await makePrivateFolder(folder);
    await makePrivateFolder(path.relative(process.cwd(), path.join(folder, 'd')));
    for (const made of ['a', 'a/b', 'a/b/c', 'a/b/c/d']) {
      const { mode } = await stat(path.join(home, made));
      if (posix) expect(mode & 0o777).toBe(0o700);
    }
  });
});
