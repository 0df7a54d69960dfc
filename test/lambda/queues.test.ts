import { SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import type { Telemetry } from '../../core/ports.ts';
import { createQueues } from '../../lambda/queues.ts';
import { makeReferralId, NOW } from '../support/rows.ts';

/* What no emulator shows; the rest is in test/contract. */

interface Sent {
  command: string;
  input: Record<string, unknown>;
}

/** Queues over a client whose requests are noted and answered by `answer` instead of being sent. */
function open(answer: (sent: Sent) => object | Promise<object> = () => ({})) {
  const sent: Sent[] = [];
  const events: string[] = [];
  const client = new SQSClient({ region: 'eu-west-2' });
  client.middlewareStack.add(
    (_next, context) => async (args) => {
      const request = { command: String(context['commandName']), input: { ...args.input } };
      sent.push(request);
      return { output: { $metadata: {}, ...(await answer(request)) }, response: {} };
    },
    { step: 'initialize', priority: 'high' },
  );
  const telemetry: Telemetry = { record: (event) => events.push(event) };
  const queues = createQueues({ client, stage: 'prod', urlBase: 'https://sqs.example/111111111111/', telemetry });
  return { queues, sent, events };
}

const url = (queue: string): string => `https://sqs.example/111111111111/referral-relay-prod-${queue}`;
const inboxBody = JSON.stringify({
  key: 'event#unrouted',
  item: { kind: 'event', hotline: 'gb-hotline', referral: makeReferralId(), event: 'unrouted', at: NOW },
});

describe('the queues over SQS', () => {
  it('dispatches in the message group of the hotline, so that one flooding does not starve another', async () => {
    const { queues, sent } = open();
    const message = { v: 1, hotline: 'gb-hotline', id: makeReferralId() } as const;
    await queues.dispatch('urgent', message);
    expect(sent).toEqual([
      {
        command: 'SendMessageCommand',
        input: {
          QueueUrl: url('dispatch-urgent'),
          MessageBody: JSON.stringify(message),
          MessageGroupId: 'gb-hotline',
        },
      },
    ]);
  });

  it('sends a few referrals at a time, however many there are: each is as large as a message can be', async () => {
    let atOnce = 0;
    let most = 0;
    const { queues, sent } = open(async () => {
      const number = sent.length;
      most = Math.max(most, ++atOnce);
      await Promise.resolve();
      atOnce -= 1;
      if (number % 10 === 0) throw new Error('no answer');
      return {};
    });
    const news = { v: 1, kind: 'withdrawn', hotline: 'gb-hotline', statement: 'x', acceptedAt: NOW } as const;
    const sends = Array.from({ length: 120 }, () =>
      queues.sendToAgency('de-police', 'routine', { ...news, id: makeReferralId() }),
    );
    const results = await Promise.allSettled(sends);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(108);
    expect(sent).toHaveLength(120);
    expect(most).toBe(25);
  });

  it('removes ten a request, each receipt once', async () => {
    const { queues, sent } = open();
    const handles = Array.from({ length: 21 }, (_, index) => `receipt-${index}`);
    await queues.remove('gb-hotline', [...handles, '', 'receipt-3']);
    expect(sent.map(({ command }) => command)).toEqual(Array.from({ length: 3 }, () => 'DeleteMessageBatchCommand'));
    expect(sent.map(({ input }) => input['QueueUrl'])).toEqual(Array.from(sent, () => url('gb-hotline-outcomes')));
    const entries = sent.map(({ input }) => input['Entries']);
    expect(entries).toEqual(
      [handles.slice(0, 10), handles.slice(10, 20), handles.slice(20)].map((batch) =>
        batch.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle })),
      ),
    );
  });

  it.each(['ReceiptHandleIsInvalid', 'InvalidParameterValue'])('ignores what SQS calls %s', async (Code) => {
    const { queues } = open(() => ({ Failed: [{ Id: '0', SenderFault: true, Code }] }));
    await expect(queues.remove('gb-hotline', ['too old'])).resolves.toBeUndefined();
  });

  it('rejects where one receipt of several could not be removed for another reason', async () => {
    const Failed = [
      { Id: '0', SenderFault: true, Code: 'ReceiptHandleIsInvalid' },
      { Id: '1', SenderFault: false, Code: 'InternalError' },
    ];
    const { queues } = open(() => ({ Failed }));
    await expect(queues.remove('gb-hotline', ['one', 'two'])).rejects.toThrow('InternalError');
  });

  it('hides what it receives for the time the protocol gives the hotline', async () => {
    const { queues, sent } = open();
    await queues.receive('gb-hotline', 7, 20);
    expect(sent.map(({ input }) => input)).toEqual([
      { QueueUrl: url('gb-hotline-outcomes'), MaxNumberOfMessages: 7, WaitTimeSeconds: 20, VisibilityTimeout: 120 },
    ]);
  });

  it('reports and removes a message that it does not understand', async () => {
    const { queues, sent, events } = open(({ command }) =>
      command === 'ReceiveMessageCommand'
        ? {
            Messages: [
              { ReceiptHandle: 'strange', Body: '{}' },
              { ReceiptHandle: 'good', Body: inboxBody },
            ],
          }
        : {},
    );
    const received = await queues.receive('gb-hotline', 10, 0);
    expect(received.map(({ handle }) => handle)).toEqual(['good']);
    expect(events).toEqual(['inbox-failed']);
    expect(sent[1]?.input['Entries']).toEqual([{ Id: '0', ReceiptHandle: 'strange' }]);
  });

  it('hands over what it received even if a strange message could not be removed', async () => {
    const { queues } = open(({ command }) => {
      if (command !== 'ReceiveMessageCommand') throw new Error('no answer');
      return {
        Messages: [
          { ReceiptHandle: 'strange', Body: 'x' },
          { ReceiptHandle: 'good', Body: inboxBody },
        ],
      };
    });
    expect(await queues.receive('gb-hotline', 10, 0)).toHaveLength(1);
  });

  it('rejects where SQS does', async () => {
    const { queues } = open(() => {
      throw new Error('AccessDenied');
    });
    await expect(queues.receive('gb-hotline', 1, 0)).rejects.toThrow('AccessDenied');
    await expect(queues.remove('gb-hotline', ['receipt'])).rejects.toThrow('AccessDenied');
  });
});
