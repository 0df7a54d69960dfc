import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createDirectoryClient } from '../../client/directory.ts';
import { planRoutes } from '../../core/routing.ts';
import { MINUTE } from '../../core/time.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';
import { agency, DirectoryTransport, hotline, intake } from '../support/directory.ts';
import { makeSigner } from '../support/envelope.ts';

const police = makeSigner('Ed25519');
const older = makeSigner('P-256');
const iwf = makeSigner('Ed25519');
const intakeKey = intake(generateKeyPairSync('rsa', { modulusLength: 4096 }).publicKey);
const RETIRED = '2026-01-01T00:00:00.000Z';

const document = {
  agencies: [
    agency('de-police', [{ signer: older, retiredAt: RETIRED }, { signer: police }], { countries: ['DE', 'AT'] }),
    agency('int-clearing', [], { fallback: true, forwards: true }),
  ],
  hotlines: [hotline('gb-iwf', [{ signer: iwf }])],
  intakeKeys: [intakeKey],
  limits: { custodyDays: 400 },
};

function connect(listing: object = document) {
  const transport = new DirectoryTransport(listing);
  const clock = new VirtualClock();
  return { transport, clock, client: createDirectoryClient(transport, { now: () => clock.now() }) };
}

describe('the directory', () => {
  it('lists partners, their keys and the own intake keys', async () => {
    const { client, transport } = connect();
    const directory = await client.current();
    expect(transport.calls).toEqual([{ method: 'GET', path: '/v1/directory', headers: {} }]);
    expect([...directory.partners.keys()]).toEqual(['de-police', 'int-clearing', 'gb-iwf']);
    expect(directory.partners.get('de-police')?.keys.get(older.kid)).toMatchObject({ retiredAt: RETIRED });
    expect(directory.partners.get('gb-iwf')?.keys.get(iwf.kid)?.key.asymmetricKeyType).toBe('ed25519');
    expect(directory.intakeKeys).toEqual([intakeKey]);
  });

  it('says where a referral would go', async () => {
    const directory = await connect().client.current();
    expect(planRoutes({ suspect: ['AT'], victim: ['FR'] }, directory)).toEqual({
      routes: [
        { agency: 'de-police', roles: ['suspect'], countries: ['AT'] },
        { agency: 'int-clearing', roles: ['victim'], countries: ['FR'] },
      ],
      unrouted: [],
    });
  });

  it('is asked for again after the clock was set back, and not for as long as that takes', async () => {
    const transport = new DirectoryTransport(document);
    const times = [0, -60, -60].map((minutes) => Date.parse(RETIRED) + minutes * MINUTE);
    const client = createDirectoryClient(transport, { now: () => times.shift() ?? 0 });
    await client.current();
    await client.current();
    expect(transport.calls).toHaveLength(2);
  });

  it('is asked for again after a minute, and then sent only if it has changed', async () => {
    const { client, transport, clock } = connect();
    const first = await client.current();
    clock.advance(MINUTE - 1);
    expect(await client.current()).toBe(first);
    expect(transport.calls).toHaveLength(1);
    clock.advance(1);
    expect(await client.current()).toBe(first);
    expect([transport.calls.length, transport.sent]).toEqual([2, 1]);
    clock.advance(MINUTE - 1);
    expect(await client.current()).toBe(first);
    expect(transport.calls).toHaveLength(2);

    transport.document = { ...document, agencies: [] };
    expect((await client.refresh()).partners.has('de-police')).toBe(false);
    expect((await client.current()).partners.has('de-police')).toBe(false);
    expect([transport.calls.length, transport.sent]).toEqual([3, 2]);
  });

  it('is asked for once by those who ask together, and again after a failure', async () => {
    const { client, transport } = connect();
    transport.failure = new Error('down');
    const asked = await Promise.allSettled([client.current(), client.refresh(), client.current()]);
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(transport.calls).toHaveLength(1);
    transport.failure = undefined;
    expect((await client.current()).partners.size).toBe(3);
  });

  it('leaves out keys of a kind that this version does not know, and members as well', async () => {
    const [first] = document.agencies;
    const unknown = { kid: 'x', jwk: { kty: 'AKP', alg: 'ML-DSA-65', pub: 'AA' } };
    const listing = {
      ...document,
      agencies: [{ ...first, motto: 'x', keys: [unknown, ...(first?.keys ?? [])] }],
      intakeKeys: [{ ...unknown, current: true }],
      weather: 'fine',
    };
    const directory = await connect(listing).client.current();
    expect([...(directory.partners.get('de-police')?.keys.keys() ?? [])]).toEqual([older.kid, police.kid]);
    expect(directory.intakeKeys).toEqual([]);
  });

  it.each([
    [
      'a signing key under the name of another',
      { ...document, hotlines: [{ id: 'gb-iwf', keys: [{ kid: police.kid, jwk: iwf.record.jwk }] }] },
    ],
    ['an intake key under the name of another', { ...document, intakeKeys: [{ ...intakeKey, kid: police.kid }] }],
    ['an agency without keys', { ...document, agencies: [{ id: 'de-police' }] }],
    ['nothing', {}],
  ])('is refused with %s', async (_, listing) => {
    await expect(connect(listing).client.current()).rejects.toMatchObject({ code: 'unexpected-answer' });
  });
});
