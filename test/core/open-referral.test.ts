import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hashText } from '../../core/base64url.ts';
import type { ReferralMessage, RouteStatement } from '../../core/contracts.ts';
import { type JwsType, signJws } from '../../core/jws.ts';
import { openReferral } from '../../core/open-referral.ts';
import { padDocument } from '../../core/padding.ts';
import { type PartnerDirectory, UnconfirmedKeyError } from '../../core/taken-statement.ts';
import { encryptByHand, flipBit, makeSigner, type Signer } from '../support/envelope.ts';
import { sampleReferral, withMember } from '../support/referrals.ts';

const HOTLINE = 'gb-sample';
const ACCEPTED = '2026-11-23T09:30:00.000Z';
const LATER = '2026-11-24T09:30:00.000Z';
const contentKey = randomBytes(32);
const header = JSON.stringify({
  alg: 'RSA-OAEP-256',
  enc: 'A256GCM',
  kid: randomBytes(32).toString('base64url'),
  typ: 'referral+jwe',
  cty: 'referral+jws',
});

const hotline = makeSigner('Ed25519');
const clearing = makeSigner('P-256');
const police = makeSigner('Ed25519');
const signers = new Map<string, Signer>([
  [HOTLINE, hotline],
  ['int-clearing', clearing],
  ['fr-police', police],
]);

/** The partners above, of whom only the clearing house may send on. */
function directoryWith(change: (partner: string) => object = () => ({})): PartnerDirectory {
  return {
    findKey(partner, kid) {
      const signer = signers.get(partner);
      return Promise.resolve(signer?.kid === kid ? { ...signer.record, ...change(partner) } : undefined);
    },
    mayForward: (partner) => Promise.resolve(partner === 'int-clearing'),
  };
}

const original = {
  ...sampleReferral('four-accounts'),
  routing: { suspect: ['GB', 'DE'], victim: ['GB'] },
  onward: 'allowed' as const,
};

async function seal(document: object, signer = hotline, typ: JwsType = 'referral+jws'): Promise<string> {
  const jws = await signJws(padDocument(JSON.stringify(document)), { ...signer, typ });
  return encryptByHand(jws, { header, contentKey });
}

async function deliver(document: object = original, changes: Partial<ReferralMessage> = {}): Promise<ReferralMessage> {
  return {
    v: 1,
    id: original.id,
    hotline: HOTLINE,
    agency: 'gb-police',
    version: 1,
    roles: ['suspect'],
    countries: ['GB'],
    routing: original.routing,
    urgency: original.urgency,
    onward: original.onward,
    acceptedAt: ACCEPTED,
    sealed: await seal(document),
    key: 'AA==',
    ...changes,
  };
}

async function stated(
  { sealed }: ReferralMessage,
  by: string,
  changes: Partial<RouteStatement> & { typ?: JwsType; signer?: Signer } = {},
) {
  const { typ = 'route+jws', signer = signers.get(by) ?? hotline, ...members } = changes;
  const payload: RouteStatement = {
    hotline: HOTLINE,
    referral: original.id,
    by,
    sealed: hashText(sealed),
    routing: { suspect: [], victim: ['CA'] },
    at: LATER,
    ...members,
  };
  return { statement: await signJws(JSON.stringify(payload), { ...signer, typ }), acceptedAt: LATER };
}

const open = (
  message: ReferralMessage,
  countries: string[] = ['GB'],
  more: { fallback?: boolean; directory?: PartnerDirectory; contentKey?: Buffer } = {},
) =>
  openReferral({
    message,
    contentKey,
    directory: directoryWith(),
    ...more,
    agency: { countries, fallback: more.fallback ?? false },
  });

const clearingRetired = (retiredAt: string) =>
  directoryWith((partner) => (partner === 'int-clearing' ? { retiredAt } : {}));

const verdict = (reason: string) => expect.objectContaining({ name: 'OpenError', reason });

