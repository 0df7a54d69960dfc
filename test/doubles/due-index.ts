import type { LedgerRow } from '../../core/ledger.ts';

/** A row as the index shows it. */
interface Entry {
  key: string;
  order: string;
  row: LedgerRow;
}

/**
 * The sparse index over what is owed: by lane, in order of time. Like every global secondary index it follows the table
 * later, each row for itself: where a read is behind about a row, the row's last change is still to come.
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
    lane.splice(position(lane, order), 0, { key, order, row: after });
  }

  /**
   * At most `limit` rows of `lane` due at or before `until`, earliest first; with `after`, the time and the key of one,
   * those behind it. `isBehind` tells for each key whether its last change is still to come; if not given, for none.
   */
  read(
    lane: string,
    until: string,
    limit: number,
    { isBehind, after }: { isBehind?: ((key: string) => boolean) | undefined; after?: string | undefined } = {},
  ): LedgerRow[] {
    const current = this.#lanes.get(lane) ?? [];
    const entries = isBehind ? this.#followLater(lane, current, isBehind) : current;
    // '!' is the character after the blank that ends the time, and comes before any other in a key.
    const [first, end] = [after === undefined ? 0 : position(entries, `${after}!`), position(entries, `${until}!`)];
    return entries.slice(first, Math.min(end, first + limit)).map(({ row }) => row);
  }

  #followLater(lane: string, current: readonly Entry[], isBehind: (key: string) => boolean): Entry[] {
    const entries = current.filter(({ key }) => !isBehind(key));
    for (const [key, row] of this.#before)
      if (row.due?.lane === lane && isBehind(key)) entries.push({ key, order: `${row.due.at} ${key}`, row });
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
