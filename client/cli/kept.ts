import { readdir } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { RouteStatement, WithdrawStatement } from '../../core/contracts.ts';
import { isPartnerId, isReferralId } from '../../core/ids.ts';
import { Referral } from '../../core/referral.ts';
import { Hash, PartnerId, ReferralId, Role, Timestamp } from '../../core/schema.ts';
import type { AgencyReferral, Withdrawal } from '../delivery.ts';
import { isMissing, makePrivateFolder, readStored, writeDurably } from '../durable-file.ts';
import type { Session } from './session.ts';

/*
 * The folder in which `poll` keeps what it has opened, `<hotline>/<id>.v<version>.json`, and withdrawals beside. What its
 * user has moved away is not looked for.
 */

/** In the profile, for what was opened without saying where to keep it: a gist is not all that came. */
const OPENED = 'opened';

export const keptFolder = (session: Session, out: string | undefined): string =>
  out ?? path.join(session.profileFolder(), OPENED);

/** A referral as `--json` prints it and as it is kept: the whole document, and how it came. */
export const referralRecord = ({ referral, ...about }: AgencyReferral): object => ({
  kind: 'referral',
  urgency: referral.urgency,
  ...about,
  referral,
});

export const withdrawalRecord = (withdrawal: Withdrawal): object => ({ kind: 'withdrawn', ...withdrawal });

export const keepReferral = (folder: string, opened: AgencyReferral): Promise<void> =>
  keep(folder, opened.hotline, `${opened.id}.v${opened.version}`, referralRecord(opened));

export const keepWithdrawal = (folder: string, withdrawal: Withdrawal): Promise<void> =>
  keep(folder, withdrawal.hotline, `${withdrawal.id}.withdrawn`, withdrawalRecord(withdrawal));

async function keep(folder: string, hotline: string, name: string, record: object): Promise<void> {
  const parent = path.join(folder, hotline);
  await makePrivateFolder(parent);
  await writeDurably(path.join(parent, `${name}.json`), record);
}

const KeptReferral = z.object({
  hotline: PartnerId,
  id: ReferralId,
  version: z.int(),
  acceptedAt: Timestamp,
  sealed: Hash,
  roles: z.array(Role),
  countries: z.array(z.string()),
  routed: z.array(RouteStatement),
  referral: Referral,
});

const KeptWithdrawal = z.object({
  hotline: PartnerId,
  id: ReferralId,
  reason: WithdrawStatement.shape.reason,
  acceptedAt: Timestamp,
  handed: z.boolean(),
});

/** What is kept of one referral. */
export interface Kept {
  hotline: string;
  id: string;
  /** Of the last version. */
  referral?: string;
  withdrawal?: string;
}

/** What a folder keeps, oldest referral first; nothing if there is no such folder. */
export async function findKept(folder: string): Promise<Kept[]> {
  const found: (Kept & { version: number })[] = [];
  for (const hotline of (await list(folder)).filter(isPartnerId)) {
    const ofOne = new Map<string, Kept & { version: number }>();
    for (const name of await list(path.join(folder, hotline))) {
      const [, id = '', version, what] = /^([^.]+)\.(?:v(\d+)|(withdrawn))\.json$/.exec(name) ?? [];
      if (!isReferralId(id)) continue;
      const one = ofOne.get(id) ?? { hotline, id, version: 0 };
      ofOne.set(id, one);
      const file = path.join(folder, hotline, name);
      if (what !== undefined) one.withdrawal = file;
      else if (Number(version) > one.version) Object.assign(one, { version: Number(version), referral: file });
    }
    found.push(...ofOne.values());
  }
  // Ids sort by when they were made.
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** @throws {ClientError} `storage`, naming the file, if it is damaged */
export async function readKept({
  referral,
  withdrawal,
}: Kept): Promise<{ referral?: AgencyReferral | undefined; withdrawal?: Withdrawal | undefined }> {
  return {
    referral: referral === undefined ? undefined : await readStored(referral, KeptReferral),
    withdrawal: withdrawal === undefined ? undefined : await readStored(withdrawal, KeptWithdrawal),
  };
}
