import { setTimeout as delay } from 'node:timers/promises';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { Hotline, Outcome } from '../../client/index.ts';
import type { ReferralMessage } from '../../core/contracts.ts';
import { agencyQueue, type Lane } from '../../core/names.ts';
import type { LocalRelay } from '../../local/relay.ts';

/* What waits for a partner on the embedded cloud. */

/** The message of a referral in an agency's queue, left there. */
export async function peek(
  relay: LocalRelay,
  agency: string,
  id: string,
  lane: Lane = 'routine',
): Promise<ReferralMessage> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const { Messages = [] } = await relay.clients.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: relay.queueUrl(agencyQueue(relay.stage, agency, lane)),
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
