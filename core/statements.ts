import type * as z from 'zod/mini';
import { OutcomeStatement, RouteStatement, WithdrawStatement } from './contracts.ts';
import { RelayError } from './errors.ts';
import { parseJson } from './json.ts';
import { type FindKey, JwsError, signJws, type SigningKey, verifyJws } from './jws.ts';
import { parse } from './schema.ts';

/* Signed statements (protocol sections 7 and 8): a JWS whose type says what its payload is. */

const STATEMENTS = { outcome: OutcomeStatement, route: RouteStatement, withdraw: WithdrawStatement } as const;

export type StatementKind = keyof typeof STATEMENTS;
export type StatementOf<K extends StatementKind> = z.infer<(typeof STATEMENTS)[K]>;

/**
 * The statement as a compact JWS.
 * @throws {RelayError} `malformed` if the payload is not as the protocol wants it
 */
export function signStatement<K extends StatementKind>(
  kind: K,
  payload: StatementOf<K>,
  key: SigningKey,
): Promise<string> {
  const checked = parse(STATEMENTS[kind], payload, 'malformed');
  return signJws(JSON.stringify(checked), { ...key, typ: `${kind}+jws` });
}

/**
 * What a statement says, once its signature has verified.
 * @param findKey finds keys of the one partner who may have signed; what it throws passes through
 * @throws {RelayError} `malformed` for a wrong form, header or payload, `statement-mismatch` for a signature that does
 *   not count
 */
export async function verifyStatement<K extends StatementKind>(
  kind: K,
  token: string,
  findKey: FindKey,
): Promise<{ payload: StatementOf<K>; kid: string }> {
  const { payload, kid } = await verifyToken(kind, token, findKey);
  let value: unknown;
  try {
    value = parseJson(payload);
  } catch (error) {
    throw malformed(`Its payload is ${error instanceof Error ? error.message : 'not valid JSON'}.`);
  }
  try {
    return { payload: parse(STATEMENTS[kind], value, 'malformed') as StatementOf<K>, kid };
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    throw malformed(...error.faults.map(({ pointer, detail }) => `Its ${pointer || 'payload'} ${detail}.`));
  }
}

async function verifyToken(kind: StatementKind, token: string, findKey: FindKey): ReturnType<typeof verifyJws> {
  try {
    return await verifyJws(token, { typ: `${kind}+jws`, findKey });
  } catch (error) {
    if (!(error instanceof JwsError)) throw error;
    if (error.reason === 'malformed') throw malformed(error.message);
    throw new RelayError('statement-mismatch', 'Sign the statement with a registered key of the partner it names.');
  }
}

/** All that is wrong with a statement is wrong with one member of the body. */
const malformed = (...details: string[]): RelayError =>
  new RelayError('malformed', `Correct the statement: ${details[0]}`, {
    faults: details.map((detail) => ({ pointer: '/statement', detail })),
  });
