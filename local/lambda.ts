import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FUNCTIONS, type FunctionName, functionName, LIVE_ALIAS } from '../core/names.ts';
import { FunctionError, PAYLOAD_BYTES, THROTTLED } from './functions.ts';

/*
 * The one call of the Lambda API that the operator makes: Invoke, and wait for the answer (AWS, "Lambda API Reference",
 * Invoke). Callers are not checked.
 */

export interface LambdaApi {
  /** To give to an SDK client as `endpoint`. */
  endpoint: string;
  /** Resolves when the port is free; calls under way are cut off. Idempotent. */
  close: () => Promise<void>;
}

export interface LambdaOptions {
  stage: string;
  /** Answers with what the function answered; rejects when it failed. */
  invoke: (name: FunctionName, event: unknown) => Promise<unknown>;
}

const HOST = '127.0.0.1';
const PATH = /^\/2015-03-31\/functions\/(?<name>[^/?]+)\/invocations(?:\?Qualifier=(?<qualifier>[^&]+))?$/;

export async function startLambdaApi(options: LambdaOptions): Promise<LambdaApi> {
  const server = createServer((request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      refuse(response, 500, 'ServiceException', error instanceof Error ? error.message : 'unknown fault');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.close((error) => (error ? reject(error) : resolve()));
      server.closeAllConnections();
    });
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://${HOST}:${port}`, close: () => (closing ??= close()) };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { stage, invoke }: LambdaOptions,
): Promise<void> {
  const { name = '', qualifier = LIVE_ALIAS } = PATH.exec(request.url ?? '')?.groups ?? {};
  const wanted = FUNCTIONS.find((known) => functionName(stage, known) === decodeURIComponent(name));
  if (request.method !== 'POST' || !wanted || qualifier !== LIVE_ALIAS) {
    return refuse(response, 404, 'ResourceNotFoundException', 'There is no such function, alias or call.');
  }
  const event = await readEvent(request);
  if (event === undefined) return refuse(response, 400, 'InvalidRequestContentException', 'The payload is not JSON.');
  try {
    reply(response, 200, await invoke(wanted, event));
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    if (error.type === THROTTLED) return refuse(response, 429, THROTTLED, error.message);
    response.setHeader('X-Amz-Function-Error', 'Unhandled');
    reply(response, 200, { errorType: error.type, errorMessage: error.message });
  }
}

/** `{}` where there is no payload; nothing if it is too large or no JSON. */
async function readEvent(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > PAYLOAD_BYTES) return undefined;
  }
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number, type: string, message: string): void {
  response.setHeader('X-Amzn-ErrorType', type);
  reply(response, status, { Message: message });
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
