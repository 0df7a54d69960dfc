import { Urgency } from '../../core/schema.ts';
import type { AgencyReferral } from '../delivery.ts';
import { ClientError } from '../errors.ts';
import { answerCommand } from './agency.ts';
import { CommandError, EXIT, type Exit } from './exit.ts';
import { findKept, type Kept, keptFolder, readKept, referralRecord, withdrawalRecord } from './kept.ts';
import { type Shown, summarizeShown } from './poll-summary.ts';
import { headingOf, summarizeReferral, summarizeWithdrawal } from './referral-summary.ts';
import type { Session } from './session.ts';
import * as words from './words.ts';

export interface ShowOptions {
  urgency?: Urgency;
  out?: string;
}

type Read = Awaited<ReturnType<typeof readKept>>;

/**
 * Shows what `poll` has kept: without names a line each, the most urgent first and of these the oldest, before them what
 * was withdrawn once its document had been moved away, and whatever is damaged in the end; with names their gists.
 * Nothing is asked of the relay.
 */
export async function show(session: Session, names: readonly string[], { urgency, out }: ShowOptions): Promise<Exit> {
  const folder = keptFolder(session, out);
  const kept = await findKept(folder);
  const chosen = names.length === 0 ? kept : choose(kept, names, folder);
  const sum: Shown = { referrals: [], withdrawn: [], unopened: [] };
  const found: Read[] = [];
  const damaged: string[] = [];
  for (const one of chosen) {
    const read = await readKept(one).catch((error: unknown) => {
      if (names.length > 0 || !(error instanceof ClientError)) throw error;
      damaged.push(error.message);
    });
    if (!read) continue;
    // What never came, and never will, is nothing to work on.
    if (names.length === 0 && !read.referral && !read.withdrawal?.handed) continue;
    if (urgency !== undefined && read.referral?.referral.urgency !== urgency) continue;
    found.push(read);
    const name = nameOf(one);
    if (read.referral) sum.referrals.push({ name, urgency: read.referral.referral.urgency });
    if (read.withdrawal?.handed) sum.withdrawn.push(name);
  }
  for (const read of names.length === 0 ? found.sort((a, b) => rank(a) - rank(b)) : found) {
    await showOne(session, read, names.length === 0);
  }
  if (found.length + damaged.length === 0) await session.note(`Nothing is kept in ${folder}.`);
  if (found.length > 0 && !session.json && names.length === 0)
    await session.note(summarizeShown(sum, { out: folder }).join('\n'));
  if (damaged.length === 0) return EXIT.ok;
  await session.note(damaged.join('\n'));
  return EXIT.partial;
}

const nameOf = ({ hotline, id }: { hotline: string; id: string }): string => `${hotline}/${id}`;

const rank = ({ referral }: Read): number => (referral ? Urgency.options.indexOf(referral.referral.urgency) : -1);

/** @throws {CommandError} `not-known` if one of the names, `ID` or `HOTLINE/ID`, is not kept */
function choose(kept: readonly Kept[], names: readonly string[], folder: string): Kept[] {
  return names.flatMap((name) => {
    const found = kept.filter((one) => one.id === name || nameOf(one) === name);
    if (found.length > 0) return found;
    throw new CommandError(
      EXIT.refused,
      'not-known',
      `No referral ${name} is kept in ${folder}.\nName the folder to which it was polled with --out; what was moved away is not found.`,
    );
  });
}

async function showOne(session: Session, { referral, withdrawal }: Read, isLine: boolean): Promise<void> {
  const { style, json } = session;
  if (referral && isLine && !json) {
    await session.show({}, lineOf(session, referral, withdrawal !== undefined));
    return;
  }
  if (referral) {
    await session.show(referralRecord(referral), summarizeReferral(referral, style, answerCommand(session, referral)));
  }
  if (withdrawal) await session.show(withdrawalRecord(withdrawal), summarizeWithdrawal(withdrawal, style));
}

function lineOf({ style }: Session, opened: AgencyReferral, isWithdrawn: boolean): string {
  const { referral, acceptedAt } = opened;
  const withdrawn = isWithdrawn ? `  ${style.warning('WITHDRAWN')}` : '';
  return `${headingOf(referral, style, 9)}  ${nameOf(opened)}  ${words.moment(acceptedAt)}  ${referral.incident.type}${withdrawn}`;
}
