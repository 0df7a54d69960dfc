/** What must hold after every step, or once faults have stopped and time has passed. */
export const INVARIANTS = {
  opened: 'every 202 is opened by every agency it was routed to that comes back, unless withdrawn',
  intact: 'what is opened is bit for bit what was sealed',
  confidential: 'no agency gets what was not routed to it',
  'accepted-once': 'there is one acceptance for each (hotline, id), and every 202 to it is the same',
  'accepted-stands': 'what was accepted stands as it was accepted until custody ends',
  'delivered-once': 'after deduplication nothing is delivered twice',
  kept: 'a referral leaves the queue of its agency only when the relay has taken in that it was opened',
  answered: 'a statement taken in reaches its hotline, again and again until acknowledged',
  'answered-once': 'of two statements that say the same the first stands',
  content: 'content is removed once all routes have been final for its time, and never before',
  withdrawn: 'a withdrawal reaches every agency that has or may have the referral',
  owed: 'whatever is not finished is owed by a row',
  truthful: 'what the ledger says has happened has happened',
  final: 'what is opened, withdrawn or settled stays so',
  swept: 'an undisturbed sweep looks after everything due',
  rest: 'work comes to rest',
  sound: 'a function fails only in the ways it names',
} as const;

export type InvariantName = keyof typeof INVARIANTS;

export class Violation extends Error {
  readonly invariant: InvariantName;

  constructor(invariant: InvariantName, detail: string, cause?: unknown) {
    super(`${invariant} (${INVARIANTS[invariant]}): ${detail}`, { cause });
    this.name = 'Violation';
    this.invariant = invariant;
  }
}

/** Whether code does not work at all, which is not the same as a promise that it breaks. */
export const isCrash = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof ReferenceError || error instanceof SyntaxError;
