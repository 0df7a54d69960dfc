import { type Dictionary, parseDictionary, serializeDictionary } from 'structured-headers';

/**
 * Parses a Dictionary (RFC 8941 section 3.2) that is spelled as RFC 8941 section 4.1 serialises it, white space apart.
 *
 * The parser keeps the last of duplicate labels or parameters, takes base64 with stray bits and reads `1.0` as `1`, all
 * without a word. Each of these serialises to other characters than it was read from, so one comparison refuses them:
 * a dropped duplicate takes a `,` or `;` with it, which nothing puts back. `;a=?1`, which is `;a`, goes the same way.
 * @throws {SyntaxError} with a sentence that names the fault and never quotes the text
 */
export function parseCanonicalDictionary(text: string): Dictionary {
  let dictionary: Dictionary;
  let spelling: string;
  try {
    dictionary = parseDictionary(text);
    spelling = serializeDictionary(dictionary);
  } catch {
    throw new SyntaxError('not a structured dictionary');
  }
  if (withoutSpace(spelling) !== withoutSpace(text)) {
    throw new SyntaxError('a label or parameter appears twice, or a value is not in its canonical spelling');
  }
  return dictionary;
}

const withoutSpace = (text: string): string => text.replaceAll(/[ \t]/g, '');
