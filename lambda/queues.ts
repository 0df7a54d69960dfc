import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { createGate } from '../core/gate.ts';
import { RECEIPT_SECONDS } from '../core/limits.ts';
import { agencyQueue, dispatchQueue, outcomesQueue } from '../core/names.ts';
import type { InboxMessage, Queues, Telemetry } from '../core/ports.ts';
import { readInbox } from './messages.ts';

/* The queues over SQS. All are standard queues: at least once, in any order, 14 days. */

interface QueueOptions {
  client: Pick<SQSClient, 'send'>;
  stage: string;
  /** What a queue's name is appended to; ends with '/'. */
  urlBase: string;
  /** Told of messages in an inbox that this version of the code does not understand. */
  telemetry: Telemetry;
}

/** Entries in one request (SQS, "Message quotas"). */
const BATCH = 10;

/** What SQS says of a receipt that it never gave, or that is too old. */
const UNKNOWN_RECEIPT: ReadonlySet<string> = new Set(['ReceiptHandleIsInvalid', 'InvalidParameterValue']);

/** How much longer than its wait a long poll may take, in milliseconds; with the longest wait, less than the API's 30 s. */
const POLL_MARGIN = 6000;

/**
 * Messages with referrals sent at the same time. Each, of some 380 KB, is held several times over while it is sent: those of
 * ten referrals which all of a hundred agencies are to get would together take more memory than `deliver` has.
 */
const REFERRALS_AT_ONCE = 25;

export function createQueues({ client, stage, urlBase, telemetry }: QueueOptions): Queues {
  const send = async (queue: string, message: unknown, group?: string): Promise<void> => {
    await client.send(
      new SendMessageCommand({
        QueueUrl: urlBase + queue,
        MessageBody: JSON.stringify(message),
        ...(group !== undefined && { MessageGroupId: group }),
      }),
    );
  };

  const enter = createGate(REFERRALS_AT_ONCE);

  const remove: Queues['remove'] = async (hotline, handles) => {
    const known = [...new Set(handles)].filter((handle) => handle !== '');
    for (let start = 0; start < known.length; start += BATCH) {
      const { Failed } = await client.send(
        new DeleteMessageBatchCommand({
          QueueUrl: urlBase + outcomesQueue(stage, hotline),
          Entries: known
            .slice(start, start + BATCH)
            .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle })),
        }),
      );
      const failure = Failed?.find(({ Code }) => !UNKNOWN_RECEIPT.has(Code ?? ''));
      if (failure) throw new Error(`SQS did not delete from the inbox of ${hotline}: ${failure.Code}`);
    }
  };

  return {
    /** The hotline is the message group, by which a standard queue shares itself out fairly ("fair queues"). */
    dispatch: (lane, message) => send(dispatchQueue(stage, lane), message, message.hotline),

    async countDispatched(lane) {
      const { Attributes = {} } = await client.send(
        new GetQueueAttributesCommand({
          QueueUrl: urlBase + dispatchQueue(stage, lane),
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
        }),
      );
      const { ApproximateNumberOfMessages: waiting = 0, ApproximateNumberOfMessagesNotVisible: inFlight = 0 } =
        Attributes;
      return Number(waiting) + Number(inFlight);
    },

    sendToAgency: (agency, lane, message) => enter(lane, () => send(agencyQueue(stage, agency, lane), message)),

    sendToHotline: (hotline, message) => send(outcomesQueue(stage, hotline), message),

    /**
     * A message that is not understood is reported and removed: the inbox has no dead-letter queue, and the row that owes
     * the statement has it sent again.
     */
    async receive(hotline, max, waitSeconds) {
      const timeout = waitSeconds * 1000 + POLL_MARGIN;
      const { Messages } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: urlBase + outcomesQueue(stage, hotline),
          MaxNumberOfMessages: max,
          WaitTimeSeconds: waitSeconds,
          VisibilityTimeout: RECEIPT_SECONDS,
        }),
        { requestTimeout: timeout, abortSignal: AbortSignal.timeout(timeout) },
      );
      const received: { handle: string; message: InboxMessage }[] = [];
      const strange: string[] = [];
      for (const { ReceiptHandle: handle, Body } of Messages ?? []) {
        if (handle === undefined) continue;
        const message = readInbox(Body ?? '');
        if (message) received.push({ handle, message });
        else strange.push(handle);
      }
      if (strange.length > 0) {
        telemetry.record('inbox-failed', { hotline, what: 'message', messages: strange.length });
        // What was received must reach the hotline even so; what could not be removed comes back by itself.
        await remove(hotline, strange).catch(() => undefined);
      }
      return received;
    },

    remove,
  };
}