describe('openReferral', () => {
  it('yields the document, and why this agency has it', async () => {
    const message = await deliver();
    expect(await open(message)).toEqual({
      referral: original,
      sealed: hashText(message.sealed),
      roles: ['suspect', 'victim'],
      countries: ['GB'],
      routed: [],
    });
    expect(await open(message, ['DE', 'AT'])).toMatchObject({ roles: ['suspect'], countries: ['DE'] });
  });

  it('compares countries as sets', async () => {
    const message = await deliver(original, { routing: { suspect: ['DE', 'GB'], victim: ['GB'] } });
    expect(await open(message)).toMatchObject({ countries: ['GB'] });
  });

  it.each([
    ['id', { id: '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0f' }],
    ['urgency', { urgency: original.urgency === 'routine' ? 'high' : 'routine' }],
    ['onward', { onward: 'refused' }],
    ['a country too few', { routing: { suspect: ['GB'], victim: ['GB'] } }],
    ['a country too many', { routing: { suspect: ['GB', 'DE'], victim: ['GB', 'US'] } }],
    ['countries under another role', { routing: { suspect: ['GB'], victim: ['GB', 'DE'] } }],
  ] satisfies [string, Partial<ReferralMessage>][])(
    'refuses a message that differs from the document in %s',
    async (_, changes) => {
      await expect(open(await deliver(original, changes))).rejects.toEqual(verdict('envelope'));
    },
  );

  it('refuses a document of another hotline, though that one signed it', async () => {
    const message = await deliver({ ...original, hotline: 'us-sample' });
    await expect(open(message)).rejects.toEqual(verdict('envelope'));
  });

  it.each([
    ['a member missing', withMember(original, '/incident', undefined)],
    ['a member unknown here', withMember(original, '/colour', 'blue')],
    ['another schema', withMember(original, '/schema', 'referral/2')],
    ['nothing in it', {}],
  ])('refuses a document with %s as invalid', async (_, document) => {
    await expect(open(await deliver(document as object))).rejects.toEqual(verdict('schema'));
  });

  it('refuses bytes that were changed', async () => {
    const message = await deliver();
    const changed = { ...message, sealed: flipBit(message.sealed, message.sealed.length - 100, 3) };
    await expect(open(changed)).rejects.toEqual(verdict('decryption'));
    await expect(open(message, ['GB'], { contentKey: randomBytes(32) })).rejects.toEqual(verdict('decryption'));
    await expect(open({ ...message, sealed: 'x' })).rejects.toEqual(verdict('envelope'));
  });

  it.each([
    ['of another partner', { document: original, signer: police }, {}],
    ['of another type', { document: original, signer: hotline, typ: 'withdraw+jws' as const }, {}],
    ['by a key retired at the moment of acceptance', { document: original, signer: hotline }, { retiredAt: ACCEPTED }],
    [
      'by a key compromised before',
      { document: original, signer: hotline },
      { compromisedAt: '2026-01-01T00:00:00.000Z' },
    ],
  ])('refuses a signature %s', async (_, { document, signer, ...rest }, key) => {
    const sealed = await seal(document, signer, 'typ' in rest ? rest.typ : undefined);
    const message = await deliver(original, { sealed });
    await expect(open(message, ['GB'], { directory: directoryWith(() => key) })).rejects.toEqual(verdict('signature'));
  });

  it('accepts a signature by a key retired since', async () => {
    const directory = directoryWith(() => ({ retiredAt: LATER }));
    expect(await open(await deliver(), ['GB'], { directory })).toMatchObject({ countries: ['GB'] });
  });

  it.each([
    ['the directory cannot be reached', new Error('unreachable')],
    ['the key is not trusted yet', new Error('untrusted')],
  ])('gives no verdict when %s', async (_, outage) => {
    const directory = { ...directoryWith(), findKey: () => Promise.reject(outage) };
    await expect(open(await deliver(), ['GB'], { directory })).rejects.toBe(outage);
  });
});

