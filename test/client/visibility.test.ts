import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgencyInbox, type InboxMessage, LONGEST_VISIBILITY, VISIBILITY } from '../../client/inbox.ts';
import { keepHidden, retryVisibility } from '../../client/visibility.ts';
import { runtimeOf } from '../../client/runtime.ts';
import { HOUR, SECOND } from '../../core/time.ts';

const message: InboxMessage = { lane: 'urgent', handle: 'receipt', body: '', receives: 1 };

describe('retryVisibility', () => {
  it('doubles with every receipt, up to what SQS allows', () => {
    const longest = [1, 2, 3, 4, 8, 12, 100].map((receives) => retryVisibility(receives, 0, 0.999_999));
    expect(longest).toEqual([29, 59, 119, 239, 3_839, 43_199, 43_199]);
    expect(retryVisibility(1, 0, 0)).toBe(15);
  });

  it('never passes twelve hours from the receipt, and is a whole number of seconds', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 5_000 }),
        fc.double({ min: 0, max: 50_000, noNaN: true }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (receives, age, fraction) => {
          const seconds = retryVisibility(receives, age, fraction);
          expect(Number.isInteger(seconds)).toBe(true);
          expect(seconds).toBeGreaterThanOrEqual(0);
          expect(seconds === 0 || age + seconds < LONGEST_VISIBILITY).toBe(true);
        },
      ),
    );
  });
});

/** A clock whose waits end one by one, when `tick` says so. */
function ticking(hide: AgencyInbox['hide']) {
  let now = 0;
  let wake: (() => void) | undefined;
  const runtime = runtimeOf({
    now: () => now,
    wait: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
        wake = () => {
          now += milliseconds;
          wake = undefined;
          resolve();
        };
      }),
  });
  const hidden = keepHidden(
    { receive: () => Promise.resolve([]), remove: () => Promise.resolve(), hide },
    message,
    runtime,
  );
  const tick = async (): Promise<boolean> => {
    if (!wake) return false;
    wake();
    await new Promise(setImmediate);
    return true;
  };
  return { hidden, tick };
}

describe('keepHidden', () => {
  it('renews well before the message comes back, until it is stopped', async () => {
    const hides: number[] = [];
    const { hidden, tick } = ticking((_, seconds) => {
      hides.push(seconds);
      return Promise.resolve();
    });
    await tick();
    await tick();
    expect(hides).toEqual([VISIBILITY, VISIBILITY]);
    expect(hidden.age()).toBe(VISIBILITY);
    await hidden.stop();
    expect(hides).toHaveLength(2);
  });

  it('goes on after a renewal that failed', async () => {
    let asked = 0;
    const { hidden, tick } = ticking(() => {
      asked += 1;
      return Promise.reject(new Error('throttled'));
    });
    await tick();
    await tick();
    expect(asked).toBe(2);
    await hidden.stop();
  });

  it('ends after the twelve hours that SQS allows', async () => {
    let last = 0;
    const { hidden, tick } = ticking(() => {
      last = hidden.age();
      return Promise.resolve();
    });
    while (await tick());
    expect(last * SECOND).toBeGreaterThan(11.9 * HOUR);
    expect(last + VISIBILITY).toBeLessThan(LONGEST_VISIBILITY);
    await hidden.stop();
  });
});
