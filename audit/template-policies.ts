import * as z from 'zod';
import { roleName, stackName } from '../core/names.ts';
import type { KmsKeyRecord } from '../core/registry.ts';
import { parseArn, type Place } from '../lib/place.ts';
import { type AttachedPolicy, policiesOf, PolicyStatement } from '../test/support/synthesized-policies.ts';
import { resolve, type SynthesizedStack } from '../test/support/synthesized-stage.ts';
import { AuditError, type Policy } from './simulator.ts';

/* The policies of a template, with ARNs where CloudFormation would put them. */

export interface PlacedPolicy {
  kind: AttachedPolicy['kind'];
  /** Name of a role; ARN of a key, queue or topic. */
  owner: string;
  policy: Policy;
  /** Of a key. */
  aliases: string[];
}

/** Types that hold policies which are read here. The rest of IAM, and whatever else brings a policy, is a fault. */
const READ: ReadonlySet<string> = new Set([
  'AWS::IAM::Role',
  'AWS::IAM::RolePolicy',
  'AWS::SQS::QueuePolicy',
  'AWS::SNS::TopicPolicy',
]);
const POLICY_INSIDE = ['ResourcePolicy', 'PermissionsBoundary', 'AccessPolicy', 'FileSystemPolicy'];

/** @throws {AuditError} if the template holds a policy that is not read */
export function readPolicies(place: Place, stack: SynthesizedStack): PlacedPolicy[] {
  refuseOthers(place, stack);
  const part = stack.name.slice(stackName(place.stage, '').length);
  const names = nameResources(place, part, stack);
  return [...policiesOf(stack), ...managedPolicies(stack)].map(({ kind, owner, statements }) => {
    const named = statements.map((statement) => nameIn(statement, names));
    const [first] = named.flatMap(({ Resource = [] }) => Resource);
    const isRole = kind === 'identity' || kind === 'trust';
    const resource = isRole ? owner : kind === 'key' ? names.get(`${owner}.Arn`) : first;
    if (resource === undefined) throw new AuditError(`The policy ${owner} of ${stack.name} is nobody's.`);
    return {
      kind,
      owner: resource,
      policy: { title: titleOf(kind, owner, place), stack: part, statements: named },
      aliases: kind === 'key' ? aliasesOf(stack, owner) : [],
    };
  });
}

function titleOf(kind: AttachedPolicy['kind'], owner: string, { stage }: Place): string {
  const holder = owner.slice(roleName(stage, '').length);
  return kind === 'identity' ? `role ${holder}` : kind === 'trust' ? `trust of ${holder}` : kind;
}

/** The policy of a function, a permission at a time: the API and the schedule may call it, each for one thing here. */
const Permission = z.object({
  Action: z.literal('lambda:InvokeFunction'),
  Principal: z.enum(['apigateway.amazonaws.com', 'events.amazonaws.com']),
  SourceArn: z.string(),
});

function refuseOthers({ partition, region, account }: Place, { name, template }: SynthesizedStack): void {
  const isHere = (arn: string): boolean =>
    arn.startsWith(`arn:${partition}:execute-api:${region}:${account}:`) ||
    arn.replace(/\.Arn$/, '') in template.Resources;
  for (const [id, { Type, Properties }] of Object.entries(template.Resources)) {
    if (Type === 'AWS::Lambda::Permission') {
      const permission = Permission.safeParse(resolve(Properties));
      if (permission.success && isHere(permission.data.SourceArn)) continue;
      throw new AuditError(
        `${id} of ${name} lets ${String(Properties['Principal'])} call a function: the audit does not know why.`,
      );
    }
    const inside = POLICY_INSIDE.filter((member) => member in Properties);
    if ((/^AWS::IAM::|Policy|Permission$|::ReplicaKey$/.test(Type) && !READ.has(Type)) || inside.length > 0) {
      throw new AuditError(`${id} of ${name} (${Type}) brings a policy that the audit does not read.`);
    }
  }
}

