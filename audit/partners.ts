import type { RegistryFile } from '../core/registry.ts';
import { createAuthority } from '../test/support/certificates.ts';

/** Accounts of partners. */
const BEACON = '777777777777';
const CROSSBAR = '555555555555';
const LITTORAL = '333333333333';
const DIJKWACHT = '888888888888';

function signIn(id: string) {
  const { certificate, revocations } = createAuthority(`${id} root`);
  return { certificateAuthority: certificate, commonName: `relay.${id}.example`, revocations };
}

/** Two hotlines and five agencies, invented, without signing keys: one partner of every sort that a registry can hold. */
export function partnersOfEverySort(region: string): RegistryFile[] {
  const ownKey = (account: string) => [
    { generation: 1, arn: `arn:aws:kms:${region}:${account}:key/00000000-0000-4000-8000-${account}` },
  ];
  const here = [{ generation: 1 }];
  return [
    file('gb-lantern', { kind: 'hotline', intakeKeys: here, limits: { submissionsPerMinute: 600 } }),
    file('us-beacon', { kind: 'hotline', intakeKeys: ownKey(BEACON) }),
    // A certificate, a role of the relay's account, a key of the relay's account.
    file('de-kinderwacht', { kind: 'agency', countries: ['DE'], kmsKeys: here, rolesAnywhere: signIn('kinderwacht') }),
    // A role of its own account, a key of the relay's account.
    file('gb-crossbar', {
      kind: 'agency',
      countries: ['GB'],
      forwards: true,
      kmsKeys: here,
      principal: `arn:aws:iam::${CROSSBAR}:role/units/referrals`,
      page: 'duty@crossbar.example',
    }),
    // A role and a key of its own account.
    file('fr-littoral', {
      kind: 'agency',
      countries: ['FR'],
      kmsKeys: ownKey(LITTORAL),
      principal: `arn:aws:iam::${LITTORAL}:role/littoral-referrals`,
    }),
    // A certificate, a role of the relay's account, a key of its own account.
    file('be-dijkwacht', {
      kind: 'agency',
      countries: ['BE'],
      kmsKeys: ownKey(DIJKWACHT),
      rolesAnywhere: signIn('dijkwacht'),
    }),
    // A key, and nobody yet who may use it.
    file('nam-harbor', { kind: 'agency', countries: ['NA'], kmsKeys: here, fallback: true }),
  ];
}

function file(id: string, { page, ...partner }: Record<string, unknown>): RegistryFile {
  const contact = { email: `systems@${id}.example`, ...(page !== undefined && { page }) };
  return {
    name: `${id}.json`,
    text: JSON.stringify({ id, name: `${id} (invented)`, contact, keys: [], ...partner }),
  };
}
