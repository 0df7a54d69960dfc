import type { Deployment } from '../../audit/deployment.ts';
import type { Selection } from '../../audit/matrix.ts';
import type { Policy } from '../../audit/simulator.ts';
import type { World } from '../../audit/surroundings.ts';
import type { PolicyStatement } from '../support/synthesized-policies.ts';

/* Ways to loosen a policy: for every kind of statement that the stage has, each one that makes sense for it. */

export interface Widened {
  /** Such as `key/DeliverWraps without StringEquals`. */
  name: string;
  world: World;
  /** Where it could show. */
  where: Selection;
}

type Side = 'identity' | 'resource';

/** A statement changed; `undefined`: left out. */
type Change = (statement: PolicyStatement) => PolicyStatement | undefined;

const sidOf = ({ Sid = 'unnamed' }: PolicyStatement): string => Sid;

/** Every kind of statement: `role/…` for what a role may, else what it guards (`key/…`, `trust/…`), and its Sid. */
export function kindsOf({ actors, things }: Deployment): string[] {
  const ours = actors.filter(({ kind }) => kind === 'function' || kind === 'agency' || kind === 'operator');
  const policies = ours.flatMap((actor) => actor.policies.filter(({ stack }) => stack !== ''));
  const guards = things.flatMap(({ policy }) => policy ?? []);
  return [
    ...new Set([
      ...policies.flatMap(({ statements }) => statements.map((statement) => `role/${sidOf(statement)}`)),
      ...guards.flatMap(({ title, statements }) =>
        statements.map((statement) => `${guard(title)}/${sidOf(statement)}`),
      ),
    ]),
  ].sort();
}

const guard = (title: string): string => (title.startsWith('trust ') ? 'trust' : title);

/** Every way to widen a kind of statement, wherever the stage has it. */
export function widen(world: World, kind: string): Widened[] {
  const [guarded = '', sid = ''] = kind.split('/');
  const side: Side = guarded === 'role' ? 'identity' : 'resource';
  const isMeant = (policy: Policy, statement: PolicyStatement): boolean =>
    sidOf(statement) === sid && (side === 'identity' || guard(policy.title) === guarded);
  const policies =
    side === 'identity'
      ? world.stage.actors.flatMap((actor) => actor.policies)
      : world.stage.things.flatMap(({ policy }) => policy ?? []);
  const example = policies
    .flatMap((policy) => policy.statements.filter((statement) => isMeant(policy, statement)))
    .at(0);
  if (!example) return [];
  return Object.entries(changesOf(example, side)).map(([how, change]) => {
    const touched = new Set<Policy>();
    const alter = (policy: Policy): Policy => {
      if (!policy.statements.some((statement) => isMeant(policy, statement))) return policy;
      const statements = policy.statements.flatMap((statement) =>
        isMeant(policy, statement) ? (change(statement) ?? []) : [statement],
      );
      const altered = { ...policy, statements };
      touched.add(altered);
      return altered;
    };
    const { stage } = world;
    const actors =
      side === 'identity'
        ? stage.actors.map((actor) => ({ ...actor, policies: actor.policies.map(alter) }))
        : stage.actors;
    const things =
      side === 'resource'
        ? stage.things.map((thing) => (thing.policy ? { ...thing, policy: alter(thing.policy) } : thing))
        : stage.things;
    return {
      name: `${kind} ${how}`,
      world: { ...world, stage: { ...stage, actors, things } },
      where:
        side === 'identity'
          ? { actor: (actor) => actor.policies.some((policy) => touched.has(policy)), thing: ofService(example) }
          : { thing: ({ policy }) => policy !== undefined && touched.has(policy) },
    };
  });
}

const ofService = ({ Action: [first = ''] }: PolicyStatement): NonNullable<Selection['thing']> => {
  const [service = ''] = first.split(':');
  return ({ arn }) => arn.split(':')[2] === service;
};

function changesOf(statement: PolicyStatement, side: Side): Record<string, Change> {
  const { Effect, Condition = {} } = statement;
  const operators = Object.keys(Condition);
  return Effect === 'Allow' ? allowMore(statement, side, operators) : denyLess(statement, operators);
}

function allowMore({ Action: [first = ''] }: PolicyStatement, side: Side, operators: string[]): Record<string, Change> {
  const [service = ''] = first.split(':');
  return {
    'for any action': (statement) => ({ ...statement, Action: [`${service}:*`] }),
    ...(side === 'identity' && { 'on any resource': (statement) => ({ ...statement, Resource: ['*'] }) }),
    ...(side === 'resource' &&
      operators.length === 0 && { 'to anybody': (statement) => ({ ...statement, Principal: '*' }) }),
    ...Object.fromEntries(operators.map((operator) => [`without ${operator}`, without(operator)])),
  };
}

/** With further values where the condition spares somebody. */
const spare =
  (operator: string, more: (values: string[]) => string[]): Change =>
  (statement) => ({
    ...statement,
    Condition: {
      ...statement.Condition,
      [operator]: Object.fromEntries(
        Object.entries(statement.Condition?.[operator] ?? {}).map(([key, values]) => [
          key,
          [...values, ...more(values)],
        ]),
      ),
    },
  });

function denyLess({ Action, Condition = {} }: PolicyStatement, operators: string[]): Record<string, Change> {
  return {
    'left out': () => undefined,
    ...(operators.length === 0 && {
      'without TLS only': (statement) => ({ ...statement, Condition: { Bool: { 'aws:SecureTransport': ['false'] } } }),
    }),
    ...(Condition['ArnNotEquals'] && {
      'but for administrators': spare('ArnNotEquals', () => ['arn:aws:iam::*:role/administrator']),
    }),
    ...(Condition['StringNotEquals'] && {
      "but for another's name": spare('StringNotEquals', (values) => values.map((value) => `${value}-else`)),
    }),
    ...(Action.length > 1 &&
      Object.fromEntries(
        Action.map((left): [string, Change] => [
          `but for ${left}`,
          (statement) => ({ ...statement, Action: statement.Action.filter((action) => action !== left) }),
        ]),
      )),
  };
}

const without =
  (operator: string): Change =>
  ({ Condition, ...statement }) => {
    const { [operator]: _, ...rest } = Condition ?? {};
    return Object.keys(rest).length === 0 ? statement : { ...statement, Condition: rest };
  };
