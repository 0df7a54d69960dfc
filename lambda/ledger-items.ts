import * as z from 'zod/mini';
import { OUTCOMES, type OutcomeStatus, ROUTE_STATUSES } from '../core/contracts.ts';
import type { Fault } from '../core/errors.ts';
import type { ReferralName } from '../core/ids.ts';
import { type LedgerRow, type ReferralRecord, sortKey } from '../core/ledger.ts';
import type { Bucket } from '../core/ports.ts';
import type { PartnerKind } from '../core/registry.ts';
import { Hash, Onward, PartnerId, ReferralId, Role, Routing, Timestamp, toFaults, Urgency } from '../core/schema.ts';

/*
 * A ledger row as an item of the table, and back. What is looked up or made conditional is an attribute of its own; the
 * rest of the row is the map `row`. The sealed referral stands apart, so that a reader can leave it out.
 */

export interface LedgerItem {
  /** `<hotline>#<id>` */
  pk: string;
  sk: string;
  rev: number;
  kind: LedgerRow['kind'];
  row: Record<string, unknown>;
  /** With `dueAt`, the key of the sparse index over what is owed. */
  lane?: string;
  dueAt?: string;
  sealed?: string;
}

/** All attributes but the content, under the names that the expressions use. */
export const NAMES = {
  '#pk': 'pk',
  '#sk': 'sk',
  '#rev': 'rev',
  '#kind': 'kind',
  '#row': 'row',
  '#lane': 'lane',
  '#dueAt': 'dueAt',
} as const;

export const partitionKey = ({ hotline, id }: ReferralName): string => `${hotline}#${id}`;

/** Partition keys of suspensions begin with it. */
export const SUSPENSION = 'partner#';

/** The item that is there while a partner is suspended. No partner id is "partner", so it is no referral's. */
export const suspensionKey = (partner: string): { pk: string; sk: string } => ({
  pk: `${SUSPENSION}${partner}`,
  sk: 'suspended',
});

/** The item with every partner of a kind that ever was in the registry. */
export const knownKey = (kind: PartnerKind): { pk: string; sk: string } => ({ pk: KNOWN[kind], sk: 'known' });

const KNOWN = { agency: 'agencies', hotline: 'hotlines' } as const;

/** The item that says by which registry the relay works. */
export const REGISTRY_KEY = { pk: 'registry', sk: 'deployed' } as const;

/** Where a row stands in the index over what is owed. */
export function indexKey(row: LedgerRow): Pick<LedgerItem, 'pk' | 'sk' | 'lane' | 'dueAt'> {
  const { pk, sk, lane, dueAt } = toItem(row);
  return { pk, sk, ...(lane !== undefined && { lane }), ...(dueAt !== undefined && { dueAt }) };
}

/** Partition keys of buckets begin with it. */
export const BUCKET = 'bucket#';

/** The item that counts what a hotline does. It has a partition of its own: what it is written for is a flood. */
export const bucketKey = (hotline: string, bucket: Bucket): { pk: string; sk: string } => ({
  pk: `${BUCKET}${hotline}#${bucket}`,
  sk: 'bucket',
});

export function toItem(row: LedgerRow): LedgerItem {
  const { hotline: _hotline, id: _id, rev, kind, due, ...rest } = row;
  const { sealed, ...map } = 'sealed' in rest ? rest : { ...rest, sealed: undefined };
  return {
    pk: partitionKey(row),
    sk: sortKey(row),
    rev,
    kind,
    row: map,
    ...(due && { lane: due.lane, dueAt: due.at }),
    ...(sealed !== undefined && { sealed }),
  };
}

const Count = z.int().check(z.minimum(0));
const PlannedRoute = z.looseObject({ agency: PartnerId, roles: z.array(Role), countries: z.array(z.string()) });
const RoutePlan = z.looseObject({ routes: z.array(PlannedRoute), unrouted: z.array(z.string()) });

const base = {
  v: z.literal(1),
  hotline: PartnerId,
  id: ReferralId,
  rev: Count,
  due: z.optional(z.object({ lane: z.string(), at: Timestamp })),
};

