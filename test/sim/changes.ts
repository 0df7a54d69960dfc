import * as fc from 'fast-check';
import { DAY, MINUTE, SECOND } from '../../core/time.ts';
import { action, agencyOf, hotlineOf, pick, type WeightedAction, which } from './actions.ts';

/* What changes about partners while they are at work: keys, registration, suspension, clocks. */

const KEY_STATES = ['enabled', 'disabled', 'denied', 'pending-deletion'] as const;

const setKeyState = action({
  name: 'KMS: the keys of',
  weight: 2,
  parameters: fc.record({ partner: which, state: fc.constantFrom(...KEY_STATES) }),
  act(world, { partner, state }) {
    const party = pick([...world.agencies, ...world.hotlines], partner);
    if (party) world.partners.setKeyState(party.id, state);
  },
  describe: ({ partner, state }) => `partner ${partner} are ${state}`,
});

const register = action({
  name: 'registry: agency',
  weight: 2,
  parameters: fc.record({ agency: fc.nat(4), isRegistered: fc.boolean() }),
  isPossible: (world, { agency, isRegistered }) =>
    world.partners.isRegistered(agencyOf(world, agency)?.id ?? '') !== isRegistered,
  act(world, { agency, isRegistered }) {
    world.partners.register(agencyOf(world, agency)?.id ?? '', isRegistered);
  },
  describe: ({ agency, isRegistered }) => `${agency} ${isRegistered ? 'comes' : 'goes'}`,
});

/** Seldom and not for long, since nothing begins without one. */
const registerHotline = action({
  name: 'registry: hotline',
  weight: 1,
  parameters: fc.record({
    hotline: fc.nat(1),
    isRegistered: fc.oneof(
      { withCrossShrink: true },
      { arbitrary: fc.constant(false), weight: 1 },
      { arbitrary: fc.constant(true), weight: 4 },
    ),
  }),
  isPossible: (world, { hotline, isRegistered }) =>
    world.partners.isRegistered(hotlineOf(world, hotline)?.id ?? '') !== isRegistered,
  act(world, { hotline, isRegistered }) {
    world.partners.register(hotlineOf(world, hotline)?.id ?? '', isRegistered);
  },
  describe: ({ hotline, isRegistered }) => `${hotline} ${isRegistered ? 'comes' : 'goes'}`,
});

const suspend = action({
  name: 'operator: partner',
  weight: 2,
  parameters: fc.record({ partner: which, isSuspended: fc.boolean() }),
  isPossible: (world, { partner, isSuspended }) =>
    world.ledger.suspended.has(pick([...world.agencies, ...world.hotlines], partner)?.id ?? '') !== isSuspended,
  act(world, { partner, isSuspended }) {
    const party = pick([...world.agencies, ...world.hotlines], partner);
    if (party) world.setSuspended(party.id, isSuspended);
  },
  describe: ({ partner, isSuspended }) => `${partner} is ${isSuspended ? 'suspended' : 'let in again'}`,
});

const rotate = action({
  name: 'rotate',
  weight: 1,
  parameters: fc.record({
    partner: which,
    what: fc.constantFrom('KMS key', 'signing key'),
    overlap: fc.constantFrom(DAY, 0),
  }),
  act(world, { partner, what, overlap }) {
    const party = pick([...world.agencies, ...world.hotlines], partner);
    if (!party) return;
    if (what === 'signing key') party.rotateSigning(overlap);
    else world.partners.rotateKmsKey(party.id, overlap);
  },
  describe: ({ partner, what, overlap }) => `the ${what} of partner ${partner}, overlap ${overlap / DAY} days`,
});

const SKEWS = [0, 20 * SECOND, -4 * MINUTE, -10 * MINUTE, DAY, -DAY];

const skew = action({
  name: 'clock of',
  weight: 1,
  parameters: fc.record({ partner: which, by: fc.constantFrom(...SKEWS) }),
  act(world, { partner, by }) {
    const party = pick([...world.agencies, ...world.hotlines], partner);
    if (party) party.skew = by;
  },
  describe: ({ partner, by }) => `partner ${partner} is ${by / SECOND} s ahead`,
});

export const CHANGES: readonly WeightedAction[] = [setKeyState, register, registerHotline, suspend, rotate, skew];
