import * as z from 'zod/mini';
import { hashText } from './base64url.ts';
import { type Fault, RelayError } from './errors.ts';
import { parseJson } from './json.ts';
import { KeyRecord, thumbprint, toVerificationKey, type VerificationKey } from './keys.ts';
import { RolesAnywhere } from './roles-anywhere.ts';
import { Country, parse, PartnerId, Timestamp } from './schema.ts';

/*
 * The registry: who takes part. One JSON file a partner, named `<id>.json`; this file is its only schema, used by the
 * partner's own check, at synthesis and by every function at start-up.
 */

const KmsKeyArn = z
  .string()
  .check(
    z.regex(/^arn:aws(-[a-z-]+)?:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/, { error: 'must be the ARN of a KMS key' }),
  );

const RoleArn = z.string().check(
  z.regex(/^arn:aws(-[a-z-]+)?:iam::\d{12}:(role|user)\/[\w+=,.@/-]+$/, {
    error: 'must be the ARN of an IAM role or user',
  }),
);

/**
 * A partner's KMS key. Generations count up with each rotation; the alias of a key in the relay's account is derived
 * from its generation, a key that the partner brings in its own account is named by `arn`.
 */
const KmsKeyRecord = z.strictObject({
  generation: z.int().check(z.minimum(1), z.maximum(9999)),
  arn: z.optional(KmsKeyArn),
  /** From then on nothing new is taken under this key; what was accepted before is still delivered with it. */
  retiredAt: z.optional(Timestamp),
});
export type KmsKeyRecord = z.infer<typeof KmsKeyRecord>;

/** At least one, each generation once. */
const KmsKeyRecords = z.array(KmsKeyRecord).check(
  z.minLength(1, { error: 'must name at least one key' }),
  z.refine((keys) => new Set(keys.map(({ generation }) => generation)).size === keys.length, {
    error: 'must not name a generation twice',
  }),
);

const Email = z.string().check(z.regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, { error: 'must be an e-mail address' }));

const Contact = z.strictObject({ email: Email });

const partner = {
  id: PartnerId,
  name: z.string().check(z.minLength(1), z.maxLength(200)),
  /** Where the operator reaches the people who run this partner's systems. */
  contact: Contact,
  /** Signing keys, oldest first; a key is never removed, only retired or compromised. */
  keys: z.array(KeyRecord),
};

export const Hotline = z.strictObject({
  kind: z.literal('hotline'),
  ...partner,
  /** RSA_4096 keys of this hotline alone. Without `retiredAt` a key is accepted; the highest such generation is current. */
  intakeKeys: KmsKeyRecords,
  limits: z.optional(
    z.strictObject({
      /**
       * Further submissions are answered `429 slow-down`. `immediate` ones are counted apart, up to the same number. The
       * largest is what one item of the table can count.
       */
      submissionsPerMinute: z.int().check(z.minimum(1), z.maximum(60_000)),
    }),
  ),
});
export type Hotline = z.infer<typeof Hotline>;

