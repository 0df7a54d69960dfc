import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { groups } from '../../../client/cli/keygen.ts';
import { thumbprint } from '../../../core/keys.ts';
import { command, records, temporaryFolder } from '../../support/command.ts';
import { makeSigner } from '../../support/envelope.ts';

const folder = temporaryFolder();
const SAMPLE = path.resolve('registry/sample');

let stage: string;
beforeEach(async () => {
  stage = folder.path('registry', 'test');
  await cp(SAMPLE, stage, { recursive: true });
});

async function change(file: string, members: object): Promise<void> {
  const before = JSON.parse(await readFile(path.join(stage, file), 'utf8')) as object;
  await writeFile(path.join(stage, file), JSON.stringify({ ...before, ...members }));
}

describe('registry check', () => {
  it('finds the samples sound', async () => {
    const { exit, out, err } = await command(['registry', 'check', stage]);
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(out).toMatch(/^sound {2}.*: 3 hotlines, 7 agencies; fallback int-clearing; without signing keys: /);
  });

  it('names every faulty file and field', async () => {
    const { privateKey } = makeSigner('Ed25519');
    await change('de-kinderwacht.json', { countries: ['DE', 'XX'], fallbck: true });
    await change('gb-lantern.json', { keys: [{ jwk: privateKey.export({ format: 'jwk' }) }] });
    await writeFile(path.join(stage, 'us-beacon.json'), '{');
    const { exit, out } = await command(['registry', 'check', stage]);
    expect(exit).toBe(3);
    expect(out.split('\n')).toEqual([
      `faulty  ${stage}: 4 faults`,
      expect.stringMatching(/^ {2}de-kinderwacht\.json \/countries\/1: must be an assigned ISO 3166-1/),
      '  de-kinderwacht.json /fallbck: is not a member known here',
      expect.stringMatching(/^ {2}gb-lantern\.json \/keys\/0\/jwk\/d: is a private key: remove it/),
      '  us-beacon.json: not valid JSON',
      '',
    ]);
    expect(out).not.toContain(String(privateKey.export({ format: 'jwk' }).d));
  });

  it('checks every registry in a folder, and tells which is faulty', async () => {
    await mkdir(folder.path('registry', 'empty'));
    await cp(SAMPLE, folder.path('registry', 'other'), { recursive: true });
    await change('fr-littoral.json', { id: 'fr-other' });
    const heard = await command(['registry', 'check', folder.path('registry'), '--json']);
    expect(heard.exit).toBe(3);
    const fault = {
      file: 'fr-littoral.json',
      pointer: '/id',
      detail: expect.stringContaining("must equal the file's name"),
    };
    expect(records(heard)).toEqual([
      { folder: folder.path('registry', 'other'), ok: true, hotlines: 3, agencies: 7, faults: [] },
      { folder: stage, ok: false, faults: [fault] },
    ]);
  });

  it('says of a signing key that it retires before a deployment can be over', async () => {
    const { jwk } = makeSigner('Ed25519').record;
    const retiringIn = async (milliseconds: number) => {
      await change('gb-lantern.json', {
        keys: [{ jwk, retiredAt: new Date(Date.now() + milliseconds).toISOString() }],
      });
      return command(['registry', 'check', stage]);
    };
    for (const haste of [0, -60_000, 600_000]) {
      const { exit, err } = await retiringIn(haste);
      expect(exit).toBe(0);
      expect(err).toContain(`gb-lantern: key ${thumbprint(jwk)} retires at `);
      expect(err).toContain('put "retiredAt" an hour ahead: ');
    }
    for (const fine of [-86_400_000, 3_600_000]) expect(await retiringIn(fine)).toMatchObject({ exit: 0, err: '' });
  });

  it('checks the one file that a partner is about to send', async () => {
    const file = path.join(stage, 'gb-lantern.json');
    const { exit, out } = await command(['registry', 'check', file]);
    expect({ exit, out }).toEqual({
      exit: 0,
      out: `sound  ${file}: 1 hotline, 0 agencies; without signing keys: gb-lantern\n`,
    });
  });

  it('says of a whole registry that it has no fallback', async () => {
    await rm(path.join(stage, 'int-clearing.json'));
    expect((await command(['registry', 'check', stage])).out).toContain('no fallback: a referral for a country nobody');
  });

  it.each([
    ['a folder without partner files', () => folder.path(), 2, 'There is no partner file'],
    ['a folder that is not there', () => folder.path('none'), 2, 'There is no such file or folder'],
  ])('%s ends with 2', async (_, where, exit, text) => {
    const heard = await command(['registry', 'check', where()]);
    expect(heard.exit).toBe(exit);
    expect(heard.err).toContain(text);
  });
});

describe('registry list', () => {
  it('lists every partner with its countries, and fingerprints as they are read out', async () => {
    const { jwk } = makeSigner('P-256').record;
    await change('de-kinderwacht.json', { keys: [{ jwk, retiredAt: '2026-11-01T10:00:00.000Z' }] });
    const { exit, out } = await command(['registry', 'list', stage]);
    expect(exit).toBe(0);
    expect(out).toContain(
      [
        '  de-kinderwacht  Zentralstelle Kinderwacht (invented)',
        '    agency, for DE (Germany), AT (Austria)',
        `    ${groups(thumbprint(jwk))} (P-256, retired 2026-11-01 10:00 UTC)`,
      ].join('\n'),
    );
    expect(out).toContain(
      '    agency, for no country of its own, takes what nobody else does, may send on\n    no signing key yet',
    );
  });

  it('gives programs one partner on a line', async () => {
    const listed = records(await command(['registry', 'list', stage, '--json']));
    expect(listed).toHaveLength((await readdir(stage)).length);
    expect(listed).toContainEqual(
      expect.objectContaining({ id: 'int-clearing', kind: 'agency', fallback: true, forwards: true, keys: [] }),
    );
  });

  it('shows nothing of a faulty registry', async () => {
    await change('de-kinderwacht.json', { countries: 'DE' });
    const { exit, out, err } = await command(['registry', 'list', stage]);
    expect({ exit, out }).toEqual({ exit: 3, out: '' });
    expect(err).toContain('de-kinderwacht.json /countries: must be of type array');
  });
});
