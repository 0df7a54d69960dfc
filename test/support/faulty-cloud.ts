import { createServer, type IncomingMessage, request as send, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/*
 * Stands between the functions and the emulated services and refuses some of their requests, in AWS's own form (AWS JSON:
 * `__type`, and the query-compatible header of SQS; XML for SNS), as a service does that throttles.
 */

type Service = 'dynamodb' | 'sqs' | 'kms' | 'sns';
export type Endpoints = Record<Service, string>;

/** An error as the service names it, for requests of one operation, such as `PutItem`, whose body holds `about`. */
export interface Refusal {
  service: Service;
  operation: string;
  error: string;
  about?: string;
  /** Whether its message says back all that the request held. */
  echoes?: boolean;
}

export class FaultyCloud {
  readonly #servers: Server[] = [];
  #refusal: Refusal | undefined;
  #refused = 0;

  /** Opens a port for each service; to be given to the functions in place of `endpoints`. */
  async open(endpoints: Endpoints): Promise<Endpoints> {
    const [dynamodb, sqs, kms, sns] = await Promise.all(
      (['dynamodb', 'sqs', 'kms', 'sns'] as const).map((service) => this.#listen(service, new URL(endpoints[service]))),
    );
    if (!dynamodb || !sqs || !kms || !sns) throw new Error('a port could not be opened');
    return { dynamodb, sqs, kms, sns };
  }

  refuse(refusal: Refusal): void {
    this.#refusal = refusal;
    this.#refused = 0;
  }

  /** How many requests the last refusal has met. */
  get refused(): number {
    return this.#refused;
  }

  relent(): void {
    this.#refusal = undefined;
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
    const operation = String(target).split('.').at(-1);
    const refusal = this.#refusal;
    const isMeant = refusal?.service === service && refusal.operation === operation;
    if (isMeant && body.includes(refusal.about ?? '')) {
      this.#refused += 1;
      if (service === 'sns') answerInXml(response, refusal.error);
      else answer(response, refusal.error, refusal.echoes ? body.toString() : 'Rate exceeded');
    } else forward(request, body, response, to);
  }
}

function answer(response: ServerResponse, error: string, message: string): void {
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-query-error': `${error};Sender` });
  response.end(JSON.stringify({ __type: `com.amazonaws#${error}`, message }));
}

function answerInXml(response: ServerResponse, error: string): void {
  response.writeHead(400, { 'content-type': 'text/xml' });
  response.end(`<ErrorResponse><Error><Type>Sender</Type><Code>${error}</Code></Error></ErrorResponse>`);
}

function forward(request: IncomingMessage, body: Buffer, response: ServerResponse, { hostname, port }: URL): void {
  const { method, url: path, headers } = request;
  const onward = send({ hostname, port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
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
