import type { LedgerRow, ReferralRecord } from '../ledger.ts';
import { hastened } from '../ledger-rules.ts';
import type { DispatchMessage, Relay } from '../ports.ts';

type Parts = Pick<Relay, 'ledger' | 'clock'>;

/**
 * Lets sweep look at once after what a dispatch message asked for and deliver did not do, instead of at the end of a lease
 * or a backoff. Nothing else changes; a message that is stale changes nothing at all.
 * @returns how many of the rows that it asked for are owed at once now
 */
export async function hasten({ ledger, clock }: Parts, message: DispatchMessage): Promise<number> {
  let count = 0;
  for (const row of askedFor(await ledger.read(message), message)) {
    if (row.due === undefined) continue;
    const next = hastened(row, clock.now());
    if (next === row || (await ledger.replace(next))) count += 1;
  }
  return count;
}

function askedFor({ outbox, routes, statements }: ReferralRecord, { attempt }: DispatchMessage): LedgerRow[] {
  if (attempt) {
    const { agency, version, number } = attempt;
    return routes.filter((row) => row.agency === agency && row.version === version && row.attempts === number);
  }
  return [
    ...(outbox ? [outbox] : []),
    ...statements.filter(({ content }) => content.type === 'route' || content.type === 'withdraw'),
    ...routes.filter(({ attempts }) => attempts === 0),
  ];
}
