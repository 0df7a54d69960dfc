import { decodeBase64url } from './base64url.ts';
import type { TakenStatement } from './contracts.ts';
import { RelayError } from './errors.ts';
import { parseJson } from './json.ts';
import type { FindKey } from './jws.ts';
import { countsAt, type VerificationKey } from './keys.ts';
import type { Timestamp } from './schema.ts';
import { type StatementKind, type StatementOf, verifyStatement } from './statements.ts';

/*
 * Signed things that the relay hands on. They travel with the moment at which the relay took them in, and keys are
 * judged by that, never by the signer's clock.
 */

/** A key that the directory lists and that the user has not confirmed yet: no verdict, and it may take days. */
export class UnconfirmedKeyError extends Error {}

/** What a reader must know of the other partners. It never rejects with a `RelayError`; see {@link verifyTaken}. */
export interface PartnerDirectory {
  /**
   * The key of that name of that partner, whether it still counts or not; `undefined` only once the directory, asked
   * anew, does not list it. Rejects if the directory cannot be asked, and with an {@link UnconfirmedKeyError} if the key
   * counts for what the relay took in at `takenInAt` and the user has not confirmed it yet: neither is a verdict.
   */
  findKey(partner: string, kid: string, takenInAt: Timestamp): Promise<VerificationKey | undefined>;
  /** Whether that partner is an agency registered to send referrals on. Rejects as `findKey` does. */
  mayForward(partner: string): Promise<boolean>;
}

/** The keys of a partner that counted when the relay took something in. */
export const keysCountingAt =
  (directory: PartnerDirectory, partner: string, takenInAt: Timestamp): FindKey =>
  async (kid) => {
    const key = await directory.findKey(partner, kid, takenInAt);
    return key && countsAt(key, takenInAt) ? key : undefined;
  };

/** The member of each statement that names its signer. */
const SIGNER = { outcome: 'agency', route: 'by', withdraw: 'hotline' } as const satisfies Record<StatementKind, string>;

/**
 * What a statement says, once its signature has verified under a key of the partner that it names as its signer.
 * @param maySign asked about the signer that the statement claims, before any key is looked for
 * @throws {RelayError} the statement does not count, whoever looks
 * @throws what `directory` and `maySign` reject with: no verdict
 */
export async function verifyTaken<K extends StatementKind>(
  kind: K,
  { statement, acceptedAt }: TakenStatement,
  directory: PartnerDirectory,
  maySign: (partner: string) => boolean | Promise<boolean>,
): Promise<StatementOf<K>> {
  const signer = claimedSigner(kind, statement);
  if (signer === undefined || !(await maySign(signer))) {
    throw new RelayError('statement-mismatch', 'Disregard the statement: whom it names may not make it.');
  }
  return (await verifyStatement(kind, statement, keysCountingAt(directory, signer, acceptedAt))).payload;
}

function claimedSigner(kind: StatementKind, statement: string): string | undefined {
  const payload = decodeBase64url(statement.split('.', 2)[1] ?? '');
  if (payload === undefined) return undefined;
  try {
    const claims = parseJson(payload);
    if (typeof claims !== 'object' || claims === null) return undefined;
    const signer: unknown = Reflect.get(claims, SIGNER[kind]);
    return typeof signer === 'string' ? signer : undefined;
  } catch {
    return undefined;
  }
}
