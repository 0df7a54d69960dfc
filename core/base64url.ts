import { createHash } from 'node:crypto';

/** Unpadded base64url (RFC 4648 section 5). */
export const encodeBase64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/**
 * The bytes of canonical, unpadded base64url, or `undefined`: no padding, no foreign characters, no stray trailing
 * bits (RFC 4648 section 3.5), so that one value has exactly one spelling.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** SHA-256 of the ASCII or UTF-8 characters of `text`, as unpadded base64url: 43 characters. */
export const hashText = (text: string): string => createHash('sha256').update(text).digest('base64url');
