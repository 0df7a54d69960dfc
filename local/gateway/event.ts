import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { DEFAULT_FUNCTION, ENDPOINTS } from '../../core/endpoints.ts';
import type { FunctionName } from '../../core/names.ts';
import { RELAY_ACCOUNT } from '../principals.ts';

/*
 * A raw request as the event that API Gateway makes of it for an HTTP API with payload format 2.0 (AWS, "Create AWS
 * Lambda proxy integrations for HTTP APIs"). What AWS does not document follows what others measured against it; where
 * nobody did, a comment says "assumed".
 */

/** A request as it came in, nothing joined, dropped or decoded. */
export interface RawRequest {
  method: string;
  /** Request target: path and query, in origin or absolute form (RFC 9112 section 3.2). */
  target: string;
  /** `1.1` */
  httpVersion: string;
  /** Names and values in turn, as sent. */
  rawHeaders: readonly string[];
  body: Uint8Array;
  sourceIp: string;
}

export interface Invocation {
  function: FunctionName;
  event: APIGatewayProxyEventV2;
}

/** What identifies this front and the request in it. */
export interface RequestIdentity {
  requestId: string;
  domainName: string;
  port: number;
  /** Milliseconds since 1970. */
  now: number;
}

/** The function to invoke and its event; `undefined` where the gateway answers 400 itself. */
export function toInvocation(request: RawRequest, identity: RequestIdentity): Invocation | undefined {
  const target = splitTarget(request.target);
  if (!target) return undefined;
  const { path, query } = target;
  const { headers, cookies } = toHeaders(request, identity);
  const { body, isBase64Encoded } = toBody(request.body, headers['content-type']);
  const route = findRoute(request.method, path);
  const { requestId, domainName, now } = identity;

  return {
    function: route.function,
    event: {
      version: '2.0',
      routeKey: route.key,
      rawPath: path,
      rawQueryString: query,
      ...(cookies.length > 0 && { cookies }),
      headers,
      ...(query !== '' && { queryStringParameters: toParameters(query) }),
      requestContext: {
        accountId: RELAY_ACCOUNT,
        apiId: 'local',
        domainName,
        domainPrefix: domainName.split('.')[0] ?? '',
        http: {
          method: request.method,
          path,
          protocol: `HTTP/${request.httpVersion}`,
          sourceIp: request.sourceIp,
          userAgent: headers['user-agent'] ?? '',
        },
        requestId,
        routeKey: route.key,
        stage: '$default',
        time: toLogTime(now),
        timeEpoch: now,
      },
      ...(route.parameters && { pathParameters: route.parameters }),
      ...(body !== undefined && { body }),
      isBase64Encoded,
    },
  };
}

/**
 * The path comes decoded, `%2F` as a slash too, and what follows a decoded `?` is gone (measured: honojs/hono#2156,
 * hotsock/voker#8); the query stays as sent. Assumed: a path that cannot be decoded is a bad request.
 */
function splitTarget(target: string): { path: string; query: string } | undefined {
  const relative = /^https?:\/\//i.test(target) ? target.replace(/^https?:\/\/[^/?]*/i, '') : target;
  const mark = relative.indexOf('?');
  const rawPath = mark < 0 ? relative : relative.slice(0, mark);
  if (rawPath !== '' && !rawPath.startsWith('/')) return undefined;
  try {
    const [path = ''] = decodeURIComponent(rawPath).split('?');
    return { path: path || '/', query: mark < 0 ? '' : relative.slice(mark + 1) };
  } catch {
    return undefined;
  }
}

/** Headers between two hops only (RFC 9110 section 7.6.1); assumed: the gateway keeps them to itself. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Lower-case names, values of one name joined with a comma, cookies apart; with what the gateway adds. */
function toHeaders(request: RawRequest, identity: RequestIdentity) {
  const headers = new Map<string, string>();
  const cookies: string[] = [];
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = (request.rawHeaders[index] ?? '').toLowerCase();
    const value = request.rawHeaders[index + 1] ?? '';
    if (HOP_BY_HOP.has(name)) continue;
    if (name === 'cookie') cookies.push(...value.split(/;\s*/));
    else append(headers, name, value);
  }
  append(headers, 'x-forwarded-for', request.sourceIp);
  headers.set('x-forwarded-port', String(identity.port));
  headers.set('x-forwarded-proto', 'http');
  headers.set('content-length', String(request.body.length));
  return { headers: Object.fromEntries(headers), cookies };
}

function append(headers: Map<string, string>, name: string, value: string): void {
  const before = headers.get(name);
  headers.set(name, before === undefined ? value : `${before},${value}`);
}

/** Types whose body comes as text if they stand alone (measured: ministackorg/ministack#766, floci-io/floci#2172). */
const TEXT = /^(?:text\/[\w.+-]+|application\/(?:json|xml|javascript|graphql))$/i;
/** The two that stay text with a charset, if it is UTF-8 (measured, as above). */
const TEXT_WITH_CHARSET = /^(?:text\/plain|application\/json)\s*;\s*charset="?utf-8"?\s*$/i;

/**
 * Every other body, that of a form or of no type included, comes in base64. Assumed: text that is not UTF-8 comes with
 * replacement characters.
 */
function toBody(bytes: Uint8Array, contentType = ''): { body?: string; isBase64Encoded: boolean } {
  if (bytes.length === 0) return { isBase64Encoded: false };
  const isText = TEXT.test(contentType.trim()) || TEXT_WITH_CHARSET.test(contentType.trim());
  return { body: Buffer.from(bytes).toString(isText ? 'utf8' : 'base64'), isBase64Encoded: !isText };
}

/** Decoded; several of one name joined with a comma. */
function toParameters(query: string): Record<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) append(parameters, name, value);
  return Object.fromEntries(parameters);
}

interface Route {
  key: string;
  function: FunctionName;
  parameters?: Record<string, string>;
}

/** A parameter of a path stands for one segment that is not empty. */
const ROUTES = ENDPOINTS.map((endpoint) => ({
  key: `${endpoint.method} ${endpoint.path}`,
  function: endpoint.function,
  method: endpoint.method,
  pattern: new RegExp(`^${endpoint.path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
}));

function findRoute(method: string, path: string): Route {
  for (const route of ROUTES) {
    const match = route.method === method ? route.pattern.exec(path) : null;
    if (match) {
      return { key: route.key, function: route.function, ...(match.groups && { parameters: { ...match.groups } }) };
    }
  }
  return { key: '$default', function: DEFAULT_FUNCTION };
}

/** `12/Mar/2020:19:03:58 +0000` */
function toLogTime(now: number): string {
  const [, day, month, year, time] = new Date(now).toUTCString().split(' ');
  return `${day}/${month}/${year}:${time} +0000`;
}
