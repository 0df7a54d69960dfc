import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { type LocalRelay, type LocalRelayOptions, startRelay } from '../../local/relay.ts';
import { draft } from '../ops/operator.ts';
import { files } from './audited-stage.ts';

/* The relay of the audited stage on the embedded cloud, under policies that a test names. */

export const HOTLINE = 'gb-lantern';
/** Of every sort, in the order in which routes are listed. */
export const AGENCIES = ['be-dijkwacht', 'de-kinderwacht', 'fr-littoral', 'gb-crossbar'];

/** Everybody trusts everybody; it sweeps only when it is told to. */
export async function startAuditedRelay(
  options: Pick<LocalRelayOptions, 'authorize' | 'interpose'>,
): Promise<LocalRelay> {
  const registryDir = mkdtempSync(join(tmpdir(), 'referral-relay-test-'));
  try {
    for (const { name, text } of files) writeFileSync(join(registryDir, name), text);
    const relay = await startRelay({ registryDir, sweepEverySeconds: 0, ...options });
    await confirmKeys(relay.profilesDir);
    return relay;
  } finally {
    rmSync(registryDir, { recursive: true });
  }
}

/** To all of {@link AGENCIES}. */
export const draftForAll = (): object => draft('routine', { routing: { suspect: ['DE', 'FR'], victim: ['GB', 'BE'] } });
