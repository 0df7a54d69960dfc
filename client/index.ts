/**
 * What partners of a referral relay import.
 *
 * ```ts
 * import { createAgency, createHotline, loadAgencyProfile, loadHotlineProfile } from 'referral-relay';
 *
 * // A hotline: no AWS credentials needed.
 * const hotline = createHotline(await loadHotlineProfile('profiles/us-sample'));
 * const { routes } = await hotline.submit(draft);
 * for await (const outcome of hotline.outcomes({ signal })) record(outcome);
 *
 * // An agency: AWS credentials from the SDK's default chain.
 * const agency = createAgency(await loadAgencyProfile('profiles/gb-sample'));
 * await agency.run((referral) => fileCase(referral), { report: log, signal });
 * ```
 *
 * Errors: `RelayProblem` (the relay refuses), `ClientError` (something stands in between), `UntrustedKeyError` (a key
 * has not been confirmed), `RelayError` with the code `malformed` (a document or statement of one's own has faults),
 * `OpenError` (a delivery cannot be opened). Each message says what to do.
 */
export { type Agency, type AgencyOptions, type AgencyOutcome, createAgency, type ReferralReference } from './agency.ts';
export type { AgencyReferral, DeliveryReport, DeliveryResult, Handlers, Withdrawal } from './delivery.ts';
export { ClientError, type ClientErrorCode, type KeyUse, RelayProblem, UntrustedKeyError } from './errors.ts';
export { type CheckedStatus, createHotline, type Hotline, type HotlineOptions, type Review } from './hotline.ts';
export type { AgencyInbox, ContentKeys, Delivery, InboxMessage } from './inbox.ts';
export { createJournalFolder, createJournalMemory, type Journal, type JournalEntry } from './journal.ts';
export type { Outcome, OutcomesOptions, ReceivedEvent, ReceivedOutcome } from './outcomes.ts';
export type { PollOptions, PollReport, RunOptions } from './polling.ts';
export {
  type AgencyProfile,
  type HotlineProfile,
  loadAgencyProfile,
  loadHotlineProfile,
  loadProfile,
} from './profile.ts';
export type { RoutesAnswer } from './relay.ts';
export type { Runtime } from './runtime.ts';
export { createSeenFolder, createSeenMemory, type SeenReferral, type SeenStore } from './seen.ts';
export { loadSigningKey, toSigningKey } from './signing-key.ts';
export type { CheckedStatement } from './statement-check.ts';
export { type Confirmed, createTrustFile, createTrustMemory, type TrustEntry, type TrustStore } from './trust.ts';

export type { Acceptance, OutcomeStatement, RouteStatement, WithdrawStatement } from '../core/contracts.ts';
export { type ErrorCode, type Fault, RelayError } from '../core/errors.ts';
export type { SigningKey } from '../core/jws.ts';
export { OpenError, type OpenReason } from '../core/open.ts';
export type { Referral, ReferralDraft, Warning } from '../core/referral.ts';
