import { DAY, HOUR, MINUTE, SECOND } from './time.ts';

/** What the protocol fixes. Sizes in bytes or characters, times in milliseconds. */
export const LIMITS = {
  /** Body of a request (protocol section 3). */
  requestBytes: 512 * 1024,
  /** A compact JWS of an agency or hotline (section 7). */
  statementCharacters: 4096,
  statementsPerRoute: 32,
  routeStatements: 16,
  /** How far `at` of a statement may lie before acceptance and after now. */
  statementSkew: 5 * MINUTE,
  receiveItems: 10,
  receiveWaitSeconds: 20,
  /** How many calls of one hotline may wait for items at the same time, in the long run; see docs/adr/014. */
  waitingReceives: 20,
  /** Receipts in one acknowledgement. */
  receipts: 100,
} as const;

/** What the operator may set (section 10). */
export interface Retention {
  /** How long content is kept once every route is final, in milliseconds. */
  content: number;
  /** How long facts and statements are kept, in milliseconds. */
  custody: number;
}

export const DEFAULT_RETENTION: Retention = { content: 30 * DAY, custody: 400 * DAY };

/** When the ledger's rows fall due; see `core/ledger-rules.ts`. */
export const SCHEDULE = {
  /** A row that its writer takes care of at once: sweep looks after it if the writer did not. */
  grace: MINUTE,
  /** An outbox without an acceptance: its writer is long gone. Far beyond the function's timeout. */
  abandoned: 15 * MINUTE,
  /** How long what sweep has sent off may take to arrive before sweep sends it off again. */
  lease: 10 * MINUTE,
  /** The first wait after a failed send; doubled each time. */
  backoff: MINUTE,
  /** By urgency: once the cause is mended, what is `immediate` must not wait for hours. */
  longestBackoff: { immediate: 15 * MINUTE, other: 6 * HOUR },
  /** An `immediate` referral that was delivered and not opened; then daily. */
  reminders: [15 * MINUTE, HOUR, 6 * HOUR],
  laterReminders: DAY,
  /** An `unreadable` one is tried again after these, then at {@link SCHEDULE.beforeQueueForgets}. */
  unreadable: [HOUR, DAY],
  /** SQS keeps a message 14 days at most; what is not confirmed by then is sent again. */
  beforeQueueForgets: 13 * DAY,
} as const;

/**
 * What sweep takes at a time; see `core/use-cases/sweep.ts`. Six thousand messages a minute are a hundred deliveries a
 * second: a tenth of the RSA operations that KMS lets an account have. They are 240 pages, more than there are agencies, so
 * that in each run every lane has its turn.
 */
export const SWEEP = { page: 25, concurrency: 25, dispatched: 6000 } as const;

/** How long the hotline has to acknowledge what it received, in seconds; also set on its queue. */
export const RECEIPT_SECONDS = (2 * MINUTE) / SECOND;
