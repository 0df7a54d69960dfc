import { KmsError } from './errors.ts';
import type { KeyFolder } from './key-folder.ts';
import type { KeySpec, KeyUsage } from './key-specs.ts';
import type { Material } from './material.ts';

export interface Key {
  readonly id: string;
  readonly arn: string;
  readonly account: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly description: string;
  /** The key policy as CreateKey or PutKeyPolicy was given it; `authorize` sees it, nothing here interprets it. */
  policy: string | undefined;
  readonly tags: readonly { TagKey: string; TagValue: string }[];
  readonly spec: KeySpec;
  readonly usage: KeyUsage;
  readonly material: Material;
  status: KeyStatus;
}

export interface KeyStatus {
  readonly state: 'Enabled' | 'Disabled' | 'PendingDeletion';
  /** Milliseconds since 1970, with `PendingDeletion` only; from then on there is no such key. */
  readonly deletionDate?: number | undefined;
  readonly rotation: boolean;
}

export interface Alias {
  readonly account: string;
  /** `alias/…` */
  readonly name: string;
  readonly keyId: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/**
 * All keys and aliases of all accounts. Changes run one after the other; each is on disk, where there is a folder,
 * before anybody sees it, so what was answered survives and what failed did not happen.
 */
export class KeyStore {
  readonly #keys = new Map<string, Key>();
  readonly #aliases = new Map<string, Alias>();
  readonly #folder: KeyFolder | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder?: KeyFolder, content: { keys: readonly Key[]; aliases: readonly Alias[] } = NOTHING) {
    this.#folder = folder;
    for (const key of content.keys) this.#keys.set(key.id, key);
    for (const alias of content.aliases) this.#aliases.set(nameOf(alias.account, alias.name), alias);
  }

  key(id: string): Key | undefined {
    return this.#keys.get(id);
  }

  alias(account: string, name: string): Alias | undefined {
    return this.#aliases.get(nameOf(account, name));
  }

  /** The aliases of an account, by name. */
  aliasesIn(account: string): Alias[] {
    const own = [...this.#aliases.values()].filter((alias) => alias.account === account);
    return own.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  aliasesOf(key: Key): string[] {
    return [...this.#aliases.values()].filter((alias) => alias.keyId === key.id).map((alias) => alias.name);
  }

  addKey(key: Key): Promise<void> {
    return this.#change(async () => {
      await this.#folder?.saveKey(key);
      this.#keys.set(key.id, key);
    });
  }

  /** `next` sees the status of this moment and refuses by throwing. */
  changeStatus(key: Key, next: (status: KeyStatus) => KeyStatus): Promise<void> {
    return this.#change(async () => {
      const status = next(key.status);
      await this.#folder?.saveKey({ ...key, status });
      key.status = status;
    });
  }

  changePolicy(key: Key, policy: string): Promise<void> {
    return this.#change(async () => {
      await this.#folder?.saveKey({ ...key, policy });
      key.policy = policy;
    });
  }

  /** `next` sees the alias of this moment, refuses by throwing, and deletes by returning nothing. */
  changeAlias(account: string, name: string, next: (alias: Alias | undefined) => Alias | undefined): Promise<void> {
    return this.#change(async () => {
      const alias = next(this.alias(account, name));
      const others = [...this.#aliases.values()].filter((other) => other !== this.alias(account, name));
      await this.#folder?.saveAliases(alias === undefined ? others : [...others, alias]);
      if (alias === undefined) this.#aliases.delete(nameOf(account, name));
      else this.#aliases.set(nameOf(account, name), alias);
    });
  }

  /** Destroys every key whose deletion date has come, with its aliases; the aliases first, so none is left dangling. */
  async expire(now: number): Promise<void> {
    if (!this.#dueAt(now)) return;
    await this.#change(async () => {
      for (const key of this.#keys.values()) {
        if (!isDue(key, now)) continue;
        const doomed = [...this.#aliases].filter(([, alias]) => alias.keyId === key.id);
        const rest = [...this.#aliases.values()].filter((alias) => alias.keyId !== key.id);
        if (doomed.length > 0) await this.#folder?.saveAliases(rest);
        await this.#folder?.removeKey(key);
        for (const [name] of doomed) this.#aliases.delete(name);
        this.#keys.delete(key.id);
      }
    });
  }

  /** Settles when every change begun so far is over. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #dueAt(now: number): boolean {
    return this.#keys.values().some((key) => isDue(key, now));
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** @throws {KmsError} unless the key can be used in a cryptographic operation */
export function requireEnabled(key: Key): void {
  requireNotPendingDeletion(key, key.status);
  if (key.status.state === 'Disabled') throw new KmsError('DisabledException', `${key.arn} is disabled.`);
}

/** @throws {KmsError} when the key is scheduled for deletion */
export function requireNotPendingDeletion(key: Key, status: KeyStatus): void {
  if (status.state === 'PendingDeletion') {
    throw new KmsError('KMSInvalidStateException', `${key.arn} is pending deletion.`);
  }
}

const NOTHING = { keys: [], aliases: [] };

const nameOf = (account: string, alias: string): string => `${account} ${alias}`;

const isDue = (key: Key, now: number): boolean =>
  key.status.state === 'PendingDeletion' && (key.status.deletionDate ?? Infinity) <= now;