/** ARNs that CloudFormation would know only after it made the resource: told from one another by their names. */
function nameResources({ partition, region, account, stage }: Place, part: string, { template }: SynthesizedStack) {
  const arn = (service: string, resource: string): string =>
    `arn:${partition}:${service}:${region}:${account}:${resource}`;
  return new Map(
    Object.entries(template.Resources).flatMap(([id, { Type }]): [string, string][] => {
      if (Type === 'AWS::KMS::Key') return [[`${id}.Arn`, arn('kms', `key/${stage}-${part}-${id}`)]];
      return Type === 'AWS::RolesAnywhere::TrustAnchor'
        ? [[`${id}.TrustAnchorArn`, arn('rolesanywhere', `trust-anchor/${stage}-${part}`)]]
        : [];
    }),
  );
}

function nameIn(statement: PolicyStatement, names: ReadonlyMap<string, string>): PolicyStatement {
  const { Resource, Condition } = statement;
  const replace = (values: string[]): string[] => values.map((value) => names.get(value) ?? value);
  const named: PolicyStatement = { ...statement };
  if (Resource) named.Resource = replace(Resource);
  if (Condition) {
    named.Condition = Object.fromEntries(
      Object.entries(Condition).map(([operator, keys]) => [
        operator,
        Object.fromEntries(Object.entries(keys).map(([key, values]) => [key, replace(values)])),
      ]),
    );
  }
  const unnamed = named.Resource?.find((resource) => resource !== '*' && !resource.startsWith('arn:'));
  if (unnamed !== undefined) throw new AuditError(`"${unnamed}" is a resource that the audit cannot name.`);
  return named;
}

const aliasesOf = ({ template }: SynthesizedStack, key: string): string[] =>
  Object.values(template.Resources).flatMap(({ Type, Properties }) =>
    Type === 'AWS::KMS::Alias' && resolve(Properties['TargetKeyId']) === key ? [String(Properties['AliasName'])] : [],
  );

/** Policies of AWS's own that roles here have, as AWS publishes them ("AWS managed policies", reference guide). */
const MANAGED: Readonly<Record<string, PolicyStatement[]>> = {
  'service-role/AWSCodeDeployRoleForLambdaLimited': [
    {
      Sid: 'AWSCodeDeployRoleForLambdaLimited',
      Effect: 'Allow',
      Action: [
        'cloudwatch:DescribeAlarms',
        'lambda:UpdateAlias',
        'lambda:GetAlias',
        'lambda:GetProvisionedConcurrencyConfig',
      ],
      Resource: ['*'],
    },
    {
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:GetObjectVersion'],
      Resource: ['arn:aws:s3:::*/CodeDeploy/*'],
    },
    {
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:GetObjectVersion'],
      Resource: ['*'],
      Condition: { StringEquals: { 's3:ExistingObjectTag/UseWithCodeDeploy': ['true'] } },
    },
    {
      Effect: 'Allow',
      Action: ['lambda:InvokeFunction'],
      Resource: ['arn:aws:lambda:*:*:function:CodeDeployHook_*'],
    },
  ],
};

const ManagedArns = z.array(z.string()).default([]);

function managedPolicies(stack: SynthesizedStack): AttachedPolicy[] {
  return Object.values(stack.template.Resources).flatMap(({ Type, Properties }) =>
    Type === 'AWS::IAM::Role'
      ? ManagedArns.parse(resolve(Properties['ManagedPolicyArns'])).map((arn) => {
          const statements = MANAGED[arn.split(':policy/')[1] ?? ''];
          if (!statements) throw new AuditError(`${arn} of ${stack.name} is a policy that the audit does not know.`);
          return { stack: stack.name, kind: 'identity', owner: String(Properties['RoleName']), statements };
        })
      : [],
  );
}

const OwnKeyPolicy = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('is no JSON');
      return z.NEVER;
    }
  })
  .pipe(z.object({ Version: z.literal('2012-10-17'), Statement: z.array(PolicyStatement) }));

/** The policy that a partner is told to put on the key that it brings. */
export function readOwnKeyPolicy(stack: SynthesizedStack, { generation, arn = '' }: KmsKeyRecord): Policy {
  const output = OwnKeyPolicy.safeParse(stack.template.Outputs[`OwnKeyPolicy${generation}`]?.Value);
  if (!output.success) throw new AuditError(`${stack.name} does not say which policy ${arn} needs.`);
  const { account } = parseArn(arn);
  return { title: 'key', stack: `account ${account}`, statements: output.data.Statement };
}
