import { chmod, mkdir, open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import type * as z from 'zod/mini';
import { RelayError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { parse } from '../core/schema.ts';
import { ClientError } from './errors.ts';

/*
 * Files that survive a crash: a reader finds the old content or the new, and once a write has resolved it is on the
 * disk. Nobody but the owner can read them.
 */

/** Writes beside, syncs, renames, and syncs the folder, without which a rename may be lost (not possible on Windows). */
export async function writeDurably(file: string, value: object): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  if (process.platform === 'win32') return;
  const folder = await open(path.dirname(file));
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes a folder, and those above it, for the owner alone. */
export async function makePrivateFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  // `mode` is subject to the umask, which may only take away; an inherited ACL may not.
  if (made !== undefined && process.platform !== 'win32') await chmod(folder, 0o700);
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
