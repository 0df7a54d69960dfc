import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type * as z from 'zod/mini';
import { RelayError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { parse } from '../core/schema.ts';
import { ClientError } from './errors.ts';

/*
 * Files that survive a crash: a reader finds the old content or the new, and once a write has resolved it is on the
 * disk. Nobody but the owner can read them.
 */

/**
 * Writes beside, syncs, renames, and syncs the folder. A disk that fills up meanwhile takes a part without an error, so
 * all of it is written before the rename (`writeFile` of a handle sees to that; libraries that call `write` do not).
 */
export async function writeDurably(file: string, value: object): Promise<void> {
  const beside = `${file}.${randomUUID()}`;
  try {
    const handle = await open(beside, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/** What a file system says that knows no such call for folders, as some shared ones: it does what it can without. */
const CANNOT = new Set(['EINVAL', 'ENOTSUP', 'EBADF']);

/** Without it what was renamed, or made, in a folder may be lost. Windows has no such call. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder);
  try {
    await handle.sync();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && CANNOT.has(String(error.code)))) throw error;
  } finally {
    await handle.close();
  }
}

/** Makes a folder, and those above it, for the owner alone. */
export async function makePrivateFolder(name: string): Promise<void> {
  const folder = path.resolve(name);
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  // `mode` is subject to the umask, which may only take away; an inherited ACL may not.
  if (process.platform !== 'win32') await chmod(folder, 0o700);
  const top = path.dirname(made);
  let above = folder;
  do {
    above = path.dirname(above);
    await syncFolder(above);
  } while (above !== top);
}

/**
 * What a file holds, by its schema; `undefined` if there is no such file.
 * @throws {ClientError} `storage`, naming the file and the member at fault
 */
export async function readStored<T extends z.ZodMiniType>(file: string, schema: T): Promise<z.output<T> | undefined> {
  let content: Uint8Array;
  try {
    content = await readFile(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return parse(schema, parseJson(content), 'malformed');
  } catch (error) {
    const [fault] = error instanceof RelayError ? error.faults : [];
    const what = fault ? `${fault.pointer || 'the document'} ${fault.detail}` : 'it is not JSON';
    throw new ClientError('storage', `${file} is damaged (${what}): restore it from a backup, or move it away.`);
  }
}

/** A file that was changed less long ago may change again without its times showing it, in milliseconds. */
const UNSETTLED = 1000;

/**
 * Reads a file as {@link readStored} does, and again only once it was changed: replaced, as `writeDurably` does, or
 * written in place.
 */
export function createStoredReader<T extends z.ZodMiniType>(
  file: string,
  schema: T,
): () => Promise<z.output<T> | undefined> {
  let held: { state: string; value: z.output<T> | undefined } | undefined;
  return async () => {
    // Looked at before it is read: what changes in between is read again the next time.
    const state = await stateOf(file);
    if (held !== undefined && held.state === state) return held.value;
    const value = await readStored(file, schema);
    held = state === undefined ? undefined : { state, value };
    return value;
  };
}

/** Differs whenever the content may; `undefined` if nothing can be told yet. */
async function stateOf(file: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeMs, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return Date.now() - Number(mtimeMs) < UNSETTLED ? undefined : [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
