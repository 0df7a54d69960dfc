import { CommandError, EXIT } from '../client/cli/exit.ts';
import { LedgerItemError } from '../lambda/ledger-items.ts';
import type { Cloud } from './cloud.ts';

/*
 * Rows of the ledger that this version of the code does not understand: of a later version, or damaged. The ledger passes
 * them over where it lists, and rejects where it reads; whatever a command makes of that, it names them at its end.
 */

type Parts = Pick<Cloud, 'notUnderstood'>;

export const notUnderstood = (): CommandError =>
  new CommandError(
    EXIT.unexpected,
    'ledger-row',
    'The ledger holds what this version of the command does not understand, so this cannot be said or done.',
  );

/** For what must not be said or done as long as something may have been passed over. @throws {CommandError} `ledger-row` */
export function refuseIfNotUnderstood({ notUnderstood: rows }: Parts): void {
  if (rows.size > 0) throw notUnderstood();
}

/** What `work` answers, or nothing if such a row is in its way: others are not held up by it. */
export async function skipNotUnderstood<T>(cloud: Parts, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LedgerItemError)) throw error;
    cloud.notUnderstood.add(error.where);
    return undefined;
  }
}

/** So many are named; of the others, only the number. */
const NAMED = 10;

/** A line for each. */
export function describeNotUnderstood({ notUnderstood: rows }: Parts): string[] {
  const named = [...rows].slice(0, NAMED);
  return [
    ...named.map((row) => `row ${row} is not understood: do not delete it; deploy the version that wrote it`),
    ...(rows.size > named.length ? [`and ${rows.size - named.length} more`] : []),
  ];
}
