import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import * as z from 'zod/mini';
import type { HttpRequest, HttpResponse } from '../core/http.ts';

/*
 * An event of an HTTP API (payload format 2.0) as the core's request, and the core's response as its result. Header
 * names arrive in lower case and path decoded; cookies are no part of the protocol.
 */

const HttpEvent = z.object({
  version: z.literal('2.0'),
  rawPath: z.string(),
  rawQueryString: z.string(),
  headers: z.record(z.string(), z.string()),
  requestContext: z.object({ http: z.object({ method: z.string() }) }),
  body: z.optional(z.string()),
  isBase64Encoded: z.boolean(),
});

/** @throws {Error} if this is not such an event: the function is wired to something else */
export function toRequest(event: unknown): HttpRequest {
  const parsed = HttpEvent.safeParse(event);
  if (!parsed.success) throw new Error('The event is not one of an HTTP API with payload format 2.0');
  const { rawPath, rawQueryString, headers, requestContext, body, isBase64Encoded } = parsed.data;
  return {
    method: requestContext.http.method,
    path: rawPath,
    query: rawQueryString,
    headers,
    body: Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8'),
  };
}

export const toResult = ({ status, headers, body }: HttpResponse): APIGatewayProxyStructuredResultV2 => ({
  statusCode: status,
  headers,
  body,
  isBase64Encoded: false,
});
