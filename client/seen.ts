import path from 'node:path';
import * as z from 'zod/mini';
import { WithdrawStatement } from '../core/contracts.ts';
import { isPartnerId, isReferralId, type ReferralName } from '../core/ids.ts';
import { Hash, PartnerId, ReferralId, Timestamp } from '../core/schema.ts';
import { makePrivateFolder, readStored, writeDurably } from './durable-file.ts';

const Seen = z.strictObject({
  v: z.literal(1),
  hotline: PartnerId,
  id: ReferralId,
  /** What the handler has returned for. */
  handled: z.array(z.strictObject({ version: z.int(), sealed: Hash })),
  /** The hotline's withdrawal; what is delivered of these bytes later is discarded. */
  withdrawn: z.optional(
    z.strictObject({
      sealed: Hash,
      reason: WithdrawStatement.shape.reason,
      acceptedAt: Timestamp,
      /** Whether the handler has returned for it. */
      told: z.boolean(),
      /** Whether it was told then that something had been handed over. */
      handed: z.optional(z.boolean()),
    }),
  ),
});
/** What an agency remembers of a referral, so that a message which comes again has no second effect. No content. */
export type SeenReferral = z.infer<typeof Seen>;

/**
 * Remembers referrals. Implement it over a database of your own if several machines poll the same queues. Keep entries
 * as long as the relay keeps statements (400 days unless its operator says otherwise).
 */
export interface SeenStore {
  read(name: ReferralName): Promise<SeenReferral | undefined>;
  /**
   * Writes over the entry of the same hotline and id; resolves once it is stored durably. It was read the moment before;
   * where several machines write, it must not lose what another added to `handled`, nor its `withdrawn` and what is
   * `true` in it.
   */
  write(seen: SeenReferral): Promise<void>;
}

/** A folder with one file per referral, `<hotline>/<id>.json`. */
export function createSeenFolder(folder: string): SeenStore {
  return {
    async read({ hotline, id }) {
      if (!isPartnerId(hotline) || !isReferralId(id)) return undefined;
      return readStored(path.join(folder, hotline, `${id}.json`), Seen);
    },
    async write(seen) {
      const parent = path.join(folder, seen.hotline);
      await makePrivateFolder(parent);
      await writeDurably(path.join(parent, `${seen.id}.json`), seen);
    },
  };
}

/** Forgets with the process: then a message that comes again is handed over again. */
export function createSeenMemory(): SeenStore {
  const entries = new Map<string, SeenReferral>();
  return {
    read: ({ hotline, id }) => Promise.resolve(structuredClone(entries.get(`${hotline}/${id}`))),
    write(seen) {
      entries.set(`${seen.hotline}/${seen.id}`, structuredClone(seen));
      return Promise.resolve();
    },
  };
}
