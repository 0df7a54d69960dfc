const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const MARKED = 'not valid JSON: it begins with a byte order mark, so save it as UTF-8 without one';

/**
 * A token of a JSON text that is already known to be valid: a string, a bracket or a comma. Numbers, literals, white
 * space and colons lie between the matches.
 */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],]/g;

/**
 * Parses JSON strictly (RFC 8259, I-JSON's rule on names): valid UTF-8, no byte order mark, no duplicate members.
 * @throws {SyntaxError} with a clause that names the fault, to follow "it is", and never quotes the text
 */
export function parseJson(input: Uint8Array | string): unknown {
  const text = typeof input === 'string' ? input : decode(input);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SyntaxError(text.startsWith('\uFEFF') ? MARKED : 'not valid JSON');
  }
  refuseDuplicateMembers(text);
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new SyntaxError('not valid UTF-8');
  }
}

/** `JSON.parse` keeps the last of two members of one name without a word; a reader that keeps the first would differ. */
function refuseDuplicateMembers(text: string): void {
  const names: (Set<string> | undefined)[] = [];
  let nameComesNext = false;
  for (const [token] of text.matchAll(TOKEN)) {
    switch (token) {
      case '{':
        names.push(new Set());
        nameComesNext = true;
        break;
      case '[':
        names.push(undefined);
        nameComesNext = false;
        break;
      case '}':
      case ']':
        names.pop();
        nameComesNext = false;
        break;
      case ',':
        nameComesNext = names.at(-1) !== undefined;
        break;
      default: {
        if (!nameComesNext) break;
        nameComesNext = false;
        const name = JSON.parse(token) as string;
        if (names.at(-1)?.has(name)) throw new SyntaxError('JSON in which a member appears twice in one object');
        names.at(-1)?.add(name);
      }
    }
  }
}
