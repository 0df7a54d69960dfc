import { X509Certificate } from 'node:crypto';
import * as z from 'zod/mini';

/** Certificates go into templates and into requests of IAM Roles Anywhere, which takes some 8 KB of them. */
const CaCertificate = z
  .string()
  .check(
    z.maxLength(8000, { error: 'must have at most 8,000 characters' }),
    z.refine(isCaCertificate, { error: 'must be one X.509 certificate of a certificate authority (CA:TRUE), in PEM' }),
  );

function isCaCertificate(pem: string): boolean {
  if (pem.match(/-----BEGIN /g)?.length !== 1) return false;
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}

const REVOCATIONS = 'must be a certificate revocation list in PEM, or null where the authority has never issued one';

/**
 * Access for an agency without an AWS account (IAM Roles Anywhere): it signs in with a certificate that its own
 * authority issued, to a role in the relay's account that nobody else can take. No function reads it.
 */
export const RolesAnywhere = z.strictObject({
  certificateAuthority: CaCertificate,
  /** Common name (CN) in the subject of the agency's certificate. No character that means something in a policy. */
  commonName: z.string().check(
    z.regex(/^[\w .,:@/()+-]{1,64}$/, {
      error: 'must be the common name of the certificate: 1 to 64 letters, digits, spaces and . , : @ / ( ) + - _',
    }),
  ),
  /**
   * The authority's latest list of revoked certificates, in PEM; `null` where it has never issued one. It cannot be left
   * out: a list that is lost from here would be deleted from the trust anchor, and what it revokes be good again.
   */
  revocations: z.nullable(
    z
      .string({ error: REVOCATIONS })
      .check(
        z.maxLength(300_000, { error: 'must have at most 300,000 characters' }),
        z.regex(/^-----BEGIN X509 CRL-----\n[A-Za-z0-9+/=\n]+\n-----END X509 CRL-----\n?$/, { error: REVOCATIONS }),
      ),
  ),
});
export type RolesAnywhere = z.infer<typeof RolesAnywhere>;
