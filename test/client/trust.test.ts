import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createDirectoryClient } from '../../client/directory.ts';
import { UntrustedKeyError } from '../../client/errors.ts';
import { createKeyring } from '../../client/keyring.ts';
import { createTrust, createTrustFile, createTrustMemory, type TrustStore } from '../../client/trust.ts';
import { agency, DirectoryTransport, hotline } from '../support/directory.ts';
import { keysCountingAt } from '../../core/taken-statement.ts';
import { makeSigner } from '../support/envelope.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'trust-'));
afterAll(() => rmSync(folder, { recursive: true }));

const [own, ownOlder, police, policeNew, clearing, other, burnt] = [1, 2, 3, 4, 5, 6, 7].map(() =>
  makeSigner('Ed25519'),
);
if (!own || !ownOlder || !police || !policeNew || !clearing || !other || !burnt) throw new Error('no keys');
const intakeKid = makeSigner('P-256').kid;

const DAY = '2026-11-23T00:00:00.000Z';
const BEFORE = '2026-11-22T23:59:59.999Z';
const document = {
  agencies: [
    agency('de-police', [{ signer: police, retiredAt: DAY }, { signer: policeNew }]),
    agency('int-clearing', [{ signer: clearing }], { fallback: true, forwards: true }),
  ],
  hotlines: [
    hotline('gb-iwf', [{ signer: ownOlder, retiredAt: DAY }, { signer: own }]),
    hotline('us-other', [{ signer: burnt, compromisedAt: DAY }, { signer: other }]),
  ],
};

function trusting(store: TrustStore, kind: 'hotline' | 'agency' = 'hotline') {
  const transport = new DirectoryTransport(document);
  const directory = createDirectoryClient(transport);
  const self =
    kind === 'hotline' ? { id: 'gb-iwf', kid: own?.kid ?? '' } : { id: 'de-police', kid: policeNew?.kid ?? '' };
  const trust = createTrust(store, { ...self, kind });
  return { transport, directory, trust, keyring: createKeyring(directory, trust) };
}

const key = (partner: string, kid: string) => ({ partner, use: 'signing' as const, kid });

