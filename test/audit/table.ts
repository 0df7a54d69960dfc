import type { Sort, Thing } from '../../audit/deployment.ts';
import { WHATEVER } from '../../audit/deployment.ts';
import { type Cell, evaluate, type Selection, whoIs } from '../../audit/matrix.ts';
import type { World } from '../../audit/surroundings.ts';

/*
 * Who may do what. What is not here, nobody may: every cell of the matrix is held against it, one action at a time, and
 * so is what each side says by itself, so that one lock cannot rust behind another.
 */

/** Actions by circumstance; `always`, but without TLS. `*` is every action there is, `!…` one that it leaves out. */
type Actions = Partial<Record<Cell['circumstance'] | 'always', string[]>>;
/** By what somebody is to the thing (`whoIs`). */
type Rights = Readonly<Record<string, Actions>>;

const ADMINISTER = (
  'CancelKeyDeletion CreateAlias DeleteAlias DescribeKey DisableKey DisableKeyRotation EnableKey EnableKeyRotation ' +
  'GetKeyPolicy GetKeyRotationStatus GetPublicKey ListGrants ListKeyPolicies ListKeyRotations ListResourceTags ' +
  'PutKeyPolicy RevokeGrant RotateKeyOnDemand ScheduleKeyDeletion TagResource UntagResource UpdateAlias ' +
  'UpdateKeyDescription'
)
  .split(' ')
  .map((action) => `kms:${action}`);
const DATA_KEYS = ['', 'WithoutPlaintext', 'Pair', 'PairWithoutPlaintext'].map((sort) => `kms:GenerateDataKey${sort}`);
const NO_USE = ['kms:CreateGrant', 'kms:Encrypt', ...DATA_KEYS, 'kms:ReplicateKey'];
const SEND = ['sqs:SendMessage'];
const TAKE = ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage'];
const COUNT = ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl'];
const RECEIVE = [...TAKE, ...COUNT];
const READ = ['dynamodb:GetItem', 'dynamodb:Query'];
const WRITE = ['dynamodb:PutItem', 'dynamodb:UpdateItem'];
const MOVE_ALIAS = ['lambda:GetAlias', 'lambda:GetProvisionedConcurrencyConfig', 'lambda:UpdateAlias'];
const PUBLISH = ['sns:Publish'];
const EVERYTHING = ['*'];
const everythingBut = (...actions: string[]): string[] => ['*', ...actions.map((action) => `!${action}`)];

/** Whoever administers the account publishes, but over TLS. */
const TOPIC_ADMINISTRATION: Actions = { always: EVERYTHING, 'without TLS': everythingBut(...PUBLISH) };

