import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { matchesPattern, policiesOf } from '../support/synthesized-policies.ts';
import { service, withEverySetting } from '../support/synthesized-service.ts';
import { findProperties, propertiesOf, resolve, SETTINGS, synthesizeStage } from '../support/synthesized-stage.ts';

/** Whom the alarms tell, by the resource that says so. */
const subscriptions = (alarmEmails: string[]) => {
  const stack = synthesizeStage([], { settings: { ...SETTINGS, alarmEmails } }).stack('service');
  return new Map(
    Object.entries(stack.template.Resources).flatMap(([id, { Type, Properties }]) =>
      Type === 'AWS::SNS::Subscription' ? [[id, String(Properties['Endpoint'])]] : [],
    ),
  );
};

describe('the operator', () => {
  const topic = 'arn:aws:sns:eu-west-2:111122223333:referral-relay-prod-alarms';

  it('hears of every alarm', () => {
    const alarms = propertiesOf(service, 'AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThanOrEqual(17);
    for (const { AlarmActions } of alarms) expect(AlarmActions).toEqual([topic]);
    expect(propertiesOf(withEverySetting, 'AWS::SNS::Subscription')).toMatchObject([
      { Protocol: 'email', Endpoint: 'a@relay.example' },
      { Protocol: 'email', Endpoint: 'b@relay.example' },
    ]);
  });

  // SNS has one subscription for an address, however often it is asked for; CloudFormation asks for what is new, then
  // ends what was, and with it what it has just asked for under another name.
  it.each([
    ['goes', ['b@relay.example', 'c@relay.example']],
    ['comes', ['d@relay.example', 'a@relay.example', 'b@relay.example', 'c@relay.example']],
    ['changes places', ['c@relay.example', 'b@relay.example', 'a@relay.example']],
  ])('hears at every address also after another one %s', (_, addresses) => {
    const before = subscriptions(['a@relay.example', 'b@relay.example', 'c@relay.example']);
    const after = subscriptions(addresses);
    const standing = new Set([...before.values(), ...after.values()]);
    for (const [id, address] of before) if (after.get(id) !== address) standing.delete(address);
    expect(standing).toEqual(new Set(addresses));
  });

  it('hears through a topic with a key that CloudWatch and EventBridge may use', () => {
    const [{ KmsMasterKeyId } = { KmsMasterKeyId: undefined }] = propertiesOf(service, 'AWS::SNS::Topic');
    const [keyId] = String(resolve(KmsMasterKeyId)).split('.');
    const key = policiesOf(service).find(({ kind, owner }) => kind === 'key' && owner === keyId);
    expect(key?.statements.filter(({ Action }) => Action.includes('kms:Decrypt'))).toMatchObject([
      {
        Effect: 'Allow',
        Principal: { Service: ['cloudwatch.amazonaws.com', 'events.amazonaws.com'] },
        Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      },
    ]);
    expect(service.template.Resources[keyId ?? '']?.Properties).toMatchObject({ EnableKeyRotation: true });
  });

  it('is told by alarms of this account only', () => {
    const publishers = policiesOf(service).find(({ kind }) => kind === 'topic')?.statements;
    expect(publishers?.map(({ Effect, Principal }) => [Effect, Principal])).toEqual([
      ['Deny', '*'],
      ['Allow', { Service: ['cloudwatch.amazonaws.com'] }],
      ['Allow', { Service: ['events.amazonaws.com'] }],
    ]);
    expect(publishers?.[1]?.Condition?.['StringEquals']).toEqual({ 'aws:SourceAccount': ['111122223333'] });
    const [pattern = ''] = publishers?.[1]?.Condition?.['ArnLike']?.['aws:SourceArn'] ?? [];
    const alarm = 'arn:aws:cloudwatch:eu-west-2:111122223333:alarm:referral-relay';
    expect(matchesPattern(pattern, `${alarm}-prod-gb-lantern-unopened`)).toBe(true);
    expect(matchesPattern(pattern, `${alarm}-test-gb-lantern-unopened`)).toBe(false);
  });

  it('is told of every change to who may use a key, or whether it can be used', () => {
    const rule = findProperties(service, 'AWS::Events::Rule', 'Name', 'referral-relay-prod-key-changes');
    expect(rule).toMatchObject({
      State: 'ENABLED',
      EventPattern: {
        source: ['aws.kms'],
        'detail-type': ['AWS API Call via CloudTrail'],
        detail: {
          eventName: expect.arrayContaining(['PutKeyPolicy', 'CreateGrant', 'DisableKey', 'ScheduleKeyDeletion']),
        },
      },
      Targets: [{ Arn: topic }],
    });
  });

  it('sees partners on the dashboard without their being named there', () => {
    const [dashboard] = propertiesOf(service, 'AWS::CloudWatch::Dashboard');
    const body = z
      .object({ widgets: z.array(z.object({ properties: z.looseObject({ title: z.string().optional() }) })) })
      .parse(JSON.parse(String(resolve(dashboard?.['DashboardBody']))));
    expect(body.widgets.map(({ properties }) => properties.title)).toEqual(
      expect.arrayContaining(['Unopened, immediate, by agency', 'Agencies: dead letters', 'Dispatch: dead letters']),
    );
    expect(JSON.stringify(body)).toContain('SEARCH(');
  });
});
