import { agencyAlias, functionName, intakeAlias, roleName, stackName } from '../core/names.ts';

/*
 * What keeps the administrators of the relay's account from reading: a service control policy, attached to that account
 * by somebody else, whose organisation it belongs to. Without it they could change the policy of a partner's key, or
 * make themselves `deliver`, or an agency, and would only be seen doing it.
 *
 * With it, whoever changes a role, `deliver`, a way in, the policy of a key, or what a deployment is made from, and
 * whoever gives a key its name, has to be the break-glass role, whose use the other party allows case by case; the role
 * must exist before the policy is attached. That covers every deployment of a stack (docs/operations/deploying.md).
 * What is left: he may still write to the ledger, and so have a referral sent to an agency that it was not meant for;
 * only with that agency's help would he read it. Keys that partners bring lie in their accounts, under their own rules.
 *
 * `deploy/service-control-policy.json` is this policy, ready to attach; a test keeps the two alike.
 */

export const BREAK_GLASS_ROLE = 'referral-relay-break-glass';

interface ControlStatement {
  Sid: string;
  Effect: 'Deny';
  Action: string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

/** Characters of a service control policy; saved by anything but the console, white space counts (Organizations quotas). */
export const CONTROL_POLICY_CHARACTERS = 5120;

const CHANGE_ROLE = [
  'iam:AttachRolePolicy',
  'iam:CreateRole',
  'iam:DeleteRole',
  'iam:DeleteRolePermissionsBoundary',
  'iam:DeleteRolePolicy',
  'iam:DetachRolePolicy',
  'iam:PassRole',
  'iam:PutRolePermissionsBoundary',
  'iam:PutRolePolicy',
  'iam:UpdateAssumeRolePolicy',
  'iam:UpdateRole',
];

const but = (...principals: string[]) => ({ ArnNotLike: { 'aws:PrincipalArn': principals } });

/** For every stage in the account. The account is taken to be the relay's alone. */
export function serviceControlPolicy(partition = 'aws'): { Version: '2012-10-17'; Statement: ControlStatement[] } {
  const role = (name: string): string => `arn:${partition}:iam::*:role/${name}`;
  const deliver = `arn:${partition}:lambda:*:*:function:${functionName('*', 'deliver')}`;
  const breakGlass = role(BREAK_GLASS_ROLE);
  const aliases = [intakeAlias('*', '*', '*'), agencyAlias('*', '*', '*')];
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'KeysKeepTheirPolicies',
        Effect: 'Deny',
        Action: [
          'kms:CreateGrant',
          'kms:DisableKey',
          'kms:PutKeyPolicy',
          'kms:ReplicateKey',
          'kms:ScheduleKeyDeletion',
        ],
        Resource: `arn:${partition}:kms:*:*:key/*`,
        Condition: { 'ForAnyValue:StringLike': { 'kms:ResourceAliases': aliases }, ...but(breakGlass) },
      },
      {
        // By its alias a key is known for a partner's, here and to `deliver`: none may lose it, and no other come by it.
        Sid: 'KeysKeepTheirNames',
        Effect: 'Deny',
        Action: ['kms:CreateAlias', 'kms:DeleteAlias', 'kms:UpdateAlias'],
        Resource: aliases.map((alias) => `arn:${partition}:kms:*:*:${alias}`),
        Condition: but(breakGlass),
      },
      {
        // Also those of agencies that sign in with a certificate: who is one of them can open what is theirs.
        Sid: 'RolesStayAsTheyAre',
        Effect: 'Deny',
        Action: CHANGE_ROLE,
        Resource: role(roleName('*', '*')),
        Condition: but(breakGlass),
      },
      {
        Sid: 'DeliverStaysAsItIs',
        Effect: 'Deny',
        Action: [
          'lambda:AddPermission',
          'lambda:CreateAlias',
          'lambda:CreateFunction',
          'lambda:DeleteAlias',
          'lambda:DeleteFunction',
          'lambda:PublishVersion',
          'lambda:UpdateFunctionCode',
          'lambda:UpdateFunctionConfiguration',
        ],
        Resource: [deliver, `${deliver}:*`],
        Condition: but(breakGlass),
      },
      {
        // CodeDeploy moves the alias during a deployment, between versions that only the break-glass role can publish.
        Sid: 'DeliverStaysWhereItIs',
        Effect: 'Deny',
        Action: ['lambda:UpdateAlias'],
        Resource: [deliver, `${deliver}:*`],
        Condition: but(breakGlass, role(roleName('*', 'codedeploy'))),
      },
      {
        // A stack once deployed with a role keeps it, and lends it to whoever may update the stack, PassRole or not
        // (CloudFormation, "Service role"): the break-glass role would be anybody's.
        Sid: 'StacksStayAsTheyAre',
        Effect: 'Deny',
        Action: [
          'cloudformation:CreateChangeSet',
          'cloudformation:CreateStack',
          'cloudformation:DeleteStack',
          'cloudformation:ExecuteChangeSet',
          'cloudformation:RollbackStack',
          'cloudformation:UpdateStack',
          'cloudformation:UpdateTerminationProtection',
        ],
        Resource: `arn:${partition}:cloudformation:*:*:stack/${stackName('*', '*')}/*`,
        Condition: but(breakGlass),
      },
      {
        // CloudFormation takes templates and code from the bucket of CDK's bootstrap, and CDK does not put there what
        // seems to be there already: whoever can write there, or have S3 replicate there, decides what the break-glass role
        // deploys.
        Sid: 'DeploymentsStayAsTheyWereMade',
        Effect: 'Deny',
        Action: [
          's3:DeleteBucket',
          's3:PutBucketAcl',
          's3:PutBucketOwnershipControls',
          's3:PutBucketPolicy',
          's3:PutObject',
          's3:ReplicateObject',
        ],
        Resource: [`arn:${partition}:s3:::cdk-*-assets-*`],
        Condition: but(breakGlass),
      },
      {
        Sid: 'WaysInStayAsTheyAre',
        Effect: 'Deny',
        Action: [
          'rolesanywhere:DeleteCrl',
          'rolesanywhere:DisableCrl',
          'rolesanywhere:PutAttributeMapping',
          'rolesanywhere:DeleteAttributeMapping',
          'rolesanywhere:UpdateCrl',
          'rolesanywhere:UpdateProfile',
          'rolesanywhere:UpdateTrustAnchor',
        ],
        Resource: '*',
        Condition: but(breakGlass),
      },
      {
        Sid: 'BreakGlassStaysAsItIs',
        Effect: 'Deny',
        Action: CHANGE_ROLE.filter((action) => action !== 'iam:PassRole'),
        Resource: breakGlass,
      },
      {
        Sid: 'TheAccountStays',
        Effect: 'Deny',
        Action: ['organizations:LeaveOrganization'],
        Resource: '*',
      },
    ],
  };
}
