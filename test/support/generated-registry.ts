import { generateKeyPairSync } from 'node:crypto';
import { iso31661 } from 'iso-3166';
import type { SigningJwk } from '../../core/keys.ts';
import { SigningJwk as SigningJwkSchema } from '../../core/keys.ts';
import type { RegistryFile } from '../../core/registry.ts';
import { createAuthority } from './certificates.ts';

export interface GeneratedSize {
  hotlines: number;
  agencies: number;
  /** Region of the keys that some partners bring; default `eu-west-2`. */
  region?: string;
}

/** Partners of every sort, with keys made now: by number, a partner is always of the same sort, whatever the total. */
export function generateRegistryFiles({ hotlines, agencies, region = 'eu-west-2' }: GeneratedSize): RegistryFile[] {
  const ownKey = (account: string, number: number) => ({
    arn: `arn:aws:kms:${region}:${account}:key/00000000-0000-4000-8000-${account}`,
    generation: number,
  });
  return [
    ...numbers(hotlines).map((number) => {
      const id = `${countryOf(number).toLowerCase()}-hotline-${number}`;
      // Every third has rotated its key, every twentieth brings its own.
      const intakeKeys = number % 20 === 19 ? [ownKey(account(7, number), 1)] : generations(number % 3 === 2 ? 2 : 1);
      return file(id, { kind: 'hotline', keys: [{ jwk: newJwk() }, { jwk: newJwk() }], intakeKeys });
    }),
    ...numbers(agencies).map((number) => {
      const id = `${countryOf(number).toLowerCase()}-agency-${number}`;
      return file(id, {
        kind: 'agency',
        countries: [countryOf(number)],
        keys: [{ jwk: newJwk() }],
        ...wayIn(id, number),
        ...(number === 0 && { fallback: true, forwards: true }),
        kmsKeys: number % 25 === 9 ? [ownKey(account(8, number), 1)] : generations(number % 5 === 4 ? 3 : 1),
        ...(number % 2 === 0 && { page: number % 4 === 0 ? `duty@${id}.example` : `https://${id}.example/page` }),
      });
    }),
  ];
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const generations = (count: number) => numbers(count).map((index) => ({ generation: index + 1 }));
const account = (first: number, number: number): string => `${first}${String(number).padStart(11, '0')}`;

function countryOf(number: number): string {
  const country = iso31661[number % iso31661.length];
  if (!country) throw new Error('no countries');
  return country.alpha2;
}

/** Every tenth has none yet; of the others, every second has an AWS account of its own. */
function wayIn(id: string, number: number) {
  if (number % 10 === 0) return {};
  if (number % 2 === 0) return { principal: `arn:aws:iam::${account(8, number)}:role/units/referrals` };
  return { rolesAnywhere: rolesAnywhere(id) };
}

function rolesAnywhere(id: string) {
  const { certificate, revocations } = createAuthority(`${id} root`);
  return { certificateAuthority: certificate, commonName: `${id}.example`, revocations };
}

export function newJwk(): SigningJwk {
  return SigningJwkSchema.parse(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }));
}

function file(id: string, { page, ...partner }: Record<string, unknown>): RegistryFile {
  const contact = { email: `systems@${id}.example`, ...(page !== undefined && { page }) };
  return { name: `${id}.json`, text: JSON.stringify({ id, name: `${id} (invented)`, contact, ...partner }) };
}
