import { describe, expect, it } from 'vitest';
import { FUNCTIONS } from '../../core/names.ts';
import { policiesOf } from '../support/synthesized-policies.ts';
import { ACCOUNT, propertiesOf, REGION, resourcesOf, synthesizeStage } from '../support/synthesized-stage.ts';

const core = synthesizeStage([]).stack('core');
const [table] = resourcesOf(core, 'AWS::DynamoDB::Table');

describe('the ledger', () => {
  it('has the keys of its rows, and the index over what is due', () => {
    expect(table?.Properties).toMatchObject({
      TableName: 'referral-relay-prod-ledger',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'due',
          KeySchema: [
            { AttributeName: 'lane', KeyType: 'HASH' },
            { AttributeName: 'dueAt', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
      AttributeDefinitions: ['pk', 'sk', 'lane', 'dueAt'].map((AttributeName) => ({
        AttributeName,
        AttributeType: 'S',
      })),
    });
  });

  it('stands without servers, can be put back to any moment, and outlives its stack', () => {
    expect(table).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      },
    });
    expect(core.terminationProtection).toBe(true);
  });

  it('forgets nothing by itself: sweep alone deletes', () => {
    expect(table?.Properties).not.toHaveProperty('TimeToLiveSpecification');
    const mayDelete = policiesOf(core).filter(({ statements }) =>
      statements.some(({ Action }) => Action.some((action) => /dynamodb:(Delete|Batch|\*)/.test(action))),
    );
    expect(mayDelete.map(({ owner }) => owner)).toEqual(['referral-relay-prod-deliver', 'referral-relay-prod-sweep']);
  });
});

const lastPart = (arn: string): string => arn.split('referral-relay-prod-').at(-1) ?? arn;

describe('the roles of the functions', () => {
  it('are one a function, for Lambda alone', () => {
    expect(propertiesOf(core, 'AWS::IAM::Role').map(({ RoleName }) => RoleName)).toEqual(
      FUNCTIONS.map((name) => `referral-relay-prod-${name}`),
    );
    for (const { statements } of policiesOf(core).filter(({ kind }) => kind === 'trust')) {
      expect(statements).toMatchObject([
        { Effect: 'Allow', Principal: { Service: ['lambda.amazonaws.com'] }, Action: ['sts:AssumeRole'] },
      ]);
    }
  });

  const KEYS = `arn:aws:kms:${REGION}:${ACCOUNT}:key/*`;

  /** Actions by role, each with the last part of its resources. */
  const access = Object.fromEntries(
    policiesOf(core)
      .filter(({ kind }) => kind === 'identity')
      .map(({ owner, statements }) => [
        owner.slice('referral-relay-prod-'.length),
        statements.map(({ Action, Resource = [] }) => `${Action.join(' ')} ON ${Resource.map(lastPart).join(' ')}`),
      ]),
  );
  it.each([
    [
      'submit',
      [
        'logs:CreateLogStream logs:PutLogEvents ON submit:*',
        'dynamodb:GetItem dynamodb:Query ON ledger',
        'dynamodb:PutItem dynamodb:UpdateItem ON ledger',
        'sqs:SendMessage ON dispatch-urgent dispatch-routine',
        `kms:GetPublicKey ON ${KEYS}`,
      ],
    ],
    [
      'deliver',
      [
        'logs:CreateLogStream logs:PutLogEvents ON deliver:*',
        'dynamodb:GetItem dynamodb:Query ON ledger',
        'dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem ON ledger',
        'sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:ReceiveMessage sqs:GetQueueAttributes sqs:GetQueueUrl ON dispatch-urgent dispatch-routine',
        'sqs:SendMessage ON ??-*-urgent ???-*-urgent ??-*-routine ???-*-routine',
        `kms:ReEncryptFrom ON ${KEYS}`,
        `kms:ReEncryptTo ON ${KEYS}`,
      ],
    ],
    [
      'answer',
      [
        'logs:CreateLogStream logs:PutLogEvents ON answer:*',
        'dynamodb:GetItem dynamodb:Query ON ledger',
        'dynamodb:PutItem dynamodb:UpdateItem ON ledger',
        'sqs:SendMessage ON ??-*-outcomes ???-*-outcomes',
      ],
    ],
    [
      'collect',
      [
        'logs:CreateLogStream logs:PutLogEvents ON collect:*',
        'dynamodb:GetItem dynamodb:Query ON ledger',
        'dynamodb:UpdateItem ON ledger',
        'sqs:DeleteMessage sqs:ReceiveMessage ON ??-*-outcomes ???-*-outcomes',
      ],
    ],
    [
      'query',
      [
        'logs:CreateLogStream logs:PutLogEvents ON query:*',
        'dynamodb:GetItem dynamodb:Query ON ledger',
        `kms:GetPublicKey ON ${KEYS}`,
      ],
    ],
    [
      'sweep',
      [
        'logs:CreateLogStream logs:PutLogEvents ON sweep:*',
        'dynamodb:GetItem dynamodb:Query ON ledger',
        'dynamodb:Query ON ledger/index/due',
        'dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem ON ledger',
        'sqs:SendMessage ON dispatch-urgent dispatch-routine',
        'sqs:GetQueueAttributes ON dispatch-urgent dispatch-routine',
        'sqs:SendMessage ON ??-*-outcomes ???-*-outcomes',
        'sns:Publish ON ??-*-page ???-*-page',
      ],
    ],
  ])('%s may do this and nothing else', (name, expected) => {
    expect(access[name]).toEqual(expected);
  });
});
