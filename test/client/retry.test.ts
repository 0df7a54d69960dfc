import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ceilingOf, equalJitter, fullJitter, readRetryAfter } from '../../client/retry.ts';

const backoff = fc.record({ base: fc.integer({ min: 1, max: 60_000 }), cap: fc.integer({ min: 1, max: 43_200_000 }) });
const attempt = fc.nat({ max: 2_000 });
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('waits', () => {
  it('never pass the cap, and never shrink from one attempt to the next', () => {
    fc.assert(
      fc.property(backoff, attempt, (given, count) => {
        expect(ceilingOf(given, count)).toBeLessThanOrEqual(given.cap);
        expect(ceilingOf(given, count + 1)).toBeGreaterThanOrEqual(ceilingOf(given, count));
      }),
    );
  });

  it('double until they reach the cap', () => {
    const given = { base: 500, cap: 20_000 };
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((count) => ceilingOf(given, count))).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000,
    ]);
  });

  it('are spread over all that lies below the ceiling with full jitter, over its upper half with equal jitter', () => {
    fc.assert(
      fc.property(backoff, attempt, fraction, (given, count, random) => {
        const ceiling = ceilingOf(given, count);
        const full = fullJitter(given, count, random);
        const equal = equalJitter(given, count, random);
        expect(Number.isInteger(full) && Number.isInteger(equal)).toBe(true);
        expect(full).toBeGreaterThanOrEqual(0);
        expect(full).toBeLessThan(ceiling);
        expect(equal).toBeGreaterThanOrEqual(Math.floor(ceiling / 2));
        expect(equal).toBeLessThanOrEqual(ceiling);
      }),
    );
    expect(fullJitter({ base: 1_000, cap: 1_000 }, 0, 0)).toBe(0);
    expect(fullJitter({ base: 1_000, cap: 1_000 }, 0, 0.999)).toBe(999);
  });
});

describe('readRetryAfter', () => {
  const now = Date.parse('2026-11-23T09:30:00.000Z');
  const DATE = 'Mon, 23 Nov 2026 09:30:30 GMT';

  it.each([
    ['seconds', { 'retry-after': '7' }, 7_000],
    ['nothing to wait for', { 'retry-after': '0' }, 0],
    ['a date', { 'retry-after': DATE }, 30_000],
    ['a date in the past', { 'retry-after': 'Mon, 23 Nov 2026 09:29:00 GMT' }, 0],
    ['a date by a server whose clock differs', { 'retry-after': DATE, date: 'Mon, 23 Nov 2026 09:30:20 GMT' }, 10_000],
  ])('reads %s', (_, headers, expected) => {
    expect(readRetryAfter(new Headers(headers), now)).toBe(expected);
  });

  it.each([
    {},
    ...['', ' ', '-1', '1.5', '1e3', 'soon', '2026-11-23', '99999999999'].map((value) => ({ 'retry-after': value })),
  ])('takes %j for none', (headers) => {
    expect(readRetryAfter(new Headers(headers), now)).toBeUndefined();
  });
});
