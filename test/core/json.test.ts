import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../core/json.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('parseJson', () => {
  it.each([
    ['a duplicate member', '{"a":1,"a":2}'],
    ['a duplicate member in an inner object', '{"x":[{"a":1,"b":{"c":1,"c":1}}]}'],
    ['a duplicate spelt with an escape', '{"a":1,"\\u0061":2}'],
    ['a duplicate after an inner object', '{"a":{"a":1},"b":[{}],"a":2}'],
    ['a byte order mark', '\uFEFF{}'],
    ['a trailing comma', '{"a":1,}'],
    ['a comment', '{} // no'],
    ['two documents', '{} {}'],
    ['nothing', ''],
  ])('refuses %s', (_, text) => {
    expect(() => parseJson(bytes(text))).toThrow(SyntaxError);
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });

  it('refuses what is not UTF-8', () => {
    expect(() => parseJson(Uint8Array.of(0x22, 0xc3, 0x28, 0x22))).toThrow('not valid UTF-8');
  });

  it('does not quote the text in a fault', () => {
    expect(() => parseJson('{"secret-name": oops}')).toThrow(/^not valid JSON$/);
  });

  it.each([
    ['the same name in different objects', '[{"a":1},{"a":2}]'],
    ['a name that is a value elsewhere', '{"a":"b","b":"a"}'],
    ['brackets and quotes within strings', '{"a":"{\\"a\\":[,","b":"\\\\"}'],
    ['trailing white space', '{"a":1}   \n'],
  ])('takes %s', (_, text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        expect(parseJson(bytes(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('finds a member doubled anywhere', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1, noNullPrototype: true }), (object) => {
        const text = JSON.stringify(object);
        const [name = ''] = Object.keys(object);
        const doubled = `${text.slice(0, -1)},${JSON.stringify(name)}:null}`;
        expect(() => parseJson(`[1,{"outer":${doubled}}]`)).toThrow(
          'JSON in which a member appears twice in one object',
        );
      }),
    );
  });
});
