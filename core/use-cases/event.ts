import type { ReferralName } from '../ids.ts';
import { inboxLane } from '../lanes.ts';
import type { StatementContent } from '../ledger.ts';
import type { Relay } from '../ports.ts';
import { toTimestamp } from '../time.ts';

/**
 * Writes news of the relay's own for a hotline, once under its key. It is due at once: sweep, which may write to
 * hotline inboxes, brings it there.
 */
export async function createEvent(
  { ledger, clock }: Pick<Relay, 'ledger' | 'clock'>,
  { hotline, id }: ReferralName,
  key: string,
  content: StatementContent & { type: 'event' },
): Promise<void> {
  const at = toTimestamp(clock.now());
  const due = { lane: inboxLane(hotline), at };
  await ledger.create({
    v: 1,
    kind: 'statement',
    hotline,
    id,
    rev: 1,
    key: `event#${key}`,
    acceptedAt: at,
    content,
    due,
  });
}
