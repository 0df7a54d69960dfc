import { RelayError } from './errors.ts';

/** Lengths in bytes that a document may have when it is sealed (protocol section 2): all an observer learns of it. */
export const BUCKETS = [4_096, 16_384, 65_536, 212_992] as const;

const SPACE = 0x20;
const LONGEST = BUCKETS[3];

/**
 * The UTF-8 bytes of a JSON text, with spaces appended up to the smallest bucket they fit (trailing white space is
 * valid JSON, RFC 8259 section 2).
 * @throws {RelayError} `malformed` if the text is longer than the largest bucket or is not valid Unicode
 */
export function padDocument(text: string): Uint8Array {
  if (!text.isWellFormed()) {
    throw new RelayError('malformed', 'Remove the lone surrogates from the document: it has no form in UTF-8.');
  }
  const length = Buffer.byteLength(text);
  const bucket = BUCKETS.find((size) => length <= size);
  if (bucket === undefined) {
    throw new RelayError(
      'malformed',
      `Shorten the document: it has ${length} bytes of UTF-8 and the limit is ${LONGEST} bytes.`,
    );
  }
  const padded = Buffer.alloc(bucket, SPACE);
  padded.write(text);
  return padded;
}
