import { userInfo } from 'node:os';
import { InvokeCommand, LambdaClient, TooManyRequestsException } from '@aws-sdk/client-lambda';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import * as z from 'zod';
import { CommandError, EXIT } from '../client/cli/exit.ts';
import { functionName, ledgerTable, LIVE_ALIAS } from '../core/names.ts';
import type { Ledger, Telemetry } from '../core/ports.ts';
import type { SweepReport } from '../core/use-cases/sweep.ts';
import { createLedgerClient, createQueueClient } from '../lambda/clients.ts';
import { createLedger } from '../lambda/ledger.ts';
import { type AuditLog, createAuditLog } from './audit.ts';
import { createSuspensions, type Suspensions } from './suspensions.ts';
import type { Target } from './target.ts';

/** What the operator's command works on, with the operator's own credentials. */
export interface Cloud extends Pick<Target, 'stage' | 'region' | 'registry' | 'local'> {
  /** Who gives the orders: the caller's ARN, or the user of this machine. */
  operator: string;
  ledger: Ledger;
  suspensions: Suspensions;
  audit: AuditLog;
  /** Keys of the rows that were met and not understood; see `not-understood.ts`. */
  notUnderstood: Set<string>;
  sqs: SQSClient;
  /** Runs the deployed sweep once, to its end. @throws {CommandError} if it failed, or `sweep-busy` while one is running */
  sweep: () => Promise<SweepReport>;
  close: () => void;
}

const Report = z.object({ rows: z.number(), failures: z.number(), complete: z.boolean() });

/** Longer than sweep may run, in milliseconds. */
const SWEEP_TIMEOUT = 90_000;

/** @throws {CommandError} `refused` if the credentials are of another account than the stage's */
export async function connect(target: Target): Promise<Cloud> {
  const { stage, region, registry, local } = target;
  const settings = (service: 'sqs' | 'dynamodb' | 'lambda') => ({
    region,
    ...(local && { endpoint: local.endpoints[service], credentials: local.credentials }),
  });
  const table = ledgerTable(stage);
  const notUnderstood = new Set<string>();
  const telemetry: Telemetry = {
    record: (_event, { row } = {}) => void (row !== undefined && notUnderstood.add(String(row))),
  };
  const client = createLedgerClient(settings('dynamodb'));
  const sqs = createQueueClient(settings('sqs'));
  const lambda = new LambdaClient({
    ...settings('lambda'),
    // A second attempt would be a second run.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 1000, requestTimeout: SWEEP_TIMEOUT, throwOnRequestTimeout: true },
  });
  /** Sweep is never run twice at once. */
  async function invokeSweep() {
    try {
      return await lambda.send(
        new InvokeCommand({ FunctionName: functionName(stage, 'sweep'), Qualifier: LIVE_ALIAS }),
      );
    } catch (error) {
      if (!(error instanceof TooManyRequestsException)) throw error;
      throw new CommandError(
        EXIT.unavailable,
        'sweep-busy',
        'Sweep is running already, as it does every minute: nothing needs to be done, or try again in a moment.',
      );
    }
  }
  return {
    stage,
    region,
    registry,
    ...(local && { local }),
    operator: local ? `local user ${userInfo().username}` : await identify(target),
    ledger: createLedger({ client, table, telemetry }),
    suspensions: createSuspensions({ client, table }),
    audit: createAuditLog({ client, table }),
    notUnderstood,
    sqs,
    async sweep() {
      const { FunctionError, Payload } = await invokeSweep();
      if (FunctionError !== undefined) {
        throw new CommandError(EXIT.unexpected, 'sweep-failed', 'Sweep failed: look at the log of the function.');
      }
      return Report.parse(JSON.parse(Payload?.transformToString() ?? ''));
    },
    close() {
      client.destroy();
      sqs.destroy();
      lambda.destroy();
    },
  };
}

async function identify({ stage, region, account }: Target): Promise<string> {
  const sts = new STSClient({ region });
  try {
    const { Arn = 'unknown', Account } = await sts.send(new GetCallerIdentityCommand({}));
    if (account === undefined || Account === account) return Arn;
    throw new CommandError(
      EXIT.refused,
      'wrong-account',
      `The stage "${stage}" is in account ${account}, and these credentials are of ${Account}. Use the operator's role there.`,
    );
  } finally {
    sts.destroy();
  }
}
