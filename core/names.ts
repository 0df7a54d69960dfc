/*
 * Names of the relay's resources. They are derived, never passed between stacks: whoever knows the stage and the
 * partner knows them. All names list the partner's id in full, so that no pattern matches a neighbour.
 */

/** A deployment of the relay; several may live in one account. */
export const STAGE = /^[a-z][a-z0-9]{0,7}$/;

/** A lane of deliveries: `immediate` and `high` referrals take the urgent one. */
export type Lane = 'urgent' | 'routine';
export const LANES = ['urgent', 'routine'] as const satisfies Lane[];

export type AgencyQueue = Lane | 'dead';

/** With `'*'` as generation (or as hotline) it is a pattern for policies. */
export const intakeAlias = (stage: string, hotline: string, generation: number | '*'): string =>
  `alias/referral-relay/${stage}/hotline/${hotline}/${generation}`;

/** With `'*'` as generation (or as agency) it is a pattern for policies. */
export const agencyAlias = (stage: string, agency: string, generation: number | '*'): string =>
  `alias/referral-relay/${stage}/agency/${agency}/${generation}`;

export const agencyQueue = (stage: string, agency: string, queue: AgencyQueue): string =>
  `referral-relay-${stage}-${agency}-${queue}`;

/** The inbox of a hotline: statements and events about its referrals. */
export const outcomesQueue = (stage: string, hotline: string): string => `referral-relay-${stage}-${hotline}-outcomes`;

/** Not a partner's queue: no partner id starts with eight letters. */
export const dispatchQueue = (stage: string, lane: Lane | 'dead-urgent' | 'dead-routine'): string =>
  `referral-relay-${stage}-dispatch-${lane}`;

export const ledgerTable = (stage: string): string => `referral-relay-${stage}-ledger`;

/** The sparse index over what is owed. */
export const DUE_INDEX = 'due';

/** The role of a partner or of one of the relay's functions. */
export const roleName = (stage: string, holder: string): string => `referral-relay-${stage}-${holder}`;

/** Holds the role with which the operator's command works. No partner is called that. */
export const OPERATOR = 'operator';

/** A stack of the deployment: `core`, `service`, or a partner's id. */
export const stackName = (stage: string, part: string): string => `referral-relay-${stage}-${part}`;

/** Where the operator's alarms speak. */
export const alarmTopic = (stage: string): string => `referral-relay-${stage}-alarms`;

/** Where an agency is told that an immediate referral waits. */
export const pageTopic = (stage: string, agency: string): string => `referral-relay-${stage}-${agency}-page`;

/** `holder`: a function, a dispatch queue, `api`, or a partner's id. */
export const alarmName = (stage: string, holder: string, what: string): string =>
  `referral-relay-${stage}-${holder}-${what}`;

export const functionName = (stage: string, name: FunctionName): string => `referral-relay-${stage}-${name}`;

/** The alias that every caller of a function uses; a deployment moves it to the new version by and by. */
export const LIVE_ALIAS = 'live';

export const functionLogGroup = (stage: string, name: FunctionName): string =>
  `/aws/lambda/${functionName(stage, name)}`;

/** Under `vendedlogs`, as AWS advises: such groups need no resource policy, whose size is limited. */
export const accessLogGroup = (stage: string): string => `/aws/vendedlogs/referral-relay-${stage}-api`;

export const FUNCTIONS = ['submit', 'deliver', 'answer', 'collect', 'query', 'sweep'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];
