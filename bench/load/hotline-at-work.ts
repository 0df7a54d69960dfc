import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ClientError,
  createHotline,
  createJournalMemory,
  type Hotline,
  type Journal,
  loadHotlineProfile,
  RelayProblem,
} from '../../client/index.ts';
import type { ReferralDraft } from '../../core/referral.ts';
import type { Book, HotlineEntry } from './books.ts';
import { complete, digestOf } from './drafts.ts';

/** A hotline that never gives up: it submits until the relay has accepted, collects what is answered, and writes it down. */
export interface HotlineAtWork {
  id: string;
  /** Writes a referral down and seals it; nothing is sent. */
  prepare(draft: ReferralDraft): Promise<{ id: string }>;
  /**
   * Submits what was sealed, as often as it takes.
   * @param meantAt when it was meant to be sent, in milliseconds since 1970; now if not given
   */
  submit(id: string, signal?: AbortSignal, meantAt?: number): Promise<void>;
  /** What was sealed, in this process or in one before, and is not known to be accepted. */
  unfinished(): Promise<string[]>;
  /** Collects outcomes until `signal` is aborted. */
  collect(signal: AbortSignal): Promise<void>;
}

/** Between two attempts while the relay is away, in milliseconds. */
const PAUSE = 200;
/** How long the client itself repeats a call, in milliseconds: short, so that it is there when the relay comes back. */
const PATIENCE = 10_000;

/** @param memory keep the journal in memory instead of the profile's folder */
export async function hireHotline(
  profilesDir: string,
  hotline: string,
  book: Book<HotlineEntry>,
  { memory = false } = {},
): Promise<HotlineAtWork> {
  const profile = await loadHotlineProfile(join(profilesDir, hotline));
  const journal = memory ? createLightJournal() : profile.journal;
  const fetch = (url: string, init: RequestInit): Promise<Response> => {
    if (url.endsWith('/v1/referrals')) book.add({ kind: 'sent', at: Date.now() });
    return globalThis.fetch(url, init);
  };
  const client = createHotline({ ...profile, journal, patience: PATIENCE, runtime: { fetch } });
  const accepted = new Set(book.entries.flatMap((entry) => (entry.kind === 'accepted' ? [entry.id] : [])));
  const outcomes = new Set(book.entries.flatMap((entry) => (entry.kind === 'outcome' ? [nameOf(entry)] : [])));

  async function submit(id: string, signal?: AbortSignal, meantAt = Date.now()): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        const { routes } = await client.submit(id);
        const at = Date.now();
        accepted.add(id);
        const agencies = routes.map(({ agency }) => agency);
        book.add({ kind: 'accepted', id, agencies, took: at - meantAt, at });
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        await delay(PAUSE, undefined, signal && { signal });
      }
    }
  }

  return {
    id: hotline,
    async prepare(draft) {
      const referral = complete(draft, hotline, Date.now());
      const { id, urgency } = referral;
      book.add({ kind: 'written', id, digest: digestOf(referral), urgency, at: Date.now() });
      await untilDone(() => client.seal(referral));
      return { id };
    },
    submit,
    async unfinished() {
      const written = book.entries.flatMap((entry) => (entry.kind === 'written' ? [entry.id] : []));
      // The end of a process may come between the journal's entry and the book's.
      const ids = written.filter((id) => !accepted.has(id));
      const known = await Promise.all(ids.map(async (id) => ((await journal.read(id)) === undefined ? [] : [id])));
      return known.flat();
    },
    async collect(signal) {
      while (!signal.aborted) {
        try {
          await collectOnce(client, signal);
        } catch (error) {
          if (!isPassing(error)) throw error;
          await delay(PAUSE, undefined, { signal }).catch(() => undefined);
        }
      }
    },
  };

  async function collectOnce(from: Hotline, signal: AbortSignal): Promise<void> {
    for await (const outcome of from.outcomes({ signal })) {
      const at = Date.now();
      if (outcome.kind === 'event') {
        book.add({ kind: 'strange', id: outcome.referral, what: outcome.event, at });
      } else if (outcome.check !== 'verified') {
        book.add({ kind: 'strange', id: outcome.referral, what: outcome.check, at });
      } else {
        const { agency, status } = outcome.payload;
        const entry = { kind: 'outcome', id: outcome.referral, agency, status, at } as const;
        book.add({ ...entry, again: outcomes.has(nameOf(entry)) });
        outcomes.add(nameOf(entry));
      }
    }
  }
}

const nameOf = ({ id, agency, status }: { id: string; agency: string; status: string }): string =>
  `${id} ${agency} ${status}`;

/** Whether a failure passes by itself: the relay is away, or has its hands full. */
const isPassing = (error: unknown): error is ClientError | RelayProblem =>
  (error instanceof ClientError && error.code === 'relay-unreachable') ||
  (error instanceof RelayProblem && error.transient);

async function untilDone<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await delay(PAUSE);
    }
  }
}

/** A journal in memory that forgets the sealed bytes of what was accepted. */
function createLightJournal(): Journal {
  const journal = createJournalMemory();
  return {
    ...journal,
    write: (entry) => journal.write(entry.state === 'accepted' ? { ...entry, sealed: '' } : entry),
  };
}