export const Agency = z
  .strictObject({
    kind: z.literal('agency'),
    ...partner,
    contact: z.extend(Contact, {
      /**
       * Told, without any content, that an `immediate` referral waits unopened: an e-mail address or an https URL. It goes
       * into a template, where CDK would take what stands in braces for something of its own.
       */
      page: z.optional(
        z.string().check(
          z.regex(/^(?=[!-z|~]+$)(?:https:\/\/[^/?#@]+(?:[/?#].*)?|[^@/]+@[^@/]+\.[^@/]+)$/, {
            error: 'must be an e-mail address or an https URL in printable ASCII without braces',
          }),
        ),
      ),
    }),
    countries: z
      .array(Country)
      .check(z.refine((list) => new Set(list).size === list.length, { error: 'must not name a country twice' })),
    /** Takes what nobody else is registered for. At most one agency. */
    fallback: z.prefault(z.boolean(), false),
    /** May send referrals on (protocol section 8). */
    forwards: z.prefault(z.boolean(), false),
    /** Symmetric keys that referrals are re-wrapped for; the highest generation is used. */
    kmsKeys: KmsKeyRecords,
    /** The principal that polls and decrypts; derived from the id if it lives in the relay's account. */
    principal: z.optional(RoleArn),
    rolesAnywhere: z.optional(RolesAnywhere),
  })
  .check(
    z.refine(({ principal, rolesAnywhere }) => principal === undefined || rolesAnywhere === undefined, {
      error: 'must not be given together with "principal": the agency has one way in',
      path: ['rolesAnywhere'],
    }),
  );
export type Agency = z.infer<typeof Agency>;

export type Partner = Hotline | Agency;
export type PartnerKind = Partner['kind'];

const PartnerFile = z.discriminatedUnion('kind', [Hotline, Agency]);

export interface RegistryFile {
  /** File name without its folder, such as `gb-lantern.json`. */
  name: string;
  text: string;
}

/** What is wrong with the registry, file by file. Its message lists every fault and is fit for an operator's terminal. */
export class RegistryError extends Error {
  readonly faults: readonly RegistryFault[];

  constructor(faults: readonly RegistryFault[]) {
    super(
      `The registry is not sound:\n${faults.map((fault) => `  ${fault.file}${at(fault)}: ${fault.detail}`).join('\n')}`,
    );
    this.name = 'RegistryError';
    this.faults = faults;
  }
}

export interface RegistryFault extends Fault {
  file: string;
}

const at = ({ pointer }: Fault): string => (pointer ? ` ${pointer}` : '');

/** The partners, ready for look-ups. Nothing in it changes while a process lives. */
export interface Registry {
  /** Of all that the relay's functions make use of: the same for the same partners, however their files are written. */
  digest: string;
  hotlines: ReadonlyMap<string, Hotline>;
  agencies: ReadonlyMap<string, Agency>;
  /** The agency for what nobody is registered for. */
  fallback: Agency | undefined;
  /** Every agency registered for a country, sorted by id. */
  agenciesFor: (country: string) => readonly Agency[];
  find: (partner: string) => Partner | undefined;
  /** A signing key of a partner, whether it still counts or not. */
  findKey: (partner: string, kid: string) => VerificationKey | undefined;
}

/**
 * The registry of these files.
 * @throws {RegistryError} naming every faulty file and field; nothing of a sound file is used then
 */
export function loadRegistry(files: readonly RegistryFile[]): Registry {
  const faults: RegistryFault[] = [];
  const partners: { file: string; partner: Partner }[] = [];
  for (const { name, text } of files.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    try {
      partners.push({ file: name, partner: parsePartnerFile(name, text) });
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      faults.push(...error.faults.map((fault) => ({ file: name, ...fault })));
    }
  }
  faults.push(...findConflicts(partners));
  if (faults.length > 0) throw new RegistryError(faults);
  return buildRegistry(partners.map(({ partner }) => partner).sort((a, b) => (a.id < b.id ? -1 : 1)));
}

function parsePartnerFile(name: string, text: string): Partner {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    if (text.includes('PRIVATE KEY')) throw fault('', PRIVATE);
    throw fault('', error instanceof Error ? error.message : 'not valid JSON');
  }
  refusePrivateKeys(value);
  const partner = parse(PartnerFile, value, 'malformed');
  if (name !== `${partner.id}.json`) throw fault('/id', `must equal the file's name (expected ${partner.id}.json)`);
  return partner;
}

const fault = (pointer: string, detail: string): RelayError =>
  new RelayError('malformed', detail, { faults: [{ pointer, detail }] });

/** A private key pasted by mistake is worth more than "not a member known here": it is to be thrown away. */
function refusePrivateKeys(value: unknown, pointer = ''): void {
  if (typeof value === 'string' && value.includes('PRIVATE KEY')) throw fault(pointer, PRIVATE);
  if (typeof value !== 'object' || value === null) return;
  if ('kty' in value && 'd' in value) throw fault(`${pointer}/d`, PRIVATE);
  for (const [name, member] of Object.entries(value)) refusePrivateKeys(member, `${pointer}/${name}`);
}

