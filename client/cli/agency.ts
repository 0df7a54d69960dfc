import { OUTCOMES, type OutcomeStatus } from '../../core/contracts.ts';
import type { ReferralName } from '../../core/ids.ts';
import type { Routing } from '../../core/schema.ts';
import type { AgencyOutcome } from '../agency.ts';
import { type Exit, EXIT, usageError } from './exit.ts';
import type { Failure } from './failure.ts';
import { showRoutes } from './hotline.ts';
import { safeLine } from './safe-text.ts';
import { type Session, toRecord } from './session.ts';
import * as words from './words.ts';

/* What an agency does with a referral that it has; see `poll.ts` for how it gets it. */

/** What may be stated by hand; `unreadable` is stated by the client itself. */
export const STATUSES = Object.keys(OUTCOMES).filter((status) => status !== 'unreadable');

export interface AnswerOptions {
  reason?: string;
  countries?: string[];
  version?: number;
}

/** A command that answers a referral, as it can be pasted once STATUS is filled in. */
export const answerCommand = ({ profileArgument }: Session, { hotline, id }: ReferralName): string =>
  `referral-relay agency answer ${hotline} ${id} STATUS${profileArgument}`;

/**
 * States an outcome of one referral, or the same one of each of several. What fails with one keeps the others from nothing;
 * what would fail with every one ends it.
 */
export async function answer(
  session: Session,
  { hotline, ids }: { hotline: string; ids: readonly string[] },
  status: string,
  options: AnswerOptions,
): Promise<Exit> {
  const { version } = options;
  const outcome = toOutcome(status, options);
  const many = ids.length > 1;
  if (ids.length === 0) throw usageError('Name a referral: its id, or several with commas between.');
  if (many && version !== undefined) throw usageError('--version belongs to one referral: name one ID.');
  const agency = await session.openAgency();
  const failed: string[] = [];
  let done = 0;
  let first: Failure | undefined;
  /** What could not be shown: nothing after it can be either. */
  let broken: { error: unknown } | undefined;
  for (const id of ids) {
    if (broken || (many && session.io.signal.aborted)) break;
    const name = { hotline, id };
    let acceptedAt: string;
    try {
      ({ acceptedAt } = await agency.answer({ ...name, ...(version !== undefined && { version }) }, outcome));
    } catch (error) {
      if (!many) throw error;
      const failure = session.explain(error);
      first ??= failure;
      failed.push(`${hotline}/${safeLine(id)}`);
      const lines = failure.lines.map((line) => `  ${line}`);
      await session.note([`${session.style.bad('failed')}  ${failed.at(-1)}`, ...lines].join('\n'));
      if (session.json) await session.show({ hotline, id, error: toRecord(failure) }, '');
      if (!OF_ONE_REFERRAL.has(failure.code)) break;
      continue;
    }
    done += 1;
    await session
      .show(
        { ...name, ...outcome, acceptedAt },
        `${session.style.good('answered')}  ${hotline}/${id}: "${words.outcome(outcome)}", taken in ${words.moment(acceptedAt)}`,
      )
      .catch((error: unknown) => {
        broken = { error };
      });
  }
  if (!many) {
    if (broken) throw broken.error;
    return EXIT.ok;
  }
  const untried = ids.length - done - failed.length;
  const parts = [`${done} answered`, ...(failed.length > 0 ? [`${failed.length} failed`] : [])];
  if (untried > 0) parts.push(`${untried} not tried`);
  const again = untried > 0 ? ['Run the same command again to continue: the first answer of its kind stands.'] : [];
  await session.note([`${parts.join(', ')}.`, ...again, ...words.named('Failed:', failed)].join('\n'));
  if (broken) throw broken.error;
  if (failed.length + untried === 0) return EXIT.ok;
  return done > 0 ? EXIT.partial : (first?.exit ?? EXIT.partial);
}

const OF_ONE_REFERRAL = new Set([
  'not-known',
  'not-found',
  'statement-mismatch',
  'malformed',
  'limit-reached',
  'storage',
]);

function toOutcome(status: string, { reason, countries }: AnswerOptions): AgencyOutcome {
  if (status !== 'wrong-jurisdiction' && countries !== undefined) {
    throw usageError('--countries belongs to "wrong-jurisdiction" alone.');
  }
  switch (status) {
    case 'opened':
      refuseReason(status, reason);
      return { status };
    case 'wrong-jurisdiction':
      refuseReason(status, reason);
      return { status, countries: countries ?? [] };
    case 'not-actionable':
      return { status, reason: reasonOf(status, reason) };
    case 'actionable':
      return { status, reason: reasonOf(status, reason) };
    case 'closed':
      return { status, reason: reasonOf(status, reason) };
    default:
      throw usageError(`Give one of these as the status: ${STATUSES.join(', ')}.`);
  }
}

function refuseReason(status: OutcomeStatus, reason: string | undefined): void {
  if (reason !== undefined) throw usageError(`"${status}" has no reason: leave out --reason.`);
}

function reasonOf<S extends 'not-actionable' | 'actionable' | 'closed'>(
  status: S,
  reason: string | undefined,
): (typeof OUTCOMES)[S][number] {
  const reasons: readonly (typeof OUTCOMES)[S][number][] = OUTCOMES[status];
  const found = reasons.find((one) => one === reason);
  if (found !== undefined) return found;
  throw usageError(`Say why it is "${status}": --reason with one of ${reasons.join(', ')}.`);
}

export async function sendOn(session: Session, name: ReferralName, routing: Routing): Promise<Exit> {
  if (routing.suspect.length + routing.victim.length === 0) {
    throw usageError('Name a country: --suspect DE, --victim CA, or both.');
  }
  const agency = await session.openAgency();
  await showRoutes(session, name.id, await agency.sendOn(name, routing));
  return EXIT.ok;
}
