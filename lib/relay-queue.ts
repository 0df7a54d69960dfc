import { CfnQueue, CfnQueuePolicy } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { LARGEST_MESSAGE, MESSAGE_RETENTION } from '../core/sizing.ts';
import { type Place, queueArn } from './place.ts';
import { queuePolicy, type QueueUsers } from './queue-policies.ts';

/** Seconds. */
const LONGEST_POLL = 20;

export interface RelayQueueProps extends QueueUsers {
  place: Place;
  name: string;
  /** Seconds that a receiver has before the message comes back. */
  visibility: number;
  /** Where a message goes that was received so many times and never deleted. */
  deadLetters?: { queue: string; receives: number };
}

/**
 * A standard queue, encrypted by SQS itself: with a KMS key, whoever sends would need `kms:Decrypt` on it. Referrals are
 * sealed before they come here in any case.
 */
export class RelayQueue extends Construct {
  readonly arn: string;
  readonly url: string;
  readonly resource: CfnQueue;

  constructor(scope: Construct, id: string, { place, name, visibility, deadLetters, ...users }: RelayQueueProps) {
    super(scope, id);
    this.arn = queueArn(place, name);
    this.resource = new CfnQueue(this, 'Queue', {
      queueName: name,
      messageRetentionPeriod: MESSAGE_RETENTION,
      visibilityTimeout: visibility,
      receiveMessageWaitTimeSeconds: LONGEST_POLL,
      maximumMessageSize: LARGEST_MESSAGE,
      sqsManagedSseEnabled: true,
      ...(deadLetters && {
        redrivePolicy: { deadLetterTargetArn: deadLetters.queue, maxReceiveCount: deadLetters.receives },
      }),
    });
    this.url = this.resource.ref;
    new CfnQueuePolicy(this, 'Policy', { queues: [this.url], policyDocument: queuePolicy(this.arn, users) });
  }

  /** Whose dead letters this queue takes; SQS refuses any other's. */
  takeFrom(...queues: string[]): void {
    this.resource.redriveAllowPolicy = { redrivePermission: 'byQueue', sourceQueueArns: queues };
  }

  /** The queue is made after its dead-letter queue, which SQS wants to exist. */
  after(queue: RelayQueue): void {
    this.resource.addResourceDependency(queue.resource);
  }
}
