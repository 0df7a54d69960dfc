import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod/mini';
import { RelayError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import type { SigningKey } from '../core/jws.ts';
import { Country, parse, PartnerId } from '../core/schema.ts';
import type { AgencyOptions } from './agency.ts';
import { isMissing } from './durable-file.ts';
import { ClientError } from './errors.ts';
import type { HotlineOptions } from './hotline.ts';
import { createJournalFolder } from './journal.ts';
import { createSeenFolder } from './seen.ts';
import { loadSigningKey } from './signing-key.ts';
import { createTrustFile } from './trust.ts';

/*
 * A profile: everything that makes a machine this partner's, in one folder that nobody else can write to.
 *
 *   profile.json      who one is, and where the relay is
 *   signing-key.pem   the private key, mode 0600
 *   trust.json        the confirmed keys of others
 *   journal/          a hotline's sealed referrals
 *   seen/             what an agency has handled
 *   opened/           documents that `agency poll` has opened, where it is not told to keep them elsewhere
 */

const common = {
  id: PartnerId,
  /** Origin of the relay. */
  relay: z.url({ protocol: /^https?$/, error: 'must be a URL such as "https://relay.example"' }),
  /** Path of the private key, relative to the profile. */
  signingKey: z.string().check(z.minLength(1)),
};

const QueueUrl = z.url({ protocol: /^https?$/, error: 'must be the URL of an SQS queue' });

const Profile = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('hotline'), ...common }),
  z.strictObject({
    kind: z.literal('agency'),
    ...common,
    countries: z.array(Country),
    fallback: z._default(z.boolean(), false),
    queues: z.strictObject({ urgent: QueueUrl, routine: QueueUrl }).check(
      z.refine(({ urgent, routine }) => originOf(urgent) === originOf(routine), {
        error: 'must be queues of one account and Region, with one host name',
      }),
    ),
    kmsKey: z.string().check(
      z.regex(/^arn:aws(-[a-z-]+)?:kms:[a-z0-9-]+:\d{12}:(key|alias)\/[\w/-]+$/, {
        error: 'must be the ARN of a KMS key',
      }),
    ),
    region: z.string().check(z.regex(/^[a-z]{2,}(-[a-z]+)+-\d$/, { error: 'must be a Region such as "eu-west-1"' })),
    /** Path of an AWS shared configuration file, relative to the profile. */
    awsConfig: z.optional(z.string().check(z.minLength(1))),
  }),
]);
type Profile = z.infer<typeof Profile>;

export type HotlineProfile = HotlineOptions & { kind: 'hotline' };
export type AgencyProfile = AgencyOptions & { kind: 'agency' };

/**
 * What `createHotline` or `createAgency` needs, from the folder of a profile.
 * @param folder path of the folder that holds `profile.json`
 * @throws {ClientError} `profile`, naming the file and the member at fault
 */
export async function loadProfile(folder: string): Promise<HotlineProfile | AgencyProfile> {
  const home = path.resolve(folder);
  const profile = await readProfile(path.join(home, 'profile.json'));
  const signingKey: SigningKey = await loadSigningKey(path.resolve(home, profile.signingKey));
  const trust = createTrustFile(path.join(home, 'trust.json'));
  if (profile.kind === 'hotline') {
    return { ...profile, signingKey, trust, journal: createJournalFolder(path.join(home, 'journal')) };
  }
  const awsConfig = profile.awsConfig === undefined ? undefined : path.resolve(home, profile.awsConfig);
  return { ...profile, signingKey, trust, awsConfig, seen: createSeenFolder(path.join(home, 'seen')) };
}

/** As {@link loadProfile}, of a hotline. @throws also if it is an agency's */
export async function loadHotlineProfile(folder: string): Promise<HotlineProfile> {
  const profile = await loadProfile(folder);
  if (profile.kind === 'hotline') return profile;
  throw new ClientError('profile', `${folder} is the profile of an agency, ${profile.id}: name that of a hotline.`);
}

/** As {@link loadProfile}, of an agency. @throws also if it is a hotline's */
export async function loadAgencyProfile(folder: string): Promise<AgencyProfile> {
  const profile = await loadProfile(folder);
  if (profile.kind === 'agency') return profile;
  throw new ClientError('profile', `${folder} is the profile of a hotline, ${profile.id}: name that of an agency.`);
}

async function readProfile(file: string): Promise<Profile> {
  let content: Uint8Array;
  try {
    content = await readFile(file);
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new ClientError('profile', `There is no ${file}: name the folder of a profile.`);
  }
  try {
    return parse(Profile, parseJson(content), 'malformed');
  } catch (error) {
    if (error instanceof RelayError) {
      const faults = error.faults.map(({ pointer, detail }) => `${pointer || 'the document'} ${detail}`);
      throw new ClientError('profile', `Correct ${file}: ${faults.join('; ')}.`);
    }
    const why = error instanceof SyntaxError ? ` (${error.message})` : '';
    throw new ClientError('profile', `Correct ${file}: it is not strict JSON${why}.`);
  }
}

const originOf = (url: string): string | undefined => (URL.canParse(url) ? new URL(url).origin : undefined);
