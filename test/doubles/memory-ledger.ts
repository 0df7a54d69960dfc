import type { ReferralName } from '../../core/ids.ts';
import { type LedgerRow, type ReferralRecord, sortKey } from '../../core/ledger.ts';
import type { Ledger, Randomness } from '../../core/ports.ts';
import { MINUTE, toTimestamp } from '../../core/time.ts';
import { DueIndex } from './due-index.ts';
import { type Invocation, ServiceError } from './faults.ts';

/** DynamoDB, "Quotas": attribute names and values together. */
const ITEM_BYTES = 400 * 1024;

/** What stands of one referral. Rows are frozen, and never hold the sealed content, which is kept beside them. */
interface Partition extends ReferralName {
  rows: Map<string, LedgerRow>;
  sealed: string | undefined;
  /** All rows in the form in which they are read, made when first asked for after a write. */
  record: ReferralRecord | undefined;
}

/** How far reads go in what DynamoDB allows itself. */
export interface ReadDisorder {
  randomness: Randomness;
  /** Told of each read during which the referral was changed. */
  tell?: () => void;
}

/**
 * The ledger in memory, with DynamoDB's semantics: single items, conditional writes, consistent reads of the table, an
 * index that may be behind. What goes in is copied, and what comes out is frozen.
 */
export class MemoryLedger {
  readonly #partitions = new Map<string, Partition>();
  readonly #index = new DueIndex();
  /** Those to be remembered for good. */
  readonly known = { agency: new Set<string>(), hotline: new Set<string>() };
  /** The digest of the registry that the relay works by. */
  registry: string | undefined;
  /** When each hotline's bucket will be full again. */
  readonly #buckets = new Map<string, number>();
  /** Partners that the operator has suspended. */
  readonly suspended = new Set<string>();
  readonly #onWrite: ((name: ReferralName) => void) | undefined;
  readonly #disorder: ReadDisorder | undefined;

  /**
   * `onWrite` is told of every write right after it. With `disorder` a read is no moment: from some row on, in the order
   * of the table, it finds what stands later; and a stale read of the index is so for some rows only. (DynamoDB,
   * "Transactions", isolation: a Query commits to no more than single items, and it has pages.)
   */
  constructor(onWrite?: (name: ReferralName) => void, disorder?: ReadDisorder) {
    this.#onWrite = onWrite;
    this.#disorder = disorder;
  }

  /** The ledger as one invocation sees it. */
  connect(invocation: Invocation): Ledger {
    return {
      read: async (name, content) => {
        const record = await invocation.call('ledger.read', () => this.record(name, content));
        const disorder = this.#disorder;
        if (!disorder) return record;
        return invocation.call('ledger.readOn', () => tear(record, this.record(name, content), disorder));
      },
      create: (row) =>
        invocation.call('ledger.create', () => {
          if (this.#find(row)) return false;
          this.#write(row, sealedOf(row));
          return true;
        }),
      put: (row) => invocation.call('ledger.put', () => void this.#write(row, sealedOf(row))),
      replace: <T extends LedgerRow>(row: T) =>
        invocation.call('ledger.replace', () => {
          if (this.#find(row)?.rev !== row.rev) return undefined;
          const next = this.#write({ ...row, rev: row.rev + 1 }, this.#partition(row)?.sealed);
          return row.kind === 'referral' && row.sealed !== undefined && !isWithoutContent(row)
            ? { ...next, sealed: row.sealed }
            : next;
        }),
      remove: (row) =>
        invocation.call('ledger.remove', () => {
          if (this.#find(row)?.rev !== row.rev) return false;
          this.#remove(row);
          return true;
        }),
      due: (lane, until, limit, after) =>
        invocation.call('ledger.due', (fault) => {
          const from = after && `${after.due?.at} ${keyOf(after)}`;
          const isBehind = fault === 'stale' ? this.#drawBehind() : undefined;
          return this.#index.read(lane, toTimestamp(until), limit, { isBehind, after: from });
        }),
      remember: (kind, ids) =>
        invocation.call('ledger.remember', () => {
          for (const id of ids) this.known[kind].add(id);
          return [...this.known[kind]];
        }),
      noteRegistry: (digest) => invocation.call('ledger.noteRegistry', () => void (this.registry = digest)),
      notedRegistry: () => invocation.call('ledger.notedRegistry', () => this.registry),
      take: (hotline, bucket, perMinute, now) =>
        invocation.call('ledger.take', () => {
          const [key, step] = [`${hotline} ${bucket}`, MINUTE / perMinute];
          const fullAt = Math.max(this.#buckets.get(key) ?? 0, now);
          if (fullAt > now + MINUTE - step / 2) return false;
          this.#buckets.set(key, fullAt + step);
          return true;
        }),
      giveBack: (hotline, bucket, milliseconds) =>
        invocation.call('ledger.giveBack', () => {
          const key = `${hotline} ${bucket}`;
          const fullAt = this.#buckets.get(key);
          if (fullAt !== undefined) this.#buckets.set(key, fullAt - milliseconds);
        }),
      isSuspended: (partner) => invocation.call('ledger.isSuspended', () => this.suspended.has(partner)),
    };
  }

  /** What stands of one referral, without a call and its faults. */
  record(name: ReferralName, content?: 'content'): ReferralRecord {
    const partition = this.#partition(name);
    if (!partition) return NOTHING;
    partition.record ??= toRecord(partition.rows);
    const { record, sealed } = partition;
    if (!content || !record.referral || sealed === undefined) return record;
    return { ...record, referral: { ...record.referral, sealed } };
  }

  /** The names of all referrals of which anything stands. */
  names(): ReferralName[] {
    return Array.from(this.#partitions.values(), ({ hotline, id }) => ({ hotline, id }));
  }

  #partition(name: ReferralName): Partition | undefined {
    return this.#partitions.get(partitionKey(name));
  }

  /** About which rows one stale read of the index is behind: all, or with `disorder` each as chance has it. */
  #drawBehind(): (key: string) => boolean {
    const { randomness } = this.#disorder ?? {};
    const drawn = new Map<string, boolean>();
    return (key) => {
      const isBehind = drawn.get(key) ?? (randomness === undefined || randomness.fraction() <= 0.5);
      drawn.set(key, isBehind);
      return isBehind;
    };
  }

  #find(row: LedgerRow): LedgerRow | undefined {
    return this.#partition(row)?.rows.get(sortKey(row));
  }

  /** @returns the row as it now stands */
  #write<T extends LedgerRow>(row: T, sealed: string | undefined): T {
    if (sizeOf(row, sealed) > ITEM_BYTES) {
      throw new ServiceError('ValidationException', 'Item size has exceeded the maximum allowed size');
    }
    const { hotline, id } = row;
    const partition = this.#partition(row) ?? { hotline, id, rows: new Map(), sealed: undefined, record: undefined };
    this.#partitions.set(partitionKey(row), partition);
    const after = freeze(withoutContent(row));
    if (row.kind === 'referral') partition.sealed = isWithoutContent(row) ? undefined : sealed;
    this.#follow(partition, row, after);
    return after;
  }

  #remove(row: LedgerRow): void {
    const partition = this.#partition(row);
    if (!partition) return;
    if (row.kind === 'referral') partition.sealed = undefined;
    this.#follow(partition, row, undefined);
    if (partition.rows.size === 0) this.#partitions.delete(partitionKey(row));
  }

  #follow(partition: Partition, key: LedgerRow, after: LedgerRow | undefined): void {
    const sk = sortKey(key);
    const before = partition.rows.get(sk);
    if (after) partition.rows.set(sk, after);
    else partition.rows.delete(sk);
    partition.record = undefined;
    this.#index.follow(keyOf(key), before, after);
    this.#onWrite?.(key);
  }
}

