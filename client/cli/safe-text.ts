/*
 * What others wrote, made fit for a terminal. A referral, a file name or an answer may hold sequences that move the
 * cursor, rewrite what was printed or turn the direction of text; here they become visible and harmless.
 */

/**
 * Controls (C0, DEL, C1), line and paragraph separators, and what Unicode says cannot be seen, which includes what changes
 * the direction of text. Not the two that choose how an emoji is drawn.
 */
const HOSTILE = /[[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029]--[\ufe0e\ufe0f]]/gv;
const HOSTILE_IN_JSON = /[[\u007f-\u009f\p{Default_Ignorable_Code_Point}\u2028\u2029]--[\ufe0e\ufe0f]]/gv;

/** Each of its UTF-16 code units, as JSON escapes them. */
const escaped = (character: string): string =>
  character.replace(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** One line: every run of white space is one space. */
export const safeLine = (text: string): string => text.replace(/\s+/gu, ' ').replace(HOSTILE, escaped).trim();

/** JSON in one line. `JSON.stringify` itself escapes C0; the rest is escaped here, which changes no value. */
export const safeJson = (value: unknown): string => JSON.stringify(value).replace(HOSTILE_IN_JSON, escaped);

/** `text` on lines of at most `width` characters, broken between words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of safeLine(text).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** At most `length` characters of `text`; an ellipsis says that there is more. */
export const shorten = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`;
