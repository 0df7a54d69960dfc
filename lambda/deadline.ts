import { AsyncLocalStorage } from 'node:async_hooks';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Context } from 'aws-lambda';

/*
 * The time that an invocation has, kept by every request that is made in it. A call of the API makes some six requests
 * one after the other, and each of them may take as long as its attempts do: only all of them together can be held to
 * what the function has. Requests are cut off rather than left to themselves, for what is under way when a function
 * answers goes on when its process is next thawed: minutes later, when sweep has long given up on it.
 */

export type Invocation = Pick<Context, 'getRemainingTimeInMillis'>;

/**
 * What is left of an invocation when its requests are cut off, in milliseconds: enough for the SDK's pause between two
 * attempts, which nothing cuts short, and for the answer. A long poll of 20 seconds fits into the rest of 29.
 */
const MARGIN = 4000;

const deadlines = new AsyncLocalStorage<AbortSignal>();

/** Does `work`, whose requests are cut off, and then reject, shortly before the invocation's time is over. */
export const withinTime = <T>(invocation: Invocation, work: () => Promise<T>): Promise<T> =>
  deadlines.run(AbortSignal.timeout(Math.max(0, invocation.getRemainingTimeInMillis() - MARGIN)), work);

/** The same client, whose requests keep the deadline of the invocation that makes them. */
export function keepDeadline<C extends { config: Pick<SQSClient['config'], 'requestHandler'> }>(client: C): C {
  const { requestHandler } = client.config;
  const handle: typeof requestHandler.handle = requestHandler.handle.bind(requestHandler);
  requestHandler.handle = (request, options) => {
    const own = options && 'abortSignal' in options ? options.abortSignal : undefined;
    const signals = [deadlines.getStore(), own].filter((signal) => signal instanceof AbortSignal);
    return handle(request, { ...options, ...(signals.length > 0 && { abortSignal: AbortSignal.any(signals) }) });
  };
  return client;
}
