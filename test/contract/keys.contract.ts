import { constants, createPublicKey, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { thumbprint } from '../../core/keys.ts';
import type { Keys, WrapContext } from '../../core/ports.ts';
import type { KmsKeyRecord } from '../../core/registry.ts';
import { makePartnerId, makeReferralId } from '../support/rows.ts';
import { type Cases, describeContract, eventually, type Tally } from './contract.ts';

const REFUSALS = ['disabled', 'pending-deletion', 'denied'] as const;
export type KeyRefusal = (typeof REFUSALS)[number];

export interface KeysBackend {
  keys: Keys;
  /** Intake keys there are from the start, as RSA_4096 takes its time: generations 1 and 2 of one, 1 of another. */
  hotline: string;
  otherHotline: string;
  addAgencyKey(agency: string, generation: number, where?: 'foreign account'): Promise<KmsKeyRecord>;
  /** What the agency itself makes of a wrapped key; rejects where KMS refuses. */
  decrypt(agency: string, record: KmsKeyRecord, wrapped: Uint8Array, context: WrapContext): Promise<Uint8Array>;
  /** Keeps the agency's key from being used until the returned function is called. */
  refuse(agency: string, record: KmsKeyRecord, refusal: KeyRefusal): Promise<() => Promise<void>>;
  /** The same for the first intake key of `hotline`. */
  refuseIntake(refusal: KeyRefusal): Promise<() => Promise<void>>;
}

const FIRST: KmsKeyRecord = { generation: 1 };

async function seal({ keys }: KeysBackend, hotline: string, contentKey: Uint8Array, record = FIRST): Promise<Buffer> {
  const { jwk } = await keys.intakeKey(hotline, record);
  return wrapFor(createPublicKey({ key: jwk, format: 'jwk' }), contentKey, 'sha256');
}

const wrapFor = (key: KeyObject, contentKey: Uint8Array, oaepHash: string): Buffer =>
  publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, contentKey);

const makeContext = (hotline: string, agency: string): WrapContext => ({
  hotline,
  referral: makeReferralId(),
  agency,
  sealed: randomBytes(32).toString('base64url'),
});

/** An agency with a key, and a content key on its way there. */
async function prepare(backend: KeysBackend) {
  const agency = makePartnerId('de');
  const record = await backend.addAgencyKey(agency, 1);
  const contentKey = randomBytes(32);
  const context = makeContext(backend.hotline, agency);
  const wrapped = await seal(backend, backend.hotline, contentKey);
  const rewrap = () =>
    backend.keys.rewrap(wrapped, { hotline: backend.hotline, record: FIRST }, { agency, record }, context);
  return { agency, record, contentKey, context, wrapped, rewrap };
}

function wrappedIn(result: Awaited<ReturnType<Keys['rewrap']>>): Uint8Array {
  if (result.outcome !== 'wrapped') throw new Error(`expected a wrapped key, not: ${result.outcome}`);
  return result.key;
}

const REFUSED_AS = {
  disabled: 'DisabledException',
  'pending-deletion': 'KMSInvalidStateException',
  denied: 'AccessDeniedException',
} as const satisfies Record<KeyRefusal, string>;

function refusalsOfAgencyKeys(): Cases<KeysBackend> {
  return toCases('an agency’s key', (refusal, cause) => async (backend) => {
    const { agency, record, contentKey, context, rewrap } = await prepare(backend);
    const restore = await backend.refuse(agency, record, refusal);
    await eventually(rewrap).toEqual({ outcome: 'refused', cause });
    await restore();
    await eventually(rewrap).toMatchObject({ outcome: 'wrapped' });
    const key = wrappedIn(await rewrap());
    expect(Buffer.from(await backend.decrypt(agency, record, key, context))).toEqual(contentKey);
  });
}

function refusalsOfIntakeKeys(): Cases<KeysBackend> {
  return toCases('an intake key', (refusal, cause) => async (backend) => {
    const { rewrap } = await prepare(backend);
    const restore = await backend.refuseIntake(refusal);
    try {
      await eventually(rewrap).toEqual({ outcome: 'refused', cause });
    } finally {
      await restore();
    }
    await eventually(rewrap).toMatchObject({ outcome: 'wrapped' });
  });
}

