import type { OutcomeStatement, RouteStatement, TakenStatement } from '../core/contracts.ts';
import { RelayError } from '../core/errors.ts';
import { type PartnerDirectory, verifyTaken } from '../core/taken-statement.ts';
import { UntrustedKeyError } from './errors.ts';

/* Statements as a hotline reads them: each is verified here, whatever the relay says. */

/**
 * A statement and what came of verifying it.
 * - `verified`: `payload` is what the partner signed, about this referral.
 * - `invalid`: it does not count, for the reason in `detail`; tell the operator.
 * - `untrusted`: the signer's key is listed but not confirmed by the user yet; `error` says how to do that.
 */
export type CheckedStatement<P> = TakenStatement &
  (
    | { check: 'verified'; payload: P }
    | { check: 'invalid'; detail: string }
    | { check: 'untrusted'; error: UntrustedKeyError }
  );

/** What a statement must be about. `sealed` is held against it where it is known here. */
export interface Subject {
  hotline: string;
  referral: string;
  sealed?: string | undefined;
}

/**
 * An agency's outcome.
 * @param agency the one whose it must be, where that is known
 * @throws what asking the directory throws
 */
export const checkOutcome = (
  taken: TakenStatement,
  subject: Subject,
  directory: PartnerDirectory,
  agency?: string,
): Promise<CheckedStatement<OutcomeStatement>> =>
  check(taken, subject, () =>
    verifyTaken('outcome', taken, directory, (signer) => agency === undefined || signer === agency),
  );

/** A statement by which the hotline itself or a forwarding agency sent the referral on. @throws as {@link checkOutcome} */
export const checkRoute = (
  taken: TakenStatement,
  subject: Subject,
  directory: PartnerDirectory,
): Promise<CheckedStatement<RouteStatement>> =>
  check(taken, subject, () =>
    verifyTaken('route', taken, directory, (signer) => signer === subject.hotline || directory.mayForward(signer)),
  );

async function check<P extends Required<Subject>>(
  { statement, acceptedAt }: TakenStatement,
  subject: Subject,
  verify: () => Promise<P>,
): Promise<CheckedStatement<P>> {
  const taken = { statement, acceptedAt };
  try {
    const payload = await verify();
    const fits =
      payload.hotline === subject.hotline &&
      payload.referral === subject.referral &&
      (subject.sealed === undefined || payload.sealed === subject.sealed);
    if (fits) return { ...taken, check: 'verified', payload };
    return { ...taken, check: 'invalid', detail: 'It is about another referral.' };
  } catch (error) {
    if (error instanceof RelayError) return { ...taken, check: 'invalid', detail: error.message };
    if (!(error instanceof UntrustedKeyError)) throw error;
    // Waiting for it to be confirmed would be for ever.
    if (error.situation === 'compromised') return { ...taken, check: 'invalid', detail: error.message };
    return { ...taken, check: 'untrusted', error };
  }
}
