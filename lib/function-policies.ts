import {
  agencyAlias,
  agencyQueue,
  dispatchQueue,
  DUE_INDEX,
  functionLogGroup,
  type FunctionName,
  intakeAlias,
  type Lane,
  LANES,
  outcomesQueue,
  pageTopic,
} from '../core/names.ts';
import { BUCKET, knownKey, REGISTRY_KEY } from '../lambda/ledger-items.ts';
import { keysArn, ledgerArn, logGroupArn, type Place, queueArn, topicArn } from './place.ts';
import type { Statement } from './policy.ts';
import { LOOK, RECEIVE } from './queue-policies.ts';

/*
 * The least that each function needs. None of it names a partner, so that it does not grow with them; a partner's key
 * in another account is the exception (`lib/own-keys.ts`).
 */

export function functionPolicy(place: Place, name: FunctionName): Statement[] {
  return [writeLog(place, name), ...ACCESS[name](place)];
}

const ACCESS: Readonly<Record<FunctionName, (place: Place) => Statement[]>> = {
  submit: (place) => [
    readLedger(place),
    writeLedger(place, ['PutItem', 'UpdateItem'], BUCKETS),
    sendDispatch(place),
    readIntakeKeys(place),
  ],
  deliver: (place) => [
    readLedger(place),
    writeLedger(place, ['PutItem', 'UpdateItem', 'DeleteItem']),
    receiveDispatch(place),
    sendTo(
      'Agencies',
      LANES.flatMap((lane) => agencyInboxes(place, lane)),
    ),
    rewrapFrom(place),
    rewrapTo(place),
  ],
  answer: (place) => [
    readLedger(place),
    writeLedger(place, ['PutItem', 'UpdateItem']),
    sendTo('Hotlines', hotlineInboxes(place)),
  ],
  collect: (place) => [readLedger(place), writeLedger(place, ['UpdateItem'], BUCKETS), collectOutcomes(place)],
  query: (place) => [readLedger(place), readIntakeKeys(place)],
  sweep: (place) => [
    readLedger(place),
    readDue(place),
    writeLedger(place, ['PutItem', 'UpdateItem', 'DeleteItem'], KNOWN),
    sendDispatch(place),
    countDispatched(place),
    sendTo('Hotlines', hotlineInboxes(place)),
    pageAgencies(place),
  ],
};

const writeLog = (place: Place, name: FunctionName): Statement => ({
  Sid: 'WriteLog',
  Effect: 'Allow',
  Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  Resource: `${logGroupArn(place, functionLogGroup(place.stage, name))}:*`,
});

const readLedger = (place: Place): Statement => ({
  Sid: 'ReadLedger',
  Effect: 'Allow',
  Action: ['dynamodb:GetItem', 'dynamodb:Query'],
  Resource: ledgerArn(place),
});

const readDue = (place: Place): Statement => ({
  Sid: 'ReadDue',
  Effect: 'Allow',
  Action: 'dynamodb:Query',
  Resource: `${ledgerArn(place)}/index/${DUE_INDEX}`,
});

/** Partition keys of the ledger that are not of referrals. */
const BUCKETS = [`${BUCKET}*`];
const KNOWN = [knownKey('agency').pk, knownKey('hotline').pk, REGISTRY_KEY.pk];

/**
 * The rows of referrals, and what else the function keeps under these partition keys. Never a suspension: that somebody is
 * shut out is for the operator alone to say and to take back.
 */
const writeLedger = (
  place: Place,
  actions: ('PutItem' | 'UpdateItem' | 'DeleteItem')[],
  others: string[] = [],
): Statement => ({
  Sid: 'WriteLedger',
  Effect: 'Allow',
  Action: actions.map((action) => `dynamodb:${action}`),
  Resource: ledgerArn(place),
  Condition: {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...PARTNERS.map((hotline) => `${hotline}#*`), ...others] },
    // "For all values" holds of none as well.
    Null: { 'dynamodb:LeadingKeys': 'false' },
  },
});

const sendTo = (whom: string, queues: string[]): Statement => ({
  Sid: `SendTo${whom}`,
  Effect: 'Allow',
  Action: 'sqs:SendMessage',
  Resource: queues,
});

const dispatchQueues = (place: Place): string[] =>
  LANES.map((lane) => queueArn(place, dispatchQueue(place.stage, lane)));

const sendDispatch = (place: Place): Statement => sendTo('Dispatch', dispatchQueues(place));

const countDispatched = (place: Place): Statement => ({
  Sid: 'CountDispatched',
  Effect: 'Allow',
  Action: 'sqs:GetQueueAttributes',
  Resource: dispatchQueues(place),
});

/** For Lambda, which receives in the function's name (Lambda Developer Guide, "Using Lambda with Amazon SQS"). */
const receiveDispatch = (place: Place): Statement => ({
  Sid: 'ReceiveDispatch',
  Effect: 'Allow',
  Action: [...RECEIVE, ...LOOK],
  Resource: dispatchQueues(place),
});

const collectOutcomes = (place: Place): Statement => ({
  Sid: 'CollectOutcomes',
  Effect: 'Allow',
  Action: ['sqs:DeleteMessage', 'sqs:ReceiveMessage'],
  Resource: hotlineInboxes(place),
});

/**
 * Of all partners, by their ids: two or three letters and a hyphen first, so that they match no dispatch queue. A stage
 * holds no hyphen, so they match no other stage's queue either.
 */
export const PARTNERS = ['??-*', '???-*'];

const agencyInboxes = (place: Place, lane: Lane): string[] =>
  PARTNERS.map((agency) => queueArn(place, agencyQueue(place.stage, agency, lane)));

const hotlineInboxes = (place: Place): string[] =>
  PARTNERS.map((hotline) => queueArn(place, outcomesQueue(place.stage, hotline)));

const pageAgencies = (place: Place): Statement => ({
  Sid: 'PageAgencies',
  Effect: 'Allow',
  Action: 'sns:Publish',
  Resource: PARTNERS.map((agency) => topicArn(place, pageTopic(place.stage, agency))),
});

/**
 * By the aliases of the key: `kms:RequestAlias` would match only a call that names the alias. The slash at the end of
 * the stage keeps one stage from another's keys. The key's own policy says the same from its side.
 */
const keysUnder = (place: Place, alias: string) => ({
  Resource: keysArn(place),
  Condition: { 'ForAnyValue:StringLike': { 'kms:ResourceAliases': alias } },
});

const readIntakeKeys = (place: Place): Statement => ({
  Sid: 'ReadIntakeKeys',
  Effect: 'Allow',
  Action: 'kms:GetPublicKey',
  ...keysUnder(place, intakeAlias(place.stage, '*', '*')),
});

const rewrapFrom = (place: Place): Statement => ({
  Sid: 'RewrapFrom',
  Effect: 'Allow',
  Action: 'kms:ReEncryptFrom',
  ...keysUnder(place, intakeAlias(place.stage, '*', '*')),
});

const rewrapTo = (place: Place): Statement => ({
  Sid: 'RewrapTo',
  Effect: 'Allow',
  Action: 'kms:ReEncryptTo',
  ...keysUnder(place, agencyAlias(place.stage, '*', '*')),
});
