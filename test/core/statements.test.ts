import { describe, expect, it } from 'vitest';
import { signJws } from '../../core/jws.ts';
import { type StatementKind, verifyStatement } from '../../core/statements.ts';
import { makeSigner } from '../support/envelope.ts';

const signer = makeSigner('Ed25519');

const BINDING = {
  hotline: 'gb-hotline',
  referral: '01900000-0000-7000-8000-000000000000',
  sealed: 'A'.repeat(43),
  at: '2026-11-23T09:30:00.000Z',
};
const PAYLOADS = {
  outcome: { ...BINDING, version: 1, agency: 'de-police', status: 'opened' },
  route: { ...BINDING, by: 'int-clearing', routing: { suspect: [], victim: ['CA'] } },
  withdraw: { ...BINDING, reason: 'error' },
} satisfies Record<StatementKind, object>;

async function verify(kind: StatementKind, payload: object | string): Promise<object> {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const token = await signJws(text, { ...signer, typ: `${kind}+jws` });
  return (await verifyStatement(kind, token, () => signer.record)).payload;
}

/** 17 countries. */
const MANY = ['AT', 'BE', 'BG', 'CY', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GR', 'HR', 'HU', 'IE', 'IT', 'LT'];

describe('a statement', () => {
  it.each<[StatementKind, object]>([
    ['outcome', {}],
    ['outcome', { status: 'unreadable', reason: 'schema' }],
    ['outcome', { status: 'wrong-jurisdiction', countries: MANY.slice(1) }],
    ['outcome', { status: 'wrong-jurisdiction', countries: [] }],
    ['outcome', { status: 'closed', reason: 'arrest', version: 2 }],
    ['route', {}],
    ['route', { routing: { suspect: MANY.slice(1), victim: MANY.slice(1) } }],
    ['withdraw', { reason: 'superseded' }],
  ])('says what was signed: %s with %j', async (kind, change) => {
    const payload = { ...PAYLOADS[kind], ...change };
    expect(await verify(kind, payload)).toEqual(payload);
  });

  it.each<[StatementKind, object]>([
    ['outcome', { reason: 'duplicate' }],
    ['outcome', { countries: ['CA'] }],
    ['outcome', { status: 'wrong-jurisdiction' }],
    ['outcome', { status: 'wrong-jurisdiction', countries: MANY }],
    ['outcome', { status: 'wrong-jurisdiction', countries: ['CA', 'CA'] }],
    ['outcome', { status: 'wrong-jurisdiction', countries: ['ca'] }],
    ['outcome', { status: 'not-actionable' }],
    ['outcome', { status: 'not-actionable', reason: 'arrest' }],
    ['outcome', { status: 'actionable', reason: 'case-opened', countries: ['CA'] }],
    ['outcome', { status: 'delivered' }],
    ['outcome', { version: 0 }],
    ['outcome', { version: 1.5 }],
    ['outcome', { at: '2026-11-23T09:30:00Z' }],
    ['outcome', { at: '2026-02-30T09:30:00.000Z' }],
    ['outcome', { note: 'free text' }],
    ['route', { routing: { suspect: [], victim: [] } }],
    ['route', { routing: { suspect: ['XX'], victim: [] } }],
    ['route', { routing: { suspect: MANY, victim: [] } }],
    ['route', { routing: { victim: ['CA'] } }],
    ['route', { reason: 'error' }],
    ['withdraw', { reason: 'other' }],
    ['withdraw', { reason: undefined }],
    ['withdraw', { note: 'free text' }],
  ])('is malformed: %s with %j', async (kind, change) => {
    await expect(verify(kind, { ...PAYLOADS[kind], ...change })).rejects.toMatchObject({ code: 'malformed' });
  });

  it('that is malformed is pointed at in the body, member by member', async () => {
    await expect(verify('outcome', { ...PAYLOADS.outcome, reason: 'arrest', more: 1 })).rejects.toMatchObject({
      code: 'malformed',
      message: 'Correct the statement: Its /more is not a member known here.',
      faults: [
        { pointer: '/statement', detail: 'Its /more is not a member known here.' },
        { pointer: '/statement', detail: expect.stringMatching(/^Its \/reason must be a reason that belongs/) },
      ],
    });
  });

  it.each([
    ['a member twice', JSON.stringify(PAYLOADS.outcome).replace('{', '{"version":1,')],
    ['no JSON', 'opened'],
    ['a list', '[]'],
  ])('with %s for a payload is malformed', async (_, payload) => {
    await expect(verify('outcome', payload)).rejects.toMatchObject({
      code: 'malformed',
      faults: [{ pointer: '/statement', detail: expect.stringMatching(/^Its payload /) }],
    });
  });
});
