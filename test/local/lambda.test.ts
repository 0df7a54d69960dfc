import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FunctionError, PAYLOAD_BYTES, THROTTLED } from '../../local/functions.ts';
import { type LambdaApi, startLambdaApi } from '../../local/lambda.ts';

let api: LambdaApi;
let client: LambdaClient;
const invoked: unknown[] = [];

beforeAll(async () => {
  api = await startLambdaApi({
    stage: 'test',
    async invoke(name, event) {
      invoked.push({ name, event });
      if (name === 'deliver') throw new FunctionError('deliver', 'TypeError', 'x is not a function');
      if (name === 'submit') throw new FunctionError('submit', THROTTLED, '50 invocations are under way');
      return { rows: 3 };
    },
  });
  const credentials = { accessKeyId: 'LOCAL', secretAccessKey: 'local' };
  client = new LambdaClient({ region: 'eu-west-1', endpoint: api.endpoint, credentials, maxAttempts: 1 });
});
afterAll(async () => {
  client.destroy();
  await api.close();
  await api.close();
});

const invoke = (name: string, Payload = '{"source":"test"}', Qualifier?: string) =>
  client.send(new InvokeCommand({ FunctionName: name, Payload, ...(Qualifier !== undefined && { Qualifier }) }));

describe('the Lambda API', () => {
  it.each([undefined, 'live'])('invokes a function by its name and waits for its answer (qualifier %s)', async (by) => {
    const { StatusCode, Payload, FunctionError: failure } = await invoke('referral-relay-test-sweep', undefined, by);
    expect([StatusCode, failure]).toEqual([200, undefined]);
    expect(JSON.parse(Payload?.transformToString() ?? '')).toEqual({ rows: 3 });
    expect(invoked.at(-1)).toEqual({ name: 'sweep', event: { source: 'test' } });
  });

  it('tells of a function that failed as Lambda does', async () => {
    const { StatusCode, Payload, FunctionError: failure } = await invoke('referral-relay-test-deliver');
    expect([StatusCode, failure]).toEqual([200, 'Unhandled']);
    expect(JSON.parse(Payload?.transformToString() ?? '')).toMatchObject({ errorType: 'TypeError' });
  });

  it('refuses what the function has no room for', async () => {
    await expect(invoke('referral-relay-test-submit')).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      $metadata: { httpStatusCode: 429 },
    });
  });

  it.each([
    ['a function of another stage', invoke.bind(undefined, 'referral-relay-prod-sweep'), 'ResourceNotFoundException'],
    ['no such function', invoke.bind(undefined, 'referral-relay-test-nothing'), 'ResourceNotFoundException'],
    ['another alias', invoke.bind(undefined, 'referral-relay-test-sweep', '{}', 'next'), 'ResourceNotFoundException'],
    ['no JSON', invoke.bind(undefined, 'referral-relay-test-sweep', '{'), 'InvalidRequestContentException'],
    [
      'more than Lambda takes',
      invoke.bind(undefined, 'referral-relay-test-sweep', JSON.stringify('x'.repeat(PAYLOAD_BYTES))),
      'InvalidRequestContentException',
    ],
  ])('refuses %s', async (_title, call, name) => {
    const count = invoked.length;
    await expect(call()).rejects.toMatchObject({ name });
    expect(invoked).toHaveLength(count);
  });
});
