import { createServer, type IncomingMessage, request as send, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const SERVICES = ['dynamodb', 'sqs', 'kms', 'sns', 'lambda'] as const;
type Service = (typeof SERVICES)[number];

/** A request to a service. */
export interface CloudCall {
  service: Service;
  /** Such as `PutItem`; of Lambda always `InvokeFunction`, as IAM calls it. */
  operation: string;
  path: string;
  /** Whose credentials it is signed with. */
  accessKeyId: string;
  body: Buffer;
}

/** An error as the service names it. */
export interface CloudError {
  error: string;
  message: string;
}

/** What a service says in place of an answer; nothing lets the request through. */
export type Decide = (call: CloudCall) => CloudError | undefined | Promise<CloudError | undefined>;

/**
 * Stands before the emulated services and refuses requests in AWS's own form: AWS JSON (`__type`, and the query-compatible
 * header of SQS), and XML for SNS.
 */
export class InterposedCloud {
  readonly #servers: Server[] = [];
  readonly #decide: Decide;

  constructor(decide: Decide) {
    this.#decide = decide;
  }

  /** Opens a port for each of these services; to be used in place of `endpoints`. */
  async open<E extends Partial<Record<Service, string>>>(endpoints: E): Promise<E> {
    const opened = SERVICES.filter((service) => endpoints[service] !== undefined).map(async (service) => {
      return [service, await this.#listen(service, new URL(endpoints[service] ?? ''))] as const;
    });
    return { ...endpoints, ...Object.fromEntries(await Promise.all(opened)) };
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map((server) => {
        const closed = new Promise((resolve) => server.close(resolve));
        server.closeAllConnections();
        return closed;
      }),
    );
  }

  async #listen(service: Service, target: URL): Promise<string> {
    const server = createServer((request, response) => void this.#handle(service, target, request, response));
    this.#servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async #handle(service: Service, to: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const target = request.headers['x-amz-target'] ?? /\bAction=(\w+)/.exec(body.toString())?.[1];
    const operation = service === 'lambda' ? 'InvokeFunction' : (String(target).split('.').at(-1) ?? '');
    const [, accessKeyId = ''] = /Credential=(\w+)\//.exec(request.headers.authorization ?? '') ?? [];
    const error = await this.#decide({ service, operation, path: request.url ?? '', accessKeyId, body });
    if (!error) forward(request, body, response, to);
    else if (service === 'sns') answerInXml(response, error);
    else answer(response, error);
  }
}

function answer(response: ServerResponse, { error, message }: CloudError): void {
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-query-error': `${error};Sender` });
  response.end(JSON.stringify({ __type: `com.amazonaws#${error}`, message }));
}

function answerInXml(response: ServerResponse, { error }: CloudError): void {
  response.writeHead(400, { 'content-type': 'text/xml' });
  response.end(`<ErrorResponse><Error><Type>Sender</Type><Code>${error}</Code></Error></ErrorResponse>`);
}

function forward(request: IncomingMessage, body: Buffer, response: ServerResponse, { hostname, port }: URL): void {
  const { method, url: path, headers } = request;
  const onward = send({ hostname, port, method, path, headers }, (reply) => {
    response.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(response);
  });
  onward.once('error', () => response.destroy());
  response.once('close', () => onward.destroy());
  onward.end(body);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