describe('trust', () => {
  it('begins with no key at all but the own one in use', async () => {
    const { trust } = trusting(createTrustMemory());
    await expect(trust.require(key('gb-iwf', own.kid))).resolves.toBeUndefined();
    await expect(trust.require(key('gb-iwf', ownOlder.kid))).rejects.toBeInstanceOf(UntrustedKeyError);
    const refusal = trust.require(key('de-police', police.kid));
    await expect(refusal).rejects.toMatchObject({ partner: 'de-police', kid: police.kid, situation: 'unknown' });
    await expect(refusal).rejects.toThrow('run "referral-relay trust de-police"');
    await expect(refusal).rejects.toThrow(police.kid);
  });

  it('refuses a further key of a partner as changed, and goes on trusting the first', async () => {
    const { trust } = trusting(createTrustMemory());
    await trust.confirm([key('de-police', police.kid)]);
    await expect(trust.require(key('de-police', police.kid))).resolves.toBeUndefined();
    const refusal = trust.require(key('de-police', policeNew.kid));
    await expect(refusal).rejects.toMatchObject({ situation: 'changed', kid: policeNew.kid });
    await expect(refusal).rejects.toThrow('somebody may be posing as de-police');
    await trust.confirm([key('de-police', policeNew.kid)]);
    await expect(trust.require(key('de-police', policeNew.kid))).resolves.toBeUndefined();
    await expect(trust.require(key('de-police', police.kid))).resolves.toBeUndefined();
  });

  it('does not take a key of one partner, or of one use, for another', async () => {
    const { trust } = trusting(createTrustMemory());
    await trust.confirm([key('de-police', police.kid)]);
    await expect(trust.require(key('int-clearing', police.kid))).rejects.toMatchObject({ situation: 'unknown' });
    await expect(trust.require({ ...key('gb-iwf', police.kid), use: 'intake' })).rejects.toThrow(
      'the operator of the relay',
    );
    await trust.confirm([{ partner: 'gb-iwf', use: 'intake', kid: intakeKid }]);
    await expect(trust.require({ ...key('gb-iwf', intakeKid), use: 'intake' })).resolves.toBeUndefined();
    await expect(trust.require(key('gb-iwf', intakeKid))).rejects.toMatchObject({ situation: 'unknown' });
  });

  it('shows a hotline the keys of agencies and its own older ones', async () => {
    const { trust, directory } = trusting(createTrustMemory({ partners: { 'de-police': [police.kid] } }));
    expect(await trust.review(await directory.current())).toEqual([
      expect.objectContaining({ partner: 'de-police', kid: police.kid, state: 'trusted', retiredAt: DAY }),
      expect.objectContaining({ partner: 'de-police', kid: policeNew.kid, state: 'changed' }),
      expect.objectContaining({ partner: 'gb-iwf', kid: ownOlder.kid, state: 'unknown' }),
      expect.objectContaining({ partner: 'int-clearing', kid: clearing.kid, state: 'unknown' }),
    ]);
    expect(await trust.review(await directory.current(), 'int-clearing')).toHaveLength(1);
  });

  it('shows an agency the keys of hotlines and of agencies that send on, but no compromised one', async () => {
    const { trust, directory } = trusting(createTrustMemory(), 'agency');
    const entries = await trust.review(await directory.current());
    expect(entries.map(({ partner, kid }) => [partner, kid])).toEqual([
      ['de-police', police.kid],
      ['gb-iwf', ownOlder.kid],
      ['gb-iwf', own.kid],
      ['int-clearing', clearing.kid],
      ['us-other', other.kid],
    ]);
    await trust.confirm(entries);
    expect((await trust.review(await directory.current())).every(({ state }) => state === 'trusted')).toBe(true);
  });

  it('goes on showing a key that was confirmed before it was compromised', async () => {
    const { trust, directory } = trusting(createTrustMemory({ partners: { 'us-other': [burnt.kid] } }), 'agency');
    expect(await trust.review(await directory.current(), 'us-other')).toEqual([
      expect.objectContaining({ kid: burnt.kid, state: 'trusted', compromisedAt: DAY }),
      expect.objectContaining({ kid: other.kid, state: 'changed' }),
    ]);
  });
});

