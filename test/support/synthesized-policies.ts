import * as z from 'zod';
import { resolve, type SynthesizedStack } from './synthesized-stage.ts';

/* Every policy that the templates of a stage hold, with whom or what it belongs to. */

const list = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

export const PolicyStatement = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Principal: z.union([z.literal('*'), z.record(z.string(), list)]).optional(),
  Action: list,
  Resource: list.optional(),
  Condition: z.record(z.string(), z.record(z.string(), list)).optional(),
});
export type PolicyStatement = z.output<typeof PolicyStatement>;

const Document = z.object({ Version: z.literal('2012-10-17'), Statement: z.array(PolicyStatement) });

export interface AttachedPolicy {
  stack: string;
  kind: 'identity' | 'trust' | 'key' | 'queue' | 'topic';
  /** Name of the role, or logical id of the key, queue or topic. */
  owner: string;
  statements: PolicyStatement[];
}

const RolePolicies = z.array(z.object({ PolicyDocument: z.unknown() })).default([]);

export function policiesOf({ name: stack, template }: SynthesizedStack): AttachedPolicy[] {
  return Object.entries(template.Resources).flatMap(([id, { Type, Properties }]): AttachedPolicy[] => {
    const policy = (kind: AttachedPolicy['kind'], owner: unknown, document: unknown): AttachedPolicy => ({
      stack,
      kind,
      owner: String(owner),
      statements: Document.parse(resolve(document)).Statement,
    });
    switch (Type) {
      case 'AWS::IAM::Role':
        return [
          policy('trust', Properties['RoleName'], Properties['AssumeRolePolicyDocument']),
          ...RolePolicies.parse(Properties['Policies']).map(({ PolicyDocument }) =>
            policy('identity', Properties['RoleName'], PolicyDocument),
          ),
        ];
      case 'AWS::IAM::RolePolicy':
        return [policy('identity', Properties['RoleName'], Properties['PolicyDocument'])];
      case 'AWS::KMS::Key':
        return [policy('key', id, Properties['KeyPolicy'])];
      case 'AWS::SQS::QueuePolicy':
        return [policy('queue', id, Properties['PolicyDocument'])];
      case 'AWS::SNS::TopicPolicy':
        return [policy('topic', id, Properties['PolicyDocument'])];
      case 'AWS::IAM::Policy':
      case 'AWS::IAM::ManagedPolicy':
      case 'AWS::S3::BucketPolicy':
        throw new Error(`${id} is a ${Type}, which nobody looks at here`);
      default:
        return [];
    }
  });
}

/** Whether an IAM pattern (`*` for any text, `?` for one character) matches. */
export function matchesPattern(pattern: string, text: string): boolean {
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`).test(text);
}
