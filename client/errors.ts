import type { ErrorCode, Fault } from '../core/errors.ts';
import { UnconfirmedKeyError } from '../core/taken-statement.ts';

/*
 * What can go wrong for a partner. Two kinds come from core and pass through unchanged: `RelayError` with the code
 * `malformed` for a document or statement of one's own that has faults, and `OpenError` for a verdict on a delivery.
 */

/** What stands between a client and its work, other than the relay's own refusal. */
export type ClientErrorCode =
  /** Nobody answers at the relay's address, something else than the relay does, or the way there is broken. */
  | 'relay-unreachable'
  /** What answered does not keep to the protocol, or says something that is not ours. */
  | 'unexpected-answer'
  /** A profile, or a file it names, is missing or faulty. */
  | 'profile'
  /** A file of the journal, of the trusted keys or of the seen referrals is damaged. */
  | 'storage'
  /** What is asked for is not there, such as a referral that neither journal nor relay knows. */
  | 'not-known'
  | 'aws-credentials'
  | 'aws-access-denied'
  | 'aws-unreachable'
  /** AWS finds fault with what it is asked, and would again. */
  | 'aws-request'
  | 'queue-missing'
  | 'kms-key';

/** A failure with one sentence that says what to do. It never holds a referral, a key or a body. */
export class ClientError extends Error {
  readonly code: ClientErrorCode;
  /** Whether the same call may succeed later without anybody doing anything. */
  readonly transient: boolean;

  constructor(code: ClientErrorCode, message: string, more: { cause?: unknown; transient?: boolean } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'ClientError';
    this.code = code;
    this.transient = more.transient ?? false;
  }
}

/** The relay refused a call (protocol section 9): its problem document, or a bare `408`, `429` or `5xx` of what is in front of it. */
export class RelayProblem extends Error {
  /** HTTP status. */
  readonly status: number;
  /** `unknown` for a code that this version does not know, and for a bare answer that fits none. */
  readonly code: ErrorCode | 'unknown';
  /** The relay's sentence; `message` may say more. */
  readonly detail: string;
  /** What is wrong with the request, field by field. */
  readonly errors: readonly Fault[];
  /** Further members of the problem document, such as `sealed` and `acceptedAt` of an `id-conflict`. */
  readonly members: Readonly<Record<string, string>>;
  /** Milliseconds that the relay asked to wait, where it did. */
  readonly retryAfter: number | undefined;

  constructor(
    problem: Pick<RelayProblem, 'status' | 'code' | 'detail'> &
      Partial<Pick<RelayProblem, 'errors' | 'members' | 'retryAfter' | 'message'>>,
  ) {
    super(problem.message ?? problem.detail);
    this.name = 'RelayProblem';
    this.status = problem.status;
    this.code = problem.code;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.members = problem.members ?? {};
    this.retryAfter = problem.retryAfter;
  }

  /** Whether the same call may succeed later without anybody doing anything (RFC 9110 sections 15.5.9 and 15.6, RFC 6585 section 4). */
  get transient(): boolean {
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** Whether it passes by itself, or once somebody has mended what stands in between; all else is for the partner to mend. */
export const isPassing = (error: unknown): error is RelayProblem | ClientError =>
  error instanceof RelayProblem
    ? error.transient
    : error instanceof ClientError && (error.transient || ELSEWHERE.has(error.code));

/** What is wrong lies between here and the relay, or at the relay. */
const ELSEWHERE = new Set<ClientErrorCode>(['relay-unreachable', 'unexpected-answer']);

/**
 * A key that the relay's directory lists and the user has not confirmed (protocol section 5, "Pinning"). Nothing is
 * sealed for it, and nothing it signed is believed or rejected, until `referral-relay trust`.
 */
export class UntrustedKeyError extends UnconfirmedKeyError {
  readonly partner: string;
  readonly use: KeyUse;
  /** The fingerprint: RFC 7638 thumbprint of the key. */
  readonly kid: string;
  /**
   * `changed`: other keys of this partner, for this use, are trusted already; `compromised`: it is listed as such, so that
   * nobody is asked to confirm it any more.
   */
  readonly situation: 'unknown' | 'changed' | 'compromised';

  constructor({ partner, use, kid, situation }: UntrustedKey) {
    super(describeUntrusted({ partner, use, kid, situation }));
    this.name = 'UntrustedKeyError';
    this.partner = partner;
    this.use = use;
    this.kid = kid;
    this.situation = situation;
  }
}

type UntrustedKey = Pick<UntrustedKeyError, 'partner' | 'use' | 'kid' | 'situation'>;

/** What a key is relied upon for: to verify what a partner signed, or to seal referrals of one's own for. */
export type KeyUse = 'signing' | 'intake';

function describeUntrusted({ partner, use, kid, situation }: UntrustedKey): string {
  if (situation === 'compromised') {
    return `The signing key ${kid} of ${partner} has been compromised, and you had not trusted it before: it cannot be confirmed any more, and what it signed stays unproven. Ask ${partner}, by telephone or in person, to send it anew under its present key.`;
  }
  // An intake key is one's own, but it lives at the relay.
  const who = use === 'intake' ? 'the operator of the relay' : partner;
  const command = `run "referral-relay trust ${partner}"`;
  return situation === 'unknown'
    ? `The ${use} key of ${partner} is not trusted yet. Compare its fingerprint ${kid} with the one that ${who} gives you by telephone or in person, then ${command}.`
    : `The ${use} key of ${partner} is not one that you trusted before: its fingerprint is now ${kid}. Ask ${who}, by telephone or in person, whether there is a new key; only then ${command}. If there is none, somebody may be posing as ${partner}: tell ${use === 'intake' ? 'the authority that oversees the relay' : 'the operator of the relay'}.`;
}
