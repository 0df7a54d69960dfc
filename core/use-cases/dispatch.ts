import { laneOf } from '../lanes.ts';
import type { ReferralRow, RouteRow } from '../ledger.ts';
import type { Relay } from '../ports.ts';

type Asked = Pick<ReferralRow, 'hotline' | 'id' | 'urgency'>;

/** Asks deliver to look after a referral: to make its routes, apply its statements and try what is new. */
export const askForPlacing = ({ queues }: Pick<Relay, 'queues'>, { hotline, id, urgency }: Asked): Promise<void> =>
  queues.dispatch(laneOf(urgency), { v: 1, hotline, id });

/** Asks deliver for the next attempt at one route; the message is stale once that attempt was made. */
export const askForAttempt = (
  { queues }: Pick<Relay, 'queues'>,
  { hotline, id, urgency, agency, version, attempts: number }: RouteRow,
): Promise<void> => queues.dispatch(laneOf(urgency), { v: 1, hotline, id, attempt: { agency, version, number } });

/** What is owed is in the ledger: that nobody could be told is repaired by sweep, and no reason to fail. */
export async function dispatchPlacing(relay: Pick<Relay, 'queues' | 'telemetry'>, referral: Asked): Promise<void> {
  try {
    await askForPlacing(relay, referral);
  } catch {
    relay.telemetry.record('dispatch-failed', { hotline: referral.hotline, id: referral.id });
  }
}
