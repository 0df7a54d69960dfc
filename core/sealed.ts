import * as z from 'zod/mini';
import { decodeBase64url, hashText } from './base64url.ts';
import { RelayError } from './errors.ts';
import { readExactHeader } from './jose-header.ts';
import { Hash } from './schema.ts';

/*
 * The outside of a sealed referral: a compact JWE (RFC 7516) in the protocol's one form. Everything here can be told
 * without a key, and that is all the relay ever does with one.
 */

/** The lengths that a sealed referral may have, in characters, one for each bucket of the padding. */
export const SEALED_LENGTHS = [8_459, 30_304, 117_685, 379_829] as const;

/** Segments of the compact form after the header, by the bytes they hold. */
const KEY_BYTES = [512];
const IV_BYTES = [12];
const CIPHERTEXT_BYTES = [5_668, 22_052, 87_588, 284_196];
const TAG_BYTES = [16];

const Header = z.strictObject({
  alg: z.literal('RSA-OAEP-256'),
  enc: z.literal('A256GCM'),
  kid: Hash,
  typ: z.literal('referral+jwe'),
  cty: z.literal('referral+jws'),
});
/** The protected header of a sealed referral; `kid` is the thumbprint of the intake key. */
export type SealedHeader = z.infer<typeof Header>;

/** A sealed referral taken apart. */
export interface Sealed {
  /** Thumbprint of the intake key it was sealed for. */
  kid: string;
  /** SHA-256 over the characters of the JWE: how everything else names these bytes. */
  hash: string;
  /** The first segment as it stands, which is also the additional data of the encryption (RFC 7516 section 5.1). */
  protectedSegment: string;
  encryptedKey: Buffer;
  iv: Buffer;
  ciphertext: Buffer;
  tag: Buffer;
}

/**
 * Takes a sealed referral apart and holds it against protocol section 2, without opening anything.
 * @throws {RelayError} `invalid-envelope` with the segment at fault and what to do
 */
export function inspectSealed(jwe: string): Sealed {
  const [protectedSegment, key, iv, ciphertext, tag, ...rest] = jwe.split('.', 6);
  if (
    protectedSegment === undefined ||
    key === undefined ||
    iv === undefined ||
    ciphertext === undefined ||
    tag === undefined ||
    rest.length > 0
  ) {
    throw invalid('must be a JWE in compact form, of five segments');
  }
  const { kid } = readHeader(protectedSegment);
  return {
    kid,
    protectedSegment,
    encryptedKey: decode(key, KEY_BYTES, 'an encrypted key (segment 2)'),
    iv: decode(iv, IV_BYTES, 'an initialisation vector (segment 3)'),
    ciphertext: decode(ciphertext, CIPHERTEXT_BYTES, 'a ciphertext (segment 4)'),
    tag: decode(tag, TAG_BYTES, 'an authentication tag (segment 5)'),
    hash: hashText(jwe),
  };
}

function readHeader(segment: string): SealedHeader {
  try {
    return readExactHeader(segment, Header);
  } catch (error) {
    throw invalid(
      `has a protected header (segment 1) that ${error instanceof SyntaxError ? error.message : 'cannot be read'}`,
    );
  }
}

function decode(segment: string, lengths: readonly number[], name: string): Buffer {
  const bytes = decodeBase64url(segment);
  if (bytes === undefined) throw invalid(`has ${name} that is not canonical, unpadded base64url`);
  if (!lengths.includes(bytes.length)) {
    throw invalid(`has ${name} of ${bytes.length} bytes where ${lengths.join(' or ')} are required`);
  }
  return bytes;
}

const invalid = (clause: string): RelayError =>
  new RelayError('invalid-envelope', `Seal the referral again as the protocol says: the sealed referral ${clause}.`, {
    faults: [{ pointer: '/sealed', detail: clause }],
  });
