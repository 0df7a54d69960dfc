import type { EncryptionContext } from './ciphertext.ts';
import type { EncryptionAlgorithm } from './key-specs.ts';

/** One question of KMS: may this principal do this with this key? It holds what IAM would be given as context. */
export interface AuthorizationRequest {
  /** ARN of the caller (`aws:PrincipalArn`): of an assumed role, the role's own. */
  principal: string;
  /** The caller's account (`aws:PrincipalAccount`). */
  account: string;
  /** `kms:Decrypt`, `kms:ReEncryptFrom`, … */
  action: KmsAction;
  /** Absent from `kms:CreateKey` and `kms:ListAliases`, whose resource is `*`. */
  key?: AuthorizedKey;
  /** The alias through which the key was named (`kms:RequestAlias`): `alias/…`. */
  requestAlias?: string | undefined;
  encryptionContext?: EncryptionContext | undefined;
  encryptionAlgorithm?: EncryptionAlgorithm | undefined;
}

export interface AuthorizedKey {
  arn: string;
  account: string;
  /** Every alias of the key (`kms:ResourceAliases`). */
  aliases: readonly string[];
  /** The key policy that CreateKey or PutKeyPolicy was given, as it was given. */
  policy: string | undefined;
}

/** `false` or a rejection refuses, without effect. A policy simulator may take its time. */
export type Authorize = (request: AuthorizationRequest) => boolean | Promise<boolean>;

export type KmsAction = `kms:${string}`;

export type RelayFunction = 'submit' | 'deliver' | 'answer' | 'collect' | 'query' | 'sweep';

export interface Deployment {
  /** `^[a-z][a-z0-9]{0,7}$` */
  stage: string;
  /** The relay's own account: 12 digits. */
  account: string;
  /** Principals of partners with an AWS account of their own, by partner id; the others have a role of the relay's. */
  principals?: ReadonlyMap<string, string>;
}

/** Who may use a partner's key. Whatever is not here is denied. */
const USE = [
  { key: 'agency', action: 'kms:Decrypt', to: ['partner'], boundToAgency: true },
  { key: 'agency', action: 'kms:ReEncryptTo', to: ['deliver'], boundToAgency: true },
  { key: 'hotline', action: 'kms:GetPublicKey', to: ['submit', 'query'], boundToAgency: false },
  { key: 'hotline', action: 'kms:ReEncryptFrom', to: ['deliver'], boundToAgency: false },
] as const satisfies readonly UseRule[];

interface UseRule {
  key: PartnerKey['kind'];
  action: KmsAction;
  to: readonly (RelayFunction | 'partner')[];
  /** Whether `kms:EncryptionContext:agency` must be the agency's own id. */
  boundToAgency: boolean;
}

/** What the administrator of an account may do with its keys; none of it uses a key. */
const ADMINISTRATION: ReadonlySet<KmsAction> = new Set<KmsAction>([
  'kms:CreateKey',
  'kms:DescribeKey',
  'kms:CreateAlias',
  'kms:UpdateAlias',
  'kms:DeleteAlias',
  'kms:ListAliases',
  'kms:EnableKey',
  'kms:DisableKey',
  'kms:EnableKeyRotation',
  'kms:GetKeyRotationStatus',
  'kms:ScheduleKeyDeletion',
  'kms:CancelKeyDeletion',
]);

/**
 * Which uses of a key the deployed key policies and identity policies together allow, and what administration needs here:
 * nothing but `USE` and `ADMINISTRATION`. Only an agency opens what is wrapped for it, only `deliver` wraps, and no
 * administrator can use a key (the account's administrator is its root ARN here; in AWS it could change the policy first).
 *
 * Whose key it is stands in its alias: `alias/referral-relay/<stage>/hotline|agency/<partner id>/<generation>`. A key
 * with no such alias, or with those of two partners, is of no use to anybody.
 */
export function deployedPolicy(deployment: Deployment): (request: AuthorizationRequest) => boolean {
  return (request) => isAdministration(request) || isUse(request, deployment);
}

function isAdministration({ principal, account, action, key }: AuthorizationRequest): boolean {
  const home = key?.account ?? account;
  return ADMINISTRATION.has(action) && isPrincipal({ principal, account }, `arn:aws:iam::${home}:root`);
}

function isUse(request: AuthorizationRequest, deployment: Deployment): boolean {
  const owner = request.key && ownerOf(request.key.aliases, deployment.stage);
  if (!owner) return false;
  return USE.some(
    (rule) =>
      rule.key === owner.kind &&
      rule.action === request.action &&
      rule.to.some((role) => isPrincipal(request, arnOf(role, owner.partner, deployment))) &&
      (!rule.boundToAgency || request.encryptionContext?.['agency'] === owner.partner),
  );
}

interface PartnerKey {
  kind: 'hotline' | 'agency';
  partner: string;
}

const ALIAS =
  /^alias\/referral-relay\/(?<stage>[a-z0-9]+)\/(?<kind>hotline|agency)\/(?<partner>[a-z0-9-]+)\/[a-z0-9-]+$/;

function ownerOf(aliases: readonly string[], stage: string): PartnerKey | undefined {
  const owners = aliases.map((alias) => ALIAS.exec(alias)?.groups).filter((groups) => groups?.['stage'] === stage);
  const [first, ...others] = owners;
  if (first?.['partner'] === undefined || !others.every((other) => isSameOwner(first, other))) return undefined;
  return { kind: first['kind'] === 'agency' ? 'agency' : 'hotline', partner: first['partner'] };
}

const isSameOwner = (a: Record<string, string>, b: Record<string, string> | undefined): boolean =>
  a['kind'] === b?.['kind'] && a['partner'] === b?.['partner'];

function arnOf(role: RelayFunction | 'partner', partner: string, deployment: Deployment): string {
  const foreign = role === 'partner' ? deployment.principals?.get(partner) : undefined;
  const name = role === 'partner' ? partner : role;
  return foreign ?? `arn:aws:iam::${deployment.account}:role/referral-relay-${deployment.stage}-${name}`;
}

/** As the policies do it: by account and by ARN. */
const isPrincipal = (caller: { principal: string; account: string }, arn: string): boolean =>
  caller.principal === arn && caller.account === arn.split(':')[4];
