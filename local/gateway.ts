import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FunctionName } from '../core/names.ts';
import { FunctionError, PAYLOAD_BYTES, THROTTLED } from './functions.ts';
import { type Answer, message, toAnswer } from './gateway/answer.ts';
import { toInvocation } from './gateway/event.ts';

/*
 * The HTTP API: requests on 127.0.0.1 become events of the functions, as API Gateway makes them, and their answers
 * become responses. Limits and refusals are API Gateway's (AWS, "Quotas for HTTP APIs"); its own throttling is not emulated.
 */

export interface Gateway {
  /** Where it listens: `http://127.0.0.1:<port>`. */
  url: string;
  /** What signatures cover: host and port. */
  authority: string;
  /** Resolves when the port is free; requests under way are cut off. Idempotent. */
  close: () => Promise<void>;
}

export interface GatewayOptions {
  /** 0 for any free port. */
  port: number;
  /** Answers with what the function answered; rejects when it failed. */
  invoke: (name: FunctionName, event: unknown) => Promise<unknown>;
  /** Gets a line for each request: route, status and duration. */
  log: (source: string, line: string) => void;
  /** How long a function may take to answer, in milliseconds; default 30,000. */
  timeout?: number;
  /** How long a request may take to come in, in milliseconds, give or take a half; default 60,000. */
  patience?: number;
}

const HOST = '127.0.0.1';

/** Of requests that are not understood, by the code of Node's error. */
const REFUSALS: ReadonlyMap<string | undefined, [status: number, text: string]> = new Map([
  ['HPE_HEADER_OVERFLOW', [431, 'Request Header Fields Too Large']],
  ['ERR_HTTP_REQUEST_TIMEOUT', [408, 'Request Timeout']],
]);
/** Payload of a request: 10 MB. */
const BODY_BYTES = 10 * 1024 * 1024;
/** Request line and headers together. */
const HEADER_BYTES = 10_240;

/** @throws {Error} saying what to do when the port is taken */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { patience = 60_000 } = options;
  const settings = {
    maxHeaderSize: HEADER_BYTES,
    headersTimeout: patience,
    requestTimeout: patience,
    connectionsCheckingInterval: patience / 2,
  };
  const server = createServer(settings, (request, response) => {
    void serve(request, response, port, options);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const [status, text] = REFUSALS.get(error.code) ?? [400, 'Bad Request'];
    const body = JSON.stringify({ message: text });
    if (!socket.writable) return;
    socket.end(
      `HTTP/1.1 ${status} ${text}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
  const port = await listen(server, options.port);

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.close((error) => (error ? reject(error) : resolve()));
      server.closeAllConnections();
    });
  return { url: `http://${HOST}:${port}`, authority: `${HOST}:${port}`, close: () => (closing ??= close()) };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = `Port ${port} on ${HOST} is in use, perhaps by another relay: stop that program, or choose another with --port.`;
      const forbidden = `Port ${port} on ${HOST} may not be used: choose one above 1023.`;
      const known = { EADDRINUSE: inUse, EACCES: forbidden }[error.code ?? ''];
      reject(known === undefined ? error : new Error(known, { cause: error }));
    });
    server.listen(port, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  port: number,
  options: GatewayOptions,
): Promise<void> {
  const startedAt = Date.now();
  const requestId = randomUUID();
  let route = '-';
  let answer: Answer;
  try {
    const body = await readBody(request);
    const invocation =
      body &&
      toInvocation(
        {
          method: request.method ?? '',
          target: request.url ?? '',
          httpVersion: request.httpVersion,
          rawHeaders: request.rawHeaders,
          body,
          sourceIp: request.socket.remoteAddress ?? HOST,
        },
        { requestId, domainName: HOST, port, now: startedAt },
      );
    route = invocation?.event.routeKey ?? '-';
    if (!body) answer = message(413, 'Request Entity Too Large');
    else if (!invocation) answer = message(400, 'Bad Request');
    else answer = await run(invocation, options);
  } catch (error) {
    // Mostly a client that went away before its request was complete.
    options.log('gateway', `${route} cut off: ${error instanceof Error ? error.message : 'unknown'}`);
    response.destroy();
    return;
  }
  send(response, answer, requestId);
  options.log('gateway', `${route} ${answer.status} ${Date.now() - startedAt} ms`);
}

/** The whole body; `undefined` if it is too large, but read to its end so that the answer reaches the client. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= BODY_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  }
  return length <= BODY_BYTES ? Buffer.concat(chunks) : undefined;
}

/**
 * Assumed: an event beyond Lambda's payload limit is answered like a body beyond the gateway's, and an invocation that
 * Lambda throttles like a function that takes too long: 503 in an HTTP API (anomalyco/sst#2232), not the 504 of a REST API.
 */
async function run(
  { function: name, event }: { function: FunctionName; event: object },
  { invoke, timeout = 30_000 }: GatewayOptions,
): Promise<Answer> {
  if (Buffer.byteLength(JSON.stringify(event)) > PAYLOAD_BYTES) return message(413, 'Request Entity Too Large');
  let timer: NodeJS.Timeout | undefined;
  const unavailable = message(503, 'Service Unavailable');
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(resolve, timeout, unavailable);
  });
  const failure = message(500, 'Internal Server Error');
  const answer = invoke(name, event).then(
    (result) => toAnswer(result) ?? failure,
    (error: unknown) => (error instanceof FunctionError && error.type === THROTTLED ? unavailable : failure),
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function send(response: ServerResponse, answer: Answer, requestId: string): void {
  const { status, headers, cookies, body } = answer;
  try {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (cookies.length > 0) response.setHeader('set-cookie', cookies);
    response.setHeader('apigw-requestid', requestId);
    response.setHeader('content-length', body.length);
    response.writeHead(status).end(body);
  } catch {
    // A header that HTTP does not know is the function's fault.
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.writeHead(500, { 'content-type': 'application/json' }).end(message(500, 'Internal Server Error').body);
  }
}
