import {
  agencyAlias,
  DUE_INDEX,
  functionLogGroup,
  type FunctionName,
  FUNCTIONS,
  intakeAlias,
  LIVE_ALIAS,
  OPERATOR,
  roleName,
} from '../core/names.ts';
import type { Agency, Partner, Registry } from '../core/registry.ts';
import { keysOf } from '../lib/own-keys.ts';
import { functionArn, ledgerArn, logGroupArn, parseArn, type Place, roleArn } from '../lib/place.ts';
import type { SynthesizedStage } from '../test/support/synthesized-stage.ts';
import { AuditError, type Policy } from './simulator.ts';
import { type PlacedPolicy, readOwnKeyPolicy, readPolicies } from './template-policies.ts';

/* A synthesized stage as IAM would see it: who there is, with their own policies, and what there is, with its policy. */

export type Sort =
  | 'intake key'
  | 'agency key'
  | 'alarm key'
  | 'inbox of an agency'
  | 'dead letters of an agency'
  | 'inbox of a hotline'
  | 'dispatch queue'
  | 'dispatch dead letters'
  | 'ledger'
  | 'index of the ledger'
  | 'log of a function'
  | 'alarm topic'
  | 'page of an agency'
  | 'sweep'
  | 'another function'
  | 'role of a function'
  | 'role of CodeDeploy'
  | 'role of an agency'
  | 'role of the operator'
  | 'key of no partner'
  | 'key open to all'
  | 'queue of no partner'
  | 'queue open to all';

export interface Thing {
  sort: Sort;
  arn: string;
  /** That holds it. */
  account: string;
  /** Absent from what belongs to no stage. */
  stage?: string;
  /** Whose it is: a partner or, for a role or a log, a function. */
  owner?: string;
  policy?: Policy;
  /** Of a key. */
  aliases?: readonly string[];
  /** Of a role that a certificate signs in to: its common name. */
  commonName?: string;
}

export interface Actor {
  kind: 'function' | 'codedeploy' | 'operator' | 'on call' | 'agency' | 'administrator' | 'anybody' | 'service';
  /** Name of the function, id of the agency, or who else it is. */
  name: string;
  /** ARN, host name of a service, or `anonymous`. */
  principal: string;
  account: string;
  stage?: string;
  policies: Policy[];
}

export interface Deployment {
  place: Place;
  registry: Registry;
  actors: Actor[];
  things: Thing[];
}

/** What somebody's own account lets him is in no template: everything is assumed. */
export const WHATEVER: Policy = {
  title: 'own account',
  stack: '',
  statements: [{ Sid: 'Everything', Effect: 'Allow', Action: ['*'], Resource: ['*'] }],
};

/** @throws {AuditError} if the templates hold what the audit would not look at */
export function readDeployment(place: Place, stage: SynthesizedStage): Deployment {
  const { registry } = stage;
  const policies = stage.stacks.flatMap((stack) => readPolicies(place, stack));
  const partners = [...registry.hotlines.values(), ...registry.agencies.values()];
  const roles = new Set(policies.flatMap(({ kind, owner }) => (kind === 'trust' ? [owner] : [])));
  const stray = policies.find(({ kind, owner }) => kind === 'identity' && !roles.has(owner));
  if (stray) throw new AuditError(`There is a policy for ${stray.owner}, but no such role.`);
  return {
    place,
    registry,
    actors: [
      ...policies.filter(({ kind }) => kind === 'trust').map((trust) => readRole(place, registry, policies, trust)),
      ...[...registry.agencies.values()].flatMap((agency) => guest(place, agency)),
    ],
    things: [
      ...policies.filter(({ kind }) => kind !== 'identity').map((policy) => readThing(place, registry, policy)),
      ...partners.flatMap((partner) => ownKeys(place, stage, partner)),
      ...unguarded(place),
    ],
  };
}

const isFunction = (name: string): name is FunctionName => FUNCTIONS.some((known) => known === name);

function readRole(place: Place, registry: Registry, policies: readonly PlacedPolicy[], trust: PlacedPolicy): Actor {
  const name = trust.owner.slice(roleName(place.stage, '').length);
  if (!isFunction(name) && name !== 'codedeploy' && name !== OPERATOR && !registry.agencies.has(name)) {
    throw new AuditError(`The role ${trust.owner} is none that the audit knows.`);
  }
  return {
    kind: isFunction(name) ? 'function' : name === 'codedeploy' || name === OPERATOR ? name : 'agency',
    name,
    principal: roleArn(place, name),
    account: place.account,
    stage: place.stage,
    policies: policies.flatMap(({ kind, owner, policy }) =>
      kind === 'identity' && owner === trust.owner ? [policy] : [],
    ),
  };
}