const PRIVATE = 'is a private key: remove it, treat it as compromised, make a new one and register its public half';

/** What no file can see alone: ids, keys and the fallback are each used once. */
function findConflicts(partners: readonly { file: string; partner: Partner }[]): RegistryFault[] {
  const faults: RegistryFault[] = [];
  const owners = { id: new Map<string, string>(), key: new Map<string, string>(), arn: new Map<string, string>() };
  let fallback: string | undefined;

  for (const { file, partner } of partners) {
    const claim = (kind: keyof typeof owners, value: string, pointer: string, what: string): void => {
      const owner = owners[kind].get(value);
      if (owner !== undefined) {
        faults.push({
          file,
          pointer,
          detail: owner === file ? `${what} appears twice` : `${what} is already in ${owner}`,
        });
      }
      owners[kind].set(value, owner ?? file);
    };
    claim('id', partner.id, '/id', 'this id');
    partner.keys.forEach(({ jwk }, index) => claim('key', thumbprint(jwk), `/keys/${index}/jwk`, 'this key'));
    const [member, kmsKeys] =
      partner.kind === 'hotline' ? ['intakeKeys', partner.intakeKeys] : ['kmsKeys', partner.kmsKeys];
    kmsKeys.forEach(({ arn }, index) => arn && claim('arn', arn, `/${member}/${index}/arn`, 'this KMS key'));
    if (partner.kind === 'agency' && partner.fallback) {
      if (fallback) faults.push({ file, pointer: '/fallback', detail: `${fallback} is the fallback already` });
      fallback ??= file;
    }
  }
  return faults;
}

/** `partners`: sorted by id. */
function buildRegistry(partners: readonly Partner[]): Registry {
  const all = new Map(partners.map((partner) => [partner.id, partner]));
  const agencies = new Map<string, Agency>();
  const hotlines = new Map<string, Hotline>();
  const byCountry = new Map<string, Agency[]>();
  const keys = new Map<string, Map<string, VerificationKey>>();

  for (const partner of partners) {
    keys.set(partner.id, new Map(partner.keys.map(toVerificationKey).map((key) => [key.kid, key])));
    if (partner.kind === 'hotline') {
      hotlines.set(partner.id, partner);
      continue;
    }
    agencies.set(partner.id, partner);
    for (const country of partner.countries) byCountry.set(country, [...(byCountry.get(country) ?? []), partner]);
  }
  return {
    digest: hashText(JSON.stringify(partners.map(withoutCertificates))),
    hotlines,
    agencies,
    fallback: [...agencies.values()].find(({ fallback }) => fallback),
    agenciesFor: (country) => byCountry.get(country) ?? [],
    find: (id) => all.get(id),
    findKey: (id, kid) => keys.get(id)?.get(kid),
  };
}

/** Certificates are the affair of the agency's own stack: the functions are not given them. */
const withoutCertificates = (partner: Partner): object => ({ ...partner, rolesAnywhere: undefined });

/** The intake keys that a hotline may seal for at `now`, the current one (the highest generation) first. */
export const acceptedIntakeKeys = (hotline: Hotline, now: Timestamp): KmsKeyRecord[] =>
  hotline.intakeKeys
    .filter(({ retiredAt }) => retiredAt === undefined || now < retiredAt)
    .toSorted((a, b) => b.generation - a.generation);

/** The key that an agency's referrals are wrapped for now: its highest generation not retired, else its highest. */
export function wrappingKey(agency: Agency, now: Timestamp): KmsKeyRecord {
  const newestFirst = agency.kmsKeys.toSorted((a, b) => b.generation - a.generation);
  const key = newestFirst.find(({ retiredAt }) => retiredAt === undefined || now < retiredAt) ?? newestFirst[0];
  if (!key) throw new Error(`agency ${agency.id} has no KMS key`);
  return key;
}
