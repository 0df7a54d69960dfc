/**
 * Every refusal of the relay, as one class with a closed set of codes (protocol section 9).
 *
 * Thrown inside, turned into an `application/problem+json` answer once, at the edge (`core/api.ts`).
 * A `detail` is one sentence that says what to do; it never holds a body, a key or a name internal to the relay.
 */
export class RelayError extends Error {
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];
  /** Further members of the problem document, such as `sealed` of an `id-conflict`. */
  readonly members: Readonly<Record<string, string>>;
  /** Whole seconds for `Retry-After`; present with `slow-down` and `try-again` only. */
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, detail: string, more: ErrorDetails = {}) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'RelayError';
    this.code = code;
    this.faults = more.faults ?? [];
    this.members = more.members ?? {};
    this.retryAfter = more.retryAfter;
  }
}

interface ErrorDetails {
  faults?: readonly Fault[];
  members?: Readonly<Record<string, string>>;
  retryAfter?: number;
  cause?: unknown;
}

/** One fault of an input: `pointer` is an RFC 6901 JSON Pointer to the member, `detail` says what is wrong with it. */
export interface Fault {
  pointer: string;
  detail: string;
}

/** HTTP status and title of each code, in the order of protocol section 9. */
export const ERRORS = {
  malformed: { status: 400, title: 'The request is malformed' },
  'invalid-envelope': { status: 400, title: 'The sealed referral does not have the required form' },
  unauthorized: { status: 401, title: 'The request is not signed by a registered key' },
  'stale-signature': { status: 401, title: 'The signature is too old or from the future' },
  'wrong-role': { status: 403, title: 'This partner may not make this call' },
  'onward-refused': { status: 403, title: 'The hotline does not allow this referral to be sent on' },
  'not-found': { status: 404, title: 'There is no such thing here' },
  'id-conflict': { status: 409, title: 'This id was used for another referral' },
  'limit-reached': { status: 409, title: 'No more statements are taken here' },
  'content-expired': { status: 410, title: 'The content is no longer kept' },
  'too-large': { status: 413, title: 'The request is too large' },
  'unsupported-type': { status: 415, title: 'The content type or encoding is not supported' },
  'no-route': { status: 422, title: 'No agency serves these countries' },
  'wrong-intake-key': { status: 422, title: 'The referral is sealed for a key that is not in use' },
  'statement-mismatch': { status: 422, title: 'The statement does not fit this referral' },
  'slow-down': { status: 429, title: 'Too many requests' },
  'try-again': { status: 503, title: 'The relay cannot take this right now' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;
