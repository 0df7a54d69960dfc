import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createAgency, createHotline, loadProfile } from '../client/index.ts';

/**
 * Confirms, in every profile, the keys that the directory lists: what partners do once by telephone. On this machine
 * all of them are ours, and the directory comes from the relay that made them.
 */
export async function confirmKeys(profilesDir: string): Promise<void> {
  const ids = await readdir(profilesDir);
  await Promise.all(
    ids.map(async (id) => {
      const profile = await loadProfile(join(profilesDir, id));
      const client = profile.kind === 'hotline' ? createHotline(profile) : createAgency(profile);
      await client.trustKeys(await client.reviewKeys());
    }),
  );
}
