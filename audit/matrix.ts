import { partitionKey, suspensionKey } from '../lambda/ledger-items.ts';
import { about, type Action, type ActionClass, actionsOn, classify } from './actions.ts';
import { type Actor, type Deployment, type Thing, WHATEVER } from './deployment.ts';
import { ask, type Verdict } from './simulator.ts';
import { STRANGER, type World } from './surroundings.ts';

/* Who may do what with what, in which circumstances: every question put to the simulator. */

export interface Cell {
  actor: Actor;
  thing: Thing;
  /** All that the verdict is good for. */
  actions: readonly string[];
  circumstance: Circumstance;
  verdict: Verdict;
}

/**
 * Of a call with an encryption context: whose id it names. Of a queue or a topic: whether it comes over TLS. Of a
 * call on rows of the ledger: whether they are suspensions, or it names none. Of a service: whether it acts for what belongs there.
 */
export type Circumstance =
  | 'usual'
  | 'own name'
  | "another's name"
  | 'no name'
  | 'of a suspension'
  | 'of no row'
  | 'without TLS'
  | 'own source'
  | 'another source here'
  | "another's source"
  | 'another subject';

/** Agencies that have nothing to do with a thing and yet are asked about, at most; the next ones of the registry. */
const NEIGHBOURS = 3;

/** Every cell; nothing is asked before it is wanted. */
export async function* evaluate(world: World, only: Selection = {}): AsyncGenerator<Cell> {
  const { stage, elsewhere } = world;
  const policies = new Set([...stage.actors, ...world.others].flatMap((actor) => actor.policies));
  for (const thing of [...elsewhere, ...stage.things]) {
    if (only.thing?.(thing) === false) continue;
    const actors = elsewhere.includes(thing) ? [...strangers(world), ...roles(stage)] : actorsAt(world, thing);
    const classes = classify(await actionsOn(thing.sort), [...policies, ...(thing.policy ? [thing.policy] : [])]);
    for (const actor of actors) {
      if (only.actor?.(actor) === false) continue;
      for (const actions of classes) yield* evaluateClass(world, actor, thing, actions);
    }
  }
}

/** What to ask about; default: everything. */
export interface Selection {
  thing?: (thing: Thing) => boolean;
  actor?: (actor: Actor) => boolean;
}

async function* evaluateClass(world: World, actor: Actor, thing: Thing, of: ActionClass): AsyncGenerator<Cell> {
  for (const circumstance of circumstancesOf(actor, thing, of.example)) {
    const verdict = await ask(
      {
        principal: actor.principal,
        action: of.example.name,
        resource: thing.arn,
        account: thing.account,
        context: contextOf(world.stage, actor, thing, circumstance, of.example),
        encryptionContext: encryptionContextOf(thing, circumstance),
      },
      {
        identity: actor.policies.flatMap((policy) => about(policy, of.example) ?? []),
        resource: thing.policy && (about(thing.policy, of.example) ?? thing.policy),
      },
    );
    yield { actor, thing, actions: of.actions.map(({ name }) => name), circumstance, verdict };
  }
}

/** The stage's own roles, which must not reach beyond it. */
const roles = ({ actors }: Deployment): Actor[] => actors.filter(({ policies }) => policies.length > 0);

/**
 * What somebody is to a thing, the closest first: `its agency`, `administrator` of the account that holds it, `anybody`
 * whom his own account lets everything, the name of a function or a service, …
 */
export function whoIs(actor: Actor, thing: Thing): string[] {
  const unbound = actor.policies.includes(WHATEVER) || actor.principal === 'anonymous';
  const also = [
    ...(unbound && actor.account === thing.account ? ['administrator'] : []),
    ...(unbound ? ['anybody'] : []),
  ];
  if (actor.stage !== undefined && thing.stage !== undefined && actor.stage !== thing.stage) {
    return ['role of another stage', ...also];
  }
  switch (actor.kind) {
    case 'function':
      return [thing.sort === 'log of a function' && thing.owner === actor.name ? 'the function itself' : actor.name];
    case 'agency':
      return [actor.name === thing.owner ? 'its agency' : 'another agency', ...also];
    case 'administrator':
    case 'anybody':
      return also;
    case 'on call':
      return ['on call', ...also];
    case 'codedeploy':
    case 'operator':
    case 'service':
      return [actor.name];
  }
}

const strangers = ({ administrators, stage }: World): Actor[] =>
  [administrators.get(stage.place.account), administrators.get(STRANGER)].filter((actor) => actor !== undefined);

