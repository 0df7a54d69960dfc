import type { Randomness } from '../../core/ports.ts';

/** Chance that `seed` decides for good. With 0 nothing is left to chance: every fraction is one half. */
export function chance(seed: number): Randomness {
  if (seed === 0) return { fraction: () => 0.5 };
  let state = seed >>> 0;
  return {
    fraction() {
      state = (state + 0x9e3779b9) >>> 0;
      return mix(state) / 2 ** 32;
    },
  };
}

/** The 32 bits of `word`, each spread over all of them: the finaliser of MurmurHash3. */
export function mix(word: number): number {
  let h = word >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
