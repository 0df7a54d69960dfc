import { anonymousPrincipal, runSimulation, type RunSimulationResults } from '@cloud-copilot/iam-simulate';
import type { PolicyStatement } from '../test/support/synthesized-policies.ts';

/*
 * What IAM would answer, by a simulator that others wrote. Whatever the simulator would pass over in silence is a fault
 * here: a context key of a request that it ignores, a condition of a policy that no request here speaks to.
 */

/** What cannot be judged, and so is not: the audit fails. */
export class AuditError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AuditError';
  }
}

export interface Policy {
  /** Whose it is: `role deliver`, `trust of deliver`, `key`, … */
  title: string;
  /** Part of the stack's name after the stage, such as `core` or a partner's id; empty if it is in no stack. */
  stack: string;
  statements: readonly PolicyStatement[];
}

export interface Policies {
  /** Of the one who asks. */
  identity: readonly Policy[];
  /** Of what is asked for. */
  resource?: Policy | undefined;
  /** Service control policies of the account of the one who asks, beside AWS's own that allows everything. */
  control?: readonly Policy[];
}

export interface Question {
  /** ARN of a role, a user or an account's root, host name of a service, or `anonymous`. */
  principal: string;
  action: string;
  resource: string;
  /** That holds the resource. */
  account: string;
  context: Readonly<Record<string, string | readonly string[]>>;
  encryptionContext?: Readonly<Record<string, string>> | undefined;
}

/** A statement that matched. */
export interface Voice {
  sid: string;
  policy: Policy;
}

export interface Verdict {
  allowed: boolean;
  /** Statements that allow, of the one who asks and of what is asked for; both sides may be needed. */
  byIdentity: Voice[];
  byResource: Voice[];
  /** Statements that deny, of every side. */
  refusedBy: Voice[];
}

/** Context keys that the questions here carry where AWS would; a policy must not depend on others. */
const KNOWN_KEYS: ReadonlySet<string> = new Set([
  'aws:principalarn',
  'aws:principaltag/x509subject/cn',
  'aws:securetransport',
  'aws:sourceaccount',
  'aws:sourcearn',
  'dynamodb:leadingkeys',
  'kms:resourcealiases',
]);

const ENCRYPTION_CONTEXT = 'kms:encryptioncontext:';

/** The simulator drops `kms:EncryptionContext:<name>`, but knows tags of any name, which conditions treat alike. */
const asTag = (name: string): string => `aws:RequestTag/ec.${name}`;

/** @throws {AuditError} if the simulator does not understand the question, or would ignore a part of it */
export async function ask(question: Question, policies: Policies): Promise<Verdict> {
  const { principal, action, resource, account } = question;
  const control = policies.control ?? [];
  const result = await runSimulation(
    {
      request: {
        principal: principal === 'anonymous' ? anonymousPrincipal : principal,
        action,
        resource: { resource, accountId: account },
        contextVariables: contextOf(question),
      },
      identityPolicies: policies.identity.map((policy, index) => ({ name: String(index), policy: prepare(policy) })),
      resourcePolicy: policies.resource && prepare(policies.resource),
      serviceControlPolicies: control.length === 0 ? [] : [organization(control)],
      resourceControlPolicies: [],
    },
    {},
  );
  const { analysis } = simulated(question, result);
  const identity = analysis.identityAnalysis;
  const units = analysis.scpAnalysis?.ouAnalysis ?? [];
  const mine = (voices: Voices | undefined): Voice[] => toVoices(voices, policies.identity);
  const ofResource = (voices: Voices | undefined): Voice[] =>
    policies.resource ? (voices ?? []).map((voice) => toVoice(voice, policies.resource)) : [];
  return {
    allowed: analysis.result === 'Allowed',
    byIdentity: mine(identity?.allowStatements),
    byResource: ofResource(analysis.resourceAnalysis?.allowStatements),
    refusedBy: [
      ...mine(identity?.denyStatements),
      ...ofResource(analysis.resourceAnalysis?.denyStatements),
      ...units.flatMap(({ denyStatements }) => toVoices(denyStatements, control)),
    ],
  };
}

function contextOf({ context, encryptionContext = {} }: Question): Record<string, string | string[]> {
  return {
    ...Object.fromEntries(
      Object.entries(context).map(([key, value]) => [key, typeof value === 'string' ? value : [...value]]),
    ),
    ...Object.fromEntries(Object.entries(encryptionContext).map(([name, value]) => [asTag(name), value])),
  };
}

function simulated({ principal, action, resource }: Question, result: RunSimulationResults) {
  const what = `${action} by ${principal} on ${resource}`;
  if (result.resultType !== 'single') {
    const why = result.resultType === 'error' ? JSON.stringify(result.errors) : 'a pattern is no resource';
    throw new AuditError(`The simulator does not judge ${what}: ${why}`);
  }
  const { ignoredContextKeys } = result.result;
  if (ignoredContextKeys?.length !== 0) {
    throw new AuditError(
      `The simulator ignores ${ignoredContextKeys?.join(', ') ?? 'unknown context keys'} of ${what}.`,
    );
  }
  return result.result;
}

type Voices = readonly { policyId?: string | undefined; statement: { sid(): string | undefined } }[];

const toVoices = (voices: Voices | undefined, policies: readonly Policy[]): Voice[] =>
  (voices ?? []).map((voice) => toVoice(voice, policies[Number(voice.policyId)]));

function toVoice({ statement }: Voices[number], policy: Policy | undefined): Voice {
  if (!policy) throw new AuditError('The simulator names a policy that it was not given.');
  return { sid: statement.sid() ?? 'unnamed', policy };
}

const EVERYTHING = {
  name: 'everything',
  policy: { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } },
};

const organization = (control: readonly Policy[]) => ({
  orgIdentifier: 'account',
  policies: [EVERYTHING, ...control.map((policy, index) => ({ name: String(index), policy: prepare(policy) }))],
});

const prepared = new WeakMap<Policy, object>();

/** @throws {AuditError} if the policy depends on what no question here carries */
function prepare(policy: Policy): object {
  const known = prepared.get(policy);
  if (known) return known;
  const document = {
    Version: '2012-10-17',
    Statement: policy.statements.map(({ Condition, ...statement }) => ({
      ...statement,
      ...(Condition && { Condition: prepareConditions(policy, Condition) }),
    })),
  };
  prepared.set(policy, document);
  return document;
}

function prepareConditions(policy: Policy, condition: NonNullable<PolicyStatement['Condition']>): object {
  return Object.fromEntries(
    Object.entries(condition).map(([operator, keys]) => [
      operator,
      Object.fromEntries(Object.entries(keys).map(([key, values]) => [prepareKey(policy, key), values])),
    ]),
  );
}

function prepareKey({ title, stack }: Policy, key: string): string {
  const lower = key.toLowerCase();
  if (lower.startsWith(ENCRYPTION_CONTEXT)) return asTag(key.slice(ENCRYPTION_CONTEXT.length));
  if (KNOWN_KEYS.has(lower)) return key;
  throw new AuditError(
    `The policy of ${title} in ${stack || 'no stack'} has a condition on ${key}, which the audit's questions do not ` +
      'carry: teach it to audit/simulator.ts and to the questions.',
  );
}
