import { createPrivateKey } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { groups } from '../../../client/cli/keygen.ts';
import { loadProfile } from '../../../client/profile.ts';
import { loadSigningKey } from '../../../client/signing-key.ts';
import { curveOf, SigningJwk, thumbprint } from '../../../core/keys.ts';
import { command, records, temporaryFolder } from '../../support/command.ts';

const folder = temporaryFolder();
const home = (file?: string) => folder.path('gb-iwf', ...(file === undefined ? [] : [file]));
const HOTLINE = ['--kind', 'hotline', '--id', 'gb-iwf', '--relay', 'https://relay.example'];

describe('keygen', () => {
  it.each(['Ed25519', 'P-256'])('makes a profile with a key on %s that loads', async (curve) => {
    const { exit, out } = await command(['keygen', home(), ...HOTLINE, '--curve', curve]);
    expect(exit).toBe(0);
    const profile = await loadProfile(home());
    expect(profile).toMatchObject({ kind: 'hotline', id: 'gb-iwf', relay: 'https://relay.example' });
    expect(curveOf(profile.signingKey.privateKey)).toBe(curve);

    const jwk = SigningJwk.parse(JSON.parse(await readFile(home('signing-key.jwk.json'), 'utf8')));
    expect(thumbprint(jwk)).toBe(profile.signingKey.kid);
    expect(out).toContain(JSON.stringify(jwk));
    expect(out).toContain(groups(thumbprint(jwk)));
    expect(out).toContain(`Add the public key, ${home('signing-key.jwk.json')}, to "keys" in your registry file`);
  });

  it('makes Ed25519 if not told otherwise', async () => {
    await command(['keygen', home(), ...HOTLINE]);
    expect(curveOf((await loadSigningKey(home('signing-key.pem'))).privateKey)).toBe('Ed25519');
  });

  it('keeps the private key to its owner, and prints none of it', async () => {
    const heard = await command(['keygen', home(), ...HOTLINE, '--json']);
    const file = home('signing-key.pem');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(home())).mode & 0o777).toBe(0o700);
    const { d } = createPrivateKey(await readFile(file)).export({ format: 'jwk' });
    expect(await readFile(file, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(heard.out + heard.err).not.toContain(String(d));
    expect(heard.out + heard.err).not.toContain('PRIVATE');
    expect(records(heard)).toEqual([
      expect.objectContaining({ profile: home(), privateKey: file, publicKey: home('signing-key.jwk.json') }),
    ]);
  });

  it('tells an agency what its profile still needs, which the profile then says itself', async () => {
    const { out } = await command(['keygen', home(), '--kind', 'agency', ...HOTLINE.slice(2)]);
    expect(out).toContain('"kmsKey": "arn:aws:kms:…"');
    // Nothing that would be taken as it stands: with another's country, all that comes would be unreadable.
    expect(out).toContain('"countries": ["…"]');
    const { exit, err } = await command(['agency', 'poll', '--profile', home()]);
    expect(exit).toBe(2);
    for (const member of ['/countries', '/queues', '/kmsKey', '/region']) expect(err).toContain(`${member} is missing`);
  });

  it.each([
    ['the folder that the option names', ['--profile', 'option'], 'option'],
    ['the folder that the environment names', [], 'environment'],
  ])('makes it in %s', async (_, [option, name], made) => {
    const args = option && name ? [option, folder.path(name)] : [];
    const env = { REFERRAL_RELAY_PROFILE: folder.path('environment') };
    expect((await command(['keygen', ...args, ...HOTLINE], { env })).exit).toBe(0);
    expect(await readdir(folder.path())).toEqual([made]);
  });

  it('never overwrites: a second run changes nothing', async () => {
    await command(['keygen', home(), ...HOTLINE]);
    const before = await readFile(home('signing-key.pem'));
    const { exit, err } = await command(['keygen', home(), ...HOTLINE]);
    expect(exit).toBe(2);
    expect(err).toContain('exists already, and nothing is overwritten');
    expect(await readFile(home('signing-key.pem'))).toEqual(before);
    expect(await readdir(home())).toHaveLength(3);
  });

  it('never overwrites: a key that lies there keeps its name', async () => {
    await mkdir(home());
    await writeFile(home('signing-key.pem'), 'precious');
    expect((await command(['keygen', home(), ...HOTLINE])).exit).toBe(0);
    expect(await readFile(home('signing-key.pem'), 'utf8')).toBe('precious');
    expect((await loadProfile(home())).signingKey).toEqual(await loadSigningKey(home('signing-key-2.pem')));
  });

  it('makes a further key on request, and leaves the old one in use', async () => {
    await command(['keygen', home(), ...HOTLINE]);
    const { kid } = await loadSigningKey(home('signing-key.pem'));
    const { exit, out } = await command(['keygen', home(), '--rotate']);
    expect(exit).toBe(0);
    expect(out).toContain(`set "signingKey" in ${home('profile.json')} to "signing-key-2.pem"`);
    expect((await loadProfile(home())).signingKey.kid).toBe(kid);
    expect((await loadSigningKey(home('signing-key-2.pem'))).kid).not.toBe(kid);
  });

  it.each([
    ['without a folder or an id', [], 'Name the folder of the profile'],
    ['without a kind', ['x', '--id', 'gb-iwf', '--relay', 'https://x.example'], '--kind hotline or --kind agency'],
    ['with an id of the wrong form', ['x', '--kind', 'hotline', '--id', 'IWF'], 'such as gb-lantern'],
    ['without a relay', ['x', '--kind', 'hotline', '--id', 'gb-iwf'], '--relay https://relay.example'],
    ['with a relay without encryption', ['x', ...HOTLINE, '--relay', 'http://x.example'], 'must begin with "https://"'],
    ['with a relay that is no origin', ['x', ...HOTLINE, '--relay', 'https://x.example/v1'], 'must be an origin alone'],
    ['for a further key of nobody', ['x', '--rotate'], 'to make a further key for'],
  ])('%s makes nothing, and says what to do', async (_, args, text) => {
    const inFolder = args.map((arg) => (arg === 'x' ? folder.path('x') : arg));
    const { exit, err } = await command(['keygen', ...inFolder]);
    expect(exit).toBe(2);
    expect(err).toContain(text);
    expect(await readdir(folder.path())).toEqual([]);
  });

  it('says so where it may not write', async () => {
    await writeFile(folder.path('file'), '');
    await chmod(folder.path('file'), 0o600);
    const { exit, err } = await command(['keygen', folder.path('file', 'below'), ...HOTLINE]);
    expect(exit).toBe(2);
    expect(err).toContain('(ENOTDIR)');
  });
});
