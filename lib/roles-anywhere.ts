import { Duration } from 'aws-cdk-lib';
import { CfnRole } from 'aws-cdk-lib/aws-iam';
import { CfnCRL, CfnProfile, CfnTrustAnchor } from 'aws-cdk-lib/aws-rolesanywhere';
import { Construct } from 'constructs';
import { roleName } from '../core/names.ts';
import type { RolesAnywhere } from '../core/roles-anywhere.ts';
import type { Place } from './place.ts';
import { policyDocument, type Statement } from './policy.ts';

export interface AgencySignInProps {
  place: Place;
  agency: string;
  access: RolesAnywhere;
  /** What the agency may do once signed in. */
  statements: Statement[];
}

/**
 * How an agency without an AWS account comes to credentials: it shows a certificate that its own authority issued, and
 * gets an hour as a role that trusts this authority and this subject alone (IAM Roles Anywhere, "Trust model").
 */
export class AgencySignIn extends Construct {
  readonly trustAnchorArn: string;
  readonly profileArn: string;
  readonly roleArn: string;

  constructor(scope: Construct, id: string, { place, agency, access, statements }: AgencySignInProps) {
    super(scope, id);
    const name = roleName(place.stage, agency);
    const anchor = new CfnTrustAnchor(this, 'TrustAnchor', {
      name,
      enabled: true,
      source: {
        sourceType: 'CERTIFICATE_BUNDLE',
        sourceData: { x509CertificateData: access.certificateAuthority },
      },
    });
    const role = new CfnRole(this, 'Role', {
      roleName: name,
      description: `Agency ${agency} of referral-relay ${place.stage}: polls its queues and unwraps with its key`,
      maxSessionDuration: Duration.hours(1).toSeconds(),
      assumeRolePolicyDocument: policyDocument([
        {
          Sid: 'CertificateOfTheAgency',
          Effect: 'Allow',
          Principal: { Service: 'rolesanywhere.amazonaws.com' },
          Action: ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'],
          Condition: {
            ArnEquals: { 'aws:SourceArn': anchor.attrTrustAnchorArn },
            StringEquals: { 'aws:PrincipalTag/x509Subject/CN': access.commonName },
          },
        },
      ]),
      policies: [{ policyName: 'least', policyDocument: policyDocument(statements) }],
    });
    const profile = new CfnProfile(this, 'Profile', {
      name,
      enabled: true,
      roleArns: [role.attrArn],
      durationSeconds: Duration.hours(1).toSeconds(),
    });
    if (access.revocations !== null) {
      new CfnCRL(this, 'Revocations', {
        name,
        enabled: true,
        crlData: access.revocations,
        trustAnchorArn: anchor.attrTrustAnchorArn,
      });
    }
    this.trustAnchorArn = anchor.attrTrustAnchorArn;
    this.profileArn = profile.attrProfileArn;
    this.roleArn = role.attrArn;
  }
}
