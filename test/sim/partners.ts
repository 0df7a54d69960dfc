import { createPublicKey, type KeyObject } from 'node:crypto';
import { IntakeJwk, type KeyRecord, thumbprint } from '../../core/keys.ts';
import type { Clock } from '../../core/ports.ts';
import { type KmsKeyRecord, loadRegistry, type Registry } from '../../core/registry.ts';
import type { Timestamp } from '../../core/schema.ts';
import { MINUTE, toTimestamp } from '../../core/time.ts';
import { makeIntakeKey, MemoryKeys } from '../doubles/memory-keys.ts';
import { makeSigner, type Signer } from '../support/envelope.ts';

export const STAGE = 'sim';

export const HOTLINES = ['gb-hotline', 'us-hotline'] as const;

/** The hotline that may not submit as often as it likes. */
const LIMITED = 'us-hotline';
const LIMITS = { submissionsPerMinute: 2 };

interface AgencyTraits {
  countries: readonly string[];
  fallback?: true;
  forwards?: true;
  /** Not registered when a run begins. */
  late?: true;
}

export const AGENCIES: Readonly<Record<string, AgencyTraits>> = {
  'de-police': { countries: ['AT', 'DE'] },
  'es-police': { countries: ['ES'], late: true },
  'fr-gendarmes': { countries: ['FR', 'MC'] },
  'fr-police': { countries: ['FR'], forwards: true },
  'int-clearing': { countries: [], fallback: true, forwards: true },
};

/** Those that agencies serve, and one that none does. */
export const COUNTRIES = ['AT', 'DE', 'ES', 'FR', 'MC', 'AQ'] as const;

/** Keys made once, since RSA_4096 takes its time; which they are does not change the course of a run. */
export interface Keyring {
  /** For each hotline, by generation. */
  intake: Readonly<Record<string, readonly KeyObject[]>>;
  /** For each partner, in the order in which they come into use. */
  signing: Readonly<Record<string, readonly Signer[]>>;
}

const signers = (): Signer[] => [makeSigner('Ed25519'), makeSigner('P-256'), makeSigner('Ed25519')];

export function makeKeyring(): Keyring {
  return {
    intake: { 'gb-hotline': [makeIntakeKey(), makeIntakeKey()], 'us-hotline': [makeIntakeKey()] },
    signing: Object.fromEntries([...HOTLINES, ...Object.keys(AGENCIES)].map((id) => [id, signers()])),
  };
}

/** For how long functions may still run with the registry before a change. */
const ROLLOUT = 10 * MINUTE;

interface Standing {
  kind: 'hotline' | 'agency';
  isRegistered: boolean;
  /** Its keys stay with those who verify: a registered key is never removed (protocol, "Parties"). */
  wasRegistered: boolean;
  /** How many of its signing keys have come into use. */
  signing: number;
  signingRetiredAt: Timestamp[];
  /** Intake keys of a hotline, wrapping keys of an agency. */
  kmsKeys: KmsKeyRecord[];
}

/** Who takes part in a run, and with which keys. */
export class Partners {
  registry: Registry;
  /** One for all runs of a thread, since it remembers what it has unwrapped; every run begins with fresh keys. */
  readonly keys: MemoryKeys;
  readonly #clock: Clock;
  readonly #keyring: Keyring;
  readonly #standings = new Map<string, Standing>();
  readonly #everUnserved = new Set<string>();
  #before: Registry | undefined;
  #directory: Registry | undefined;
  #changedAt = 0;

  constructor(clock: Clock, keyring: Keyring) {
    this.#clock = clock;
    this.#keyring = keyring;
    this.keys = keysOf(keyring);
    for (const id of HOTLINES) this.#join(id, 'hotline', true);
    for (const [id, { late }] of Object.entries(AGENCIES)) this.#join(id, 'agency', !late);
    this.registry = this.#loadRegistry();
  }

  /** What partners verify with: everybody who is registered, or was. */
  get directory(): Registry {
    this.#directory ??= this.#load(({ wasRegistered }) => wasRegistered);
    return this.#directory;
  }

