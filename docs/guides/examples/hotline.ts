import { createHotline, loadHotlineProfile, RelayProblem } from '../../../client/index.ts';

type Log = (...parts: unknown[]) => void;

const hotline = createHotline(await loadHotlineProfile('./gb-lantern'));

/** Refers a draft; returns its id. Call it again after any failure: nothing is submitted twice. */
export async function refer(draft: object, log: Log): Promise<string> {
  const { faults, warnings } = await hotline.check(draft, { offline: true });
  for (const { pointer, detail } of [...faults, ...warnings]) log(`${pointer}: ${detail}`);
  try {
    const { id, routes, unrouted } = await hotline.submit(draft);
    log(id, 'goes to', routes.map(({ agency }) => agency).join(', '), 'and to nobody for', unrouted);
    return id;
  } catch (error) {
    if (error instanceof RelayProblem && error.code === 'no-route') log('Refer it by other means:', error.detail);
    throw error;
  }
}

/** Collects what agencies answer, until the signal is aborted. An item is acknowledged when the loop comes round. */
export async function collect(signal: AbortSignal, log: Log): Promise<void> {
  for await (const item of hotline.outcomes({ signal })) {
    if (item.kind === 'event') log(item.referral, item.event, item.agency, item.countries);
    else if (item.check === 'verified') log(item.referral, item.payload.agency, item.payload.status);
    else log(item.referral, item.check === 'untrusted' ? item.error.message : item.detail);
  }
}