const MAY: Readonly<Record<Sort, Rights>> = {
  'intake key': {
    submit: { always: ['kms:GetPublicKey'] },
    query: { always: ['kms:GetPublicKey'] },
    deliver: { always: ['kms:ReEncryptFrom'] },
    administrator: { always: ADMINISTER },
  },
  'agency key': {
    deliver: { 'own name': ['kms:ReEncryptTo'] },
    'its agency': { 'own name': ['kms:Decrypt'], always: ['kms:DescribeKey'] },
    administrator: { always: ADMINISTER },
  },
  'alarm key': {
    'cloudwatch.amazonaws.com': { always: ['kms:Decrypt', ...DATA_KEYS] },
    'events.amazonaws.com': { always: ['kms:Decrypt', ...DATA_KEYS] },
    administrator: { always: ADMINISTER },
  },
  'inbox of an agency': {
    deliver: { always: SEND },
    'its agency': { always: RECEIVE },
    operator: { always: COUNT },
    administrator: { always: everythingBut(...SEND, ...TAKE) },
  },
  'dead letters of an agency': { operator: { always: RECEIVE }, administrator: { always: everythingBut(...SEND) } },
  'inbox of a hotline': {
    answer: { always: SEND },
    sweep: { always: SEND },
    collect: { always: ['sqs:DeleteMessage', 'sqs:ReceiveMessage'] },
    operator: { always: COUNT },
    administrator: { always: everythingBut(...SEND, ...TAKE) },
  },
  'dispatch queue': {
    submit: { always: SEND },
    sweep: { always: [...SEND, 'sqs:GetQueueAttributes'] },
    deliver: { always: RECEIVE },
    operator: { always: COUNT },
    administrator: { always: everythingBut(...SEND, ...TAKE) },
  },
  'dispatch dead letters': { operator: { always: RECEIVE }, administrator: { always: everythingBut(...SEND) } },
  ledger: {
    submit: { always: READ, usual: WRITE },
    deliver: { always: READ, usual: [...WRITE, 'dynamodb:DeleteItem'] },
    answer: { always: READ, usual: WRITE },
    collect: { always: READ, usual: ['dynamodb:UpdateItem'] },
    query: { always: READ },
    sweep: { always: READ, usual: [...WRITE, 'dynamodb:DeleteItem'] },
    operator: { always: [...READ, ...WRITE], 'of a suspension': ['dynamodb:DeleteItem'] },
    administrator: { always: EVERYTHING },
  },
  'index of the ledger': {
    sweep: { always: ['dynamodb:Query'] },
    operator: { always: ['dynamodb:Query'] },
    administrator: { always: EVERYTHING },
  },
  'log of a function': {
    'the function itself': { always: ['logs:CreateLogStream', 'logs:PutLogEvents'] },
    administrator: { always: EVERYTHING },
  },
  'alarm topic': {
    'cloudwatch.amazonaws.com': { 'own source': PUBLISH },
    'events.amazonaws.com': { always: PUBLISH },
    administrator: TOPIC_ADMINISTRATION,
  },
  'page of an agency': { sweep: { always: PUBLISH }, administrator: TOPIC_ADMINISTRATION },
  sweep: {
    operator: { always: ['lambda:InvokeFunction'] },
    codedeploy: { always: MOVE_ALIAS },
    administrator: { always: EVERYTHING },
  },
  'another function': { codedeploy: { always: MOVE_ALIAS }, administrator: { always: EVERYTHING } },
  'role of a function': { 'lambda.amazonaws.com': { always: ['sts:AssumeRole'] } },
  'role of CodeDeploy': { 'codedeploy.amazonaws.com': { always: ['sts:AssumeRole'] } },
  'role of an agency': {
    'rolesanywhere.amazonaws.com': { 'own source': ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'] },
  },
  'role of the operator': { 'on call': { always: ['sts:AssumeRole'] } },
  'key of no partner': { administrator: { always: EVERYTHING } },
  'key open to all': { anybody: { always: EVERYTHING } },
  'queue of no partner': { administrator: { always: EVERYTHING, 'without TLS': EVERYTHING } },
  'queue open to all': { anybody: { always: EVERYTHING, 'without TLS': EVERYTHING } },
};

/** What is refused whatever else is allowed, with those who are spared. */
interface Refusal {
  actions: string[];
  but?: Readonly<Record<string, Cell['circumstance'] | 'always'>>;
  only?: Cell['circumstance'];
}

const overTls: Refusal = { actions: EVERYTHING, only: 'without TLS' };
const publishOverTls: Refusal = { actions: PUBLISH, only: 'without TLS' };

const REFUSED: Readonly<Partial<Record<Sort, Refusal[]>>> = {
  'intake key': [
    { actions: ['kms:ReEncryptFrom'], but: { deliver: 'always' } },
    { actions: [...NO_USE, 'kms:Decrypt', 'kms:ReEncryptTo'] },
  ],
  'agency key': [
    { actions: ['kms:Decrypt'], but: { 'its agency': 'own name' } },
    { actions: ['kms:ReEncryptTo'], but: { deliver: 'own name' } },
    { actions: [...NO_USE, 'kms:ReEncryptFrom'] },
  ],
  'inbox of an agency': [
    overTls,
    { actions: SEND, but: { deliver: 'always' } },
    { actions: TAKE, but: { 'its agency': 'always' } },
  ],
  'dead letters of an agency': [overTls, { actions: SEND }],
  'inbox of a hotline': [
    overTls,
    { actions: SEND, but: { answer: 'always', sweep: 'always' } },
    { actions: TAKE, but: { collect: 'always' } },
  ],
  'dispatch queue': [
    overTls,
    { actions: SEND, but: { submit: 'always', sweep: 'always' } },
    { actions: TAKE, but: { deliver: 'always' } },
  ],
  'dispatch dead letters': [overTls, { actions: SEND }],
  'alarm topic': [publishOverTls],
  'page of an agency': [publishOverTls],
};

const has = (list: readonly string[] = [], action: string): boolean =>
  list.includes('*') ? !list.includes(`!${action}`) : list.includes(action);

function covers(rights: Rights, who: readonly string[], circumstance: Cell['circumstance'], action: string): boolean {
  return who.some((one) => {
    const actions = rights[one] ?? {};
    return has(actions[circumstance], action) || (circumstance !== 'without TLS' && has(actions.always, action));
  });
}

function isRefused(
  { actions, but = {}, only }: Refusal,
  who: readonly string[],
  { circumstance }: Cell,
  action: string,
) {
  if (!has(actions, action) || (only !== undefined && only !== circumstance)) return false;
  return !who.some((one) => but[one] === 'always' || but[one] === circumstance);
}

/** What the resource's own policy says, by itself. */
function letsIn(cell: Cell, who: readonly string[], action: string): boolean {
  const { actor, thing, circumstance } = cell;
  const { sort } = thing;
  if (sort.endsWith('open to all')) return true;
  if (sort.endsWith('key')) {
    // An account is let administer as a whole; whom of it, its own policies say.
    const inside = actor.account === thing.account && has(ADMINISTER, action);
    return inside || covers(MAY[sort], who, circumstance, action);
  }
  if (sort === 'key of no partner') return actor.account === thing.account;
  if (sort === 'inbox of an agency') return who.includes('its agency') && has(RECEIVE, action);
  if (sort === 'page of an agency') return who.includes('sweep') && has(PUBLISH, action);
  if (sort.startsWith('role ')) return covers(MAY[sort], who, circumstance, action);
  return actor.kind === 'service' && covers(MAY[sort], who, circumstance, action);
}

/** What the policies of the one who asks say, by themselves. */
function isSent({ actor, thing, circumstance }: Cell, who: readonly string[], action: string): boolean {
  if (actor.policies.length === 0) return false;
  if (actor.policies.includes(WHATEVER)) return true;
  // The names in the context are the key's business; TLS is the queue's.
  if (who.includes('deliver') && thing.sort === 'agency key' && action === 'kms:ReEncryptTo') return true;
  return covers(MAY[thing.sort], who, circumstance === 'without TLS' ? 'usual' : circumstance, action);
}

/** Every cell that is not as the tables say, in words; nothing is asked before it is wanted. */
export async function* differences(world: World, only: Selection = {}): AsyncGenerator<string> {
  for await (const cell of evaluate(world, only)) {
    const { actor, thing, verdict } = cell;
    const who = whoIs(actor, thing);
    for (const action of cell.actions) {
      const found = {
        allowed: verdict.allowed,
        'allowed by its own policies': verdict.byIdentity.length > 0,
        'let in': verdict.byResource.length > 0,
        refused: verdict.refusedBy.length > 0,
      };
      const expected: typeof found = {
        allowed: covers(MAY[thing.sort], who, cell.circumstance, action),
        'allowed by its own policies': isSent(cell, who, action),
        'let in': letsIn(cell, who, action),
        refused: REFUSED[thing.sort]?.some((refusal) => isRefused(refusal, who, cell, action)) ?? false,
      };
      for (const [what, is] of Object.entries(found)) {
        if (is === new Map(Object.entries(expected)).get(what)) continue;
        yield `${actor.name} is ${is ? '' : 'not '}${what}: ${action} on the ${nameOf(thing)} (${cell.circumstance})`;
      }
    }
  }
}

const nameOf = ({ sort, owner }: Thing): string => (owner === undefined ? sort : `${sort} (${owner})`);
