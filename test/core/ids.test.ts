import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCountry } from '../../core/countries.ts';
import { isFreshReferralId, isPartnerId, isReferralId, referralIdTime } from '../../core/ids.ts';
import { DAY, isTimestamp, MINUTE } from '../../core/time.ts';

describe('isPartnerId', () => {
  it.each(['gb-iwf', 'int-clearing', 'us-a-b-c', `de-${'x'.repeat(37)}`])('takes %s', (id) => {
    expect(isPartnerId(id)).toBe(true);
  });

  it.each(['', 'gb', 'g-iwf', 'GB-iwf', 'gb--iwf', 'gb-iwf-', 'gb_iwf', 'abcd-x', 'gb-iwf\n', `de-${'x'.repeat(38)}`])(
    'refuses %j',
    (id) => {
      expect(isPartnerId(id)).toBe(false);
    },
  );
});

describe('isReferralId', () => {
  it.each([
    ['version 4', '019ab3f0-2a80-4c11-9d2e-5f6a7b8c9d0e'],
    ['another variant', '019ab3f0-2a80-7c11-cd2e-5f6a7b8c9d0e'],
    ['upper case', '019AB3F0-2a80-7c11-9d2e-5f6a7b8c9d0e'],
    ['no hyphens', '019ab3f02a807c119d2e5f6a7b8c9d0e'],
    ['a line break', '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e\n'],
  ])('refuses %s', (_, id) => {
    expect(isReferralId(id)).toBe(false);
  });

  it('is fresh from 30 days back to 5 minutes ahead', () => {
    const id = '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e';
    expect(isReferralId(id)).toBe(true);
    const madeAt = referralIdTime(id);
    expect(new Date(madeAt).toISOString()).toMatch(/^2025-11-/);
    expect(isFreshReferralId(id, madeAt + 30 * DAY)).toBe(true);
    expect(isFreshReferralId(id, madeAt + 30 * DAY + 1)).toBe(false);
    expect(isFreshReferralId(id, madeAt - 5 * MINUTE)).toBe(true);
    expect(isFreshReferralId(id, madeAt - 5 * MINUTE - 1)).toBe(false);
  });
});

describe('isTimestamp', () => {
  it('takes what toISOString writes', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
        expect(isTimestamp(date.toISOString())).toBe(true);
      }),
    );
  });

  it.each([
    '2026-02-30T00:00:00.000Z',
    '2026-01-01T24:00:00.000Z',
    '2026-01-01T00:00:60.000Z',
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.000+00:00',
    '2026-01-01 00:00:00.000Z',
    '+002026-01-01T00:00:00.000Z',
  ])('refuses %s', (text) => {
    expect(isTimestamp(text)).toBe(false);
  });
});

describe('isCountry', () => {
  it.each(['GB', 'US', 'AQ', 'TW', 'ZZ'])('takes %s', (code) => expect(isCountry(code)).toBe(true));
  it.each(['UK', 'EU', 'XK', 'gb', 'XX', '', 'toString'])('refuses %s', (code) => expect(isCountry(code)).toBe(false));
});
