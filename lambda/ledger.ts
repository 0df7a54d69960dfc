import { isDeepStrictEqual } from 'node:util';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import type { LedgerRow } from '../core/ledger.ts';
import { DUE_INDEX } from '../core/names.ts';
import type { Ledger, Telemetry } from '../core/ports.ts';
import { MINUTE, toTimestamp } from '../core/time.ts';
import {
  bucketKey,
  fromItem,
  indexKey,
  knownKey,
  REGISTRY_KEY,
  LedgerItemError,
  NAMES,
  partitionKey,
  suspensionKey,
  toItem,
  toRecord,
} from './ledger-items.ts';

/*
 * The ledger in one DynamoDB table. Each call is one request to one item, but for reads, which follow the pages of
 * their partition. A request that the SDK repeats because its answer was lost finds its own effect: `replace` looks
 * whether it is, for nobody would page then; `create` and `remove` report that somebody was first, and the use cases look
 * who.
 */

interface LedgerOptions {
  client: Pick<DynamoDBDocumentClient, 'send'>;
  table: string;
  /** Told of due rows that this version of the code does not understand. */
  telemetry: Telemetry;
}

export function createLedger({ client, table, telemetry }: LedgerOptions): Ledger {
  async function* query(input: Omit<QueryCommandInput, 'TableName'>): AsyncGenerator {
    let page = input.ExclusiveStartKey;
    do {
      const result = await client.send(new QueryCommand({ ...input, TableName: table, ExclusiveStartKey: page }));
      yield* result.Items ?? [];
      page = result.LastEvaluatedKey;
    } while (page);
  }

  return {
    /** @throws {LedgerItemError} if a row is not understood: nothing is decided on half a record */
    async read(name, content) {
      const rows: LedgerRow[] = [];
      const items = query({
        KeyConditionExpression: '#pk = :pk',
        ProjectionExpression: [...Object.keys(NAMES), ...(content ? ['#sealed'] : [])].join(', '),
        ExpressionAttributeNames: content ? { ...NAMES, '#sealed': 'sealed' } : NAMES,
        ExpressionAttributeValues: { ':pk': partitionKey(name) },
        ConsistentRead: true,
      });
      for await (const item of items) rows.push(fromItem(item));
      return toRecord(rows);
    },

    create(row) {
      return unlessRefused(
        client.send(
          new PutCommand({ TableName: table, Item: toItem(row), ConditionExpression: 'attribute_not_exists(pk)' }),
        ),
      );
    },

    async put(row) {
      await client.send(new PutCommand({ TableName: table, Item: toItem(row) }));
    },

    async replace(row) {
      const { pk, sk, lane, dueAt, row: map } = toItem(row);
      const Key = { pk, sk };
      const isDue = lane !== undefined;
      const losesContent = row.kind === 'referral' && row.contentRemovedAt !== undefined;
      const removed = [...(isDue ? [] : ['#lane', '#dueAt']), ...(losesContent ? ['#sealed'] : [])];
      const isOurs = async (): Promise<boolean> => {
        const { Item } = await client.send(new GetCommand({ TableName: table, Key, ConsistentRead: true }));
        const { rev, lane: other, dueAt: at, row: stands } = Item ?? {};
        return rev === row.rev + 1 && other === lane && at === dueAt && isDeepStrictEqual(stands, plain(map));
      };
      const written = await unlessRefused(
        client.send(
          new UpdateCommand({
            TableName: table,
            Key,
            ConditionExpression: '#rev = :rev',
            UpdateExpression:
              `SET #rev = :next, #row = :row${isDue ? ', #lane = :lane, #dueAt = :dueAt' : ''}` +
              (removed.length > 0 ? ` REMOVE ${removed.join(', ')}` : ''),
            ExpressionAttributeNames: {
              '#rev': 'rev',
              '#row': 'row',
              '#lane': 'lane',
              '#dueAt': 'dueAt',
              ...(losesContent && { '#sealed': 'sealed' }),
            },
            ExpressionAttributeValues: {
              ':rev': row.rev,
              ':next': row.rev + 1,
              ':row': map,
              ...(isDue && { ':lane': lane, ':dueAt': dueAt }),
            },
          }),
        ),
        isOurs,
      );
      if (!written) return undefined;
      return { ...row, rev: row.rev + 1, ...(losesContent && { sealed: undefined }) };
    },

    remove(row) {
      const { pk, sk, rev } = toItem(row);
      return unlessRefused(
        client.send(
          new DeleteCommand({
            TableName: table,
            Key: { pk, sk },
            ConditionExpression: 'rev = :rev',
            ExpressionAttributeValues: { ':rev': rev },
          }),
        ),
      );
    },

    /** A row that is not understood is reported and passed over, so that it does not hold up its lane. */
    async due(lane, until, limit, after) {
      const rows: LedgerRow[] = [];
      const items = query({
        IndexName: DUE_INDEX,
        KeyConditionExpression: '#lane = :lane AND #dueAt <= :until',
        ProjectionExpression: Object.keys(NAMES).join(', '),
        ExpressionAttributeNames: NAMES,
        ExpressionAttributeValues: { ':lane': lane, ':until': toTimestamp(until) },
        ScanIndexForward: true,
        Limit: limit,
        ...(after && { ExclusiveStartKey: indexKey(after) }),
      });
      for await (const item of items) {
        try {
          rows.push(fromItem(item));
        } catch (error) {
          if (!(error instanceof LedgerItemError)) throw error;
          telemetry.record('due-failed', { what: 'ledger-row', lane, row: error.where });
        }
        if (rows.length >= limit) break;
      }
      return rows;
    },

    async remember(kind, ids) {
      const Key = knownKey(kind);
      const { Item } = await client.send(new GetCommand({ TableName: table, Key }));
      const known: ReadonlySet<unknown> = Item?.['ids'] instanceof Set ? Item['ids'] : new Set();
      const added = ids.filter((id) => !known.has(id));
      if (added.length > 0) {
        await client.send(
          new UpdateCommand({
            TableName: table,
            Key,
            UpdateExpression: 'ADD ids :added',
            ExpressionAttributeValues: { ':added': new Set(added) },
          }),
        );
      }
      return [...[...known].filter((id) => typeof id === 'string'), ...added];
    },

    async noteRegistry(digest) {
      await client.send(new PutCommand({ TableName: table, Item: { ...REGISTRY_KEY, digest } }));
    },

    async notedRegistry() {
      const { Item } = await client.send(new GetCommand({ TableName: table, Key: REGISTRY_KEY, ConsistentRead: true }));
      return typeof Item?.['digest'] === 'string' ? Item['digest'] : undefined;
    },

    async isSuspended(partner) {
      const { Item } = await client.send(
        new GetCommand({
          TableName: table,
          Key: suspensionKey(partner),
          ProjectionExpression: 'pk',
          ConsistentRead: true,
        }),
      );
      return Item !== undefined;
    },

    /**
     * The item holds no count but the moment when the bucket will be full again, which each take moves on; so nothing
     * has to be reset or removed, and one write does in a bucket that is full.
     */
    async take(hotline, bucket, perMinute, now) {
      const step = MINUTE / perMinute;
      const move = (from: string, condition: string, values: Record<string, number>): Promise<boolean> =>
        unlessRefused(
          client.send(
            new UpdateCommand({
              TableName: table,
              Key: bucketKey(hotline, bucket),
              UpdateExpression: `SET fullAt = ${from} + :step`,
              ConditionExpression: condition,
              ExpressionAttributeValues: { ':now': now, ':step': step, ...values },
            }),
          ),
        );
      return (
        (await move(':now', 'attribute_not_exists(fullAt) OR fullAt <= :now', {})) ||
        (await move('fullAt', 'fullAt BETWEEN :now AND :last', { ':last': now + MINUTE - step / 2 }))
      );
    },

    async giveBack(hotline, bucket, milliseconds) {
      await unlessRefused(
        client.send(
          new UpdateCommand({
            TableName: table,
            Key: bucketKey(hotline, bucket),
            UpdateExpression: 'SET fullAt = fullAt - :unused',
            ConditionExpression: 'attribute_exists(fullAt)',
            ExpressionAttributeValues: { ':unused': milliseconds },
          }),
        ),
      );
    },
  };
}

/**
 * Whether a conditional write took place; anything but the condition's failure rejects.
 * @param isOurs whether what stands is what was to be written; asked where the SDK has sent the request more than once
 */
async function unlessRefused(write: Promise<unknown>, isOurs?: () => Promise<boolean>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    const isRepeated = (error.$metadata.attempts ?? 1) > 1;
    return isRepeated && isOurs !== undefined && (await isOurs());
  }
}

/** As the table gives it back: without members that are not there. */
const plain = (map: object): unknown => JSON.parse(JSON.stringify(map));
