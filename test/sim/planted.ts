import type { Plant } from './world.ts';

/** Faults put into the relay on purpose, to see that they are found. */
export const PLANTED = {
  /** Acceptances that are never written. */
  forgetful: (relay) => ({
    ...relay,
    ledger: {
      ...relay.ledger,
      create: (row) => (row.kind === 'referral' ? Promise.resolve(true) : relay.ledger.create(row)),
    },
  }),
  /** Messages for the police of France that all go to those of Germany. */
  misdirecting: (relay) => ({
    ...relay,
    queues: {
      ...relay.queues,
      sendToAgency: (agency, lane, message) =>
        relay.queues.sendToAgency(agency === 'fr-police' ? 'de-police' : agency, lane, message),
    },
  }),
  /** Code that does not run, which is no broken promise. */
  broken: (relay) => ({ ...relay, ledger: { ...relay.ledger, create: undefined as never } }),
} as const satisfies Record<string, Plant>;

export type PlantedName = keyof typeof PLANTED;

export const PLANTED_NAMES = Object.keys(PLANTED) as PlantedName[];
