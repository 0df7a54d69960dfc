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

export const intakeAlias = (stage: string, hotline: string, generation: number): string =>
  `alias/referral-relay/${stage}/hotline/${hotline}/${generation}`;

export const agencyAlias = (stage: string, agency: string, generation: number): string =>
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

export const FUNCTIONS = ['submit', 'deliver', 'answer', 'collect', 'query', 'sweep'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];
