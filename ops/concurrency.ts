/**
 * Does `work` for all items, some at a time, and answers in their order. The first that fails ends it, as does `signal`
 * between them.
 */
export async function mapSome<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  { atOnce = 10, signal }: { atOnce?: number; signal?: AbortSignal } = {},
): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += atOnce) {
    signal?.throwIfAborted();
    results.push(...(await Promise.all(items.slice(start, start + atOnce).map(work))));
  }
  return results;
}
