import type { OutcomeStatus, RouteStatus } from './contracts.ts';
import type { ReferralName } from './ids.ts';
import type { RoutePlan } from './routing.ts';
import type { Onward, Role, Routing, Timestamp, Urgency } from './schema.ts';

/*
 * The ledger: what is kept of a referral. `core/ledger-rules.ts` says how a row changes, `core/ports.ts` how rows are
 * written. Each row has a life of its own and is changed only if nobody else changed it meanwhile.
 *
 * What is owed is part of the row that owes it (`due`), so that a fact and the duty that follows from it are one write.
 */

/** When a row wants attention, and in which lane sweep looks for it. */
export interface Due {
  lane: string;
  at: Timestamp;
}

interface Row extends ReferralName {
  /** Version of the row's layout, so that old and new code can run side by side. */
  v: 1;
  /** Counts up with every change; a change is conditional on it. */
  rev: number;
  due?: Due | undefined;
}

/** Written before the acceptance, deleted when every planned route has its own row. */
export interface OutboxRow extends Row {
  kind: 'outbox';
  createdAt: Timestamp;
  urgency: Urgency;
}

/** The acceptance: immutable facts, the answer given, and the sealed referral until its content is removed. */
export interface ReferralRow extends Row {
  kind: 'referral';
  acceptedAt: Timestamp;
  routing: Routing;
  urgency: Urgency;
  onward: Onward;
  /** Hash of the sealed referral. */
  hash: string;
  /** Which intake key of the hotline it is sealed for. */
  generation: number;
  plan: RoutePlan;
  /** Content is kept at least until then; moved forward by whatever may still need it. */
  contentUntil?: Timestamp | undefined;
  /** The JWE; absent once removed, and where a reader did not ask for it. */
  sealed?: string | undefined;
  contentRemovedAt?: Timestamp | undefined;
}

/** One agency's copy of a referral. */
export interface RouteRow extends Row {
  kind: 'route';
  agency: string;
  status: RouteStatus;
  /** Counts up when the route gains a role or country. */
  version: number;
  roles: Role[];
  countries: string[];
  urgency: Urgency;
  /** Since when this version is owed to the agency. */
  owedSince?: Timestamp | undefined;
  deliveredAt: Timestamp | null;
  openedAt: Timestamp | null;
  /** Since when nothing more is owed to this agency. */
  finalAt: Timestamp | null;
  /** Attempts made at sending, successful or not; a dispatch message names the one it asks for. */
  attempts: number;
  /** Attempts that failed since one succeeded. */
  failures: number;
  /** How often it was sent again, or somebody reminded, since it was delivered or found unreadable. */
  repeats: number;
  /** What `repeats` was when the agency's people were last paged; they are paged once at each reminder. */
  pagedAt?: number | undefined;
  /** When the news of the hotline's withdrawal was handed to the agency's queue, or was known to be needless. */
  withdrawalSentAt: Timestamp | null;
}

/** A signed statement, or an event of the relay's own, kept until it had its effect and the hotline acknowledged it. */
export interface StatementRow extends Row {
  kind: 'statement';
  /** Name within the referral: `outcome#de-kinderwacht#00`, `route#00`, `withdraw`, `event#sent-on#00`. */
  key: string;
  acceptedAt: Timestamp;
  content: StatementContent;
}

export type StatementContent =
  | {
      type: 'outcome';
      statement: string;
      agency: string;
      version: number;
      status: OutcomeStatus;
      reason?: string | undefined;
      countries?: string[] | undefined;
    }
  | { type: 'route'; statement: string; by: string; routing: Routing; plan: RoutePlan }
  | { type: 'withdraw'; statement: string }
  | { type: 'event'; event: 'undeliverable' | 'unrouted' | 'sent-on'; agency?: string; countries?: string[] }
  | HandOver;

/** By order of the operator, another agency takes over what `agency` has not opened: news, and the reason for a route. */
export interface HandOver {
  type: 'event';
  event: 'handed-over';
  agency: string;
  countries: string[];
  /** Of the route that is taken over. */
  version: number;
  plan: RoutePlan;
}

export const isHandOver = (content: StatementContent): content is HandOver =>
  content.type === 'event' && content.event === 'handed-over';

/** Owes the removal of content and, later, of all rows; made when the referral is placed. */
export interface RetentionRow extends Row {
  kind: 'retention';
  /** The intake key that is needed as long as there is content; `null` when there is none any more. */
  generation?: number | null | undefined;
}

export type LedgerRow = OutboxRow | ReferralRow | RouteRow | StatementRow | RetentionRow;

/** All that the ledger holds of one referral, as far as it exists. */
export interface ReferralRecord {
  outbox?: OutboxRow;
  referral?: ReferralRow;
  retention?: RetentionRow;
  /** Sorted by agency. */
  routes: RouteRow[];
  /** Sorted by key. */
  statements: StatementRow[];
}

/** The sort key of a row; within a partition it is unique. */
export function sortKey(row: LedgerRow): string {
  switch (row.kind) {
    case 'route':
      return `route#${row.agency}`;
    case 'statement':
      return `statement#${row.key}`;
    default:
      return row.kind;
  }
}
