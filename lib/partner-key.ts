import { CfnDeletionPolicy } from 'aws-cdk-lib';
import { CfnAlias, CfnKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { PolicyDocument } from './policy.ts';

export interface PartnerKeyProps {
  /** `alias/…`, derived from the partner's id and the key's generation. */
  alias: string;
  /** `RSA_4096` for sealing to, outside KMS; `SYMMETRIC_DEFAULT` for wrapping, with yearly rotation by KMS. */
  spec: 'RSA_4096' | 'SYMMETRIC_DEFAULT';
  description: string;
  policy: PolicyDocument;
}

/**
 * A key in the relay's account, with its alias. Both are kept when they leave the template. A generation that comes back
 * then fails on the alias, instead of getting another key under a name that older referrals still need: import the old
 * key into the stack. Only what a deployment makes and takes back goes again: it fails before the service is told of the
 * key, so that nothing is sealed for it, and its name is free for the next.
 */
export function createPartnerKey(scope: Construct, id: string, props: PartnerKeyProps): CfnKey {
  const key = new CfnKey(scope, `${id}Key`, {
    description: props.description,
    keySpec: props.spec,
    keyUsage: 'ENCRYPT_DECRYPT',
    keyPolicy: props.policy,
    pendingWindowInDays: 30,
    ...(props.spec === 'SYMMETRIC_DEFAULT' && { enableKeyRotation: true }),
  });
  const alias = new CfnAlias(scope, `${id}Alias`, { aliasName: props.alias, targetKeyId: key.ref });
  for (const resource of [key, alias]) {
    resource.cfnOptions.deletionPolicy = CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE;
    resource.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.RETAIN;
  }
  return key;
}
