import { describe, expect, it } from 'vitest';
import { SCHEDULE } from '../../core/limits.ts';
import { LANES } from '../../core/names.ts';
import { MINUTE, SECOND } from '../../core/time.ts';
import { service, withEverySetting } from '../support/synthesized-service.ts';
import { findProperties, propertiesOf, type SynthesizedStack } from '../support/synthesized-stage.ts';

const queue = (name: string) => findProperties(service, 'AWS::SQS::Queue', 'QueueName', `referral-relay-prod-${name}`);

describe.each(LANES)('dispatch, lane %s', (lane) => {
  const [timeout] = propertiesOf(service, 'AWS::Lambda::Function')
    .filter(({ FunctionName }) => FunctionName === 'referral-relay-prod-deliver')
    .map(({ Timeout }) => Number(Timeout));

  it('gives a failed batch time to come back, and ends what fails five times', () => {
    expect(queue(`dispatch-${lane}`)).toMatchObject({
      VisibilityTimeout: 6 * (timeout ?? Number.NaN),
      RedrivePolicy: {
        deadLetterTargetArn: `arn:aws:sqs:eu-west-2:111122223333:referral-relay-prod-dispatch-dead-${lane}`,
        maxReceiveCount: 5,
      },
    });
  });

  it('feeds deliver in batches of which single messages may fail, with a share of its own', () => {
    const mapping = (stack: SynthesizedStack) =>
      findProperties(
        stack,
        'AWS::Lambda::EventSourceMapping',
        'EventSourceArn',
        `arn:aws:sqs:eu-west-2:111122223333:referral-relay-prod-dispatch-${lane}`,
      );
    expect(mapping(service)).toMatchObject({
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 20 },
    });
    expect(mapping(service)).not.toHaveProperty('MaximumBatchingWindowInSeconds');
    expect(mapping(withEverySetting)).toMatchObject({
      ScalingConfig: { MaximumConcurrency: lane === 'urgent' ? 5 : 3 },
    });
  });

  it('raises an alarm on what is not taken up: urgent after ten minutes, routine after an hour', () => {
    const name = `referral-relay-prod-dispatch-${lane}-waits`;
    expect(findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', name)).toMatchObject({
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateAgeOfOldestMessage',
      Statistic: 'Maximum',
      Dimensions: [{ Name: 'QueueName', Value: `referral-relay-prod-dispatch-${lane}` }],
      EvaluationPeriods: 1,
      Threshold: lane === 'urgent' ? 600 : 3600,
      TreatMissingData: 'notBreaching',
    });
  });

  it('raises an alarm on dead letters', () => {
    const name = `referral-relay-prod-dispatch-${lane}-dead-letters`;
    expect(findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', name)).toMatchObject({
      Dimensions: [{ Name: 'QueueName', Value: `referral-relay-prod-dispatch-dead-${lane}` }],
      Threshold: 1,
    });
  });
});

describe('a delivery that fails', () => {
  it('for long raises an alarm that holds from one attempt to the next', () => {
    const alarm = findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', 'referral-relay-prod-deliver-held-up');
    expect(alarm).toMatchObject({
      Namespace: 'ReferralRelay',
      MetricName: 'held-up',
      Dimensions: [{ Name: 'Stage', Value: 'prod' }],
      Threshold: 1,
      DatapointsToAlarm: 1,
      TreatMissingData: 'notBreaching',
    });
    const { Period, EvaluationPeriods } = alarm;
    expect(Number(Period) * Number(EvaluationPeriods) * SECOND).toBeGreaterThan(SCHEDULE.longestBackoff.other);
  });

  it('for ever raises an alarm', () => {
    const name = 'referral-relay-prod-deliver-undeliverable';
    expect(findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', name)).toMatchObject({
      Namespace: 'ReferralRelay',
      MetricName: 'undeliverable',
      Dimensions: [{ Name: 'Stage', Value: 'prod' }],
      Threshold: 1,
    });
  });
});

describe('sweep', () => {
  it('runs every minute, never twice at once, and is not repeated', () => {
    const sweep = findProperties(service, 'AWS::Lambda::Function', 'FunctionName', 'referral-relay-prod-sweep');
    expect(sweep).toMatchObject({ ReservedConcurrentExecutions: 1, Timeout: 55 });
    expect(findProperties(service, 'AWS::Events::Rule', 'Name', 'referral-relay-prod-sweep')).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      State: 'ENABLED',
      Targets: [{ RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } }],
    });
    expect(propertiesOf(service, 'AWS::Lambda::EventInvokeConfig')).toMatchObject([
      { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
    ]);
  });

  it('that is ordered by hand while another run is under way raises no alarm', () => {
    const alarm = findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', 'referral-relay-prod-sweep-throttles');
    const [periods, ofThem = periods] = ['EvaluationPeriods', 'DatapointsToAlarm'].map((name) => alarm[name]);
    // One of the two is held back, within the period of one datapoint or, at its end, of two.
    expect(Number(ofThem)).toBeGreaterThan(2);
  });

  it('is missed when it does not run', () => {
    const alarm = findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', 'referral-relay-prod-sweep-missing');
    expect(alarm).toMatchObject({
      Namespace: 'ReferralRelay',
      MetricName: 'swept',
      Dimensions: [{ Name: 'Stage', Value: 'prod' }],
      ComparisonOperator: 'LessThanThreshold',
      TreatMissingData: 'breaching',
    });
  });

  it('that fails raises an alarm once it lasts, and that holds for a single row as long as it fails', () => {
    const alarm = findProperties(service, 'AWS::CloudWatch::Alarm', 'AlarmName', 'referral-relay-prod-sweep-failing');
    expect(alarm).toMatchObject({
      Namespace: 'ReferralRelay',
      MetricName: 'due-failed',
      Dimensions: [{ Name: 'Stage', Value: 'prod' }],
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
    });
    const [period, periods, ofThem] = ['Period', 'EvaluationPeriods', 'DatapointsToAlarm'].map((name) =>
      Number(alarm[name]),
    ) as [number, number, number];
    // Not at what is over after five minutes; and a row that sweep has taken has its next turn after the lease.
    expect(ofThem).toBeGreaterThan(2);
    expect(period * SECOND).toBeLessThan(SCHEDULE.lease);
    expect(Math.floor((period * periods * SECOND) / (SCHEDULE.lease + MINUTE))).toBeGreaterThanOrEqual(ofThem);
  });
});
