import { open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { makePrivateFolder } from '../durable-file.ts';
import { CommandError, EXIT } from './exit.ts';

/**
 * Does `work` while no other process on this machine submits from the same journal: two that find the same draft at the
 * same moment would seal it twice. A process that died leaves its lock behind; the next one notices.
 * @throws {CommandError} if another one is at it
 */
export async function withSubmitLock<T>(journal: string, work: () => Promise<T>): Promise<T> {
  await makePrivateFolder(journal);
  const file = path.join(journal, 'submit.lock');
  if (!(await take(file)) && !((await isLeftBehind(file)) && (await take(file)))) {
    throw new CommandError(
      EXIT.unavailable,
      'locked',
      `Another "submit" is using this profile: wait until it has ended.\nIf there is none, remove ${file}.`,
    );
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(String(process.pid));
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock of a process that is gone. One without a number is just being written. */
async function isLeftBehind(file: string): Promise<boolean> {
  const holder = Number(await readFile(file, 'utf8').catch(() => ''));
  if (!Number.isInteger(holder) || holder <= 0 || (holder !== process.pid && isAlive(holder))) return false;
  await rm(file, { force: true });
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
