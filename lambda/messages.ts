import * as z from 'zod/mini';
import { InboxItem } from '../core/contracts.ts';
import { parseJson } from '../core/json.ts';
import type { DispatchMessage, InboxMessage } from '../core/ports.ts';
import { PartnerId, ReferralId } from '../core/schema.ts';

/*
 * The bodies of the messages that the relay sends to itself: JSON, checked on receipt as anything from outside is. What
 * an agency receives is checked by the agency (`core/contracts.ts`).
 */

const Dispatch = z.object({
  v: z.literal(1),
  hotline: PartnerId,
  id: ReferralId,
  attempt: z.exactOptional(
    z.object({ agency: PartnerId, version: z.int().check(z.minimum(1)), number: z.int().check(z.minimum(0)) }),
  ),
});

const Inbox = z.object({ key: z.string().check(z.minLength(1)), item: InboxItem });

/** The dispatch message in `body`, or nothing if it is none. */
export const readDispatch = (body: string): DispatchMessage | undefined => read(Dispatch, body);

/** The inbox message in `body`, or nothing if it is none. */
export const readInbox = (body: string): InboxMessage | undefined => read(Inbox, body);

function read<T>(schema: z.ZodMiniType<T>, body: string): T | undefined {
  try {
    return schema.safeParse(parseJson(body)).data;
  } catch {
    return undefined;
  }
}
