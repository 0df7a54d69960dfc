import { KMSClient, KMSServiceException } from '@aws-sdk/client-kms';
import { type Caller, type Kms, type KmsOptions, startKms } from '../../../local/kms/kms.ts';

export const REGION = 'eu-west-2';
export const NOW = Date.parse('2026-11-23T09:30:00.000Z');

/** Two accounts with one principal each: the access key id says which. */
export const HOME = '111111111111';
export const AWAY = '222222222222';
export const CALLERS: ReadonlyMap<string, Caller> = new Map([
  ['AKIDHOME', { account: HOME, arn: `arn:aws:iam::${HOME}:role/home` }],
  ['AKIDAWAY', { account: AWAY, arn: `arn:aws:iam::${AWAY}:role/away` }],
]);

/** A KMS that allows everything, unless told otherwise, and stands still in time. */
export const startTestKms = (options: Partial<KmsOptions> = {}): Promise<Kms> =>
  startKms({ region: REGION, callers: CALLERS, authorize: () => true, clock: () => NOW, ...options });

/** The real client, without retries. */
export const connect = (kms: { endpoint: string }, accessKeyId = 'AKIDHOME', region = REGION): KMSClient =>
  new KMSClient({
    region,
    endpoint: kms.endpoint,
    credentials: { accessKeyId, secretAccessKey: 'not-a-secret' },
    maxAttempts: 1,
  });

/** The error that KMS answered with. A call that succeeds, or fails otherwise, fails the test. */
export async function refusal(call: Promise<unknown>): Promise<{ name: string; message: string; status: number }> {
  const fault = await call.then(
    () => new Error('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  if (!(fault instanceof KMSServiceException)) throw fault;
  return { name: fault.name, message: fault.message, status: fault.$metadata.httpStatusCode ?? 0 };
}

/** `ok`, or the name of the error. */
export const outcome = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'ok',
    (thrown: unknown) => (thrown instanceof Error ? thrown.name : 'unknown'),
  );

/** What must be there in a successful answer. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the answer lacks a member');
  return value;
}
