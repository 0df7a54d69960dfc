import { expect } from 'vitest';
import type { Bucket, Ledger } from '../../core/ports.ts';
import { makePartnerId } from '../support/rows.ts';
import { type Cases, describeContract, type Tally } from './contract.ts';

const NOW = Date.parse('2026-11-23T09:30:00.000Z');

/** How many of `times` attempts at the bucket succeed, one after the other. */
async function takeSome(ledger: Ledger, hotline: string, perMinute: number, times: number, now = NOW): Promise<number> {
  let taken = 0;
  for (let count = 0; count < times; count++) if (await take(ledger, hotline, perMinute, now)) taken += 1;
  return taken;
}

const take = (ledger: Ledger, hotline: string, perMinute: number, now = NOW, bucket: Bucket = 'other') =>
  ledger.take(hotline, bucket, perMinute, now);

const sizes = [1, 3, 7, 60];

const cases: Cases<Ledger> = {
  'a full bucket gives as many as it holds, and no more': async (ledger) => {
    for (const size of sizes) expect(await takeSome(ledger, makePartnerId('gb'), size, size + 2)).toBe(size);
  },

  'an empty bucket fills up one by one, within a minute': async (ledger) => {
    const hotline = makePartnerId('gb');
    await takeSome(ledger, hotline, 6, 6);
    expect(await take(ledger, hotline, 6, NOW + 4_900)).toBe(false);
    expect(await takeSome(ledger, hotline, 6, 3, NOW + 10_000)).toBe(1);
    expect(await takeSome(ledger, hotline, 6, 9, NOW + 70_000)).toBe(6);
  },

  'a bucket that nobody took from for an hour is full and no fuller': async (ledger) => {
    const hotline = makePartnerId('gb');
    await takeSome(ledger, hotline, 3, 2);
    expect(await takeSome(ledger, hotline, 3, 6, NOW + 3_600_000)).toBe(3);
  },

  'of many at once, as many succeed as it holds': async (ledger) => {
    const hotline = makePartnerId('gb');
    const taken = await Promise.all(Array.from({ length: 20 }, () => take(ledger, hotline, 5)));
    expect(taken.filter(Boolean)).toHaveLength(5);
  },

  'a clock that is behind another takes from the same bucket': async (ledger) => {
    const hotline = makePartnerId('gb');
    await takeSome(ledger, hotline, 4, 2);
    expect(await take(ledger, hotline, 4, NOW - 2_000)).toBe(true);
  },

  'each hotline has its own buckets, one for each class': async (ledger) => {
    const hotline = makePartnerId('gb');
    await takeSome(ledger, hotline, 1, 1);
    expect(await take(ledger, hotline, 1)).toBe(false);
    expect(await take(ledger, hotline, 1, NOW, 'immediate')).toBe(true);
    expect(await take(ledger, `${hotline}-scotland`, 1)).toBe(true);
    expect(await take(ledger, hotline, 1, NOW, 'immediate')).toBe(false);
  },

  'what is given back can be taken again, and no more than that': async (ledger) => {
    const hotline = makePartnerId('gb');
    await ledger.giveBack(hotline, 'other', 20_000);
    expect(await takeSome(ledger, hotline, 3, 5)).toBe(3);
    await ledger.giveBack(hotline, 'other', 40_000);
    await ledger.giveBack(hotline, 'immediate', 20_000);
    expect(await takeSome(ledger, hotline, 3, 5)).toBe(2);
  },
};

/** Holds the limits to `core/ports.ts`. The ledger may be shared: each case makes partners of its own. */
export const describeLimits = (ledger: () => Ledger): Tally => describeContract('limits', cases, ledger);
