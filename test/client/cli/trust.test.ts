import { createPublicKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { quote } from '../../../client/cli/failure.ts';
import type { Io } from '../../../client/cli/io.ts';
import { groups } from '../../../client/cli/keygen.ts';
import { toTimestamp } from '../../../core/time.ts';
import { makeIntakeKey } from '../../doubles/memory-keys.ts';
import { command, type Heard, records, temporaryFolder } from '../../support/command.ts';
import * as listing from '../../support/directory.ts';
import { makeSigner, type Signer } from '../../support/envelope.ts';

/* `trust` against a directory alone: all that it asks the relay for. */

const folder = temporaryFolder();
const self = makeSigner('Ed25519');
const police = makeSigner('P-256');
const clearing = makeSigner('Ed25519');
const intake = listing.intake(createPublicKey(makeIntakeKey()));
const next = makeSigner('Ed25519');

let directory: object;
const list = (...keys: Signer[]): void => {
  directory = {
    agencies: [
      listing.agency(
        'de-police',
        keys.map((signer) => ({ signer })),
      ),
      listing.agency('int-clearing', [{ signer: clearing }], { forwards: true }),
    ],
    hotlines: [listing.hotline('gb-hotline', [{ signer: self }])],
    intakeKeys: [intake],
    limits: {},
  };
};

beforeEach(async () => {
  list(police);
  const profile = { kind: 'hotline', id: 'gb-hotline', relay: 'https://relay.example', signingKey: 'key.pem' };
  await writeFile(folder.path('profile.json'), JSON.stringify(profile));
  await writeFile(folder.path('key.pem'), self.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
});

const trust = (args: readonly string[] = [], io: Partial<Io> = {}): Promise<Heard> =>
  command(['trust', ...args, '--profile', folder.path()], {
    runtime: { fetch: () => Promise.resolve(Response.json(directory)) },
    ...io,
  });

async function confirmed(): Promise<unknown> {
  return JSON.parse(await readFile(path.join(folder.path(), 'trust.json'), 'utf8').catch(() => '{}'));
}

describe('trust', () => {
  it('shows what is to be compared, and confirms nothing by itself', async () => {
    const { exit, out, err } = await trust();
    expect(exit).toBe(5);
    expect(out).toBe(
      [
        ['de-police', 'signing', police.kid],
        ['gb-hotline', 'intake', intake.kid],
        ['int-clearing', 'signing', clearing.kid],
      ]
        .map(([partner, use, kid = '']) => `${partner}  ${use} key, new\n  ${groups(kid)}\n  ${kid}\n`)
        .join(''),
    );
    expect(err).toContain('Compare each fingerprint with its owner, by telephone or in person');
    expect(err).toContain(`referral-relay trust PARTNER --profile ${quote(folder.path())}`);
    expect(await confirmed()).toEqual({});
  });

  it('asks before it confirms, and then nothing is left to do', async () => {
    const asked: string[] = [];
    const ask = (question: string) => Promise.resolve((asked.push(question), 'yes'));
    const { exit, err } = await trust(['--all'], { ask });
    expect({ exit, asked }).toEqual({ exit: 0, asked: ['Do all 3 agree? Type yes to trust them: '] });
    expect(err).toContain('3 keys trusted from now on.');
    expect(await confirmed()).toEqual({
      partners: { 'de-police': [police.kid], 'int-clearing': [clearing.kid] },
      intakeKeys: [intake.kid],
    });
    expect(await trust()).toEqual({ exit: 0, out: '', err: 'Nothing to confirm: 3 keys trusted already.\n' });
  });

  it.each(['no', '', 'yess', ' n'])('confirms nothing when the answer is %j', async (answer) => {
    const { exit, err } = await trust(['de-police'], { ask: () => Promise.resolve(answer) });
    expect(exit).toBe(5);
    expect(err).toContain('Nothing was confirmed.');
    expect(await confirmed()).not.toHaveProperty('partners.de-police');
  });

  it('confirms the partners that are named, and no other', async () => {
    expect((await trust(['de-police', '--yes'])).exit).toBe(0);
    expect(await confirmed()).toEqual({ partners: { 'de-police': [police.kid] } });
  });

  it('shows a further key of a partner as changed, and keeps the one before', async () => {
    await trust(['--all', '--yes']);
    list(police, next);
    const { exit, out } = await trust();
    expect(exit).toBe(5);
    expect(out).toBe(`de-police  signing key, CHANGED\n  ${groups(next.kid)}\n  ${next.kid}\n`);
    await trust(['de-police', '--yes']);
    expect(await confirmed()).toMatchObject({ partners: { 'de-police': [police.kid, next.kid] } });
  });

  it('says when a key was retired', async () => {
    directory = {
      agencies: [listing.agency('de-police', [{ signer: police, retiredAt: toTimestamp(0) }])],
      hotlines: [],
    };
    expect((await trust()).out).toContain('de-police  signing key, new, retired 1970-01-01 00:00 UTC\n');
  });

  it.each([
    ['as it is printed', (kid: string) => kid],
    ['in groups, as it is read out', groups],
  ])('confirms exactly the key whose fingerprint was told, %s', async (_, spelled) => {
    list(police, next);
    const { exit, err } = await trust(['de-police', '--fingerprint', spelled(next.kid)]);
    expect(exit).toBe(0);
    expect(err).toContain('1 key trusted from now on.');
    expect(await confirmed()).toEqual({ partners: { 'de-police': [next.kid] } });
  });

  it('raises no alarm when what was told is told again, while another key is still to be compared', async () => {
    list(police, next);
    const args = ['de-police', '--fingerprint', police.kid];
    await trust(args);
    const before = await confirmed();
    const { exit, out, err } = await trust(args);
    expect({ exit, err }).toEqual({ exit: 0, err: 'Nothing to confirm: 1 key trusted already.\n' });
    expect(out).toContain(next.kid);
    expect(await confirmed()).toEqual(before);
  });

  it('confirms what is new of the fingerprints told', async () => {
    list(police, next);
    await trust(['de-police', '--fingerprint', police.kid]);
    const { exit, err } = await trust(['--all', '--fingerprint', police.kid, '--fingerprint', clearing.kid]);
    expect(exit).toBe(0);
    expect(err).toContain('1 key trusted from now on.');
    expect(await confirmed()).toEqual({ partners: { 'de-police': [police.kid], 'int-clearing': [clearing.kid] } });
  });

  it('confirms nothing if one of the fingerprints told is not listed', async () => {
    const args = ['--all', '--fingerprint', police.kid, '--fingerprint', next.kid];
    const { exit, err } = await trust(args);
    expect(exit).toBe(5);
    expect(err).toContain('A fingerprint that you gave is not among those listed, and nothing was confirmed.');
    expect(await confirmed()).toEqual({});
  });

  it('says so of a fingerprint that is not listed, also when there is nothing to confirm', async () => {
    await trust(['--all', '--yes']);
    const { exit, err } = await trust(['de-police', '--fingerprint', next.kid]);
    expect(exit).toBe(5);
    expect(err).toContain('A fingerprint that you gave is not among those listed, and nothing was confirmed.');
  });

  it('does not confirm unasked where there is no terminal', async () => {
    const { exit, err } = await trust(['--all']);
    expect(exit).toBe(2);
    expect(err).toContain('Then add --yes, or give what you heard with --fingerprint.');
    expect(await confirmed()).toEqual({});
  });

  it('names partners of whom no key is relied upon', async () => {
    const { exit, err } = await trust(['de-police', 'us-other', '--yes']);
    expect(exit).toBe(3);
    expect(err).toContain('You rely on no key of us-other');
    expect(await confirmed()).toEqual({});
  });

  it('gives programs one key on a line', async () => {
    expect(records(await trust(['--json']))).toEqual([
      { partner: 'de-police', use: 'signing', fingerprint: police.kid, state: 'unknown' },
      { partner: 'gb-hotline', use: 'intake', fingerprint: intake.kid, state: 'unknown' },
      { partner: 'int-clearing', use: 'signing', fingerprint: clearing.kid, state: 'unknown' },
    ]);
  });
});
