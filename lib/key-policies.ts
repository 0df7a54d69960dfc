import { roleArn, type Place } from './place.ts';
import { accountOf, allBut, only, type PolicyDocument, policyDocument, type Statement } from './policy.ts';

/*
 * Who may do what with a partner's key. Not CDK's default, which gives the account `kms:*`: here its administrators may
 * administer, and nothing they add to anybody's own policy lets him use a key. They could change these policies;
 * PutKeyPolicy is not denied, or nobody could ever correct a mistake, but it raises an alarm, and the service control
 * policy (`lib/service-control-policy.ts`) takes it from them.
 */

/** Keeps a key and changes its policy; none of it uses the key. */
const ADMINISTRATION = [
  'kms:CancelKeyDeletion',
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:DescribeKey',
  'kms:DisableKey',
  'kms:DisableKeyRotation',
  'kms:EnableKey',
  'kms:EnableKeyRotation',
  'kms:GetKeyPolicy',
  'kms:GetKeyRotationStatus',
  'kms:GetPublicKey',
  'kms:ListGrants',
  'kms:ListKeyPolicies',
  'kms:ListKeyRotations',
  'kms:ListResourceTags',
  'kms:PutKeyPolicy',
  'kms:RevokeGrant',
  'kms:RotateKeyOnDemand',
  'kms:ScheduleKeyDeletion',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:UpdateAlias',
  'kms:UpdateKeyDescription',
];

/** @param owner any ARN in the account that holds the key */
export const administration = (owner: string): Statement => ({
  Sid: 'AdministratorsKeepTheKey',
  Effect: 'Allow',
  Principal: accountOf(owner),
  Action: ADMINISTRATION,
  Resource: '*',
});

/**
 * The policy of an agency's key: `deliver` wraps for the agency, the agency unwraps, both only with the agency's id in
 * the encryption context, and nobody does anything else.
 * @param owner any ARN in the account that holds the key
 * @param principal ARN of the agency's role or user
 */
export function agencyKeyPolicy(place: Place, agency: string, principal: string, owner: string): PolicyDocument {
  const deliver = roleArn(place, 'deliver');
  const context = { 'kms:EncryptionContext:agency': agency };
  return policyDocument([
    administration(owner),
    {
      Sid: 'AgencyUnwraps',
      Effect: 'Allow',
      Principal: accountOf(principal),
      Action: 'kms:Decrypt',
      Resource: '*',
      Condition: { ...only(principal), StringEquals: context },
    },
    {
      Sid: 'AgencyLooksAtTheKey',
      Effect: 'Allow',
      Principal: accountOf(principal),
      Action: 'kms:DescribeKey',
      Resource: '*',
      Condition: only(principal),
    },
    {
      Sid: 'DeliverWraps',
      Effect: 'Allow',
      Principal: accountOf(deliver),
      Action: 'kms:ReEncryptTo',
      Resource: '*',
      Condition: { ...only(deliver), StringEquals: context },
    },
    {
      Sid: 'NobodyElseUnwraps',
      Effect: 'Deny',
      Principal: '*',
      Action: 'kms:Decrypt',
      Resource: '*',
      Condition: allBut(principal),
    },
    {
      Sid: 'NobodyElseWraps',
      Effect: 'Deny',
      Principal: '*',
      Action: 'kms:ReEncryptTo',
      Resource: '*',
      Condition: allBut(deliver),
    },
    {
      Sid: 'OnlyForThisAgency',
      Effect: 'Deny',
      Principal: '*',
      Action: ['kms:Decrypt', 'kms:ReEncryptTo'],
      Resource: '*',
      Condition: { StringNotEquals: context },
    },
    {
      Sid: 'NoOtherUse',
      Effect: 'Deny',
      Principal: '*',
      Action: ['kms:CreateGrant', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncryptFrom', 'kms:ReplicateKey'],
      Resource: '*',
    },
  ]);
}

/**
 * The policy of a hotline's intake key: its public half is for all to seal with, `deliver` alone re-wraps what was
 * sealed, and nobody opens anything, the hotline included.
 * @param owner any ARN in the account that holds the key
 */
export function intakeKeyPolicy(place: Place, owner: string): PolicyDocument {
  const deliver = roleArn(place, 'deliver');
  const readers = [roleArn(place, 'submit'), roleArn(place, 'query')];
  return policyDocument([
    administration(owner),
    {
      Sid: 'RelayPublishesThePublicHalf',
      Effect: 'Allow',
      Principal: accountOf(deliver),
      Action: 'kms:GetPublicKey',
      Resource: '*',
      Condition: only(...readers),
    },
    {
      Sid: 'DeliverRewraps',
      Effect: 'Allow',
      Principal: accountOf(deliver),
      Action: 'kms:ReEncryptFrom',
      Resource: '*',
      Condition: only(deliver),
    },
    {
      Sid: 'NobodyElseRewraps',
      Effect: 'Deny',
      Principal: '*',
      Action: 'kms:ReEncryptFrom',
      Resource: '*',
      Condition: allBut(deliver),
    },
    {
      Sid: 'NobodyOpens',
      Effect: 'Deny',
      Principal: '*',
      Action: [
        'kms:CreateGrant',
        'kms:Decrypt',
        'kms:Encrypt',
        'kms:GenerateDataKey*',
        'kms:ReEncryptTo',
        'kms:ReplicateKey',
      ],
      Resource: '*',
    },
  ]);
}
