import type { LedgerRow } from '../../core/ledger.ts';

/** A row as the index shows it. */
interface Entry {
  order: string;
  row: LedgerRow;
}

/**
 * The sparse index over what is owed: by lane, in order of time. Like every global secondary index it follows the table
 * later, each row for itself: to a stale read, the last change of every row is still to come.
 */
export class DueIndex {
  readonly #lanes = new Map<string, Entry[]>();
  /** Each row as it was before its last change, if it was there. */
  readonly #before = new Map<string, LedgerRow>();

  /** Follows one write to the table: `before` and `after` are the row, if there was and is one. */
  follow(key: string, before: LedgerRow | undefined, after: LedgerRow | undefined): void {
    if (before) this.#before.set(key, before);
    else this.#before.delete(key);
    if (before?.due) remove(this.#lanes.get(before.due.lane) ?? [], `${before.due.at} ${key}`);
    if (!after?.due) return;
    const lane = this.#lanes.get(after.due.lane) ?? [];
    this.#lanes.set(after.due.lane, lane);
    const order = `${after.due.at} ${key}`;
    lane.splice(position(lane, order), 0, { order, row: after });
  }

  /**
   * At most `limit` rows of `lane` due at or before `until`, earliest first; with `after`, the time and the key of one,
   * those behind it.
   */
  read(lane: string, until: string, limit: number, stale: boolean, after?: string): LedgerRow[] {
    const entries = stale ? this.#behind(lane) : (this.#lanes.get(lane) ?? []);
    // '!' is the character after the blank that ends the time, and comes before any other in a key.
    const [first, end] = [after === undefined ? 0 : position(entries, `${after}!`), position(entries, `${until}!`)];
    return entries.slice(first, Math.min(end, first + limit)).map(({ row }) => row);
  }

  #behind(lane: string): Entry[] {
    const entries: Entry[] = [];
    for (const [key, row] of this.#before)
      if (row.due?.lane === lane) entries.push({ order: `${row.due.at} ${key}`, row });
    return entries.sort((a, b) => (a.order < b.order ? -1 : 1));
  }
}

function remove(lane: Entry[], order: string): void {
  const at = position(lane, order);
  if (lane[at]?.order === order) lane.splice(at, 1);
}

/** Where `order` stands or belongs. */
function position(lane: readonly Entry[], order: string): number {
  let low = 0;
  let high = lane.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((lane[middle]?.order ?? '') < order) low = middle + 1;
    else high = middle;
  }
  return low;
}
