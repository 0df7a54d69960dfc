import type { Lane } from './names.ts';

/**
 * Lets so many act at the same time; of those who wait, the urgent ones first.
 * @returns what resolves or rejects as `act` does, once it had its turn
 */
export function createGate(places: number): <T>(lane: Lane, act: () => Promise<T>) => Promise<T> {
  const waiting: Record<Lane, (() => void)[]> = { urgent: [], routine: [] };
  let free = places;
  return async (lane, act) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting[lane].push(resolve));
    try {
      return await act();
    } finally {
      const next = waiting.urgent.shift() ?? waiting.routine.shift();
      if (next) next();
      else free += 1;
    }
  };
}
