import { setTimeout as delay } from 'node:timers/promises';
import { DeleteMessageBatchCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Hotline } from '../../client/index.ts';
import type { ReferralMessage } from '../../core/contracts.ts';
import { fromTimestamp, SECOND } from '../../core/time.ts';

/** Takes what comes in a queue, and deletes it; `take` gets the bodies. Ends when `signal` is aborted. */
export async function drainQueue(
  sqs: SQSClient,
  QueueUrl: string,
  take: (body: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }),
        { abortSignal: signal },
      );
      for (const { Body = '' } of Messages) take(Body);
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      if (Entries.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

export interface Probe {
  /** Milliseconds from the moment the relay accepted a referral to its arrival at the agency, in order of arrival. */
  waits: { at: number; wait: number }[];
  /** Submits one referral, and resolves when it is accepted. */
  submit: () => Promise<void>;
  /** Submits one every so many milliseconds until `signal` is aborted. */
  run: (every: number, signal: AbortSignal) => Promise<void>;
  /** To be given everything that arrives. */
  arrived: (body: string) => void;
  /** How many were accepted and have not arrived. */
  missing: () => number;
}

/** Follows referrals from their acceptance to the agency's queue. */
export function createProbe(hotline: Pick<Hotline, 'submit'>, draft: () => object): Probe {
  const accepted = new Set<string>();
  const arrived = new Set<string>();
  const waits: Probe['waits'] = [];
  const submit = async (): Promise<void> => {
    const { id } = await hotline.submit(draft());
    accepted.add(id);
  };
  return {
    waits,
    submit,
    async run(every, signal) {
      while (!signal.aborted) {
        const began = performance.now();
        await submit();
        await delay(Math.max(0, every - (performance.now() - began)), undefined, { signal }).catch(() => undefined);
      }
    },
    arrived(body) {
      const { id, acceptedAt } = JSON.parse(body) as ReferralMessage;
      if (arrived.has(id)) return;
      arrived.add(id);
      waits.push({ at: performance.now(), wait: Date.now() - fromTimestamp(acceptedAt) });
    },
    missing: () => [...accepted].filter((id) => !arrived.has(id)).length,
  };
}

/** The value below which a share of the list lies. */
export function quantile(list: readonly number[], share: number): number {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Resolves when `isTrue` does, or after `seconds` all the same. @returns whether it did */
export async function untilOr(seconds: number, isTrue: () => boolean | Promise<boolean>): Promise<boolean> {
  const end = performance.now() + seconds * SECOND;
  while (!(await isTrue())) {
    if (performance.now() >= end) return false;
    await delay(100);
  }
  return true;
}
