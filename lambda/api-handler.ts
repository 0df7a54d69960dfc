import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { answerRequest, type Calls } from '../core/api.ts';
import type { Relay } from '../core/ports.ts';
import { type Invocation, withinTime } from './deadline.ts';
import { toRequest, toResult } from './http.ts';

/** A handler for events of the HTTP API that serves `calls`, and answers before its time is over. */
export const createApiHandler =
  <R extends Pick<Relay, 'ledger' | 'registry' | 'clock' | 'telemetry'>>(
    relay: R,
    authority: string,
    calls: Calls<R>,
  ) =>
  async (event: unknown, invocation: Invocation): Promise<APIGatewayProxyStructuredResultV2> =>
    toResult(await withinTime(invocation, () => answerRequest(relay, authority, calls, toRequest(event))));
