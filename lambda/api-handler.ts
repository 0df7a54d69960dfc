import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { answerRequest, type Calls } from '../core/api.ts';
import type { Relay } from '../core/ports.ts';
import { toRequest, toResult } from './http.ts';

/** A handler for events of the HTTP API that serves `calls`. */
export const createApiHandler =
  <R extends Pick<Relay, 'ledger' | 'registry' | 'clock' | 'telemetry'>>(
    relay: R,
    authority: string,
    calls: Calls<R>,
  ) =>
  async (event: unknown): Promise<APIGatewayProxyStructuredResultV2> =>
    toResult(await answerRequest(relay, authority, calls, toRequest(event)));
