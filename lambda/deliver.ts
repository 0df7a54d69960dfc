import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { deliverOnce } from '../core/use-cases/deliver.ts';
import { createKeyClient, createQueueClient } from './clients.ts';
import { readConfig } from './config.ts';
import { type Invocation, withinTime } from './deadline.ts';
import { createKeys } from './keys.ts';
import { readDispatch } from './messages.ts';
import { createQueues } from './queues.ts';
import { createBase } from './relay.ts';

/* Re-wraps content keys for agencies and puts referrals into their queues; the only function that KMS lets do so. */

const config = readConfig('deliver', process.env);
const { stage, region, queueUrlBase: urlBase } = config;
const base = createBase('deliver', config);
const relay = {
  ...base,
  queues: createQueues({ client: createQueueClient({ region }), stage, urlBase, telemetry: base.telemetry }),
  keys: createKeys({ client: createKeyClient({ region }), stage }),
  randomness: { fraction: Math.random },
};

/**
 * A message that is not understood, or whose referral could not be written in time, comes back, and ends in the
 * dead-letter queue; the others of its batch do not come back with it.
 * @throws {Error} if all of the batch comes back: Lambda counts that, so that an alarm rings and a deployment is taken back
 */
export async function handler({ Records }: SQSEvent, invocation: Invocation): Promise<SQSBatchResponse> {
  const messages = Records.map(({ messageId, body }) => ({ messageId, message: readDispatch(body) }));
  const deliver = deliverOnce(relay);
  const results = await withinTime(invocation, () =>
    Promise.allSettled(
      messages.map(async ({ message }) => {
        if (!message) throw new SyntaxError('not a dispatch message');
        await deliver(message);
      }),
    ),
  );
  const failures = messages.flatMap(({ messageId, message }, index) => {
    const result = results[index];
    if (result?.status !== 'rejected') return [];
    relay.telemetry.record('failed', {
      ...(message && { hotline: message.hotline, id: message.id }),
      message: messageId,
      error: result.reason instanceof Error ? result.reason.name : 'unknown',
    });
    return [{ itemIdentifier: messageId }];
  });
  if (failures.length > 0 && failures.length === Records.length) throw new Error('All of the batch failed; see above');
  return { batchItemFailures: failures };
}
