import type { LedgerRow } from '../ledger.ts';

/** A lane has its turn: what comes in it after that row, or from its beginning. */
export interface Turn {
  lane: string;
  after?: LedgerRow | undefined;
}

export interface Rounds {
  /** Takes a page. @returns the last row of it, if the lane may hold more that is to be taken */
  visit: (turn: Turn) => Promise<LedgerRow | undefined>;
  /** Asked before each turn. */
  isOver: () => boolean;
}

/**
 * Gives every lane its turn, and those that hold more another, round after round in the same order: so the longest lane
 * keeps none waiting for more than a page, and in each round what is urgent comes first.
 * @returns whether it came to the end of all lanes
 */
export async function goRound(lanes: readonly string[], { visit, isOver }: Rounds): Promise<boolean> {
  let turns: Turn[] = lanes.map((lane) => ({ lane }));
  while (turns.length > 0) {
    const next: Turn[] = [];
    for (const turn of turns) {
      if (isOver()) return false;
      const after = await visit(turn);
      if (after) next.push({ lane: turn.lane, after });
    }
    turns = next;
  }
  return true;
}
