import { laneOf } from '../lanes.ts';
import type { ReferralRow, RouteRow } from '../ledger.ts';
import type { DispatchMessage, Relay } from '../ports.ts';
import type { Urgency } from '../schema.ts';

type Parts = Pick<Relay, 'queues' | 'telemetry'>;

/** Asks deliver to look after a referral: to make its routes, apply its statements and try what is new. */
export const dispatchPlacing = (
  relay: Parts,
  { hotline, id, urgency }: Pick<ReferralRow, 'hotline' | 'id' | 'urgency'>,
): Promise<void> => dispatch(relay, urgency, { v: 1, hotline, id });

/** Asks deliver for the next attempt at one route; the message is stale once that attempt was made. */
export const dispatchAttempt = (relay: Parts, row: RouteRow): Promise<void> =>
  dispatch(relay, row.urgency, {
    v: 1,
    hotline: row.hotline,
    id: row.id,
    attempt: { agency: row.agency, version: row.version, number: row.attempts },
  });

/** What is owed is in the ledger: that nobody could be told is repaired by sweep, and no reason to fail. */
async function dispatch({ queues, telemetry }: Parts, urgency: Urgency, message: DispatchMessage): Promise<void> {
  try {
    await queues.dispatch(laneOf(urgency), message);
  } catch {
    telemetry.record('dispatch-failed', { hotline: message.hotline, id: message.id });
  }
}
