import { createHash } from 'node:crypto';
import { isInnerList, serializeDictionary } from 'structured-headers';
import { parseCanonicalDictionary } from './structured-fields.ts';

/* Content-Digest (RFC 9530), with the two algorithms that its section 5 calls active. */

export type DigestAlgorithm = 'sha-256' | 'sha-512';

const HASHES = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const satisfies Record<DigestAlgorithm, string>;

export const isDigestAlgorithm = (name: string): name is DigestAlgorithm => Object.hasOwn(HASHES, name);

export const digest = (content: Uint8Array, algorithm: DigestAlgorithm): Buffer =>
  createHash(HASHES[algorithm]).update(content).digest();

/** A field with one member: `sha-256=:…:`. */
export const formatContentDigest = (content: Uint8Array, algorithm: DigestAlgorithm = 'sha-256'): string =>
  serializeDictionary(new Map([[algorithm, [digest(content, algorithm), new Map()]]]));

/**
 * The digests of a field by the name of their algorithm, which may be unknown here.
 * @throws {SyntaxError} if the field is malformed or a member appears twice, has parameters or is no byte sequence
 */
export function parseContentDigest(field: string): ReadonlyMap<string, Uint8Array> {
  const digests = new Map<string, Uint8Array>();
  for (const [algorithm, member] of parseCanonicalDictionary(field)) {
    if (isInnerList(member) || !(member[0] instanceof ArrayBuffer) || member[1].size > 0) {
      throw new SyntaxError('a member of content-digest is not a byte sequence');
    }
    digests.set(algorithm, new Uint8Array(member[0]));
  }
  return digests;
}
