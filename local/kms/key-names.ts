import { KmsError } from './errors.ts';

/** What a `KeyId` names: a key by its id or an alias by its name, in an account. */
export type KeyName = { account: string; keyId: string } | { account: string; alias: string };

const KEY_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ALIAS = /^alias\/[a-zA-Z0-9/_-]+$/;
const ARN = /^arn:aws:kms:(?<region>[a-z0-9-]+):(?<account>\d{12}):(?<resource>.+)$/;

/**
 * Reads a key id, key ARN, alias name or alias ARN. A bare id or name belongs to the caller's account; another
 * account's key needs an ARN.
 * @throws {KmsError} `NotFoundException` for another Region, `InvalidArnException` or `NotFoundException` for nonsense
 */
export function parseKeyName(text: string, here: { region: string; account: string }): KeyName {
  if (!text.startsWith('arn:')) return parseResource(text, here.account, text);
  const { region, account, resource } = ARN.exec(text)?.groups ?? {};
  if (region === undefined || account === undefined || resource === undefined) {
    throw new KmsError('InvalidArnException', 'Invalid ARN: it must be the ARN of a key or an alias.');
  }
  if (region !== here.region) throw new KmsError('NotFoundException', `Invalid arn ${region}`);
  return parseResource(resource.startsWith('key/') ? resource.slice('key/'.length) : resource, account, text);
}

function parseResource(resource: string, account: string, text: string): KeyName {
  if (KEY_ID.test(resource)) return { account, keyId: resource };
  if (ALIAS.test(resource)) return { account, alias: resource };
  throw new KmsError('NotFoundException', `Invalid keyId '${text}'`);
}

export const keyArn = (region: string, account: string, keyId: string): string =>
  `arn:aws:kms:${region}:${account}:key/${keyId}`;

export const aliasArn = (region: string, account: string, alias: string): string =>
  `arn:aws:kms:${region}:${account}:${alias}`;
