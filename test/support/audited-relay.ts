import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { Hotline, Outcome } from '../../client/index.ts';
import type { ReferralMessage } from '../../core/contracts.ts';
import { agencyQueue } from '../../core/names.ts';
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

/** A routine referral's message in an agency's queue, left there. */
export async function peek(relay: LocalRelay, agency: string, id: string): Promise<ReferralMessage> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const { Messages = [] } = await relay.clients.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: relay.queueUrl(agencyQueue(relay.stage, agency, 'routine')),
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 0,
        WaitTimeSeconds: 1,
      }),
    );
    const found = Messages.map(({ Body = '' }) => JSON.parse(Body) as ReferralMessage).find((one) => one.id === id);
    if (found) return found;
    await delay(50);
  }
  throw new Error(`no message for ${agency}`);
}

/** What there is for a hotline to collect. */
export async function collect(hotline: Hotline): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const outcome of hotline.outcomes({ drain: true })) outcomes.push(outcome);
  return outcomes;
}
