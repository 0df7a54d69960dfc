import { describe, expect, it } from 'vitest';
import type { Relay } from '../../core/ports.ts';
import { makeKeyring } from './partners.ts';
import { DEFAULT_STEPS, seedOf, simulate } from './simulate.ts';

const keyring = makeKeyring();

/** Acceptances that are never written. */
const forgetful = (relay: Relay): Relay => ({
  ...relay,
  ledger: {
    ...relay.ledger,
    create: (row) => (row.kind === 'referral' ? Promise.resolve(true) : relay.ledger.create(row)),
  },
});

/** Messages for the police of France that all go to those of Germany. */
const misdirecting = (relay: Relay): Relay => ({
  ...relay,
  queues: {
    ...relay.queues,
    sendToAgency: (agency, lane, message) =>
      relay.queues.sendToAgency(agency === 'fr-police' ? 'de-police' : agency, lane, message),
  },
});

describe('a run of the simulation', () => {
  it('finds every invariant held, in a handful of them', async () => {
    for (let index = 0; index < 10; index += 1) {
      const run = { seed: seedOf(2026, index), steps: DEFAULT_STEPS, shrink: false };
      expect(await simulate(keyring, run)).toBeUndefined();
    }
  });

  it.each([
    ['accepted-stands', forgetful],
    ['confidential', misdirecting],
  ] as const)(
    'finds what breaks "%s", the same way each time, and shrinks it to a few steps',
    async (invariant, plant) => {
      const run = { seed: 11, steps: DEFAULT_STEPS };
      const failure = await simulate(keyring, { ...run, shrink: false }, plant);
      expect(failure).toMatchObject({ seed: 11, invariant });
      expect(await simulate(keyring, { ...run, shrink: false }, plant)).toEqual(failure);
      const shrunk = await simulate(keyring, { ...run, shrink: true }, plant);
      expect(shrunk).toMatchObject({ seed: 11, invariant });
      expect(shrunk?.trace.split('\n').length).toBeLessThan(15);
      expect(await simulate(keyring, { ...run, shrink: true }, plant)).toEqual(shrunk);
    },
  );
});
