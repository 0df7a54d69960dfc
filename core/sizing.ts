import { RECEIPT_SECONDS } from './limits.ts';
import type { FunctionName } from './names.ts';
import { DAY, SECOND } from './time.ts';

/* What functions and queues are given, in the cloud, on the local relay and in the simulation. */

interface FunctionSize {
  /** MB; processor time comes in proportion, one whole core at 1,769 (AWS, "Configure Lambda function memory"). */
  memory: number;
  /** Seconds. Behind the API no more than 29 make sense: then API Gateway has answered. */
  timeout: number;
  /** At most so many at once; without it, as many as the account has. */
  reserved?: number;
}

export const FUNCTION_SIZES: Readonly<Record<FunctionName, FunctionSize>> = {
  submit: { memory: 1024, timeout: 29 },
  deliver: { memory: 1024, timeout: 60 },
  answer: { memory: 512, timeout: 29 },
  // Each hotline that waits holds one for up to 20 seconds: three for each of 60 hotlines, and never all that the account has.
  collect: { memory: 512, timeout: 29, reserved: 200 },
  query: { memory: 512, timeout: 29 },
  // Less than a minute and never two at once, so that runs do not overlap.
  sweep: { memory: 1024, timeout: 55, reserved: 1 },
};

interface QueueTraits {
  /** Seconds that a receiver has before the message comes back, if it does not say otherwise. */
  visibility: number;
  /** A message that was received so many times, and came back, moves to the dead letters; without it, it stays. */
  receives?: number;
}

/** By who receives. */
export const QUEUE_TRAITS = {
  // AWS advises six times the function's timeout ("Using Lambda with Amazon SQS"): a throttled batch is tried again.
  dispatch: { visibility: 6 * FUNCTION_SIZES.deliver.timeout, receives: 5 },
  agency: { visibility: 300, receives: 10 },
  outcomes: { visibility: RECEIPT_SECONDS },
} as const satisfies Record<string, QueueTraits>;

/** Of every queue: SQS keeps a message no longer. Seconds. */
export const MESSAGE_RETENTION = (14 * DAY) / SECOND;

/** Bytes. A sealed referral of the largest size, with its envelope, has some 382 KB; SQS takes 1 MiB, but not by itself. */
export const LARGEST_MESSAGE = 1024 * 1024;
