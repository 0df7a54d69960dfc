import type { LedgerRow } from '../../core/ledger.ts';

/** A row as the index shows it. */
interface Entry {
  order: string;
  row: LedgerRow;
}

type Change = (lanes: Map<string, Entry[]>) => void;

/**
 * The sparse index over what is owed: by lane, in order of time. Like every global secondary index it follows the table
 * later; changes wait until a read that is not stale lets them in.
 */
export class DueIndex {
  readonly #lanes = new Map<string, Entry[]>();
  #waiting: Change[] = [];

  /** Follows one write to the table: `before` and `after` are the row, if there was and is one. */
  follow(key: string, before: LedgerRow | undefined, after: LedgerRow | undefined): void {
    this.#waiting.push((lanes) => {
      if (before?.due) remove(lanes.get(before.due.lane) ?? [], `${before.due.at} ${key}`);
      if (!after?.due) return;
      const lane = lanes.get(after.due.lane) ?? [];
      lanes.set(after.due.lane, lane);
      const order = `${after.due.at} ${key}`;
      lane.splice(position(lane, order), 0, { order, row: after });
    });
  }

  /**
   * At most `limit` rows of `lane` due at or before `until`, earliest first; with `after`, the time and the key of one,
   * those behind it.
   */
  read(lane: string, until: string, limit: number, stale: boolean, after?: string): LedgerRow[] {
    if (!stale) this.#catchUp();
    const entries = this.#lanes.get(lane) ?? [];
    // '!' is the character after the blank that ends the time, and comes before any other in a key.
    const [first, end] = [after === undefined ? 0 : position(entries, `${after}!`), position(entries, `${until}!`)];
    return entries.slice(first, Math.min(end, first + limit)).map(({ row }) => row);
  }

  #catchUp(): void {
    for (const change of this.#waiting) change(this.#lanes);
    this.#waiting = [];
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
