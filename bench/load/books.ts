import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import type { OutcomeStatus } from '../../core/contracts.ts';
import type { Urgency } from '../../core/schema.ts';

/*
 * What each partner writes down of what it did and saw: nothing but an append-only list, so that two books can be held
 * against each other afterwards. `at`: milliseconds since 1970.
 */

export type HotlineEntry =
  /** Before it is sealed. */
  | { kind: 'written'; id: string; digest: string; urgency: Urgency; at: number }
  /** A submission leaves for the relay, be it for the first time or again. */
  | { kind: 'sent'; at: number }
  /** `took`: milliseconds from when it was meant to be sent; 0 where nobody measures. */
  | { kind: 'accepted'; id: string; agencies: string[]; took: number; at: number }
  /** `again`: it had been collected before. */
  | { kind: 'outcome'; id: string; agency: string; status: OutcomeStatus; again: boolean; at: number }
  /** What ought not to come: a statement that does not verify, an event that nobody expects. */
  | { kind: 'strange'; id: string; what: string; at: number };

export type AgencyEntry =
  /** Handed over by the client, to be filed. `waited`: milliseconds since the relay accepted it. */
  | {
      kind: 'opened';
      hotline: string;
      id: string;
      version: number;
      digest: string;
      urgency: Urgency;
      waited: number;
      at: number;
    }
  /** It came again and had no second effect; `by`: who noticed. */
  | { kind: 'suppressed'; hotline: string; id: string; by: 'client' | 'book'; at: number }
  | { kind: 'strange'; hotline: string; id: string; what: string; at: number };

export interface Book<E> {
  readonly entries: readonly E[];
  add(entry: E): void;
}

/**
 * A book in memory or in a file, one entry a line. What was added survives the end of the process (not of the machine);
 * a line that a kill cut short was never added.
 */
export function openBook<E>(file?: string): Book<E> {
  const entries: E[] = file === undefined ? [] : readBook<E>(file);
  return {
    entries,
    add(entry) {
      if (file !== undefined) appendFileSync(file, `${JSON.stringify(entry)}\n`);
      entries.push(entry);
    },
  };
}

/** The entries of a book's file, which nobody is writing; none if there is none. Removes a line that was cut short. */
export function readBook<E>(file: string): E[] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole !== text) truncateSync(file, Buffer.byteLength(whole));
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as E);
}
