import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Io } from '../../client/cli/io.ts';
import type { Confirmed } from '../../client/trust.ts';
import { contentKeysOf, type Exchange, inboxOf, RELAY, runtimeOn, trustAll } from './partners.ts';
import { AGENCIES, type AgencyId, type HotlineId, signerOf, type World } from './world.ts';

/* Profiles on disk of the partners of a world, and the machine on which the command reaches that world. */

interface ProfileMembers {
  /** What `trust.json` holds; everybody's keys if not given. */
  confirmed?: Confirmed;
  [member: string]: unknown;
}

/** Writes the profile of a hotline; `members` are further ones of `profile.json`. */
export const writeHotline = async (folder: string, id: HotlineId, members: ProfileMembers = {}): Promise<void> =>
  write(folder, { kind: 'hotline', id }, { confirmed: await trustAll(id).read(), ...members });

export const writeAgency = async (folder: string, id: AgencyId, members: ProfileMembers = {}): Promise<void> => {
  const agency = {
    kind: 'agency',
    id,
    countries: AGENCIES[id].countries,
    fallback: 'fallback' in AGENCIES[id],
    queues: { urgent: 'https://sqs.example/urgent', routine: 'https://sqs.example/routine' },
    kmsKey: 'arn:aws:kms:eu-west-1:000000000000:key/none',
    region: 'eu-west-1',
  };
  await write(folder, agency, { confirmed: await trustAll().read(), ...members });
};

async function write(
  folder: string,
  who: { kind: string; id: string },
  { confirmed, ...members }: ProfileMembers,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const profile = { ...who, relay: RELAY, signingKey: 'key.pem', ...members };
  await writeFile(path.join(folder, 'profile.json'), JSON.stringify(profile));
  await writeFile(path.join(folder, 'trust.json'), JSON.stringify(confirmed));
  const pem = signerOf(who.id).privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(path.join(folder, 'key.pem'), pem, { mode: 0o600 });
}

/** A machine that reaches the relay of this world. */
export const hotlineMachine = (world: World, log?: Exchange[]): Partial<Io> => ({ runtime: runtimeOn(world, log) });

/** As {@link hotlineMachine}, with the queues and the key of an agency. */
export const agencyMachine = (world: World, id: AgencyId, log?: Exchange[]): Partial<Io> => ({
  runtime: { ...runtimeOn(world, log), wait: untilAborted },
  aws: { inbox: inboxOf(world, id), contentKeys: contentKeysOf(world, id) },
});

/** Only the renewal of a message's visibility waits here, and that is ended rather than awaited. */
const untilAborted = (_: number, signal?: AbortSignal): Promise<void> =>
  new Promise((_resolve, reject) => {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
  });
