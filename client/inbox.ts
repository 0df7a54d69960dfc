import * as z from 'zod/mini';
import { ReferralMessage, WithdrawnMessage } from '../core/contracts.ts';
import { parseJson } from '../core/json.ts';
import type { Lane } from '../core/names.ts';
import type { WrapContext } from '../core/ports.ts';
import { PartnerId, ReferralId } from '../core/schema.ts';

/* What an agency's client needs of its queues and of KMS, and the messages it finds there (protocol section 4). */

/** How long a received message is hidden from other receivers, in seconds; prolonged while it is being handled. */
export const VISIBILITY = 120;
/** SQS hides a message no longer than this from the moment it was received, in seconds. */
export const LONGEST_VISIBILITY = 12 * 60 * 60;

export interface InboxMessage {
  lane: Lane;
  /** Stands for this receipt of the message. */
  handle: string;
  body: string;
  /** How often it was received so far, this time included; approximate. */
  receives: number;
}

/** The agency's two queues. Rejects with a `ClientError`. */
export interface AgencyInbox {
  /**
   * At most `max` (1–10) messages, hidden for {@link VISIBILITY} seconds.
   * @param wait seconds (0–20) to wait for the first
   */
  receive(lane: Lane, max: number, wait: number, signal?: AbortSignal): Promise<InboxMessage[]>;
  /** Hides the message for so many seconds from now. */
  hide(message: InboxMessage, seconds: number): Promise<void>;
  remove(message: InboxMessage): Promise<void>;
}

export interface ContentKeys {
  /**
   * The content key under this agency's own KMS key (protocol section 5, step 1).
   * @param key base64
   * @throws {OpenError} `decryption` if it was not wrapped for this key and context; a `ClientError` otherwise
   */
  unwrap(key: string, context: WrapContext): Promise<Uint8Array>;
}

/** A message received, and what it is. */
export type Delivery = InboxMessage &
  (
    | { kind: 'referral'; message: ReferralMessage }
    | { kind: 'withdrawn'; message: WithdrawnMessage }
    /** Not as the protocol has it; `about` if it still tells what it is about, so that it can be answered. */
    | { kind: 'malformed'; about: Identity | undefined }
  );

const Identity = z.object({
  hotline: PartnerId,
  id: ReferralId,
  version: z.int().check(z.minimum(1)),
  sealed: z.string(),
});
type Identity = z.infer<typeof Identity>;

/** What is withdrawn comes first: it need not be read, even if it was sent before. */
export const readMessages = (received: readonly InboxMessage[]): Delivery[] =>
  received.map(readMessage).sort((a, b) => Number(b.kind === 'withdrawn') - Number(a.kind === 'withdrawn'));

function readMessage(received: InboxMessage): Delivery {
  const value = parseOrNothing(received.body);
  const referral = ReferralMessage.safeParse(value);
  if (referral.success) return { ...received, kind: 'referral', message: referral.data };
  const withdrawn = WithdrawnMessage.safeParse(value);
  if (withdrawn.success) return { ...received, kind: 'withdrawn', message: withdrawn.data };
  return { ...received, kind: 'malformed', about: Identity.safeParse(value).data };
}

function parseOrNothing(body: string): unknown {
  try {
    return parseJson(body);
  } catch {
    return undefined;
  }
}
