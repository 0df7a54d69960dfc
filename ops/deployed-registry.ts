import { CommandError, EXIT } from '../client/cli/exit.ts';
import type { Cloud } from './cloud.ts';

/*
 * This checkout may hold another registry than the relay works by: it is old, of another stage, or not deployed yet. The
 * relay's sweep notes the digest of its own every minute.
 */

type Parts = Pick<Cloud, 'registry' | 'ledger'>;

export const OTHER_REGISTRY = 'other-registry';

const EXPLANATION =
  'The relay works by another registry than the one in this checkout. Go on in the checkout that the stage is deployed from, or wait for the end of its deployment.';

/** A line, if what a command says of partners may be wrong by that. */
export async function describeRegistry({ registry, ledger }: Parts): Promise<string[]> {
  const noted = await ledger.notedRegistry();
  return noted === undefined || noted === registry.digest ? [] : [EXPLANATION];
}

/**
 * For what must not be said or done by another registry than the relay's.
 * @throws {CommandError} `other-registry`, or `registry-unknown` if sweep has never run
 */
export async function refuseOtherRegistry({ registry, ledger }: Parts): Promise<void> {
  const noted = await ledger.notedRegistry();
  if (noted === undefined) {
    throw new CommandError(
      EXIT.unavailable,
      'registry-unknown',
      'By which registry the relay works is not known before its first sweep: wait a minute, or run "sweep".',
    );
  }
  if (noted !== registry.digest) throw new CommandError(EXIT.refused, OTHER_REGISTRY, EXPLANATION);
}
