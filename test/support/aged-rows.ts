import { ConditionalCheckFailedException, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { ReferralName } from '../../core/ids.ts';
import { ledgerTable } from '../../core/names.ts';
import { MINUTE, toTimestamp } from '../../core/time.ts';
import type { LocalRelay } from '../../local/relay.ts';

/**
 * What a row owes has been owed for 20 minutes, and falls due.
 * @param sk sort key of the row, as `sortKey` makes it
 * @param failures how many attempts at a route must have failed before
 * @returns `false`, without effect, if the row owes nothing, or not so yet
 */
export async function ageRow(
  relay: LocalRelay,
  { hotline, id }: ReferralName,
  sk: string,
  failures = 0,
): Promise<boolean> {
  const isRoute = sk.startsWith('route#');
  const [past, then] = [Date.now() - MINUTE, Date.now() - 20 * MINUTE].map(toTimestamp);
  try {
    await relay.clients.dynamodb.send(
      new UpdateItemCommand({
        TableName: ledgerTable(relay.stage),
        Key: marshall({ pk: `${hotline}#${id}`, sk }),
        UpdateExpression: `SET dueAt = :past${isRoute ? ', #row.owedSince = :then' : ''}`,
        ConditionExpression: `attribute_exists(dueAt)${isRoute ? ' AND #row.failures >= :failures' : ''}`,
        ...(isRoute && { ExpressionAttributeNames: { '#row': 'row' } }),
        ExpressionAttributeValues: marshall({
          ':past': past,
          ...(isRoute && { ':then': then, ':failures': failures }),
        }),
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}
