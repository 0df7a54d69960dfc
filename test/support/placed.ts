import { RelayError } from '../../core/errors.ts';
import type { Routing } from '../../core/schema.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import type { World } from './world.ts';

/* What tests of the use cases begin with: a referral of the first hotline that was submitted and placed. */

export const GB = 'gb-hotline';
export const DE: Routing = { suspect: ['DE'], victim: [] };
export const NOWHERE: Routing = { suspect: [], victim: [] };

export async function accepted(world: World, routing = DE, more: Parameters<World['seal']>[2] = {}) {
  const sealed = await world.seal(GB, routing, more);
  const acceptance = await submitReferral(world.relay(), world.hotline(GB), sealed.submission);
  await world.dispatch();
  return { ...sealed, acceptance };
}

/** The code of what the relay refuses `work` with; what else it rejects with, as it is. */
export const code = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof RelayError ? error.code : error),
  );
