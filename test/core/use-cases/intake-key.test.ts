import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { RelayError } from '../../../core/errors.ts';
import { IntakeJwk, thumbprint } from '../../../core/keys.ts';
import { readDirectory } from '../../../core/use-cases/query.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import type { KeyState } from '../../doubles/memory-keys.ts';
import { DE, GB } from '../../support/placed.ts';
import { type HotlineId, intakeKeyOf, testRegistry, World } from '../../support/world.ts';

/* A hotline with two intake keys, one of which cannot be read: a policy has changed, or it is about to be deleted. */

const US = 'us-hotline';
const REFUSED = 'AccessDeniedException';

/** The older is the key that this hotline has in every world, the newer that of the other: `World.seal` seals for either. */
function worldWith(states: Partial<Record<1 | 2, KeyState>>): World {
  const world = new World();
  world.registry = testRegistry({ [GB]: { intakeKeys: [{ generation: 1 }, { generation: 2 }] } });
  world.keys.createIntakeKey(GB, { generation: 2 }, intakeKeyOf(US));
  for (const generation of [1, 2] as const) {
    const state = states[generation];
    if (state) world.keys.setState(world.keys.intakeKeyId(GB, { generation }), state);
  }
  return world;
}

const kidOf = (hotline: string): string =>
  thumbprint(IntakeJwk.parse(createPublicKey(intakeKeyOf(hotline)).export({ format: 'jwk' })));

const [older, newer] = [kidOf(GB), kidOf(US)];

async function listed(world: World): Promise<[string, boolean][]> {
  const { directory } = await readDirectory(world.relay(), world.hotline(GB));
  return (directory.intakeKeys ?? []).map(({ kid, current }) => [kid, current]);
}

const failures = (world: World) => world.recorded.filter(({ event }) => event === 'failed').map(({ fields }) => fields);

const failure = (generation: number, error: string) => ({ what: 'intake-key', hotline: GB, generation, error });

const code = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof RelayError ? error.code : (error as Error).name),
  );

describe('the directory', () => {
  it('lists the keys that are not retired, the newest as current', async () => {
    const world = worldWith({});
    expect(await listed(world)).toEqual([
      [newer, true],
      [older, false],
    ]);
    expect(failures(world)).toEqual([]);
  });

  it('leaves out an older key that cannot be read, which is told', async () => {
    const world = worldWith({ 1: 'pending-deletion' });
    expect(await listed(world)).toEqual([[newer, true]]);
    expect(failures(world)).toEqual([failure(1, 'KMSInvalidStateException')]);
  });

  it('calls no older key current in place of one that cannot be read', async () => {
    const world = worldWith({ 2: 'denied' });
    expect(await listed(world)).toEqual([[older, false]]);
    expect(failures(world)).toEqual([failure(2, 'AccessDeniedException')]);
  });

  it('fails where no key can be read', async () => {
    const world = worldWith({ 1: 'pending-deletion', 2: 'denied' });
    expect(await code(listed(world))).toBe('AccessDeniedException');
    expect(failures(world)).toHaveLength(2);
  });

  it('has none to list for a hotline whose keys are all retired, nor for an agency', async () => {
    const world = worldWith({ 1: 'denied', 2: 'denied' });
    const retired = { ...world.hotline(GB), intakeKeys: [{ generation: 1, retiredAt: world.at() }] };
    expect((await readDirectory(world.relay(), retired)).directory.intakeKeys).toEqual([]);
    const { directory } = await readDirectory(world.relay(), world.agency('de-police'));
    expect(directory).not.toHaveProperty('intakeKeys');
  });

  it('says for how many days content and facts are kept', async () => {
    const world = worldWith({});
    const { directory } = await readDirectory(world.relay(), world.agency('de-police'));
    expect(directory.limits).toMatchObject({ contentDays: 30, custodyDays: 400 });
  });
});

describe('a referral', () => {
  it.each<[string, HotlineId, Partial<Record<1 | 2, KeyState>>, string, unknown[]]>([
    ['for the older key while the newer cannot be read', GB, { 2: 'denied' }, 'accepted', [2]],
    ['for the newer key while the older cannot be read, which nobody asks for', US, { 1: 'denied' }, 'accepted', []],
    ['for the one that cannot be read, which is told as no fault of its own', GB, { 1: 'denied' }, REFUSED, [1]],
    ['while none can be read', GB, { 1: 'disabled', 2: 'denied' }, REFUSED, [2, 1]],
  ])('%s', async (_, keyOf, states, expected, told) => {
    const world = worldWith(states);
    const { submission } = await world.seal(keyOf, DE);
    expect(await code(submitReferral(world.relay(), world.hotline(GB), submission))).toBe(expected);
    expect(world.ledger.names()).toHaveLength(expected === 'accepted' ? 1 : 0);
    expect(failures(world).map(({ generation }) => generation)).toEqual(told);
  });
});