const StatementContent = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('outcome'),
    statement: z.string(),
    agency: PartnerId,
    version: Count,
    status: z.enum(Object.keys(OUTCOMES) as [OutcomeStatus, ...OutcomeStatus[]]),
    reason: z.optional(z.string()),
    countries: z.optional(z.array(z.string())),
  }),
  z.looseObject({
    type: z.literal('route'),
    statement: z.string(),
    by: PartnerId,
    routing: Routing,
    plan: RoutePlan,
  }),
  z.looseObject({ type: z.literal('withdraw'), statement: z.string() }),
  z.discriminatedUnion('event', [
    z.looseObject({
      type: z.literal('event'),
      event: z.enum(['undeliverable', 'unrouted', 'sent-on']),
      agency: z.exactOptional(PartnerId),
      countries: z.exactOptional(z.array(z.string())),
    }),
    z.looseObject({
      type: z.literal('event'),
      event: z.literal('handed-over'),
      agency: PartnerId,
      countries: z.array(z.string()),
      version: Count,
      plan: RoutePlan,
    }),
  ]),
]);

/** Rows of this version. Members that a later version adds are kept, so that a change made here does not lose them. */
const Row = z.discriminatedUnion('kind', [
  z.looseObject({ ...base, kind: z.literal('outbox'), createdAt: Timestamp, urgency: Urgency }),
  z.looseObject({
    ...base,
    kind: z.literal('referral'),
    acceptedAt: Timestamp,
    routing: Routing,
    urgency: Urgency,
    onward: Onward,
    hash: Hash,
    generation: Count,
    plan: RoutePlan,
    contentUntil: z.optional(Timestamp),
    sealed: z.optional(z.string()),
    contentRemovedAt: z.optional(Timestamp),
  }),
  z.looseObject({
    ...base,
    kind: z.literal('route'),
    agency: PartnerId,
    status: z.enum(ROUTE_STATUSES),
    version: Count,
    roles: z.array(Role),
    countries: z.array(z.string()),
    urgency: Urgency,
    owedSince: z.optional(Timestamp),
    deliveredAt: z.nullable(Timestamp),
    openedAt: z.nullable(Timestamp),
    finalAt: z.nullable(Timestamp),
    attempts: Count,
    failures: Count,
    repeats: Count,
    pagedAt: z.optional(Count),
    withdrawalSentAt: z.nullable(Timestamp),
  }),
  z.looseObject({
    ...base,
    kind: z.literal('statement'),
    key: z.string(),
    acceptedAt: Timestamp,
    content: StatementContent,
  }),
  z.looseObject({ ...base, kind: z.literal('retention'), generation: z.optional(z.nullable(Count)) }),
]);

const Item = z.object({
  pk: z.string(),
  sk: z.string(),
  rev: z.unknown(),
  kind: z.unknown(),
  row: z.record(z.string(), z.unknown()),
  lane: z.optional(z.unknown()),
  dueAt: z.optional(z.unknown()),
  sealed: z.optional(z.unknown()),
});

/** A row in the table is not what this version of the code knows; the message names the row and the members at fault. */
export class LedgerItemError extends Error {
  /** Its keys, parted by a blank. */
  readonly where: string;

  constructor(where: string, faults: readonly Fault[]) {
    super(
      `The ledger row ${where} is not understood: ${faults.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ')}`,
    );
    this.name = 'LedgerItemError';
    this.where = where;
  }
}

/** @throws {LedgerItemError} */
export function fromItem(value: unknown): LedgerRow {
  const item = Item.safeParse(value);
  if (!item.success) throw new LedgerItemError('without a key', item.error.issues.flatMap(toFaults));
  const { pk, sk, rev, kind, row, lane, dueAt, sealed } = item.data;
  const [hotline, id] = pk.split('#');
  const where = `${pk} ${sk}`;
  const parsed = Row.safeParse({
    ...row,
    hotline,
    id,
    rev,
    kind,
    ...((lane !== undefined || dueAt !== undefined) && { due: { lane, at: dueAt } }),
    ...(sealed !== undefined && { sealed }),
  });
  if (!parsed.success) throw new LedgerItemError(where, parsed.error.issues.flatMap(toFaults));
  if (sortKey(parsed.data) !== sk) {
    throw new LedgerItemError(where, [{ pointer: '/kind', detail: 'does not belong under its sort key' }]);
  }
  return parsed.data;
}

/** The rows of one partition, put in their places. */
export function toRecord(rows: readonly LedgerRow[]): ReferralRecord {
  const record: ReferralRecord = { routes: [], statements: [] };
  for (const row of rows) {
    switch (row.kind) {
      case 'outbox':
        record.outbox = row;
        break;
      case 'referral':
        record.referral = row;
        break;
      case 'retention':
        record.retention = row;
        break;
      case 'route':
        record.routes.push(row);
        break;
      case 'statement':
        record.statements.push(row);
    }
  }
  return record;
}
