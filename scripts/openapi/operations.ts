import { type Endpoint, ENDPOINTS, type EndpointName } from '../../core/endpoints.ts';
import { type ErrorCode, ERRORS } from '../../core/errors.ts';
import { refTo, type SchemaName } from './schemas.ts';

/* The calls of the API as operations of the OpenAPI description. */

interface Words {
  summary: string;
  description: string;
  request?: SchemaName;
  /** What is answered if it is not an error, by status; `undefined` where there is no body. */
  answers: Readonly<Record<number, { description: string; body?: SchemaName; headers?: object }>>;
  /** Errors besides those of every call. */
  errors: readonly ErrorCode[];
}

/** Errors of every call, and of every call with a body. */
const ALWAYS: readonly ErrorCode[] = ['malformed', 'unauthorized', 'stale-signature', 'slow-down', 'try-again'];
const WITH_BODY: readonly ErrorCode[] = ['too-large', 'unsupported-type'];

const WORDS: Record<EndpointName, Words> = {
  submit: {
    summary: 'Submit a sealed referral',
    description: 'By a hotline. Idempotent over (id, routing, urgency, onward, hash of `sealed`). Section 3.',
    request: 'Submission',
    answers: { 202: { description: 'The referral is durable, and the relay owns it.', body: 'Acceptance' } },
    errors: ['invalid-envelope', 'wrong-role', 'id-conflict', 'no-route', 'wrong-intake-key'],
  },
  route: {
    summary: 'Send a referral on',
    description:
      'By the hotline that sent it, or by an agency that is a route of it and registered to send on. The statement is a `route+jws`. Section 8.',
    request: 'StatementRequest',
    answers: { 200: { description: 'The statement was taken in, now or earlier.', body: 'RoutesAnswer' } },
    errors: ['wrong-role', 'onward-refused', 'not-found', 'limit-reached', 'content-expired', 'statement-mismatch'],
  },
  withdraw: {
    summary: 'Withdraw a referral',
    description: 'By the hotline that sent it. The statement is a `withdraw+jws`; the first one stands. Section 8.',
    request: 'StatementRequest',
    answers: { 200: { description: 'The referral is withdrawn.', body: 'WithdrawAnswer' } },
    errors: ['wrong-role', 'not-found', 'statement-mismatch'],
  },
  answer: {
    summary: 'State an outcome',
    description: 'By an agency that is a route of the referral. The statement is an `outcome+jws`. Section 7.',
    request: 'StatementRequest',
    answers: {
      200: { description: 'The same was stated before; this is the statement that stands.', body: 'TakenStatement' },
      201: { description: 'The statement was taken in.', body: 'TakenStatement' },
    },
    errors: ['wrong-role', 'not-found', 'limit-reached', 'statement-mismatch'],
  },
  receive: {
    summary: 'Receive items of the inbox',
    description: 'By a hotline: outcome statements and events about its referrals, at least once. Section 7.',
    request: 'ReceiveRequest',
    answers: { 200: { description: 'The next items; none if there were none in time.', body: 'Received' } },
    errors: ['wrong-role'],
  },
  acknowledge: {
    summary: 'Acknowledge items of the inbox',
    description: 'By a hotline. What is no receipt is ignored. Section 7.',
    request: 'AcknowledgeRequest',
    answers: { 200: { description: 'The items will not come again.', body: 'Acknowledged' } },
    errors: ['wrong-role'],
  },
  status: {
    summary: 'Ask where a referral stands',
    description: 'By the hotline that sent it. Section 7.',
    answers: { 200: { description: 'Its routes and every statement about it.', body: 'ReferralStatus' } },
    errors: ['wrong-role', 'not-found'],
  },
  directory: {
    summary: 'Read the directory',
    description: 'By every partner: who takes part, and with which keys. Takes `if-none-match`. Section 7.',
    answers: {
      200: {
        description: 'The directory as the caller may see it.',
        body: 'Directory',
        headers: { ETag: { description: 'Changes exactly with the directory.', schema: { type: 'string' } } },
      },
      304: { description: 'Nothing has changed.' },
    },
    errors: [],
  },
};

const NAME_PARAMETERS: Record<string, { description: string; schema: object }> = {
  hotline: { description: 'The hotline that sent the referral.', schema: refTo('PartnerId') },
  id: { description: 'The id that the hotline gave it.', schema: refTo('ReferralId') },
};

/** `paths` of the description. */
export function paths(): Record<string, Record<string, object>> {
  const all: Record<string, Record<string, object>> = {};
  for (const endpoint of ENDPOINTS) {
    all[endpoint.path] = { ...all[endpoint.path], [endpoint.method.toLowerCase()]: operation(endpoint) };
  }
  return all;
}

/** The codes with which a call may be refused, in the order of section 9. */
export function errorsOf({ name, method }: Pick<Endpoint, 'name' | 'method'>): ErrorCode[] {
  const codes = new Set([...ALWAYS, ...(method === 'POST' ? WITH_BODY : []), ...WORDS[name].errors]);
  return (Object.keys(ERRORS) as ErrorCode[]).filter((code) => codes.has(code));
}

function operation(endpoint: Endpoint): object {
  const { summary, description, request, answers } = WORDS[endpoint.name];
  const names = [...endpoint.path.matchAll(/\{(?<name>\w+)\}/g)].map(({ groups }) => groups?.['name'] ?? '');
  const parameters = [
    ...names.map((name) => ({ name, in: 'path', required: true, ...NAME_PARAMETERS[name] })),
    { $ref: '#/components/parameters/SignatureInput' },
    ...(request ? [{ $ref: '#/components/parameters/ContentDigest' }] : []),
    ...(endpoint.name === 'directory' ? [{ $ref: '#/components/parameters/IfNoneMatch' }] : []),
  ];
  return {
    operationId: endpoint.name,
    summary,
    description,
    parameters,
    ...(request && { requestBody: { required: true, content: jsonContent(request) } }),
    responses: { ...Object.fromEntries(Object.entries(answers).map(toResponse)), ...problems(errorsOf(endpoint)) },
  };
}

const toResponse = ([status, { description, body, headers }]: [string, Words['answers'][number]]): [string, object] => [
  status,
  { description, ...(headers && { headers }), ...(body && { content: jsonContent(body) }) },
];

const jsonContent = (schema: SchemaName): object => ({ 'application/json': { schema: refTo(schema) } });

/** One response for each status, naming the codes that it may have here. */
function problems(codes: readonly ErrorCode[]): Record<string, object> {
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  return Object.fromEntries(
    Array.from(byStatus, ([status, among]) => [
      String(status),
      {
        description: among.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(' '),
        ...((status === 429 || status === 503) && {
          headers: { 'Retry-After': { description: 'Whole seconds.', schema: { type: 'integer' } } },
        }),
        content: { 'application/problem+json': { schema: refTo('Problem') } },
      },
    ]),
  );
}
