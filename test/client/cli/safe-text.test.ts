import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeJson, safeLine, shorten, wrap } from '../../../client/cli/safe-text.ts';

/** What may steer a terminal or hide in a text. */
const HOSTILE = /[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u;
/** They choose how an emoji is drawn. */
const SELECTORS = /[\ufe0e\ufe0f]/g;
const isHostile = (text: string): boolean => HOSTILE.test(text.replaceAll(SELECTORS, ''));

const hostile = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom('\u00ad', '\u3164', '\u{e0041}', '\u{e0001}'),
    fc.constantFrom('\u001b', '\u009b', '\r', '\u202e', '\u2066', '\u200b', '\ufeff', '\u0007', '\\', '"', ' ', '\n'),
  ),
});

describe('safeLine', () => {
  it.each([
    ['one  two\n three\t', 'one two three'],
    ['\u001b]0;title\u0007', '\\u001b]0;title\\u0007'],
    ['\u009b2J', '\\u009b2J'],
    ['invoice\u202efdp.exe', 'invoice\\u202efdp.exe'],
    ['Zürich, 東京, 👧, ❤️', 'Zürich, 東京, 👧, ❤️'],
    // Seen by a program that reads along, and by nobody else.
    ['case\u{e0041}\u{e0042}', 'case\\udb40\\udc41\\udb40\\udc42'],
    ['gb\u00ad-\u3164lantern', 'gb\\u00ad-\\u3164lantern'],
  ])('%j becomes %j', (text, safe) => {
    expect(safeLine(text)).toBe(safe);
  });

  it('leaves nothing that steers a terminal, whatever the text', () => {
    fc.assert(fc.property(hostile, (text) => !isHostile(safeLine(text))));
  });
});

describe('safeJson', () => {
  it('is the same value, on one line, and steers no terminal', () => {
    fc.assert(
      fc.property(fc.dictionary(hostile, hostile), (value) => {
        const json = safeJson(value);
        expect(isHostile(json)).toBe(false);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('wrap', () => {
  it('breaks between words, and leaves a word that is too long whole', () => {
    expect(wrap('one two  three four', 9)).toEqual(['one two', 'three', 'four']);
    expect(wrap('a https://example.org/long b', 8)).toEqual(['a', 'https://example.org/long', 'b']);
    expect(wrap('', 8)).toEqual(['']);
  });
});

describe('shorten', () => {
  it('says by an ellipsis that there is more', () => {
    expect(shorten('abcdef', 6)).toBe('abcdef');
    expect(shorten('abc defg', 5)).toBe('abc…');
  });
});
