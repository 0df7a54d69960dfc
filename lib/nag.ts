import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Statement } from './policy.ts';

/** Why a finding of cdk-nag's AwsSolutions is accepted here. `id` is the rule, with the finding where it has several. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id: `AwsSolutions-${id}`, reason });
}

const WILDCARDS: Readonly<Record<string, string>> = {
  logs: 'The streams of its own log group, which Lambda names.',
  sqs: 'The inboxes of all partners of this stage, so that roles do not grow with partners; no other queue matches.',
  sns: "The pages of all agencies of this stage, for the same reason; the operator's topic does not match.",
  kms: "Narrowed by kms:ResourceAliases to this stage's keys of one kind; the policy of each key says the same again.",
};

/** Accepts the patterns among the resources of a role, each by the reason of its service; a pattern without one stays a finding. */
export function acknowledgeWildcards(role: IConstruct, statements: readonly Statement[]): void {
  const resources = new Set(
    statements.flatMap(({ Resource = [] }) => Resource).filter((resource) => resource.includes('*')),
  );
  for (const resource of resources) {
    const reason = WILDCARDS[resource.split(':')[2] ?? ''];
    if (reason !== undefined) acknowledge(role, `IAM5[Resource::${resource}]`, reason);
  }
}
