import { parseArn } from './place.ts';

/** A statement of an IAM policy, as it stands in the template. */
export interface Statement {
  Sid: string;
  Effect: 'Allow' | 'Deny';
  /** Left out in the policy of a role. */
  Principal?: '*' | { AWS: string } | { Service: string | string[] };
  Action: string | string[];
  /** Left out in the trust policy of a role. */
  Resource?: string | string[];
  Condition?: Readonly<Record<string, Readonly<Record<string, string | string[]>>>>;
}

export interface PolicyDocument {
  Version: '2012-10-17';
  Statement: Statement[];
}

export const policyDocument = (statements: Statement[]): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: statements,
});

/** Everybody in an account whom that account's own policies let; narrowed by a condition. */
export const accountOf = (arn: string): { AWS: string } => {
  const { partition, account } = parseArn(arn);
  return { AWS: `arn:${partition}:iam::${account}:root` };
};

/**
 * One role or user, by account and `aws:PrincipalArn`: a `Principal` that names a role would stop matching once the role
 * was deleted and made anew, for IAM then stores the id of the one that is gone.
 */
export const only = (...arns: string[]) => ({ ArnEquals: { 'aws:PrincipalArn': arns } });

/** Everybody but these; also those whose request names no principal, such as a service of AWS acting by itself. */
export const allBut = (...arns: string[]) => ({ ArnNotEquals: { 'aws:PrincipalArn': arns } });