describe('openReferral, on whom it is addressed to', () => {
  it('refuses what names none of our countries', async () => {
    await expect(open(await deliver(), ['CA'])).rejects.toEqual(verdict('not-addressed'));
    await expect(open(await deliver(), [])).rejects.toEqual(verdict('not-addressed'));
  });

  it('opens anything for the fallback agency', async () => {
    expect(await open(await deliver(), [], { fallback: true })).toMatchObject({ roles: [], countries: [] });
  });

  it.each(['int-clearing', HOTLINE])('opens what a statement of %s led here', async (by) => {
    const message = await deliver();
    const routed = [await stated(message, by)];
    expect(await open({ ...message, routed }, ['CA'])).toMatchObject({
      roles: ['victim'],
      countries: ['CA'],
      routed: [{ by, routing: { suspect: [], victim: ['CA'] } }],
    });
  });

  it('counts statements of the hotline, whatever it allows others', async () => {
    const document = { ...original, onward: 'refused' as const };
    const message = await deliver(document, { onward: 'refused' });
    expect(await open({ ...message, routed: [await stated(message, HOTLINE)] }, ['CA'])).toMatchObject({
      countries: ['CA'],
    });
    await expect(open({ ...message, routed: [await stated(message, 'int-clearing')] }, ['CA'])).rejects.toEqual(
      verdict('not-addressed'),
    );
  });

  it.each([
    ['an agency not registered to send on', 'fr-police', {}],
    ['somebody unknown', 'xx-nobody', {}],
    ['the clearing house in its name only', 'int-clearing', { signer: police }],
    ['the clearing house, about other bytes', 'int-clearing', { sealed: hashText('other') }],
    [
      'the clearing house, about another referral',
      'int-clearing',
      { referral: '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0f' },
    ],
    ['the clearing house, about another hotline', 'int-clearing', { hotline: 'us-sample' }],
    ['the clearing house, of another type', 'int-clearing', { typ: 'withdraw+jws' as const }],
    ['the clearing house, naming another country', 'int-clearing', { routing: { suspect: ['FR'], victim: [] } }],
    ['the clearing house, naming no country', 'int-clearing', { routing: { suspect: [], victim: [] } }],
  ])('does not count a statement by %s', async (_, by, changes) => {
    const message = await deliver();
    const routed = [await stated(message, by, changes)];
    await expect(open({ ...message, routed }, ['CA'])).rejects.toEqual(verdict('not-addressed'));
  });

  it.each(['', 'a.b.c', 'not a JWS', '..', 'e30.e30.e30'])(
    'passes over a statement that is none: %j',
    async (statement) => {
      const message = await deliver();
      const routed = [{ statement, acceptedAt: LATER }];
      expect(await open({ ...message, routed })).toMatchObject({ routed: [] });
      await expect(open({ ...message, routed }, ['CA'])).rejects.toEqual(verdict('not-addressed'));
    },
  );

  it('judges the key of a statement by when the relay took the statement in', async () => {
    const message = await deliver();
    const routed = [await stated(message, 'int-clearing')];
    expect(
      await open({ ...message, routed }, ['CA'], { directory: clearingRetired('2027-01-01T00:00:00.000Z') }),
    ).toMatchObject({ countries: ['CA'] });
    await expect(open({ ...message, routed }, ['CA'], { directory: clearingRetired(LATER) })).rejects.toEqual(
      verdict('not-addressed'),
    );
  });

  it('gives no verdict while the only statement that could lead here cannot be verified, and needs it for nothing else', async () => {
    const untrusted = new UnconfirmedKeyError('not trusted yet');
    const known = directoryWith();
    const directory: PartnerDirectory = {
      ...known,
      findKey: (partner, ...key) =>
        partner === 'int-clearing' ? Promise.reject(untrusted) : known.findKey(partner, ...key),
    };
    const message = await deliver();
    const routed = [await stated(message, 'int-clearing'), await stated(message, 'fr-police')];
    await expect(open({ ...message, routed }, ['CA'], { directory })).rejects.toBe(untrusted);
    expect(await open({ ...message, routed }, ['GB'], { directory })).toMatchObject({ countries: ['GB'], routed: [] });
    expect(await open({ ...message, routed }, [], { directory, fallback: true })).toMatchObject({ countries: [] });
  });

  it('gives no verdict while the directory cannot be asked about a statement, though it is addressed without it', async () => {
    const outage = new Error('unreachable');
    const directory: PartnerDirectory = { ...directoryWith(), mayForward: () => Promise.reject(outage) };
    const message = await deliver();
    const routed = [await stated(message, 'int-clearing')];
    await expect(open({ ...message, routed }, ['GB'], { directory })).rejects.toBe(outage);
  });
});
