import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { isMissing, makePrivateFolder } from '../durable-file.ts';
import { CommandError, EXIT } from './exit.ts';

/*
 * The lock is a folder with one entry, whose name says who holds it. A folder is renamed to where nothing or an empty
 * folder is, and to nowhere else; and what is left behind is removed by its name. So of two that find the same lock left
 * behind, neither can remove what the other has taken meanwhile. As the name is all there is, nothing can be half written.
 */

/** Where a number names one process. Containers count their own, also those that share the name of their host. */
const PLACE = `${encodeURIComponent(hostname())}.${pidNamespace()}`;
/** Far more often than others can come in between. */
const TRIES = 10;

/** The locks that this process holds: another one with its number was left by an earlier process. */
const held = new Set<string>();

/**
 * Does `work` while no other process submits from the same journal: two that find the same draft at the same moment
 * would seal it twice. A process that died leaves its lock behind; the next one on the same machine notices. Whether a
 * process on another machine lives, or in another container, nobody can tell here: that lock is for a person to remove.
 * @throws {CommandError} if another one is at it
 */
export async function withSubmitLock<T>(journal: string, work: () => Promise<T>): Promise<T> {
  const lock = path.join(journal, 'submitting');
  const own = `${PLACE}.${process.pid}.${randomUUID()}`;
  held.add(own);
  try {
    await take(lock, own);
    try {
      return await work();
    } finally {
      await remove(lock, own);
    }
  } finally {
    held.delete(own);
  }
}

async function take(lock: string, own: string): Promise<void> {
  const made = `${lock}.${own}`;
  try {
    await makePrivateFolder(path.dirname(lock));
    await clear(lock);
    await makePrivateFolder(made);
    await writeFile(path.join(made, own), '', { mode: 0o600 });
    for (let tries = 1; ; tries += 1) {
      try {
        return await rename(made, lock);
      } catch (error) {
        const entries = await list(lock);
        const other = entries.find((entry) => !isLeftBehind(entry));
        if (other !== undefined) throw isLocked(path.join(lock, other));
        if (tries === TRIES) throw error;
        for (const entry of entries) await remove(lock, entry);
      }
    }
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** Removes what a process left that died while it took the lock. */
async function clear(lock: string): Promise<void> {
  const prefix = `${path.basename(lock)}.`;
  for (const name of await list(path.dirname(lock))) {
    if (!name.startsWith(prefix) || !isLeftBehind(name.slice(prefix.length))) continue;
    await rm(path.join(path.dirname(lock), name), { recursive: true, force: true });
  }
}

async function list(lock: string): Promise<string[]> {
  try {
    return await readdir(lock);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Removes an entry, and the folder unless somebody else's is in it by now. */
async function remove(lock: string, entry: string): Promise<void> {
  await rm(path.join(lock, entry), { force: true });
  await rmdir(lock).catch(() => undefined);
}

function isLeftBehind(entry: string): boolean {
  const { place, pid } = read(entry);
  return place === PLACE && (pid === process.pid ? !held.has(entry) : !isAlive(pid));
}

/** The place is empty where the name is none that is made here. */
function read(entry: string): { place: string; pid: number } {
  const [, place = '', pid] = /^(.+\.\d+)\.(\d+)\.[\da-f-]+$/.exec(entry) ?? [];
  return { place, pid: Number(pid) };
}

/** Zero where there are none, as elsewhere than on Linux. */
function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
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

function isLocked(file: string): CommandError {
  const { place, pid } = read(path.basename(file));
  const who = place === '' ? '' : ` (process ${pid} on ${place.slice(0, place.lastIndexOf('.'))})`;
  return new CommandError(
    EXIT.unavailable,
    'locked',
    `Another "submit" is using this profile${who}: wait until it has ended, or interrupt it, which loses nothing: the same command continues it.\nIf there is none, remove ${file}.`,
  );
}
