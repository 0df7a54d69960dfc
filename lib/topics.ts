import type { IKeyRef } from 'aws-cdk-lib/aws-kms';
import { CfnSubscription, CfnTopic, CfnTopicPolicy, type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { alarmName } from '../core/names.ts';
import { type Place, topicArn } from './place.ts';
import { policyDocument, type Statement } from './policy.ts';

/** Who may publish to a topic; the topic is filled in. */
export type Publisher = Omit<Statement, 'Resource'>;

export interface TopicProps {
  place: Place;
  name: string;
  /** Sender of its e-mails. */
  displayName: string;
  key?: IKeyRef;
  /** Nobody else may, nor anybody without TLS. */
  publishers: Publisher[];
  /** E-mail addresses and https URLs, none twice. Each has to be confirmed once, by a link that AWS sends there. */
  subscribers: readonly string[];
}

/** The policy replaces the one that SNS gives a topic, which lets the whole account publish. */
export function createTopic(scope: Construct, id: string, props: TopicProps): ITopic {
  const arn = topicArn(props.place, props.name);
  const topic = new CfnTopic(scope, id, {
    topicName: props.name,
    displayName: props.displayName,
    ...(props.key && { kmsMasterKeyId: props.key.keyRef.keyArn }),
  });
  new CfnTopicPolicy(scope, `${id}Policy`, {
    topics: [topic.ref],
    policyDocument: policyDocument([
      {
        Sid: 'EncryptedInTransit',
        Effect: 'Deny',
        Principal: '*',
        Action: 'sns:Publish',
        Resource: arn,
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
      ...props.publishers.map((statement) => ({ ...statement, Resource: arn })),
    ]),
  });
  // Named by its endpoint: SNS has one subscription for each, so that one that moved to another's place would be ended
  // when CloudFormation removes what stood there before.
  for (const endpoint of props.subscribers) {
    new CfnSubscription(topic, endpoint, {
      topicArn: topic.ref,
      protocol: endpoint.startsWith('https:') ? 'https' : 'email',
      endpoint,
    });
  }
  return Topic.fromTopicArn(scope, `${id}Topic`, arn);
}

/** The alarms of this stage. */
export const alarmsPublish = (place: Place): Publisher => ({
  Sid: 'AlarmsOfThisStage',
  Effect: 'Allow',
  Principal: { Service: 'cloudwatch.amazonaws.com' },
  Action: 'sns:Publish',
  Condition: {
    StringEquals: { 'aws:SourceAccount': place.account },
    ArnLike: {
      'aws:SourceArn': `arn:${place.partition}:cloudwatch:${place.region}:${place.account}:alarm:${alarmName(place.stage, '*', '*')}`,
    },
  },
});
