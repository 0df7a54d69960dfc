import { OUTCOMES, type OutcomeStatus } from '../../core/contracts.ts';
import type { ReferralName } from '../../core/ids.ts';
import type { Routing } from '../../core/schema.ts';
import type { AgencyOutcome } from '../agency.ts';
import { type Exit, EXIT, usageError } from './exit.ts';
import { showRoutes } from './hotline.ts';
import type { Session } from './session.ts';
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

export async function answer(
  session: Session,
  name: ReferralName,
  status: string,
  options: AnswerOptions,
): Promise<Exit> {
  const { version } = options;
  const outcome = toOutcome(status, options);
  const agency = await session.openAgency();
  const { acceptedAt } = await agency.answer({ ...name, ...(version !== undefined && { version }) }, outcome);
  const said = words.outcome(outcome);
  await session.show(
    { ...name, ...outcome, acceptedAt },
    `${session.style.good('answered')}  ${name.hotline}/${name.id}: "${said}", taken in ${words.moment(acceptedAt)}`,
  );
  return EXIT.ok;
}

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
