import { CfnRolePolicy } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { type FunctionName, FUNCTIONS, roleName } from '../core/names.ts';
import type { KmsKeyRecord, Partner, Registry } from '../core/registry.ts';
import { functionPolicy } from './function-policies.ts';
import type { Place } from './place.ts';
import { type PolicyDocument, policyDocument } from './policy.ts';

/*
 * Keys that a partner brings in an account of its own. Across accounts both sides must allow, and no pattern reaches
 * into another account: so the stack of that partner adds the key's exact ARN to the roles that use it.
 */

type KeyUse = Partial<Record<FunctionName, string>>;

const USES: Readonly<Record<Partner['kind'], KeyUse>> = {
  hotline: { submit: 'kms:GetPublicKey', query: 'kms:GetPublicKey', deliver: 'kms:ReEncryptFrom' },
  agency: { deliver: 'kms:ReEncryptTo' },
};

export const keysOf = (partner: Partner): readonly KmsKeyRecord[] =>
  partner.kind === 'hotline' ? partner.intakeKeys : partner.kmsKeys;

/** ARNs of the keys that the partner brings. */
export const ownKeysOf = (partner: Partner): string[] => keysOf(partner).flatMap(({ arn }) => arn ?? []);

/** What each role is given for the partner's own keys; empty where the partner brings none. */
function ownKeyPolicies(partner: Partner): [FunctionName, PolicyDocument][] {
  const keys = ownKeysOf(partner);
  if (keys.length === 0) return [];
  return FUNCTIONS.flatMap((name) => {
    const action = USES[partner.kind][name];
    if (action === undefined) return [];
    return [[name, policyDocument([{ Sid: 'OwnKey', Effect: 'Allow', Action: action, Resource: keys }])]];
  });
}

export function allowOwnKeys(scope: Construct, place: Place, partner: Partner): void {
  for (const [name, document] of ownKeyPolicies(partner)) {
    new CfnRolePolicy(scope, `OwnKeys-${name}`, {
      roleName: roleName(place.stage, name),
      policyName: `own-keys-${partner.id}`,
      policyDocument: document,
    });
  }
}

/** Characters of all inline policies of a role together, white space not counted (IAM and STS quotas). */
export const ROLE_POLICY_CHARACTERS = 10_240;

/**
 * The policies of a role that grow with own keys, against what IAM lets a role have.
 * @returns a sentence for each role that would not hold them
 */
export function checkOwnKeys(place: Place, registry: Registry): string[] {
  const sizes = new Map<FunctionName, number>(
    FUNCTIONS.map((name) => [name, sizeOf(policyDocument(functionPolicy(place, name)))]),
  );
  for (const partner of [...registry.hotlines.values(), ...registry.agencies.values()]) {
    for (const [name, document] of ownKeyPolicies(partner)) sizes.set(name, (sizes.get(name) ?? 0) + sizeOf(document));
  }
  return [...sizes]
    .filter(([, size]) => size > ROLE_POLICY_CHARACTERS)
    .map(
      ([name, size]) =>
        `The role of ${name} would need ${size} characters of inline policies, and IAM allows ${ROLE_POLICY_CHARACTERS}: ` +
        'too many partners bring keys of their own; let some have theirs in the account of the relay.',
    );
}

const sizeOf = (document: PolicyDocument): number => JSON.stringify(document).replaceAll(/\s/g, '').length;