const toCases = (
  subject: string,
  run: (refusal: KeyRefusal, cause: string) => (backend: KeysBackend) => Promise<void>,
): Cases<KeysBackend> =>
  Object.fromEntries(
    REFUSALS.map((refusal) => [
      `${subject} that is ${refusal} is reported as such, and works again afterwards`,
      run(refusal, REFUSED_AS[refusal]),
    ]),
  );

const cases: Cases<KeysBackend> = {
  'an intake key is RSA with 4,096 bits, named by its thumbprint': async ({ keys, hotline }) => {
    const key = await keys.intakeKey(hotline, FIRST);
    expect(key.generation).toBe(1);
    expect(key.kid).toBe(thumbprint(key.jwk));
    expect(createPublicKey({ key: key.jwk, format: 'jwk' }).asymmetricKeyDetails).toEqual({
      modulusLength: 4096,
      publicExponent: 65537n,
    });
  },

  'an intake key stays the same': async ({ keys, hotline }) => {
    expect(await keys.intakeKey(hotline, FIRST)).toEqual(await keys.intakeKey(hotline, FIRST));
  },

  'each hotline and each generation has a key of its own': async ({ keys, hotline, otherHotline }) => {
    const all = [
      await keys.intakeKey(hotline, FIRST),
      await keys.intakeKey(hotline, { generation: 2 }),
      await keys.intakeKey(otherHotline, FIRST),
    ];
    expect(new Set(all.map(({ kid }) => kid)).size).toBe(3);
    expect(all.map(({ generation }) => generation)).toEqual([1, 2, 1]);
  },

  'an intake key that does not exist rejects': async ({ keys, hotline }) => {
    await expect(keys.intakeKey(hotline, { generation: 9999 })).rejects.toThrow();
    await expect(keys.intakeKey(makePartnerId('gb'), FIRST)).rejects.toThrow();
  },

  'a re-wrapped key opens under its agency’s key and context': async (backend) => {
    const { agency, record, contentKey, context, rewrap } = await prepare(backend);
    const key = wrappedIn(await rewrap());
    expect(Buffer.from(key).includes(contentKey)).toBe(false);
    expect(Buffer.from(await backend.decrypt(agency, record, key, context))).toEqual(contentKey);
  },

  'a re-wrapped key opens in a foreign account': async (backend) => {
    const { wrapped, contentKey } = await prepare(backend);
    const agency = makePartnerId('fr');
    const record = await backend.addAgencyKey(agency, 1, 'foreign account');
    const context = makeContext(backend.hotline, agency);
    const from = { hotline: backend.hotline, record: FIRST };
    expect(record.arn).toMatch(/^arn:aws:kms:/);
    const key = wrappedIn(await backend.keys.rewrap(wrapped, from, { agency, record }, context));
    expect(Buffer.from(await backend.decrypt(agency, record, key, context))).toEqual(contentKey);
  },

  'the generation says under which intake key it was sealed': async (backend) => {
    const { agency, record, context, contentKey } = await prepare(backend);
    const { hotline, keys } = backend;
    const wrapped = await seal(backend, hotline, contentKey, { generation: 2 });
    const rewrapFrom = (generation: number) =>
      keys.rewrap(wrapped, { hotline, record: { generation } }, { agency, record }, context);
    expect((await rewrapFrom(1)).outcome).toBe('invalid');
    expect((await rewrapFrom(2)).outcome).toBe('wrapped');
  },

  'the generation says for which of the agency’s keys it is wrapped': async (backend) => {
    const { agency, record, wrapped, contentKey, context } = await prepare(backend);
    const second = await backend.addAgencyKey(agency, 2);
    const from = { hotline: backend.hotline, record: FIRST };
    const key = wrappedIn(await backend.keys.rewrap(wrapped, from, { agency, record: second }, context));
    expect(Buffer.from(await backend.decrypt(agency, second, key, context))).toEqual(contentKey);
    await expect(backend.decrypt(agency, record, key, context)).rejects.toThrow();
  },

  'no other context opens it': async (backend) => {
    const { agency, record, context, rewrap } = await prepare(backend);
    const key = wrappedIn(await rewrap());
    for (const [name, value] of Object.entries(makeContext('us-hotline', makePartnerId('ca')))) {
      await expect(backend.decrypt(agency, record, key, { ...context, [name]: value })).rejects.toThrow();
    }
  },

  'no other agency opens it, not even by its context': async (backend) => {
    const { context, rewrap } = await prepare(backend);
    const other = makePartnerId('fr');
    const record = await backend.addAgencyKey(other, 1);
    const key = wrappedIn(await rewrap());
    await expect(backend.decrypt(other, record, key, context)).rejects.toThrow();
    await expect(backend.decrypt(other, record, key, { ...context, agency: other })).rejects.toThrow();
  },

  'a changed bit opens nothing': async (backend) => {
    const { agency, record, context, rewrap } = await prepare(backend);
    const key = Buffer.from(wrappedIn(await rewrap()));
    for (const index of [key.length - 1, key.length - 20]) {
      const changed = Buffer.from(key);
      changed[index] = (changed[index] ?? 0) ^ 1;
      await expect(backend.decrypt(agency, record, changed, context)).rejects.toThrow();
    }
  },

  'a key wrapped for another hotline is invalid: it cannot be taken along': async (backend) => {
    const { agency, record, wrapped } = await prepare(backend);
    const from = { hotline: backend.otherHotline, record: FIRST };
    const context = makeContext(backend.otherHotline, agency);
    expect(await backend.keys.rewrap(wrapped, from, { agency, record }, context)).toEqual({ outcome: 'invalid' });
  },

  'a key wrapped with another hash is invalid': async (backend) => {
    const { agency, record, context } = await prepare(backend);
    const { jwk } = await backend.keys.intakeKey(backend.hotline, FIRST);
    const wrapped = wrapFor(createPublicKey({ key: jwk, format: 'jwk' }), randomBytes(32), 'sha1');
    const from = { hotline: backend.hotline, record: FIRST };
    expect(await backend.keys.rewrap(wrapped, from, { agency, record }, context)).toEqual({ outcome: 'invalid' });
  },

  'bytes that are no wrapped key are invalid': async (backend) => {
    const { agency, record, context } = await prepare(backend);
    const from = { hotline: backend.hotline, record: FIRST };
    const nonsense = Buffer.concat([Buffer.from([0]), randomBytes(511)]);
    expect(await backend.keys.rewrap(nonsense, from, { agency, record }, context)).toEqual({ outcome: 'invalid' });
  },

  'an agency’s key that does not exist is reported as such': async (backend) => {
    const { wrapped, context } = await prepare(backend);
    const from = { hotline: backend.hotline, record: FIRST };
    const to = { agency: context.agency, record: { generation: 7 } };
    expect(await backend.keys.rewrap(wrapped, from, to, context)).toEqual({
      outcome: 'refused',
      cause: 'NotFoundException',
    });
  },

  'an intake key that does not exist is reported as such': async (backend) => {
    const { agency, record, wrapped, context } = await prepare(backend);
    const from = { hotline: backend.hotline, record: { generation: 9999 } };
    expect(await backend.keys.rewrap(wrapped, from, { agency, record }, context)).toEqual({
      outcome: 'refused',
      cause: 'NotFoundException',
    });
  },

  'a context that names another agency than the key’s is refused': async (backend) => {
    const { agency, record, wrapped, context } = await prepare(backend);
    const from = { hotline: backend.hotline, record: FIRST };
    const forAnother = { ...context, agency: makePartnerId('ca') };
    expect(await backend.keys.rewrap(wrapped, from, { agency, record }, forAnother)).toEqual({
      outcome: 'refused',
      cause: 'AccessDeniedException',
    });
  },

  ...refusalsOfAgencyKeys(),
  ...refusalsOfIntakeKeys(),
};

/** Holds keys to `core/ports.ts`. */
export const describeKeys = (backend: () => KeysBackend): Tally => describeContract('keys', cases, backend);
