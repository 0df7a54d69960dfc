import type { AgencyMessage, InboxItem } from './contracts.ts';
import type { ReferralName } from './ids.ts';
import type { IntakeJwk } from './keys.ts';
import type { LedgerRow, OutboxRow, ReferralRecord } from './ledger.ts';
import type { Retention } from './limits.ts';
import type { Lane } from './names.ts';
import type { KmsKeyRecord, PartnerKind, Registry } from './registry.ts';

/*
 * What the use cases need of the outside, and what the outside promises. A promise that rejects means that nobody knows
 * whether the effect happened; every use case stands that.
 */

/** Milliseconds since 1970. */
export interface Clock {
  now(): number;
}

export interface Randomness {
  /** Uniform in [0, 1). */
  fraction(): number;
}

/**
 * The truth about every referral. Single-item writes only; whoever reads to decide reads consistently.
 */
export interface Ledger {
  /** All rows of one referral as they are now; without the sealed content unless `content` is asked for. */
  read(name: ReferralName, content?: 'content'): Promise<ReferralRecord>;

  /** Writes a row that must not exist. `false`, without effect, if it does: the first writer has won. */
  create(row: LedgerRow): Promise<boolean>;

  /** Writes the outbox, over one that is there. */
  put(row: OutboxRow): Promise<void>;

  /**
   * Writes `row` over the one with the same `rev` and answers with what now stands, `rev` one higher; `undefined`,
   * without effect, if it was changed or removed meanwhile. The sealed content stays as it is; it is removed when
   * `contentRemovedAt` is set.
   */
  replace<T extends LedgerRow>(row: T): Promise<T | undefined>;

  /** Removes a row that still has this `rev`; `false`, without effect, if it has not. */
  remove(row: LedgerRow): Promise<boolean>;

  /**
   * At most `limit` rows of a lane that fell due at or before `until` (milliseconds since 1970), earliest first, as a
   * hint: rows may be missing, stale or gone. With `after`, a row of this lane as it was read, those that come after it.
   */
  due(lane: string, until: number, limit: number, after?: LedgerRow): Promise<LedgerRow[]>;

  /** Remembers these partners for good. @returns all of their kind that were ever remembered, in no order */
  remember(kind: PartnerKind, ids: readonly string[]): Promise<string[]>;

  /** Notes by which registry the relay works, by its digest, for the operator. */
  noteRegistry(digest: string): Promise<void>;

  /** The digest that was noted last, read consistently; nothing before the first. */
  notedRegistry(): Promise<string | undefined>;

  /**
   * Whether the operator has suspended a partner, as of now: read consistently, and never remembered. One more read of
   * one small item for every call of the API and every attempt at a delivery.
   */
  isSuspended(partner: string): Promise<boolean>;

  /**
   * Takes one from a hotline's bucket, which holds `perMinute` and fills up within a minute; `false`, without effect, if
   * it is empty at `now` (milliseconds since 1970). Each hotline has a bucket for each class.
   */
  take(hotline: string, bucket: Bucket, perMinute: number, now: number): Promise<boolean>;

  /** Gives back what was taken and not used: the bucket is full that many milliseconds earlier. */
  giveBack(hotline: string, bucket: Bucket, milliseconds: number): Promise<void>;
}

/** What is counted together: submissions, by urgency, or the time for which calls wait for items. */
export type Bucket = 'immediate' | 'other' | 'waiting';

/** "Look after this referral", or, with `agency`, "make this attempt at this route"; stale attempts have no effect. */
export interface DispatchMessage extends ReferralName {
  v: 1;
  attempt?: { agency: string; version: number; number: number };
}

/** An item in a hotline's inbox, with the row it stands for. */
export interface InboxMessage {
  /** Key of the statement row. */
  key: string;
  item: InboxItem;
}

/** Transport only: at least once, in any order, and lost after 14 days. */
export interface Queues {
  dispatch(lane: Lane, message: DispatchMessage): Promise<void>;
  /** How many dispatch messages wait or are being handled; about, as of some moments ago. */
  countDispatched(lane: Lane): Promise<number>;
  sendToAgency(agency: string, lane: Lane, message: AgencyMessage): Promise<void>;
  sendToHotline(hotline: string, message: InboxMessage): Promise<void>;
  /** At most `max` (1–10) messages of the hotline's inbox, waiting up to `waitSeconds` (0–20) for the first. */
  receive(hotline: string, max: number, waitSeconds: number): Promise<{ handle: string; message: InboxMessage }[]>;
  /** Unknown and expired handles are ignored. */
  remove(hotline: string, handles: readonly string[]): Promise<void>;
}

/** Who vouches for what in the context of a wrapped key (protocol section 4). */
export interface WrapContext {
  hotline: string;
  referral: string;
  agency: string;
  sealed: string;
}

export type Rewrapped =
  | { outcome: 'wrapped'; key: Uint8Array }
  /** The content key is not wrapped for this intake key: final. */
  | { outcome: 'invalid' }
  /** A key is disabled, gone, or not ours to use: somebody has to act; `cause` is an error name of KMS. */
  | { outcome: 'refused'; cause: string };

export interface IntakeKey {
  generation: number;
  kid: string;
  jwk: IntakeJwk;
}

export interface Keys {
  /** The public half of a hotline's intake key. */
  intakeKey(hotline: string, record: KmsKeyRecord): Promise<IntakeKey>;
  /** Re-wraps a content key from the hotline's intake key to the agency's key, inside KMS. Rejects where trying again may help. */
  rewrap(
    wrapped: Uint8Array,
    from: { hotline: string; record: KmsKeyRecord },
    to: { agency: string; record: KmsKeyRecord },
    context: WrapContext,
  ): Promise<Rewrapped>;
}

/** A referral that waits for its agency, and since when, in whole minutes. */
export interface Waiting extends ReferralName {
  minutes: number;
}

/** Rings the people of an agency, by the contact in its registry file. */
export interface Pages {
  /** Tells them that these `immediate` referrals wait unopened: their names and how long, nothing of their content. */
  page(agency: string, waiting: readonly Waiting[]): Promise<void>;
}

/** Ids, countries, codes and counts; never a body, a key or anything of a referral's content. */
export interface Telemetry {
  record(event: TelemetryEvent, fields?: Readonly<Record<string, string | number>>): void;
}

export type TelemetryEvent =
  | 'accepted'
  | 'refused'
  | 'failed'
  | 'delivered'
  | 'delivery-failed'
  /**
   * A delivery that failed for a cause that somebody has to mend, or for the fifth time in a row; and at every sweep, that
   * something `immediate` was not placed within a quarter of an hour.
   */
  | 'held-up'
  | 'undeliverable'
  | 'answered'
  /** By agency, at every sweep: how many immediate referrals (`count`) wait unopened since a quarter of an hour or more. */
  | 'unopened-immediate'
  /** One that somebody is reminded of, or that is sent again, because its agency has not opened it. */
  | 'unopened'
  | 'paged'
  | 'page-failed'
  | 'dispatch-failed'
  | 'inbox-failed'
  /** Something due that sweep could not look after: a lane or a row that cannot be read, a queue that takes nothing. */
  | 'due-failed'
  | 'repaired'
  | 'content-removed'
  | 'swept';

/** All that a use case may be given; each names the parts it takes. */
export interface Relay {
  ledger: Ledger;
  queues: Queues;
  keys: Keys;
  registry: Registry;
  clock: Clock;
  randomness: Randomness;
  telemetry: Telemetry;
  retention: Retention;
}
