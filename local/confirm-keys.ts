import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createAgency, createHotline, loadProfile } from '../client/index.ts';

/**
 * Confirms, in the profile of every partner of the relay, the keys that the directory lists: what partners do once by
 * telephone. On this machine all of them are ours, and the directory comes from the relay that made them.
 */
export async function confirmKeys(profilesDir: string): Promise<void> {
  // Beside it: who is registered now. Profiles of others may be left from before.
  const ids = (await readdir(join(profilesDir, '..', 'registry'))).map((file) => basename(file, '.json'));
  await Promise.all(
    ids.map(async (id) => {
      const profile = await loadProfile(join(profilesDir, id));
      const client = profile.kind === 'hotline' ? createHotline(profile) : createAgency(profile);
      await client.trustKeys(await client.reviewKeys());
    }),
  );
}
