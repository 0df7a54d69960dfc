import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod/mini';
import { Acceptance } from '../core/contracts.ts';
import { isReferralId } from '../core/ids.ts';
import { Hash, Onward, PartnerId, ReferralId, Routing, Timestamp, Urgency } from '../core/schema.ts';
import { isMissing, makePrivateFolder, readStored, writeDurably } from './durable-file.ts';

/*
 * What a hotline has sealed and what became of it (protocol section 2, step 4): the sealed bytes are stored before they
 * are sent, and a retry sends them again. It holds no plaintext.
 */

const Entry = z.strictObject({
  v: z.literal(1),
  id: ReferralId,
  hotline: PartnerId,
  sealedAt: Timestamp,
  /** Hash of the draft, so that the same draft is not sealed twice. */
  draft: Hash,
  routing: Routing,
  urgency: Urgency,
  onward: Onward,
  sealed: z.string(),
  /** SHA-256 over `sealed`, which names it in every statement. */
  hash: Hash,
  /**
   * `sealed`: not known to be with the relay; `accepted`: the relay owns it; `refused`: this sealed referral will not be
   * taken, and its draft may be sealed anew.
   */
  state: z.enum(['sealed', 'accepted', 'refused']),
  acceptance: z.optional(Acceptance),
  refusal: z.optional(z.strictObject({ code: z.string(), detail: z.string(), at: Timestamp })),
});
/** One sealed referral. Only `state`, `acceptance` and `refusal` ever change. */
export type JournalEntry = z.infer<typeof Entry>;

/**
 * Keeps sealed referrals, for one process at a time. Implement it over a database of your own if you have one: a
 * promise that resolves says that the entry survives a crash from then on.
 */
export interface Journal {
  /** Writes an entry, over the one of the same id. It is first written in state `sealed`. */
  write(entry: JournalEntry): Promise<void>;
  read(id: string): Promise<JournalEntry | undefined>;
  /**
   * Of the entries for a draft with this hash, the one that came last into being. What becomes of an earlier one does not
   * put it first again: if that is refused, the draft would be sealed once more.
   */
  findDraft(draft: string): Promise<JournalEntry | undefined>;
  /** Ids of the entries in state `sealed`, oldest first: what is still owed to the relay. */
  unfinished(): Promise<string[]>;
}

const Pointer = z.strictObject({ id: ReferralId });

/**
 * A journal in a folder: one file per referral, in `unfinished/` until the relay has answered and in `finished/` then;
 * `drafts/` leads from a draft's hash to its referral.
 */
export function createJournalFolder(folder: string): Journal {
  const fileOf = (part: 'unfinished' | 'finished', id: string): string => path.join(folder, part, `${id}.json`);
  const pointerOf = (draft: string): string => path.join(folder, 'drafts', `${draft}.json`);

  async function read(id: string): Promise<JournalEntry | undefined> {
    if (!isReferralId(id)) return undefined;
    // A crash between the two steps of finishing leaves both files; the finished one is the later.
    return (await readStored(fileOf('finished', id), Entry)) ?? readStored(fileOf('unfinished', id), Entry);
  }

  return {
    read,

    async write(entry) {
      await Promise.all(['unfinished', 'finished', 'drafts'].map((part) => makePrivateFolder(path.join(folder, part))));
      if (entry.state === 'sealed') {
        // First, so that a crash in between leaves a pointer to nothing and not an entry that its draft does not find.
        await writeDurably(pointerOf(entry.draft), { id: entry.id } satisfies z.infer<typeof Pointer>);
        return writeDurably(fileOf('unfinished', entry.id), entry);
      }
      await writeDurably(fileOf('finished', entry.id), entry);
      await rm(fileOf('unfinished', entry.id), { force: true });
    },

    async findDraft(draft) {
      const pointer = await readStored(pointerOf(draft), Pointer);
      const entry = pointer && (await read(pointer.id));
      return entry?.draft === draft ? entry : undefined;
    },

    async unfinished() {
      const finished = new Set(await listIds(path.join(folder, 'finished')));
      return (await listIds(path.join(folder, 'unfinished'))).filter((id) => !finished.has(id));
    },
  };
}

/** Ids of the entries in a folder; they sort by time. Half-written files of a crash have other names. */
async function listIds(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length))
      .filter(isReferralId)
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** A journal that a crash empties: for tests, and for trying things out. */
export function createJournalMemory(): Journal {
  const entries = new Map<string, JournalEntry>();
  const drafts = new Map<string, string>();
  const read = (id: string | undefined): Promise<JournalEntry | undefined> =>
    Promise.resolve(id === undefined ? undefined : structuredClone(entries.get(id)));
  return {
    read,
    write(entry) {
      entries.set(entry.id, structuredClone(entry));
      if (entry.state === 'sealed') drafts.set(entry.draft, entry.id);
      return Promise.resolve();
    },
    findDraft: (draft) => read(drafts.get(draft)),
    unfinished: () =>
      Promise.resolve(
        Array.from(entries.values())
          .filter(({ state }) => state === 'sealed')
          .map(({ id }) => id)
          .sort(),
      ),
  };
}
