import type { ReferralName } from '../ids.ts';
import { type HandOver, isHandOver, type StatementRow } from '../ledger.ts';
import { handedOver, hastened, owes, released, widen } from '../ledger-rules.ts';
import type { Relay } from '../ports.ts';
import { createEvent } from './event.ts';
import { changeRoute, makeRoute } from './place.ts';

type Parts = Pick<Relay, 'ledger' | 'clock'>;

/**
 * `handed-over`: the other agency has a route of its own, and this one ends. `released`: the agency will not hear of a
 * withdrawal that it was still to be told. `nothing-owed`: it has opened it, or was never to get it.
 */
export type HandOverResult = 'handed-over' | 'released' | 'nothing-owed';

/**
 * Gives what one agency has not opened to another, which must be one that may open it whatever its countries: the
 * fallback (protocol section 5, step 5). The news for the hotline is written first and is what the new route follows
 * from, so that whoever looks after it next finishes what was begun. The old route ends only when the new one stands;
 * what the agency may still have in its queue it can still open, and may say so. Without `to`, news is released all the same.
 */
export async function handOver(
  relay: Parts,
  name: ReferralName,
  from: string,
  to: { id: string } | undefined,
): Promise<HandOverResult> {
  const { ledger } = relay;
  const row = (await ledger.read(name)).routes.find(({ agency }) => agency === from);
  if (!row) return 'nothing-owed';
  switch (owes(row)) {
    case undefined:
      return 'nothing-owed';
    case 'withdrawn':
      await changeRoute(relay, row, released);
      return 'released';
    case 'referral': {
      if (!to || from === to.id) return 'nothing-owed';
      const { version, roles, countries } = row;
      const content: HandOver = {
        type: 'event',
        event: 'handed-over',
        agency: from,
        countries,
        version,
        plan: { routes: [{ agency: to.id, roles, countries }], unrouted: [] },
      };
      const key = `handed-over#${from}#${version}`;
      await createEvent(relay, name, key, content);
      const written = (await ledger.read(name)).statements.find((statement) => statement.key === `event#${key}`);
      if (written) await applyHandOver(relay, written);
      return 'handed-over';
    }
  }
}

/** Brings the routes in line with a hand-over. Whoever repeats it changes nothing. */
export async function applyHandOver(relay: Parts, { hotline, id, content }: StatementRow): Promise<void> {
  if (!isHandOver(content)) return;
  const { referral, routes, statements } = await relay.ledger.read({ hotline, id });
  if (!referral) return;
  const isWithdrawn = statements.some((other) => other.content.type === 'withdraw');
  for (const planned of content.plan.routes) {
    const known = routes.find(({ agency }) => agency === planned.agency);
    const row = known ?? (await makeRoute(relay, referral, planned, isWithdrawn));
    // Owed at once: nobody but sweep sends it.
    await changeRoute(relay, row, (current, now) => {
      const wider = isWithdrawn ? current : widen(current, planned, now);
      return wider.attempts === 0 ? hastened(wider, now) : wider;
    });
  }
  const leaving = routes.find(({ agency }) => agency === content.agency);
  if (leaving) await changeRoute(relay, leaving, (current, now) => handedOver(current, content.version, now));
}