/** An agency with a role or user of its own. */
function guest({ stage }: Place, { id, principal }: Agency): Actor[] {
  if (principal === undefined) return [];
  const { account } = parseArn(principal);
  return [{ kind: 'agency', name: id, principal, account, stage, policies: [WHATEVER] }];
}

function readThing(place: Place, registry: Registry, { kind, owner, policy, aliases }: PlacedPolicy): Thing {
  const name = owner.split(':').at(-1) ?? '';
  const holder = name.slice(roleName(place.stage, '').length);
  const partner = registry.find(policy.stack)?.id;
  const here = { account: place.account, stage: place.stage, policy };
  const ours = { ...here, ...(partner !== undefined && { owner: partner }) };
  switch (kind) {
    case 'key':
      return { ...ours, sort: sortOfKey(aliases), arn: owner, aliases };
    case 'queue':
    case 'topic':
      return { ...ours, sort: sortOfName(holder, partner), arn: owner };
    case 'trust': {
      const commonName = registry.agencies.get(holder)?.rolesAnywhere?.commonName;
      const sort = isFunction(holder)
        ? 'role of a function'
        : partner
          ? 'role of an agency'
          : holder === OPERATOR
            ? 'role of the operator'
            : 'role of CodeDeploy';
      const signIn = commonName === undefined ? {} : { commonName };
      return { ...here, ...signIn, sort, arn: roleArn(place, holder), owner: holder };
    }
    case 'identity':
      throw new AuditError(`The policy of ${owner} belongs to somebody, not to something.`);
  }
}

const sortOfKey = ([alias = '']: readonly string[]): Sort =>
  alias.includes('/hotline/') ? 'intake key' : alias.includes('/agency/') ? 'agency key' : 'alarm key';

const SORTS: Readonly<Record<string, Sort>> = {
  urgent: 'inbox of an agency',
  routine: 'inbox of an agency',
  dead: 'dead letters of an agency',
  outcomes: 'inbox of a hotline',
  page: 'page of an agency',
  'dispatch-urgent': 'dispatch queue',
  'dispatch-routine': 'dispatch queue',
  'dispatch-dead-urgent': 'dispatch dead letters',
  'dispatch-dead-routine': 'dispatch dead letters',
  alarms: 'alarm topic',
};

function sortOfName(name: string, partner: string | undefined): Sort {
  const sort = SORTS[partner === undefined ? name : name.slice(partner.length + 1)];
  if (!sort) throw new AuditError(`The audit does not know what ${name} is for.`);
  return sort;
}

/** The keys that a partner brings, under the names that would tempt our roles most. */
const ownKeys = ({ stage }: Place, { stack }: SynthesizedStage, partner: Partner): Thing[] =>
  keysOf(partner).flatMap((record): Thing[] => {
    const { arn, generation } = record;
    if (arn === undefined) return [];
    const isHotline = partner.kind === 'hotline';
    return [
      {
        sort: isHotline ? 'intake key' : 'agency key',
        arn,
        account: parseArn(arn).account,
        stage,
        owner: partner.id,
        policy: readOwnKeyPolicy(stack(partner.id), record),
        aliases: [(isHotline ? intakeAlias : agencyAlias)(stage, partner.id, generation)],
      },
    ];
  });

/** What has no policy of its own. */
function unguarded(place: Place): Thing[] {
  const { account, stage } = place;
  const ledger = ledgerArn(place);
  return [
    { sort: 'ledger', arn: ledger, account, stage },
    { sort: 'index of the ledger', arn: `${ledger}/index/${DUE_INDEX}`, account, stage },
    ...FUNCTIONS.map((name): Thing => {
      const sort = name === 'sweep' ? name : 'another function';
      return { sort, arn: `${functionArn(place, name)}:${LIVE_ALIAS}`, account, stage, owner: name };
    }),
    ...FUNCTIONS.map((name): Thing => {
      const group = logGroupArn(place, functionLogGroup(stage, name));
      return { sort: 'log of a function', arn: `${group}:log-stream:any`, account, stage, owner: name };
    }),
  ];
}
