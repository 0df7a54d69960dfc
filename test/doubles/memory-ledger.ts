import type { ReferralName } from '../../core/ids.ts';
import { type LedgerRow, type ReferralRecord, sortKey } from '../../core/ledger.ts';
import type { Ledger } from '../../core/ports.ts';
import { MINUTE, toTimestamp } from '../../core/time.ts';
import { DueIndex } from './due-index.ts';
import { type Invocation, ServiceError } from './faults.ts';

/** DynamoDB, "Quotas": attribute names and values together. */
const ITEM_BYTES = 400 * 1024;

/**
 * The ledger in memory, with DynamoDB's semantics: single items, conditional writes, consistent reads of the table, an
 * index that may be behind. What goes in and out is copied.
 */
export class MemoryLedger {
  readonly #partitions = new Map<string, Map<string, LedgerRow>>();
  readonly #index = new DueIndex();
  /** Those to be remembered for good. */
  readonly agencies = new Set<string>();
  /** When each hotline's bucket will be full again. */
  readonly #buckets = new Map<string, number>();
  /** Partners that the operator has suspended. */
  readonly suspended = new Set<string>();
  readonly #onWrite: ((name: ReferralName) => void) | undefined;

  /** `onWrite` is told of every write right after it. */
  constructor(onWrite?: (name: ReferralName) => void) {
    this.#onWrite = onWrite;
  }

  /** The ledger as one invocation sees it. */
  connect(invocation: Invocation): Ledger {
    return {
      read: (name, content) => invocation.call('ledger.read', () => this.record(name, content)),
      create: (row) =>
        invocation.call('ledger.create', () => {
          if (this.#find(row)) return false;
          this.#write(row, row);
          return true;
        }),
      put: (row) => invocation.call('ledger.put', () => this.#write(row, row)),
      replace: (row) =>
        invocation.call('ledger.replace', () => {
          const standing = this.#find(row);
          if (standing?.rev !== row.rev) return undefined;
          const next = { ...row, rev: row.rev + 1 };
          this.#write(row, withContentOf(standing, next));
          return copy(isWithoutContent(next) ? { ...next, sealed: undefined } : next);
        }),
      remove: (row) =>
        invocation.call('ledger.remove', () => {
          if (this.#find(row)?.rev !== row.rev) return false;
          this.#write(row, undefined);
          return true;
        }),
      due: (lane, until, limit, after) =>
        invocation.call('ledger.due', (fault) =>
          this.#index
            .read(lane, toTimestamp(until), limit, fault === 'stale', after && `${after.due?.at} ${keyOf(after)}`)
            .map((row) => copy(withoutContent(row))),
        ),
      rememberAgencies: (agencies) =>
        invocation.call('ledger.rememberAgencies', () => {
          for (const agency of agencies) this.agencies.add(agency);
          return [...this.agencies];
        }),
      take: (hotline, bucket, perMinute, now) =>
        invocation.call('ledger.take', () => {
          const [key, step] = [`${hotline} ${bucket}`, MINUTE / perMinute];
          const fullAt = Math.max(this.#buckets.get(key) ?? 0, now);
          if (fullAt > now + MINUTE - step / 2) return false;
          this.#buckets.set(key, fullAt + step);
          return true;
        }),
      isSuspended: (partner) => invocation.call('ledger.isSuspended', () => this.suspended.has(partner)),
    };
  }

  /** What stands of one referral, without a call and its faults. */
  record(name: ReferralName, content?: 'content'): ReferralRecord {
    const rows = [...(this.#partitions.get(partitionKey(name)) ?? [])]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => copy(content ? row : withoutContent(row)));
    const outbox = rows.find((row) => row.kind === 'outbox');
    const referral = rows.find((row) => row.kind === 'referral');
    const retention = rows.find((row) => row.kind === 'retention');
    return {
      ...(outbox && { outbox }),
      ...(referral && { referral }),
      ...(retention && { retention }),
      routes: rows.filter((row) => row.kind === 'route'),
      statements: rows.filter((row) => row.kind === 'statement'),
    };
  }

  /** The names of all referrals of which anything stands. */
  names(): ReferralName[] {
    return [...this.#partitions.keys()].map((key) => {
      const [hotline = '', id = ''] = key.split('#');
      return { hotline, id };
    });
  }

  #find(row: LedgerRow): LedgerRow | undefined {
    return this.#partitions.get(partitionKey(row))?.get(sortKey(row));
  }

  #write(key: LedgerRow, row: LedgerRow | undefined): void {
    if (row && sizeOf(row) > ITEM_BYTES) {
      throw new ServiceError('ValidationException', 'Item size has exceeded the maximum allowed size');
    }
    const [pk, sk] = [partitionKey(key), sortKey(key)];
    const partition = this.#partitions.get(pk) ?? new Map<string, LedgerRow>();
    const before = partition.get(sk);
    const after = row && copy(row);
    if (after) partition.set(sk, after);
    else partition.delete(sk);
    if (partition.size > 0) this.#partitions.set(pk, partition);
    else this.#partitions.delete(pk);
    this.#index.follow(keyOf(key), before, after);
    this.#onWrite?.(key);
  }
}

const partitionKey = ({ hotline, id }: ReferralName): string => `${hotline}#${id}`;

const keyOf = (row: LedgerRow): string => `${partitionKey(row)} ${sortKey(row)}`;

const isWithoutContent = (row: LedgerRow): boolean => row.kind === 'referral' && row.contentRemovedAt !== undefined;

/** `next` with the sealed content that stands, unless it is to go. */
function withContentOf(standing: LedgerRow, next: LedgerRow): LedgerRow {
  if (standing.kind !== 'referral' || next.kind !== 'referral') return next;
  return { ...next, sealed: isWithoutContent(next) ? undefined : standing.sealed };
}

const withoutContent = (row: LedgerRow): LedgerRow => (row.kind === 'referral' ? { ...row, sealed: undefined } : row);

/** Deep, and without members that are `undefined`, which the table does not keep either. */
function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copy) as T;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, copy(member)])) as T;
}

/** As JSON, which is somewhat more than DynamoDB counts. The content is ASCII. */
function sizeOf(row: LedgerRow): number {
  const content = row.kind === 'referral' ? (row.sealed?.length ?? 0) : 0;
  return content + Buffer.byteLength(JSON.stringify(withoutContent(row)));
}
