import type { FunctionName } from './names.ts';

/** A call of the API: what it is named, and which function serves it. */
export interface Endpoint {
  name: EndpointName;
  method: 'GET' | 'POST';
  /** Path as API Gateway routes it; `{hotline}` and `{id}` name the referral. */
  path: string;
  function: FunctionName;
}

export type EndpointName =
  'submit' | 'route' | 'withdraw' | 'answer' | 'receive' | 'acknowledge' | 'status' | 'directory';

const REFERRAL = '/v1/referrals/{hotline}/{id}';

export const ENDPOINTS = [
  { name: 'submit', method: 'POST', path: '/v1/referrals', function: 'submit' },
  { name: 'route', method: 'POST', path: `${REFERRAL}/routes`, function: 'submit' },
  { name: 'withdraw', method: 'POST', path: `${REFERRAL}/withdraw`, function: 'submit' },
  { name: 'answer', method: 'POST', path: `${REFERRAL}/outcomes`, function: 'answer' },
  { name: 'receive', method: 'POST', path: '/v1/outcomes/receive', function: 'collect' },
  { name: 'acknowledge', method: 'POST', path: '/v1/outcomes/acknowledge', function: 'collect' },
  { name: 'status', method: 'GET', path: REFERRAL, function: 'query' },
  { name: 'directory', method: 'GET', path: '/v1/directory', function: 'query' },
] as const satisfies readonly Endpoint[];

/** Serves every other method and path: its signature is verified, then the answer is `404`. */
export const DEFAULT_FUNCTION = 'query' satisfies FunctionName;

export interface Match {
  endpoint: Endpoint;
  /** Empty where the path names no referral. */
  hotline: string;
  id: string;
}

const PATTERNS = ENDPOINTS.map((endpoint) => ({
  endpoint,
  pattern: new RegExp(
    `^${endpoint.path.replace('{hotline}', '(?<hotline>[a-z0-9-]+)').replace('{id}', '(?<id>[a-z0-9-]+)')}$`,
  ),
}));

/** The call that `method` and `path` make, if there is one. */
export function matchEndpoint(method: string, path: string): Match | undefined {
  for (const { endpoint, pattern } of PATTERNS) {
    const match = endpoint.method === method ? pattern.exec(path) : null;
    if (match) return { endpoint, hotline: match.groups?.hotline ?? '', id: match.groups?.id ?? '' };
  }
  return undefined;
}
