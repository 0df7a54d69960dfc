import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUCKETS, padDocument } from '../../core/padding.ts';
import { RelayError } from '../../core/errors.ts';

describe('padDocument', () => {
  it.each([
    [0, 4_096],
    [4_095, 4_096],
    [4_096, 4_096],
    [4_097, 16_384],
    [16_384, 16_384],
    [16_385, 65_536],
    [65_536, 65_536],
    [65_537, 212_992],
    [212_992, 212_992],
  ])('pads %i bytes to %i', (length, bucket) => {
    expect(padDocument('x'.repeat(length))).toHaveLength(bucket);
  });

  it.each([
    ['two bytes', 'é', 2_048],
    ['three bytes', '中', 21_845],
    ['four bytes', '🕊', 16_384],
  ])('counts a character of %s by its bytes', (_, character, count) => {
    const exact = character.repeat(count);
    const bucket = BUCKETS.find((size) => size >= Buffer.byteLength(exact));
    expect(padDocument(exact)).toHaveLength(bucket ?? Number.NaN);
    expect(padDocument(exact + character).length).toBeGreaterThan(bucket ?? Number.NaN);
  });

  it('keeps the text, appends spaces only and takes the smallest bucket', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(70_000), (text, more) => {
        const whole = text + 'x'.repeat(more);
        const padded = padDocument(whole);
        const length = Buffer.byteLength(whole);
        const end = Buffer.from(padded.subarray(length));
        expect(Buffer.from(padded.subarray(0, length)).equals(Buffer.from(whole))).toBe(true);
        expect(end.equals(Buffer.alloc(end.length, ' '))).toBe(true);
        expect(padded.length).toBe(BUCKETS.find((size) => size >= length));
      }),
    );
  });

  it.each([
    ['a byte too long', 'x'.repeat(212_993), /212993 bytes.*limit is 212992 bytes/],
    ['too long in bytes, not in characters', 'é'.repeat(106_497), /limit is 212992 bytes/],
    ['not Unicode', 'a\uD800b', /lone surrogates/],
  ])('refuses a text that is %s', (_, text, message) => {
    expect(() => padDocument(text)).toThrow(RelayError);
    expect(() => padDocument(text)).toThrow(expect.objectContaining({ code: 'malformed' }));
    expect(() => padDocument(text)).toThrow(message);
  });
});
