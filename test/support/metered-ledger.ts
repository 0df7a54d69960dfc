import type { ReferralName } from '../../core/ids.ts';
import type { LedgerRow, ReferralRecord } from '../../core/ledger.ts';
import type { Ledger } from '../../core/ports.ts';
import { toItem } from '../../lambda/ledger-items.ts';

/* What a ledger's calls would cost in DynamoDB (Developer Guide, "Read and write operations", "Item sizes and formats"). */

export interface Meter {
  /** Write request units, those of the index included. */
  writes: number;
  /** Read request units; looking into lanes is not counted, for sweep does so whether there is anything or not. */
  reads: number;
}

/** Bytes of an item: names and values in UTF-8, some 3 bytes for each map or list and 1 for each of its members. */
export function itemBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return Math.ceil(String(value).length / 2) + 1;
  if (Array.isArray(value)) return 3 + value.reduce<number>((sum, member) => sum + 1 + itemBytes(member), 0);
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return 3 + members.reduce((sum, [name, member]) => sum + 1 + Buffer.byteLength(name) + itemBytes(member), 0);
  }
  return 1;
}

export const rowBytes = (row: LedgerRow): number => itemBytes(toItem(row));

const rowsOf = ({ outbox, referral, retention, routes, statements }: ReferralRecord): LedgerRow[] =>
  [outbox, referral, retention, ...routes, ...statements].filter((row) => row !== undefined);

export const recordBytes = (record: ReferralRecord): number =>
  rowsOf(record).reduce((sum, row) => sum + rowBytes(row), 0);

const writeUnits = (...rows: (LedgerRow | undefined)[]): number =>
  Math.ceil(Math.max(...rows.map((row) => (row ? rowBytes(row) : 0))) / 1024);

/** A changed key of the index is a deletion and an insertion there. */
function indexUnits(before: LedgerRow | undefined, after: LedgerRow | undefined): number {
  const moved = before?.due?.lane !== after?.due?.lane || before?.due?.at !== after?.due?.at;
  if (!moved) return after?.due ? writeUnits(before, after) : 0;
  return (before?.due ? writeUnits(before) : 0) + (after?.due ? writeUnits(after) : 0);
}

/** @param standing all rows of a referral with their content, without a call */
export function meterLedger(ledger: Ledger, standing: (name: ReferralName) => ReferralRecord, meter: Meter): Ledger {
  const find = (row: LedgerRow): LedgerRow | undefined => {
    const { sk } = toItem(row);
    return rowsOf(standing(row)).find((other) => toItem(other).sk === sk);
  };
  async function write<T>(row: LedgerRow, act: () => Promise<T>): Promise<T> {
    const before = find(row);
    const result = await act();
    const after = find(row);
    meter.writes += writeUnits(before, after, before || after ? undefined : row) + indexUnits(before, after);
    return result;
  }
  return {
    ...ledger,
    async read(name, content) {
      const record = await ledger.read(name, content);
      // What is not asked for is read all the same.
      meter.reads += Math.max(1, Math.ceil(recordBytes(standing(name)) / 4096));
      return record;
    },
    create: (row) => write(row, () => ledger.create(row)),
    put: (row) => write(row, () => ledger.put(row)),
    replace: (row) => write(row, () => ledger.replace(row)),
    remove: (row) => write(row, () => ledger.remove(row)),
  };
}