describe('a trust file', () => {
  it('keeps what was confirmed, for nobody but its owner to read or write', async () => {
    const file = path.join(folder, 'kept', 'trust.json');
    await trusting(createTrustFile(file)).trust.confirm([key('de-police', police.kid), key('de-police', police.kid)]);
    await trusting(createTrustFile(file)).trust.confirm([{ partner: 'gb-iwf', use: 'intake', kid: intakeKid }]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      partners: { 'de-police': [police.kid] },
      intakeKeys: [intakeKid],
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
  });

  it('is read at every use, so that a program which runs learns of a confirmation', async () => {
    const file = path.join(folder, 'shared.json');
    const { trust } = trusting(createTrustFile(file));
    await expect(trust.require(key('de-police', police.kid))).rejects.toBeInstanceOf(UntrustedKeyError);
    await trusting(createTrustFile(file)).trust.confirm([key('de-police', police.kid)]);
    await expect(trust.require(key('de-police', police.kid))).resolves.toBeUndefined();
  });

  it('is read at every use, so that a program which runs learns of what was taken back, however that was done', async () => {
    const file = path.join(folder, 'taken-back.json');
    const { trust } = trusting(createTrustFile(file));
    const trusted = JSON.stringify({ partners: { 'de-police': [police.kid] } });
    const isTrusted = () =>
      trust.require(key('de-police', police.kid)).then(
        () => true,
        (error: unknown) => (error instanceof UntrustedKeyError ? false : error),
      );
    writeFileSync(file, trusted);
    expect(await isTrusted()).toBe(true);
    writeFileSync(file, trusted.replace(police.kid, policeNew.kid));
    expect(await isTrusted()).toBe(false);
    // As after a while, for a file that has just been changed is not yet remembered.
    const longAgo = (seconds: number) => utimesSync(file, seconds, seconds);
    longAgo(1);
    expect([await isTrusted(), await isTrusted()]).toEqual([false, false]);
    writeFileSync(file, trusted);
    longAgo(2);
    expect([await isTrusted(), await isTrusted()]).toEqual([true, true]);
    rmSync(file);
    expect(await isTrusted()).toBe(false);
    writeFileSync(file, trusted);
    expect(await isTrusted()).toBe(true);
    writeFileSync(file, trusted.slice(1));
    expect([await isTrusted(), await isTrusted()]).toEqual([
      expect.objectContaining({ code: 'storage' }),
      expect.objectContaining({ code: 'storage' }),
    ]);
  });

  it.each([
    ['no JSON', 'x'],
    ['a partner that can be none', `{"partners":{"De_Police":["${police.kid}"]}}`],
    ['a fingerprint that is none', '{"partners":{"de-police":["abc"]}}'],
    ['an unknown member', '{"partners":{},"trustAll":true}'],
  ])('trusts nobody while it holds %s, and says so', async (_, text) => {
    const file = path.join(folder, 'damaged.json');
    writeFileSync(file, text);
    const refusal = trusting(createTrustFile(file)).trust.require(key('de-police', police.kid));
    await expect(refusal).rejects.toMatchObject({ code: 'storage' });
    await expect(refusal).rejects.toThrow(file);
  });
});

describe('the keyring', () => {
  it('finds keys that are listed and confirmed', async () => {
    const { keyring } = trusting(createTrustMemory({ partners: { 'de-police': [policeNew.kid] } }));
    expect(await keyring.findKey('de-police', policeNew.kid, BEFORE)).toMatchObject({ kid: policeNew.kid });
    await expect(keyring.findKey('de-police', police.kid, BEFORE)).rejects.toMatchObject({ situation: 'changed' });
    await expect(keyring.findKey('int-clearing', clearing.kid, BEFORE)).rejects.toMatchObject({ situation: 'unknown' });
  });

  it('gives up a key that did not count, confirmed or not: nobody is asked to confirm that one', async () => {
    const { keyring, transport } = trusting(createTrustMemory());
    transport.document = { ...document, agencies: [agency('de-police', [{ signer: police, compromisedAt: DAY }])] };
    expect(await keysCountingAt(keyring, 'de-police', DAY)(police.kid)).toBeUndefined();
    const before = keysCountingAt(keyring, 'de-police', BEFORE);
    await expect(before(police.kid)).rejects.toMatchObject({ situation: 'compromised' });
    await expect(before(police.kid)).rejects.toThrow(/cannot be confirmed any more.* Ask de-police.* to send it anew/);
    await expect(before(police.kid)).rejects.not.toThrow('referral-relay trust');
  });

  it('asks the directory anew before it gives a key up, and then says that there is none', async () => {
    const { keyring, transport } = trusting(createTrustMemory({ partners: { 'fr-police': [other.kid] } }));
    await keyring.findKey('gb-iwf', own.kid, BEFORE);
    expect(await keyring.findKey('fr-police', other.kid, BEFORE)).toBeUndefined();
    expect(transport.calls).toHaveLength(2);
    transport.document = { ...document, agencies: [agency('fr-police', [{ signer: other }], { forwards: true })] };
    expect(await keyring.mayForward('fr-police')).toBe(true);
    expect(await keyring.findKey('fr-police', other.kid, BEFORE)).toMatchObject({ kid: other.kid });
    expect(await keyring.mayForward('gb-iwf')).toBe(false);
  });

  it('says nothing of a key while the directory cannot be asked', async () => {
    const { keyring, transport } = trusting(createTrustMemory());
    transport.failure = new Error('down');
    await expect(keyring.findKey('gb-iwf', own.kid, BEFORE)).rejects.toBe(transport.failure);
    await expect(keyring.mayForward('gb-iwf')).rejects.toBe(transport.failure);
  });
});
