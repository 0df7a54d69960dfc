import path from 'node:path';
import * as z from 'zod/mini';
import { Hash, PartnerId } from '../core/schema.ts';
import { createStoredReader, makePrivateFolder, writeDurably } from './durable-file.ts';
import type { Directory, DirectoryPartner } from './directory.ts';
import { type KeyUse, UntrustedKeyError } from './errors.ts';

/*
 * Which keys the user has confirmed (protocol section 5, "Pinning"), as with ssh's known hosts. The directory is the
 * relay's word; a relay that lied about a key could read or forge. So a key counts only once its fingerprint was
 * confirmed, the very first one too: nothing is trusted at first sight. A partner that was confirmed and shows a
 * further key is `changed`, and that key is refused until it is confirmed as well; the older ones stay, for what they
 * signed is still to be verified.
 *
 * What a partner relies on. A hotline: its own intake key and the agencies' signing keys. An agency: the hotlines'
 * signing keys and those of the agencies that may send on. Both: further signing keys of their own, for what they signed
 * before a rotation.
 */

const Confirmed = z.strictObject({
  /** Fingerprints of signing keys, by partner id. */
  partners: z.record(PartnerId, z.array(Hash)),
  /** Fingerprints of this hotline's own intake keys. */
  intakeKeys: z.optional(z.array(Hash)),
});
/** The confirmed keys, as `trust.json` holds them. */
export type Confirmed = z.infer<typeof Confirmed>;

/** Keeps the confirmed keys. What it yields decides whom one believes: nobody else may be able to write there. */
export interface TrustStore {
  read(): Promise<Confirmed>;
  /** Resolves once it is stored durably. */
  write(confirmed: Confirmed): Promise<void>;
}

/** A `trust.json`; looked at whenever it is used, so that a confirmation reaches a program that is running. */
export function createTrustFile(file: string): TrustStore {
  const read = createStoredReader(file, Confirmed);
  return {
    read: async () => (await read()) ?? { partners: {} },
    async write(confirmed) {
      await makePrivateFolder(path.dirname(file));
      await writeDurably(file, confirmed);
    },
  };
}

export function createTrustMemory(confirmed: Confirmed = { partners: {} }): TrustStore {
  let held = confirmed;
  return {
    read: () => Promise.resolve(held),
    write(next) {
      held = next;
      return Promise.resolve();
    },
  };
}

/** A key that one relies on, or will when it is used. */
export interface TrustEntry {
  partner: string;
  use: KeyUse;
  /** The fingerprint to compare out of band: RFC 7638 thumbprint. */
  kid: string;
  /** `changed`: not confirmed, though other keys of this partner are. */
  state: 'trusted' | 'unknown' | 'changed';
  retiredAt?: string | undefined;
  compromisedAt?: string | undefined;
}

export interface Trust {
  /** @throws {UntrustedKeyError} unless the user has confirmed this key */
  require(key: Pick<TrustEntry, 'partner' | 'use' | 'kid' | 'compromisedAt'>): Promise<void>;
  /**
   * The keys that a directory lists and this partner relies on, by partner, to be shown before they are confirmed. A
   * compromised key that was not confirmed in time is not offered any more.
   * @param partner only of this one
   */
  review(directory: Directory, partner?: string): Promise<TrustEntry[]>;
  /** Trusts these keys from now on: exactly those that the user was shown and has compared. */
  confirm(entries: readonly Pick<TrustEntry, 'partner' | 'use' | 'kid'>[]): Promise<void>;
}

/** @param self whose trust it is; `kid` of the signing key in use, which needs no confirmation */
export function createTrust(store: TrustStore, self: { id: string; kind: 'hotline' | 'agency'; kid: string }): Trust {
  const isOwn = ({ partner, use, kid }: Pick<TrustEntry, 'partner' | 'use' | 'kid'>): boolean =>
    partner === self.id && use === 'signing' && kid === self.kid;

  return {
    async require(key) {
      if (isOwn(key)) return;
      const state = stateOf(await store.read(), key);
      if (state === 'trusted') return;
      throw new UntrustedKeyError({ ...key, situation: key.compromisedAt === undefined ? state : 'compromised' });
    },

    async review(directory, partner) {
      const confirmed = await store.read();
      const signing = Array.from(directory.partners.values())
        .filter((other) => other.id === self.id || reliesOn(self.kind, other))
        .flatMap(({ id, keys }) =>
          Array.from(keys.values(), (key) => ({ partner: id, use: 'signing' as const, ...key })),
        );
      const intake = directory.intakeKeys.map(({ kid }) => ({ partner: self.id, use: 'intake' as const, kid }));
      return [...intake, ...signing]
        .filter((key) => !isOwn(key) && (partner === undefined || key.partner === partner))
        .map((key) => toEntry(key, stateOf(confirmed, key)))
        .filter(({ state, compromisedAt }) => state === 'trusted' || compromisedAt === undefined)
        .sort((a, b) => (a.partner < b.partner ? -1 : a.partner > b.partner ? 1 : 0));
    },

    async confirm(entries) {
      const confirmed = await store.read();
      const partners = new Map(Object.entries(confirmed.partners));
      const intakeKeys = new Set(confirmed.intakeKeys);
      for (const { partner, use, kid } of entries) {
        if (use === 'intake') intakeKeys.add(kid);
        else partners.set(partner, [...new Set([...(partners.get(partner) ?? []), kid])]);
      }
      await store.write({
        partners: Object.fromEntries([...partners].sort(([a], [b]) => (a < b ? -1 : 1))),
        ...(intakeKeys.size > 0 && { intakeKeys: [...intakeKeys] }),
      });
    },
  };
}

const reliesOn = (kind: 'hotline' | 'agency', other: DirectoryPartner): boolean =>
  kind === 'hotline'
    ? other.kind === 'agency'
    : other.kind === 'hotline' || ('forwards' in other && other.forwards === true);

function stateOf(
  { partners, intakeKeys = [] }: Confirmed,
  { partner, use, kid }: Pick<TrustEntry, 'partner' | 'use' | 'kid'>,
): TrustEntry['state'] {
  const known = use === 'intake' ? intakeKeys : Object.hasOwn(partners, partner) ? (partners[partner] ?? []) : [];
  if (known.includes(kid)) return 'trusted';
  return known.length > 0 ? 'changed' : 'unknown';
}

const toEntry = (
  { partner, use, kid, ...dates }: Pick<TrustEntry, 'partner' | 'use' | 'kid' | 'retiredAt' | 'compromisedAt'>,
  state: TrustEntry['state'],
): TrustEntry => ({ partner, use, kid, state, retiredAt: dates.retiredAt, compromisedAt: dates.compromisedAt });
