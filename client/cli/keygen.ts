import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { access, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { isPartnerId } from '../../core/ids.ts';
import { SigningJwk, thumbprint } from '../../core/keys.ts';
import { isMissing, makePrivateFolder, syncFolder } from '../durable-file.ts';
import { createTransport } from '../transport.ts';
import { EXIT, type Exit, usageError } from './exit.ts';
import { quote } from './failure.ts';
import { PROFILE, type Session } from './session.ts';

export interface KeygenOptions {
  kind?: 'hotline' | 'agency';
  id?: string;
  relay?: string;
  curve: SigningJwk['crv'];
  rotate?: boolean;
  profile?: string;
}

/** What an agency adds to its profile once it is registered. */
const AGENCY_EXAMPLE = `    "countries": ["…"],
    "queues": { "urgent": "https://sqs.…", "routine": "https://sqs.…" },
    "kmsKey": "arn:aws:kms:…",
    "region": "eu-west-1"`;

/** Makes a profile with a signing key, or with `rotate` a further key for one that exists. Nothing is ever overwritten. */
export async function keygen(session: Session, folder: string | undefined, options: KeygenOptions): Promise<Exit> {
  const home = folder ?? options.profile ?? session.io.env[PROFILE] ?? options.id;
  if (home === undefined)
    throw usageError('Name the folder of the profile, such as: referral-relay keygen ./gb-lantern …');
  const rotate = options.rotate ?? false;
  const profile = rotate ? undefined : describeProfile(options);
  const profileFile = path.join(home, 'profile.json');
  if (rotate !== (await exists(profileFile))) {
    throw usageError(
      rotate
        ? `There is no ${profileFile} to make a further key for: name the folder of a profile, or leave out --rotate.`
        : `${profileFile} exists already, and nothing is overwritten.\nTo replace its signing key add --rotate; for another partner name another folder.`,
    );
  }

  const { jwk, pem } = makeKey(options.curve);
  // Holds the relay's address against the same rules as every later call; nothing is sent.
  if (profile)
    createTransport({ ...profile, partner: profile.id, signingKey: { kid: thumbprint(jwk), privateKey: pem.key } });
  await makePrivateFolder(home);
  const name = await freeName(home);
  const publicFile = path.join(home, `${name}.jwk.json`);
  await create(path.join(home, `${name}.pem`), pem.text, 0o600);
  await create(publicFile, `${JSON.stringify(jwk)}\n`, 0o644);
  if (profile)
    await create(profileFile, `${JSON.stringify({ ...profile, signingKey: `${name}.pem` }, null, 2)}\n`, 0o600);

  await syncFolder(home);

  const fingerprint = thumbprint(jwk);
  const lines = [
    `The private key is in ${path.join(home, `${name}.pem`)}: it never leaves this machine.`,
    '',
    `1. Add the public key, ${publicFile}, to "keys" in your registry file, and send that file to the operator:`,
    `     ${JSON.stringify(jwk)}`,
    '2. Read its fingerprint out to them by telephone, so that both know that nobody changed it on the way:',
    `     ${session.style.strong(groups(fingerprint))}`,
    ...nextSteps(home, name, profile?.kind),
  ];
  await session.show(
    { profile: home, privateKey: path.join(home, `${name}.pem`), publicKey: publicFile, jwk, fingerprint },
    lines.join('\n'),
  );
  return EXIT.ok;
}

function describeProfile({ kind, id, relay }: KeygenOptions): { kind: string; id: string; relay: string } {
  if (kind === undefined) throw usageError('Say what you are: --kind hotline or --kind agency.');
  if (id === undefined || !isPartnerId(id)) {
    throw usageError(
      'Give the partner id agreed with the operator: --id, such as gb-lantern; lower case, at most 40 characters.',
    );
  }
  if (relay === undefined) throw usageError('Give the address of the relay: --relay https://relay.example');
  return { kind, id, relay };
}

function makeKey(curve: SigningJwk['crv']) {
  const { privateKey } =
    curve === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = SigningJwk.parse(createPublicKey(privateKey).export({ format: 'jwk' }));
  return { jwk, pem: { key: privateKey, text: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) } };
}

function nextSteps(home: string, name: string, kind: string | undefined): string[] {
  const profile = `--profile ${quote(home)}`;
  if (kind === undefined) {
    return [
      `3. Once it is registered, set "signingKey" in ${path.join(home, 'profile.json')} to "${name}.pem".`,
      '   Keep the old key until then, and ask the operator to retire it afterwards.',
    ];
  }
  return [
    ...(kind === 'agency'
      ? [`3. Add what the operator hands over to ${path.join(home, 'profile.json')}:`, AGENCY_EXAMPLE]
      : []),
    `${kind === 'agency' ? 4 : 3}. Once you are registered, compare and confirm the keys of the others: referral-relay trust ${profile}`,
  ];
}

/** `signing-key`, or the next one that neither half is there of. */
async function freeName(home: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? 'signing-key' : `signing-key-${number}`;
    const taken = await Promise.all(['.pem', '.jwk.json'].map((ending) => exists(path.join(home, name + ending))));
    if (!taken.includes(true)) return name;
  }
}

async function create(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    // Half of it would keep the next run from making it.
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** In groups of four, as it is read out. */
export const groups = (fingerprint: string): string => fingerprint.replace(/.{4}(?=.)/g, '$& ');
