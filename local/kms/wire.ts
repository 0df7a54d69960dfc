import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseJson } from '../../core/json.ts';
import { ERROR_STATUS, KmsError, type KmsErrorType } from './errors.ts';

/*
 * AWS JSON 1.1 over HTTP (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html): one POST to `/`, the
 * operation in `X-Amz-Target`, JSON both ways, the error's name in `__type`. The caller is the access key id in the
 * `Credential` of a Signature Version 4; the signature itself is not verified.
 */

/** A request as far as HTTP goes. What is wrong with it is thrown by the readers below, when they are asked. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly target: string | undefined;
  readonly authorization: string | undefined;
  readonly body: Buffer;
}

export interface WireServer {
  /** `http://127.0.0.1:<port>` */
  endpoint: string;
  close(): Promise<void>;
}

/** Nothing KMS takes is larger: a policy of 128 KiB, escaped. */
const MAX_BODY = 512 * 1024;

/**
 * Serves `answer`; what it throws becomes the answer.
 * @throws {Error} saying what to do when the port is taken
 */
export async function serve(
  options: { host: string; port: number },
  answer: (request: WireRequest, requestId: string) => Promise<object>,
): Promise<WireServer> {
  const server = createServer((request, response) => void handle(request, response, answer));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(explain(cause, options)));
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://${options.host}:${port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

/** The operation's name. @throws {KmsError} `UnknownOperationException` */
export function readOperation({ method, path, target }: WireRequest): string {
  const name = /^TrentService\.(?<name>[A-Za-z]{1,64})$/.exec(target ?? '')?.groups?.['name'];
  if (method === 'POST' && path === '/' && name !== undefined) return name;
  throw new KmsError('UnknownOperationException', 'Send POST / with X-Amz-Target: TrentService.<operation>.');
}

/** @throws {KmsError} where the request is not signed for KMS in this Region */
export function readAccessKeyId({ authorization }: WireRequest, region: string): string {
  if (authorization === undefined) {
    throw new KmsError('MissingAuthenticationTokenException', 'The request has no Authorization header.');
  }
  const scope = CREDENTIAL.exec(authorization)?.groups ?? {};
  if (scope['id'] === undefined) {
    throw new KmsError('IncompleteSignatureException', 'The Authorization header is not a Signature Version 4.');
  }
  if (scope['region'] !== region || scope['service'] !== 'kms') {
    throw new KmsError('InvalidSignatureException', `The credential must be scoped to kms in ${region}.`);
  }
  return scope['id'];
}

const CREDENTIAL =
  /^AWS4-HMAC-SHA256 Credential=(?<id>\w{1,128})\/\d{8}\/(?<region>[a-z0-9-]+)\/(?<service>[a-z0-9-]+)\/aws4_request,/;

/** @throws {KmsError} `SerializationException` */
export function readInput({ body }: WireRequest): unknown {
  if (body.length > MAX_BODY) throw new KmsError('SerializationException', 'The request is too large.');
  try {
    return parseJson(body);
  } catch (fault) {
    const why = fault instanceof SyntaxError ? fault.message : 'unreadable';
    throw new KmsError('SerializationException', `The body is not a JSON document: ${why}.`);
  }
}

/** What is not a refusal is our own fault, and its message stays here: it could quote anything. */
export const typeOf = (thrown: unknown): KmsErrorType =>
  thrown instanceof KmsError ? thrown.type : 'KMSInternalException';

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (request: WireRequest, requestId: string) => Promise<object>,
): Promise<void> {
  const requestId = crypto.randomUUID();
  try {
    const output = await answer(
      {
        method: request.method ?? '',
        path: request.url ?? '',
        target: request.headers['x-amz-target']?.toString(),
        authorization: request.headers.authorization,
        body: await readBody(request),
      },
      requestId,
    );
    send(response, requestId, 200, output);
  } catch (thrown) {
    const type = typeOf(thrown);
    const message = thrown instanceof KmsError ? thrown.message : 'The KMS failed on its own account.';
    send(response, requestId, ERROR_STATUS[type], { __type: type, message });
  }
}

/** Reads to the end, so that the client gets its answer, but keeps no more than tells that it was too much. */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (length <= MAX_BODY) chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, requestId: string, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'content-length': Buffer.byteLength(text),
    'x-amzn-requestid': requestId,
  });
  response.end(text);
}

const explain = (cause: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): Error =>
  cause.code === 'EADDRINUSE'
    ? new Error(`The KMS cannot listen on ${host}:${port}: the port is in use. Stop what uses it or choose another.`)
    : cause;
