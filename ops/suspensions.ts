import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { suspensionKey } from '../lambda/ledger-items.ts';

/* The deny rows in the ledger's table. The functions look for them at every call, so that each works within seconds. */

const Suspension = z.object({
  /** When it began: `YYYY-MM-DDTHH:MM:SS.sssZ`. */
  at: z.string(),
  /** Who ordered it; see `Audit`. */
  by: z.string(),
  reason: z.string().optional(),
});
export type Suspension = z.infer<typeof Suspension>;

export interface Suspensions {
  /** `false`, without effect, if the partner is suspended already. */
  suspend: (partner: string, suspension: Suspension) => Promise<boolean>;
  /** `false` if the partner was not suspended. */
  resume: (partner: string) => Promise<boolean>;
  find: (partner: string) => Promise<Suspension | undefined>;
}

interface Options {
  client: Pick<DynamoDBDocumentClient, 'send'>;
  table: string;
}

export function createSuspensions({ client, table: TableName }: Options): Suspensions {
  return {
    async suspend(partner, suspension) {
      try {
        await client.send(
          new PutCommand({
            TableName,
            Item: { ...suspensionKey(partner), ...suspension },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },

    async resume(partner) {
      const { Attributes } = await client.send(
        new DeleteCommand({ TableName, Key: suspensionKey(partner), ReturnValues: 'ALL_OLD' }),
      );
      return Attributes !== undefined;
    },

    async find(partner) {
      const { Item } = await client.send(
        new GetCommand({ TableName, Key: suspensionKey(partner), ConsistentRead: true }),
      );
      return Item && Suspension.parse(Item);
    },
  };
}