  /** The registry as a process has it that `behind` or not. */
  registryOf(behind: boolean): Registry {
    const isLate = behind && this.#clock.now() < this.#changedAt + ROLLOUT;
    return (isLate ? this.#before : undefined) ?? this.registry;
  }

  isRegistered(partner: string): boolean {
    return this.#of(partner).isRegistered;
  }

  /** Whether some registry of this run had no agency for `country`. */
  wasEverUnserved(country: string): boolean {
    return this.#everUnserved.has(country);
  }

  register(partner: string, isRegistered: boolean): void {
    const standing = this.#of(partner);
    standing.isRegistered = isRegistered;
    standing.wasRegistered ||= isRegistered;
    this.#change();
  }

  /**
   * A new signing key comes into use; the one before counts for `overlap` more milliseconds, and until no function has
   * the registry from before any more, as the runbook has it: those would still take in what nobody counts.
   */
  rotateSigning(partner: string, overlap: number): boolean {
    const standing = this.#of(partner);
    if (standing.signing >= (this.#keyring.signing[partner]?.length ?? 0)) return false;
    standing.signing += 1;
    standing.signingRetiredAt.push(toTimestamp(this.#clock.now() + Math.max(overlap, ROLLOUT + MINUTE)));
    this.#change();
    return true;
  }

  /** A new KMS key comes into use; a hotline may seal for the one before for `overlap` more milliseconds. */
  rotateKmsKey(partner: string, overlap: number): boolean {
    const standing = this.#of(partner);
    const [last] = standing.kmsKeys.slice(-1);
    if (!last) return false;
    const next = { generation: last.generation + 1 };
    if (standing.kind === 'hotline') {
      const key = this.#keyring.intake[partner]?.[next.generation - 1];
      if (!key) return false;
      this.keys.createIntakeKey(partner, next, key);
    } else {
      this.keys.createAgencyKey(partner, next);
    }
    last.retiredAt = toTimestamp(this.#clock.now() + overlap);
    standing.kmsKeys.push(next);
    this.#change();
    return true;
  }

  /** Every KMS key of the partner, oldest first. */
  kmsKeys(partner: string): readonly KmsKeyRecord[] {
    return this.#of(partner).kmsKeys;
  }

  setKeyState(partner: string, state: Parameters<MemoryKeys['setState']>[1]): void {
    const { kind, kmsKeys } = this.#of(partner);
    for (const record of kmsKeys) {
      const id = kind === 'hotline' ? this.keys.intakeKeyId(partner, record) : this.keys.agencyKeyId(partner, record);
      this.keys.setState(id, state);
    }
  }

  signer(partner: string): Signer {
    const signer = this.#keyring.signing[partner]?.[this.#of(partner).signing - 1];
    if (!signer) throw new RangeError(`no signing key of ${partner}`);
    return signer;
  }

  /** The public half of a hotline's intake key, and its thumbprint. */
  intakeKey(hotline: string, { generation }: KmsKeyRecord): { key: KeyObject; kid: string } {
    const privateKey = this.#keyring.intake[hotline]?.[generation - 1];
    if (!privateKey) throw new RangeError(`no intake key ${generation} of ${hotline}`);
    return publicHalf(privateKey);
  }

  #of(partner: string): Standing {
    const standing = this.#standings.get(partner);
    if (!standing) throw new RangeError(`no such partner: ${partner}`);
    return standing;
  }

  #join(id: string, kind: Standing['kind'], isRegistered: boolean): void {
    const first = { generation: 1 };
    this.#standings.set(id, {
      kind,
      isRegistered,
      wasRegistered: isRegistered,
      signing: 1,
      signingRetiredAt: [],
      kmsKeys: [first],
    });
    const [intakeKey] = this.#keyring.intake[id] ?? [];
    if (kind === 'hotline' && intakeKey) this.keys.createIntakeKey(id, first, intakeKey);
    if (kind === 'agency') this.keys.createAgencyKey(id, first);
  }

  #change(): void {
    this.#before = this.registry;
    this.#changedAt = this.#clock.now();
    this.#directory = undefined;
    this.registry = this.#loadRegistry();
  }

  #loadRegistry(): Registry {
    const registry = this.#load(({ isRegistered }) => isRegistered);
    for (const country of COUNTRIES) if (registry.agenciesFor(country).length === 0) this.#everUnserved.add(country);
    return registry;
  }

  #load(isIn: (standing: Standing) => boolean): Registry {
    const files = [...this.#standings]
      .filter(([, standing]) => isIn(standing))
      .map(([id, standing]) => ({ name: `${id}.json`, text: JSON.stringify(this.#toFile(id, standing)) }));
    return loadCached(files);
  }

  #toFile(id: string, { kind, signing, signingRetiredAt, kmsKeys }: Standing): object {
    const keys = (this.#keyring.signing[id] ?? []).slice(0, signing).map(({ record: { jwk } }, index): KeyRecord => {
      const retiredAt = signingRetiredAt[index];
      return { jwk, ...(retiredAt !== undefined && { retiredAt }) };
    });
    const base = { kind, id, name: id, contact: { email: 'ops@example.org' }, keys };
    if (kind === 'hotline') return { ...base, intakeKeys: kmsKeys, ...(id === LIMITED && { limits: LIMITS }) };
    const { countries, fallback = false, forwards = false } = AGENCIES[id] ?? { countries: [] };
    return { ...base, countries, fallback, forwards, kmsKeys };
  }
}

const sharedKeys = new WeakMap<Keyring, MemoryKeys>();

function keysOf(keyring: Keyring): MemoryKeys {
  const keys = sharedKeys.get(keyring) ?? new MemoryKeys(STAGE);
  sharedKeys.set(keyring, keys);
  return keys;
}

const publicHalves = new WeakMap<KeyObject, { key: KeyObject; kid: string }>();

function publicHalf(privateKey: KeyObject): { key: KeyObject; kid: string } {
  const known = publicHalves.get(privateKey);
  if (known) return known;
  const key = createPublicKey(privateKey);
  const half = { key, kid: thumbprint(IntakeJwk.parse(key.export({ format: 'jwk' }))) };
  publicHalves.set(privateKey, half);
  return half;
}

const loaded = new Map<string, Registry>();

/** Most runs begin with the same registry. */
function loadCached(files: readonly { name: string; text: string }[]): Registry {
  const name = JSON.stringify(files);
  const known = loaded.get(name);
  if (known) return known;
  const registry = loadRegistry(files);
  if (loaded.size < 100) loaded.set(name, registry);
  return registry;
}
