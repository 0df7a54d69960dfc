import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { requireUnused } from './emulators/dynalite.ts';

/** What a relay keeps in its data folder, and what a kill leaves beside; `emulators` is the first of it. */
const OWN = /^(?:emulators|kms|profiles|registry|relay\.log|operator\.json(?:\.\d+)?)$/;

/**
 * Removes all that relays have kept in a data folder, so that the next one starts with nothing.
 * @throws {Error} if the folder holds anything else, or a relay is running on it; nothing is removed then
 */
export async function forgetRelay(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const entries = await readdir(dataDir);
  if (entries.length === 0) return;
  if (!entries.includes('emulators') || !entries.every((name) => OWN.test(name))) {
    throw new Error(
      `${dataDir} holds what is no relay's, and nothing was removed: name another folder, or empty it yourself.`,
    );
  }
  const tables = join(dataDir, 'emulators', 'dynamodb');
  if (existsSync(tables)) await requireUnused(tables);
  await Promise.all(entries.map((name) => rm(join(dataDir, name), { recursive: true, force: true })));
}
