import { Duration } from 'aws-cdk-lib';
import { CfnQueue, CfnQueuePolicy } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type Place, queueArn } from './place.ts';
import { queuePolicy, type QueueUsers } from './queue-policies.ts';

/** Of every queue: SQS keeps a message no longer. */
const RETENTION = Duration.days(14);

/** A sealed referral of the largest size, with its envelope, has some 382 KB; SQS takes 1 MiB, but not by itself. */
const LARGEST_MESSAGE = 1024 * 1024;

const LONGEST_POLL = Duration.seconds(20);

export interface RelayQueueProps extends QueueUsers {
  place: Place;
  name: string;
  /** How long a receiver has before the message comes back. */
  visibility: Duration;
  /** Where a message goes that was received `times` and never deleted. */
  deadLetters?: { queue: string; times: number };
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
      messageRetentionPeriod: RETENTION.toSeconds(),
      visibilityTimeout: visibility.toSeconds(),
      receiveMessageWaitTimeSeconds: LONGEST_POLL.toSeconds(),
      maximumMessageSize: LARGEST_MESSAGE,
      sqsManagedSseEnabled: true,
      ...(deadLetters && {
        redrivePolicy: { deadLetterTargetArn: deadLetters.queue, maxReceiveCount: deadLetters.times },
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
