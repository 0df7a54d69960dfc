import { describe, expect, it } from 'vitest';
import { signJws } from '../../core/jws.ts';
import { verifyStatement } from '../../core/statements.ts';
import { makeSigner } from '../support/envelope.ts';

const signer = makeSigner('Ed25519');

const OUTCOME = {
  hotline: 'gb-hotline',
  referral: '01900000-0000-7000-8000-000000000000',
  sealed: 'A'.repeat(43),
  version: 1,
  agency: 'de-police',
  status: 'opened',
  at: '2026-11-23T09:30:00.000Z',
};

const verify = async (payload: string) =>
  verifyStatement('outcome', await signJws(payload, { ...signer, typ: 'outcome+jws' }), () => signer.record);

describe('a statement', () => {
  it('says what was signed', async () => {
    expect((await verify(JSON.stringify(OUTCOME))).payload).toEqual(OUTCOME);
  });

  it('that is malformed is pointed at in the body, member by member', async () => {
    await expect(verify(JSON.stringify({ ...OUTCOME, reason: 'arrest', more: 1 }))).rejects.toMatchObject({
      code: 'malformed',
      message: 'Correct the statement: Its /more is not a member known here.',
      faults: [
        { pointer: '/statement', detail: 'Its /more is not a member known here.' },
        { pointer: '/statement', detail: expect.stringMatching(/^Its \/reason must be a reason that belongs/) },
      ],
    });
  });

  it.each([
    ['a member twice', JSON.stringify(OUTCOME).replace('{', '{"version":1,')],
    ['no JSON', 'opened'],
    ['a list', '[]'],
  ])('with %s for a payload is malformed', async (_, payload) => {
    await expect(verify(payload)).rejects.toMatchObject({
      code: 'malformed',
      faults: [{ pointer: '/statement', detail: expect.stringMatching(/^Its payload /) }],
    });
  });
});
