import { describe, expect, it } from 'vitest';
import type { ReferralName } from '../../../core/ids.ts';
import type { SigningKey } from '../../../core/jws.ts';
import { signStatement } from '../../../core/statements.ts';
import { MINUTE, toTimestamp } from '../../../core/time.ts';
import { answerReferral } from '../../../core/use-cases/answer.ts';
import { referralStatus } from '../../../core/use-cases/query.ts';
import { routeReferral } from '../../../core/use-cases/route.ts';
import { submitReferral } from '../../../core/use-cases/submit.ts';
import { withdrawReferral } from '../../../core/use-cases/withdraw.ts';
import { code, GB } from '../../support/placed.ts';
import { signerOf, testRegistry, World } from '../../support/world.ts';

/* What binds a statement of any kind to its path, its signer and the referral (protocol sections 7 and 8). */

interface Claims {
  hotline: string;
  referral: string;
  sealed: string;
  at: string;
  /** Who is named as the signer; a withdrawal names its hotline alone. */
  by: string;
}

interface Kind {
  kind: string;
  signer: string;
  sign: (claims: Claims, key: SigningKey) => Promise<string>;
  post: (world: World, name: ReferralName, token: string) => Promise<unknown>;
}

const bindingOf = ({ hotline, referral, sealed, at }: Claims) => ({ hotline, referral, sealed, at });

const KINDS: readonly Kind[] = [
  {
    kind: 'an outcome',
    signer: 'de-police',
    sign: (claims, key) =>
      signStatement('outcome', { ...bindingOf(claims), version: 1, agency: claims.by, status: 'opened' }, key),
    post: (world, name, token) => answerReferral(world.relay(), world.agency('de-police'), name, token),
  },
  {
    kind: 'sending on',
    signer: GB,
    sign: (claims, key) => signStatement('route', { ...claims, routing: { suspect: ['CA'], victim: [] } }, key),
    post: (world, name, token) => routeReferral(world.relay(), world.hotline(GB), name, token),
  },
  {
    kind: 'a withdrawal',
    signer: GB,
    sign: (claims, key) => signStatement('withdraw', { ...bindingOf(claims), reason: 'error' }, key),
    post: (world, name, token) => withdrawReferral(world.relay(), world.hotline(GB), name, token),
  },
];

/** A referral that was placed, and what a statement of `by` about it must claim. */
async function accepted(by: string) {
  const world = new World();
  const { name, hash, submission } = await world.seal(GB, { suspect: ['DE'], victim: [] });
  await submitReferral(world.relay(), world.hotline(GB), submission);
  await world.dispatch();
  const claims: Claims = { hotline: name.hotline, referral: name.id, sealed: hash, at: world.at(), by };
  return { world, name, claims };
}

describe.each(KINDS)('$kind', ({ signer, sign, post }) => {
  const key = signerOf(signer);

  it.each([0, 5 * MINUTE, -5 * MINUTE])('is taken in if all of it fits, %i ms off', async (shift) => {
    const { world, name, claims } = await accepted(signer);
    const token = await sign({ ...claims, at: toTimestamp(world.clock.now() + shift) }, key);
    expect(await code(post(world, name, token))).toBe('no error');
    expect(world.ledger.record(name).statements).toHaveLength(1);
  });

  it.each([5 * MINUTE + 1, -5 * MINUTE - 1])('is refused %i ms off, and leaves no trace', async (shift) => {
    const { world, name, claims } = await accepted(signer);
    const token = await sign({ ...claims, at: toTimestamp(world.clock.now() + shift) }, key);
    expect(await code(post(world, name, token))).toBe('statement-mismatch');
    expect(world.ledger.record(name).statements).toEqual([]);
  });

  it.each<[string, Partial<Claims>]>([
    ['another hotline', { hotline: 'us-hotline' }],
    ['another referral', { referral: '01900000-0000-7000-8000-000000000000' }],
    ['other sealed bytes', { sealed: 'A'.repeat(43) }],
  ])('about %s is refused and leaves no trace', async (_, change) => {
    const { world, name, claims } = await accepted(signer);
    expect(await code(post(world, name, await sign({ ...claims, ...change }, key)))).toBe('statement-mismatch');
    expect(world.ledger.record(name).statements).toEqual([]);
  });

  it.each(['retiredAt', 'compromisedAt'])('is refused under a key that has %s by now', async (date) => {
    const { world, name, claims } = await accepted(signer);
    world.registry = testRegistry({ [signer]: { keys: [{ jwk: key.record.jwk, [date]: world.at() }] } });
    expect(await code(post(world, name, await sign(claims, key)))).toBe('statement-mismatch');
    expect(world.ledger.record(name).statements).toEqual([]);
  });
});

describe.each(KINDS.filter(({ kind }) => kind !== 'a withdrawal'))('$kind', ({ signer, sign, post }) => {
  it('in the name of somebody else is refused and leaves no trace', async () => {
    const { world, name, claims } = await accepted(signer);
    const token = await sign({ ...claims, by: 'us-hotline' }, signerOf(signer));
    expect(await code(post(world, name, token))).toBe('statement-mismatch');
    expect(world.ledger.record(name).statements).toEqual([]);
  });
});

describe('the referral of another hotline', () => {
  const US = 'us-hotline';

  it('cannot be withdrawn, and its status is not found, whatever is signed', async () => {
    const { world, name, claims } = await accepted(US);
    const token = await signStatement('withdraw', { ...bindingOf(claims), reason: 'error' }, signerOf(US));
    expect(await code(withdrawReferral(world.relay(), world.hotline(US), name, token))).toBe('not-found');
    expect(await code(referralStatus(world.relay(), world.hotline(US), name))).toBe('not-found');
    expect(world.ledger.record(name).statements).toEqual([]);
  });
});
