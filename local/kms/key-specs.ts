/** What each supported key spec can do; AWS: "Key spec reference", asymmetric-key-specs.html. */
export const KEY_SPECS = {
  SYMMETRIC_DEFAULT: { type: 'symmetric', usages: ['ENCRYPT_DECRYPT'] },
  RSA_2048: { type: 'rsa', usages: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'], bits: 2048 },
  RSA_3072: { type: 'rsa', usages: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'], bits: 3072 },
  RSA_4096: { type: 'rsa', usages: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'], bits: 4096 },
  ECC_NIST_P256: { type: 'ec', usages: ['SIGN_VERIFY'] },
} as const satisfies Record<string, { type: KeyType; usages: readonly KeyUsage[]; bits?: number }>;

export type KeyType = 'symmetric' | 'rsa' | 'ec';
export type KeyUsage = 'ENCRYPT_DECRYPT' | 'SIGN_VERIFY';
export type KeySpec = keyof typeof KEY_SPECS;

/** `overhead`: bytes that OAEP takes from the modulus, 2 + twice the hash (RFC 8017 section 7.1.1). */
export const ENCRYPTION_ALGORITHMS = {
  SYMMETRIC_DEFAULT: { type: 'symmetric' },
  RSAES_OAEP_SHA_1: { type: 'rsa', hash: 'SHA-1', overhead: 42 },
  RSAES_OAEP_SHA_256: { type: 'rsa', hash: 'SHA-256', overhead: 66 },
} as const satisfies Record<string, { type: KeyType; hash?: string; overhead?: number }>;

export type EncryptionAlgorithm = keyof typeof ENCRYPTION_ALGORITHMS;

/** `digest`: length in bytes of what `MessageType` DIGEST carries. */
export const SIGNING_ALGORITHMS = {
  RSASSA_PKCS1_V1_5_SHA_256: { type: 'rsa', hash: 'sha256', digest: 32, pss: false },
  RSASSA_PKCS1_V1_5_SHA_384: { type: 'rsa', hash: 'sha384', digest: 48, pss: false },
  RSASSA_PKCS1_V1_5_SHA_512: { type: 'rsa', hash: 'sha512', digest: 64, pss: false },
  RSASSA_PSS_SHA_256: { type: 'rsa', hash: 'sha256', digest: 32, pss: true },
  RSASSA_PSS_SHA_384: { type: 'rsa', hash: 'sha384', digest: 48, pss: true },
  RSASSA_PSS_SHA_512: { type: 'rsa', hash: 'sha512', digest: 64, pss: true },
  ECDSA_SHA_256: { type: 'ec', hash: 'sha256', digest: 32, pss: false },
} as const satisfies Record<string, { type: KeyType; hash: string; digest: number; pss: boolean }>;

export type SigningAlgorithm = keyof typeof SIGNING_ALGORITHMS;

export const keySpecs = namesOf(KEY_SPECS);
export const encryptionAlgorithms = namesOf(ENCRYPTION_ALGORITHMS);
export const signingAlgorithms = namesOf(SIGNING_ALGORITHMS);

/** What `DescribeKey` and `GetPublicKey` list for a key. */
export function algorithmsOf(spec: KeySpec, usage: KeyUsage): AlgorithmLists {
  const { type } = KEY_SPECS[spec];
  return usage === 'ENCRYPT_DECRYPT'
    ? { EncryptionAlgorithms: encryptionAlgorithms.filter((name) => ENCRYPTION_ALGORITHMS[name].type === type) }
    : { SigningAlgorithms: signingAlgorithms.filter((name) => SIGNING_ALGORITHMS[name].type === type) };
}

export type AlgorithmLists =
  { EncryptionAlgorithms: EncryptionAlgorithm[] } | { SigningAlgorithms: SigningAlgorithm[] };

function namesOf<K extends string>(table: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(table) as K[];
}
