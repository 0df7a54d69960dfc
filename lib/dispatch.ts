import { Duration } from 'aws-cdk-lib';
import type { Alias } from 'aws-cdk-lib/aws-lambda';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { dispatchQueue, type Lane } from '../core/names.ts';
import { QUEUE_TRAITS } from '../core/sizing.ts';
import { createAlarm, queueMetric } from './alarms.ts';
import { type Place, roleArn } from './place.ts';
import { RelayQueue } from './relay-queue.ts';

export interface DispatchProps {
  place: Place;
  lane: Lane;
  deliver: Alias;
  /** Copies of `deliver` at work on this lane at once: 2 to 1,000. */
  maximumConcurrency: number;
}

/**
 * How long a message may wait until the operator hears of it. At a hundred deliveries a second, what waits an hour has
 * 360,000 others before it, far more than any bulk; nothing urgent has 60,000.
 */
const LONGEST_WAIT: Readonly<Record<Lane, Duration>> = { urgent: Duration.minutes(10), routine: Duration.hours(1) };

/** One lane of dispatch: what is to be delivered, by `deliver`; each lane has its own share of it. */
export class Dispatch extends Construct {
  constructor(scope: Construct, id: string, { place, lane, deliver, maximumConcurrency }: DispatchProps) {
    super(scope, id);
    const { stage } = place;
    const { visibility, receives } = QUEUE_TRAITS.dispatch;
    const deadName = dispatchQueue(stage, `dead-${lane}`);
    const dead = new RelayQueue(this, 'Dead', { place, name: deadName, visibility, senders: [] });
    const queue = new RelayQueue(this, 'Queue', {
      place,
      name: dispatchQueue(stage, lane),
      visibility,
      deadLetters: { queue: dead.arn, receives },
      senders: [roleArn(place, 'submit'), roleArn(place, 'sweep')],
      receivers: [roleArn(place, 'deliver')],
    });
    queue.after(dead);
    dead.takeFrom(queue.arn);
    const mapping = new CfnEventSourceMapping(this, 'ToDeliver', {
      functionName: deliver.functionArn,
      eventSourceArn: queue.arn,
      batchSize: 10,
      functionResponseTypes: ['ReportBatchItemFailures'],
      scalingConfig: { maximumConcurrency },
    });
    mapping.addResourceDependency(queue.resource);
    createAlarm(this, 'Waits', {
      place,
      holder: `dispatch-${lane}`,
      what: 'waits',
      description: `Deliver has not taken up what was dispatched for ${LONGEST_WAIT[lane].toMinutes()} minutes: does it run, and may it? Nothing ${lane} may be reaching any agency.`,
      runbook: 'service-faults.md#dispatch-waits',
      metric: queueMetric(dispatchQueue(stage, lane), 'ApproximateAgeOfOldestMessage'),
      threshold: LONGEST_WAIT[lane].toSeconds(),
    });
    createAlarm(this, 'DeadLetters', {
      place,
      holder: `dispatch-${lane}`,
      what: 'dead-letters',
      description: `Dispatch messages that deliver failed at ${receives} times. The ledger still owes what they stand for.`,
      runbook: 'dead-letters.md#of-dispatch',
      metric: queueMetric(deadName, 'ApproximateNumberOfMessagesVisible'),
      threshold: 1,
    });
  }
}
