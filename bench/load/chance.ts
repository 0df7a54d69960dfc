/** Chance that a seed decides for good, so that a run can be repeated as far as its timing allows (mulberry32). */
export interface Chance {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** Uniform in [from, to). */
  between(from: number, to: number): number;
  pick<T>(list: readonly T[]): T;
}

export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    fraction,
    between: (from, to) => from + fraction() * (to - from),
    pick<T>(list: readonly T[]): T {
      const picked = list[Math.floor(fraction() * list.length)];
      if (picked === undefined) throw new RangeError('there is nothing to pick from');
      return picked;
    },
  };
}
