import { QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { ReferralName } from '../../core/ids.ts';
import { FUNCTIONS, ledgerTable } from '../../core/names.ts';
import { functionPrincipal } from '../principals.ts';
import type { LocalRelay } from '../relay.ts';

/**
 * The ledger's items about one referral, in readable lines: all that the relay holds of it. The acceptance is shown
 * member by member, every other row on one line.
 */
export async function describeHoldings(relay: LocalRelay, { hotline, id }: ReferralName): Promise<string[]> {
  const { Items = [] } = await relay.clients.dynamodb.send(
    new QueryCommand({
      TableName: ledgerTable(relay.stage),
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: `${hotline}#${id}` } },
    }),
  );
  return Items.map((item) => unmarshall(item)).flatMap(({ sk, row, sealed }): string[] => {
    if (sealed === undefined) return [`${String(sk)}: ${shorten(JSON.stringify(row))}`];
    const members = Object.entries({ ...(row as object), sealed: String(sealed) });
    return [String(sk), ...members.map(([name, value]) => `  ${name}: ${shorten(JSON.stringify(value))}`)];
  });
}

const shorten = (text: string): string =>
  text.length <= 96 ? text : `${text.slice(0, 60)} … ${text.length.toLocaleString('en')} characters`;

/** Everything that the relay has written down: its whole table, its logs, and what KMS was asked. */
export async function collectTraces(relay: LocalRelay, log: readonly string[]): Promise<string> {
  const { Items = [] } = await relay.clients.dynamodb.send(new ScanCommand({ TableName: ledgerTable(relay.stage) }));
  return [...Items.map((item) => JSON.stringify(unmarshall(item))), ...log, JSON.stringify(relay.kms.log)].join('\n');
}

/** How often each KMS operation was asked for by the relay's own functions. */
export function countKmsUses({ kms, stage }: LocalRelay): Map<string, number> {
  const functions = new Set(FUNCTIONS.map((name) => functionPrincipal(stage, name).arn));
  const counts = new Map<string, number>();
  for (const { principal, operation } of kms.log) {
    if (principal === undefined || !functions.has(principal)) continue;
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
  }
  return counts;
}
