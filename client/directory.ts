import * as z from 'zod/mini';
import { IntakeJwk, SigningJwk, thumbprint, toVerificationKey, type VerificationKey } from '../core/keys.ts';
import type { AgencyBook } from '../core/routing.ts';
import { PartnerId, Timestamp } from '../core/schema.ts';
import { MINUTE } from '../core/time.ts';
import { ClientError } from './errors.ts';
import { pathOf, read } from './relay.ts';
import { type Runtime, runtimeOf } from './runtime.ts';
import type { Transport } from './transport.ts';

/* The directory (protocol section 7): who takes part, and with which keys. It is the relay's word, hence `trust.ts`. */

/** How long a directory is used before it is asked for again, in milliseconds. */
const MAX_AGE = MINUTE;

const Key = z.object({
  kid: z.string(),
  jwk: z.unknown(),
  retiredAt: z.optional(Timestamp),
  compromisedAt: z.optional(Timestamp),
});
const Document = z.object({
  agencies: z.array(
    z.object({
      id: PartnerId,
      countries: z.array(z.string()),
      fallback: z.boolean(),
      forwards: z.boolean(),
      keys: z.array(Key),
    }),
  ),
  hotlines: z.array(z.object({ id: PartnerId, keys: z.array(Key) })),
  intakeKeys: z.optional(z.array(z.object({ kid: z.string(), jwk: z.unknown(), current: z.boolean() }))),
});

export interface DirectoryPartner {
  id: string;
  kind: 'hotline' | 'agency';
  /** By thumbprint. Keys of a kind that this version does not know are left out. */
  keys: ReadonlyMap<string, VerificationKey>;
}

export interface DirectoryAgency extends DirectoryPartner {
  kind: 'agency';
  countries: readonly string[];
  fallback: boolean;
  /** May send referrals on. */
  forwards: boolean;
}

/** One of the caller's own intake keys; new referrals are sealed for the current one. */
export interface DirectoryIntakeKey {
  kid: string;
  jwk: IntakeJwk;
  current: boolean;
}

export interface Directory extends AgencyBook {
  /** By partner id. */
  partners: ReadonlyMap<string, DirectoryPartner | DirectoryAgency>;
  fallback: DirectoryAgency | undefined;
  agenciesFor(country: string): readonly DirectoryAgency[];
  intakeKeys: readonly DirectoryIntakeKey[];
}

export interface DirectoryClient {
  /** The directory, at most a minute old. @throws as {@link Transport.call} */
  current(): Promise<Directory>;
  /** The directory as it is now; costs the relay little if nothing has changed. */
  refresh(): Promise<Directory>;
}

export function createDirectoryClient(transport: Transport, runtime?: Partial<Runtime>): DirectoryClient {
  const clock = runtimeOf(runtime);
  let known: { directory: Directory; etag: string | null; at: number } | undefined;
  let underWay: Promise<Directory> | undefined;

  async function fetchDirectory(): Promise<Directory> {
    const headers = known?.etag ? { 'if-none-match': known.etag } : {};
    const reply = await transport.call({ method: 'GET', path: pathOf('directory'), headers });
    const at = clock.now();
    if (reply.status !== 304) {
      known = { directory: toDirectory(read(Document, reply)), etag: reply.headers.get('etag'), at };
    } else if (known) {
      known.at = at;
    } else {
      throw new ClientError(
        'unexpected-answer',
        'The relay says that the directory is unchanged, but none was fetched.',
      );
    }
    return known.directory;
  }

  /** Those who ask at the same time share one request. */
  const refresh = (): Promise<Directory> =>
    (underWay ??= fetchDirectory().finally(() => {
      underWay = undefined;
    }));

  return {
    refresh,
    async current() {
      const age = known && clock.now() - known.at;
      // Negative where the clock was set back: nobody knows then how old it is.
      return known && age !== undefined && age >= 0 && age < MAX_AGE ? known.directory : refresh();
    },
  };
}

function toDirectory({ agencies, hotlines, intakeKeys = [] }: z.infer<typeof Document>): Directory {
  const listed = agencies.map((agency) => ({ ...agency, kind: 'agency' as const, keys: toKeys(agency.keys) }));
  const others = hotlines.map((hotline) => ({ ...hotline, kind: 'hotline' as const, keys: toKeys(hotline.keys) }));
  const byCountry = new Map<string, DirectoryAgency[]>();
  for (const agency of listed) {
    for (const country of agency.countries) byCountry.set(country, [...(byCountry.get(country) ?? []), agency]);
  }
  return {
    partners: new Map([...listed, ...others].map((partner) => [partner.id, partner])),
    fallback: listed.find(({ fallback }) => fallback),
    agenciesFor: (country) => byCountry.get(country) ?? [],
    intakeKeys: intakeKeys.flatMap(({ kid, jwk, current }) => {
      const parsed = IntakeJwk.safeParse(jwk);
      return parsed.success ? [{ kid: nameOf(parsed.data, kid), jwk: parsed.data, current }] : [];
    }),
  };
}

function toKeys(listed: readonly z.infer<typeof Key>[]): ReadonlyMap<string, VerificationKey> {
  const keys = new Map<string, VerificationKey>();
  for (const { kid, jwk, ...dates } of listed) {
    const parsed = SigningJwk.safeParse(jwk);
    if (parsed.success) keys.set(nameOf(parsed.data, kid), toVerificationKey({ jwk: parsed.data, ...dates }));
  }
  return keys;
}

/** A key goes by the thumbprint computed here: a fingerprint that is compared must be that of the key that is used. */
function nameOf(jwk: SigningJwk | IntakeJwk, kid: string): string {
  if (thumbprint(jwk) === kid) return kid;
  throw new ClientError('unexpected-answer', 'The directory lists a key under the name of another: tell the operator.');
}
