import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DispatchMessage } from '../../core/ports.ts';
import { functionName } from '../../core/names.ts';
import { RELAY_ACCOUNT, administratorOf } from '../../local/principals.ts';
import { findTarget } from '../../ops/target.ts';
import { until } from '../ops/operator.ts';
import type { FaultyCloud } from '../support/faulty-cloud.ts';
import { startFaultyRelay } from '../support/faulty-relay.ts';

/*
 * What deliver tells Lambda of a batch: which messages come back, and whether it failed, by which the alarm on its errors
 * rings and a deployment is taken back.
 */

let cloud: FaultyCloud;
let log: string[];
let close: () => Promise<void>;
let lambda: LambdaClient;
let stage: string;

beforeAll(async () => {
  const started = await startFaultyRelay({ 'gb-lantern': {}, 'de-kinderwacht': {} });
  ({ cloud, log, close } = started);
  ({ stage } = started.relay);
  const { local, region } = findTarget({ local: started.relay.dataDir }, {});
  const { credentials } = administratorOf(RELAY_ACCOUNT);
  lambda = new LambdaClient({ region, endpoint: local?.endpoints.lambda ?? '', credentials });
});
beforeEach(() => {
  cloud.relent();
  log.length = 0;
});
afterAll(() => close());

const NOT_KNOWN: DispatchMessage = { v: 1, hotline: 'gb-lantern', id: '01a207bd-a9c0-7000-8000-000000000001' };
const OTHER: DispatchMessage = { ...NOT_KNOWN, id: '01a207bd-a9c0-7000-8000-000000000002' };

/** A batch of these; each message is named by its place. */
async function deliver(...messages: unknown[]): Promise<{ error: string | undefined; answer: unknown }> {
  const Records = messages.map((message, index) => ({ messageId: `m${index}`, body: JSON.stringify(message) }));
  const { FunctionError: error, Payload } = await lambda.send(
    new InvokeCommand({ FunctionName: functionName(stage, 'deliver'), Payload: JSON.stringify({ Records }) }),
  );
  return { error, answer: JSON.parse(Payload?.transformToString() ?? '') };
}

/** What a function prints comes by another way than its answer. */
const untilFailed = (count: number): Promise<void> =>
  until(`${count} failed`, async () => log.filter((line) => line.includes('"event":"failed"')).length === count);

describe('a batch', () => {
  it('of which nothing fails is done', async () => {
    expect(await deliver(NOT_KNOWN, OTHER)).toEqual({ error: undefined, answer: { batchItemFailures: [] } });
  });

  it('of which something fails is no fault of the function: that alone comes back', async () => {
    const { error, answer } = await deliver(NOT_KNOWN, 'nothing of ours', OTHER);
    expect({ error, answer }).toEqual({ error: undefined, answer: { batchItemFailures: [{ itemIdentifier: 'm1' }] } });
    await untilFailed(1);
  });

  it('of which all fails is a fault of the function, so that somebody hears of it, and all of it comes back', async () => {
    cloud.refuse({ service: 'dynamodb', operation: 'Query', error: 'AccessDeniedException' });
    const { error } = await deliver(NOT_KNOWN, OTHER);
    expect(error).toBe('Unhandled');
    await untilFailed(2);
  });
});
