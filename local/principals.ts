import { createHash } from 'node:crypto';
import { FUNCTIONS, type FunctionName, roleName } from '../core/names.ts';
import type { Agency, Registry } from '../core/registry.ts';

/** The relay's own account: the only one that the emulated SQS knows. */
export const RELAY_ACCOUNT = '000000000000';

/** Somebody who calls AWS, with credentials that are good for the emulators only. */
export interface Principal {
  /** ARN of a role, a user or the root of an account. */
  arn: string;
  account: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
}

/** The access key id follows from the ARN, so that it outlives a restart; no emulator checks the secret. */
function toPrincipal(arn: string): Principal {
  const accessKeyId = `LOCAL${createHash('sha256').update(arn).digest('hex').slice(0, 15).toUpperCase()}`;
  return { arn, account: accountOf(arn), credentials: { accessKeyId, secretAccessKey: 'local' } };
}

/** Account of an ARN of IAM or KMS. */
export const accountOf = (arn: string): string => arn.split(':')[4] ?? '';

/** Creates and administers keys in an account; may use none. */
export const administratorOf = (account: string): Principal => toPrincipal(`arn:aws:iam::${account}:root`);

export const functionPrincipal = (stage: string, name: FunctionName): Principal => roleOf(stage, name);

/** Polls and decrypts for an agency: its own principal, or the role that the relay's account has for it. */
export const agencyPrincipal = (stage: string, agency: Agency): Principal =>
  agency.principal === undefined ? roleOf(stage, agency.id) : toPrincipal(agency.principal);

const roleOf = (stage: string, holder: string): Principal =>
  toPrincipal(`arn:aws:iam::${RELAY_ACCOUNT}:role/${roleName(stage, holder)}`);

/** Everybody the emulated KMS is to know, by access key id. */
export function listCallers(stage: string, registry: Registry): Map<string, { account: string; arn: string }> {
  const agencies = [...registry.agencies.values()];
  const keys = [...registry.hotlines.values()].flatMap(({ intakeKeys }) => intakeKeys);
  const arns = [...keys, ...agencies.flatMap(({ kmsKeys }) => kmsKeys)].flatMap(({ arn }) => arn ?? []);
  const users = [
    ...FUNCTIONS.map((name) => functionPrincipal(stage, name)),
    ...agencies.map((agency) => agencyPrincipal(stage, agency)),
  ];
  const accounts = new Set([RELAY_ACCOUNT, ...arns.map(accountOf), ...users.map(({ account }) => account)]);
  return new Map(
    [...users, ...[...accounts].map(administratorOf)].map(({ arn, account, credentials }) => [
      credentials.accessKeyId,
      { arn, account },
    ]),
  );
}
