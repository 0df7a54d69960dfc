import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { CfnRole } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { DUE_INDEX, type FunctionName, FUNCTIONS, ledgerTable, roleName, stackName } from '../core/names.ts';
import { functionPolicy } from './function-policies.ts';
import { acknowledgeWildcards } from './nag.ts';
import type { Place } from './place.ts';
import { policyDocument } from './policy.ts';
import { tagStage } from './tags.ts';

/**
 * What stays whatever is deployed: the ledger, and the roles of the functions. The roles are here and not beside their
 * functions because the stacks of partners with keys of their own add to them, and are deployed before the functions.
 */
export class CoreStack extends Stack {
  constructor(scope: Construct, place: Place) {
    const { stage, account, region } = place;
    super(scope, stackName(stage, 'core'), {
      env: { account, region },
      description: `referral-relay ${stage}: the ledger, and the roles of the functions`,
      terminationProtection: true,
    });
    tagStage(this, stage);
    createLedger(this, stage);
    for (const name of FUNCTIONS) createRole(this, place, name);
  }
}

/** Without a time-to-live: what is past its time is deleted by sweep, which knows whether it may go. */
function createLedger(scope: Construct, stage: string): void {
  const table = new Table(scope, 'Ledger', {
    tableName: ledgerTable(stage),
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  table.addGlobalSecondaryIndex({
    indexName: DUE_INDEX,
    partitionKey: { name: 'lane', type: AttributeType.STRING },
    sortKey: { name: 'dueAt', type: AttributeType.STRING },
    projectionType: ProjectionType.ALL,
  });
}

function createRole(scope: Construct, place: Place, name: FunctionName): void {
  const statements = functionPolicy(place, name);
  const role = new CfnRole(scope, `Role-${name}`, {
    roleName: roleName(place.stage, name),
    description: `What ${name} of referral-relay ${place.stage} may do`,
    assumeRolePolicyDocument: policyDocument([
      {
        Sid: 'Lambda',
        Effect: 'Allow',
        Principal: { Service: 'lambda.amazonaws.com' },
        Action: 'sts:AssumeRole',
      },
    ]),
    policies: [{ policyName: 'least', policyDocument: policyDocument(statements) }],
  });
  acknowledgeWildcards(role, statements);
}
