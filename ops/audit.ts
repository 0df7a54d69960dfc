import { randomBytes } from 'node:crypto';
import { type DynamoDBDocumentClient, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { toTimestamp } from '../core/time.ts';

/*
 * Who ordered what, and when: two items a command in the ledger's table, under `audit#<yyyy-mm>`. They are only ever
 * added, and nothing removes them; a command that cannot be noted is not carried out. They share no partition with a
 * referral, for no partner is called "audit".
 */

const Entry = z.object({
  at: z.string(),
  /** Ties the end of a command to its beginning. */
  run: z.string(),
  by: z.string(),
  /** The command and what it is about: ids and options. */
  what: z.string(),
  phase: z.enum(['begun', 'ended']),
  /** Of one that has ended: its exit code, and what came of it. */
  exit: z.number().optional(),
  result: z.string().optional(),
});
export type AuditEntry = z.infer<typeof Entry>;

export interface AuditLog {
  write: (entry: AuditEntry) => Promise<void>;
  /** The entries of a month (`yyyy-mm`), oldest first. */
  read: (month: string) => Promise<AuditEntry[]>;
}

interface Options {
  client: Pick<DynamoDBDocumentClient, 'send'>;
  table: string;
}

export function createAuditLog({ client, table: TableName }: Options): AuditLog {
  return {
    async write(entry) {
      await client.send(
        new PutCommand({
          TableName,
          Item: { pk: partition(entry.at.slice(0, 7)), sk: `${entry.at}#${entry.run}#${entry.phase}`, ...entry },
        }),
      );
    },

    async read(month) {
      const entries: AuditEntry[] = [];
      let page: Record<string, unknown> | undefined;
      do {
        const { Items = [], LastEvaluatedKey } = await client.send(
          new QueryCommand({
            TableName,
            KeyConditionExpression: 'pk = :pk',
            ExpressionAttributeValues: { ':pk': partition(month) },
            ConsistentRead: true,
            ExclusiveStartKey: page,
          }),
        );
        entries.push(...Items.map((item) => Entry.parse(item)));
        page = LastEvaluatedKey;
      } while (page);
      return entries;
    },
  };
}

const partition = (month: string): string => `audit#${month}`;

/** The beginning of a command at `now`, in milliseconds since 1970. */
export const beginEntry = (now: number, by: string, what: string): AuditEntry => ({
  at: toTimestamp(now),
  run: randomBytes(4).toString('hex'),
  by,
  what,
  phase: 'begun',
});