function actorsAt(world: World, thing: Thing): Actor[] {
  const { stage, administrators, others } = world;
  const agencies = stage.actors.filter(({ kind }) => kind === 'agency');
  const own = agencies.filter(({ name }) => name === thing.owner);
  const accounts = new Set([stage.place.account, thing.account, ...own.map(({ account }) => account)]);
  return [
    ...[...administrators.values()].filter(({ account }) => accounts.has(account)),
    ...own,
    ...neighbours(agencies, thing),
    ...stage.actors.filter(({ kind }) => kind !== 'agency'),
    ...others.filter(({ kind }) => kind !== 'service'),
    // Where no service is named, one stands for all.
    ...others.filter(({ kind }) => kind === 'service').slice(0, namesService(thing) ? undefined : 1),
  ];
}

const namesService = ({ policy }: Thing): boolean =>
  policy?.statements.some(({ Principal = '*' }) => Principal !== '*' && 'Service' in Principal) ?? false;

/** By name, for it is names that patterns confuse. */
function neighbours(agencies: readonly Actor[], { owner = '' }: Thing): Actor[] {
  const sorted = agencies.filter(({ name }) => name !== owner).sort((a, b) => (a.name < b.name ? -1 : 1));
  const next = sorted.findIndex(({ name }) => name > owner);
  return [...sorted.slice(Math.max(next, 0)), ...sorted].slice(0, Math.min(NEIGHBOURS, sorted.length));
}

function circumstancesOf(actor: Actor, thing: Thing, { takesContext, takesPartition }: Action): Circumstance[] {
  if (actor.kind === 'service') {
    if (!namesService(thing)) return ['own source'];
    const subject: Circumstance[] = thing.commonName === undefined ? [] : ['another subject'];
    return ['own source', 'another source here', "another's source", ...subject];
  }
  if (thing.sort === 'agency key' && takesContext) return ['own name', "another's name", 'no name'];
  if (thing.sort === 'ledger' && takesPartition) return ['usual', 'of a suspension', 'of no row'];
  return /:(sqs|sns):/.test(thing.arn) ? ['usual', 'without TLS'] : ['usual'];
}

function encryptionContextOf({ owner = '' }: Thing, circumstance: Circumstance): Record<string, string> | undefined {
  const context = { hotline: 'gb-lantern', referral: '0193a7c0-0000-7000-8000-000000000000', sealed: 'x' };
  if (circumstance === 'own name') return { ...context, agency: owner };
  if (circumstance === "another's name") return { ...context, agency: `${owner}-else` };
  return circumstance === 'no name' ? context : undefined;
}

function contextOf(
  { place }: Deployment,
  actor: Actor,
  thing: Thing,
  circumstance: Circumstance,
  { takesPartition }: Action,
) {
  return {
    'aws:SecureTransport': String(circumstance !== 'without TLS'),
    ...(actor.principal.startsWith('arn:') && { 'aws:PrincipalArn': actor.principal }),
    ...(thing.aliases && thing.aliases.length > 0 && { 'kms:ResourceAliases': thing.aliases }),
    ...(thing.sort === 'ledger' &&
      takesPartition &&
      circumstance !== 'of no row' && { 'dynamodb:LeadingKeys': [partitionOf(circumstance)] }),
    ...(actor.kind === 'service' && sourceOf(place, actor, thing, circumstance)),
  };
}

const partitionOf = (circumstance: Circumstance): string =>
  circumstance === 'of a suspension'
    ? suspensionKey('gb-crossbar').pk
    : partitionKey({ hotline: 'gb-lantern', id: '0193a7c0-0000-7000-8000-000000000000' });

function sourceOf(place: Deployment['place'], { name }: Actor, thing: Thing, circumstance: Circumstance) {
  const service = name.slice(0, name.indexOf('.'));
  const account = circumstance === "another's source" ? STRANGER : place.account;
  const own = circumstance === 'own source' || circumstance === 'another subject';
  const resource =
    service === 'rolesanywhere'
      ? `trust-anchor/${own ? `${place.stage}-${thing.owner}` : 'another'}`
      : `alarm:${own ? `referral-relay-${place.stage}-api-errors` : 'another'}`;
  return {
    'aws:SourceAccount': account,
    'aws:SourceArn': `arn:${place.partition}:${service}:${place.region}:${account}:${resource}`,
    ...(thing.commonName !== undefined && {
      'aws:PrincipalTag/x509Subject/CN': circumstance === 'another subject' ? 'somebody.else' : thing.commonName,
    }),
  };
}