const NOTHING: ReferralRecord = Object.freeze({ routes: freeze([]), statements: freeze([]) });

/** The rows of the one, from some row on those of the other; a referral of which nothing has changed is of one piece. */
function tear(before: ReferralRecord, after: ReferralRecord, { randomness, tell }: ReadDisorder): ReferralRecord {
  if (before.routes === after.routes && before.statements === after.statements) return after;
  tell?.();
  const [first, second] = [byKey(before), byKey(after)];
  const keys = [...new Set([...first.keys(), ...second.keys()])].sort();
  const from = Math.floor(randomness.fraction() * (keys.length + 1));
  const rows = new Map<string, LedgerRow>();
  keys.forEach((key, index) => {
    const row = (index < from ? first : second).get(key);
    if (row) rows.set(key, row);
  });
  return toRecord(rows);
}

function byKey({ outbox, referral, retention, routes, statements }: ReferralRecord): Map<string, LedgerRow> {
  const rows = [outbox, referral, retention, ...routes, ...statements];
  return new Map(rows.flatMap((row) => (row ? [[sortKey(row), row]] : [])));
}

function toRecord(partition: ReadonlyMap<string, LedgerRow>): ReferralRecord {
  const rows = [...partition].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  const outbox = rows.find((row) => row.kind === 'outbox');
  const referral = rows.find((row) => row.kind === 'referral');
  const retention = rows.find((row) => row.kind === 'retention');
  const [routes, statements] = [
    rows.filter((row) => row.kind === 'route'),
    rows.filter((row) => row.kind === 'statement'),
  ];
  Object.freeze(routes);
  Object.freeze(statements);
  return Object.freeze({
    ...(outbox && { outbox }),
    ...(referral && { referral }),
    ...(retention && { retention }),
    routes,
    statements,
  });
}

const partitionKey = ({ hotline, id }: ReferralName): string => `${hotline}#${id}`;

const keyOf = (row: LedgerRow): string => `${partitionKey(row)} ${sortKey(row)}`;

const sealedOf = (row: LedgerRow): string | undefined => (row.kind === 'referral' ? row.sealed : undefined);

const isWithoutContent = (row: LedgerRow): boolean => row.kind === 'referral' && row.contentRemovedAt !== undefined;

const withoutContent = <T extends LedgerRow>(row: T): T =>
  row.kind === 'referral' ? { ...row, sealed: undefined } : row;

/** A deep copy that cannot be changed (of what is such already, itself), without members that are `undefined`, which the table does not keep either. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(freeze)) as T;
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) if (member !== undefined) copy[name] = freeze(member);
  return Object.freeze(copy) as T;
}

/** As JSON, which is somewhat more than DynamoDB counts. The content is ASCII. */
const sizeOf = (row: LedgerRow, sealed: string | undefined): number =>
  (row.kind === 'referral' ? (sealed?.length ?? 0) : 0) + Buffer.byteLength(JSON.stringify(withoutContent(row)));
