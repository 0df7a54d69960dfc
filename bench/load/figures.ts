/** Figures of a list: nearest rank, so that each is a value that occurred. */
export interface Percentiles {
  count: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

/** `undefined` of an empty list. */
export function percentilesOf(values: readonly number[]): Percentiles | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const max = sorted.at(-1);
  if (max === undefined) return undefined;
  const rank = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? max;
  return { count: sorted.length, p50: rank(0.5), p90: rank(0.9), p99: rank(0.99), max };
}

export const medianOf = (values: readonly number[]): number => percentilesOf(values)?.p50 ?? 0;

/**
 * By how much a quantity grew while nothing should have: the median of the last quarter of its samples over that of the
 * second, as a factor. The first quarter is the start-up.
 */
export function growthOf(samples: readonly number[]): number {
  const quarter = Math.floor(samples.length / 4);
  const before = medianOf(samples.slice(quarter, 2 * quarter));
  return before === 0 ? 1 : medianOf(samples.slice(-quarter)) / before;
}

/** How many of the moments fall into each second from `from` on; `seconds` numbers. Moments in milliseconds. */
export function countPerSecond(moments: readonly number[], from: number, seconds: number): number[] {
  const counts = Array.from({ length: seconds }, () => 0);
  for (const moment of moments) {
    const second = Math.floor((moment - from) / 1000);
    if (second >= 0 && second < seconds) counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts;
}
