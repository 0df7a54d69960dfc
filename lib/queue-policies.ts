import { accountOf, allBut, only, type PolicyDocument, policyDocument, type Statement } from './policy.ts';

export const RECEIVE = ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage'];
/** What a consumer needs beside {@link RECEIVE}. */
export const LOOK = ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl'];

export interface QueueUsers {
  /** ARNs of the roles that send; empty for a dead-letter queue, which SQS itself fills. */
  senders: string[];
  /** ARNs of those that receive; left out where the operator looks into it. */
  receivers?: string[];
  /** The one of `receivers` that the queue itself lets in, because its account is not the relay's, or may not be. */
  guest?: string;
}

/**
 * The policy of a queue: encrypted in transit, filled by its senders alone and emptied by its receivers alone, whatever
 * the account's other policies say. What is sealed stays sealed in any case; this keeps it from being lost or forged.
 */
export function queuePolicy(queue: string, { senders, receivers, guest }: QueueUsers): PolicyDocument {
  const statements: Statement[] = [
    {
      Sid: 'EncryptedInTransit',
      Effect: 'Deny',
      Principal: '*',
      Action: 'sqs:*',
      Resource: queue,
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    },
    {
      Sid: 'NobodyElseSends',
      Effect: 'Deny',
      Principal: '*',
      Action: 'sqs:SendMessage',
      Resource: queue,
      ...(senders.length > 0 && { Condition: allBut(...senders) }),
    },
  ];
  if (receivers) {
    statements.push({
      Sid: 'NobodyElseReceives',
      Effect: 'Deny',
      Principal: '*',
      Action: RECEIVE,
      Resource: queue,
      Condition: allBut(...receivers),
    });
  }
  if (guest !== undefined) {
    statements.push({
      Sid: 'AgencyReceives',
      Effect: 'Allow',
      Principal: accountOf(guest),
      Action: [...RECEIVE, ...LOOK],
      Resource: queue,
      Condition: only(guest),
    });
  }
  return policyDocument(statements);
}
