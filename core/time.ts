/** A moment as the protocol writes it; such strings sort by time. */
const FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The last moment that the protocol's form can write. */
export const END_OF_TIME = Date.parse('9999-12-31T23:59:59.999Z');

/** Whether `text` is a real moment in exactly the protocol's form (no leap second, no 31 February). */
export function isTimestamp(text: string): boolean {
  if (!FORM.test(text)) return false;
  const at = Date.parse(text);
  return !Number.isNaN(at) && new Date(at).toISOString() === text;
}

/** `at`: milliseconds since 1970. */
export const toTimestamp = (at: number): string => new Date(at).toISOString();

/** Milliseconds since 1970 of a valid timestamp. */
export const fromTimestamp = (at: string): number => Date.parse(at);
