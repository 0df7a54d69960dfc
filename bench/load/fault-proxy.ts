import { Agent, createServer, type IncomingMessage, request as forward, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/*
 * Stands between the relay's functions and one emulator, counts what passes and spoils a share of it: throttled, failed,
 * never arrived, or done with the answer lost on its way back, which is the one that matters most.
 */

export interface FaultProxy {
  endpoint: string;
  /** Requests by operation, such as `PutItem`; a repetition by the SDK counts again. */
  counts: ReadonlyMap<string, number>;
  /** How many were spoilt. */
  spoilt: () => number;
  /** Share of requests that are spoilt from now on, between 0 and 1. */
  spoil: (share: number) => void;
  close: () => Promise<void>;
}

const FAULTS = ['throttled', 'failed', 'unanswered', 'answer-lost'] as const;
type Fault = (typeof FAULTS)[number];

/** @param target endpoint of the emulator */
export async function startFaultProxy(target: string, fraction: () => number = Math.random): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true });
  const counts = new Map<string, number>();
  let share = 0;
  let spoilt = 0;

  const server = createServer((incoming, outgoing) => {
    const operation = String(incoming.headers['x-amz-target'] ?? 'unknown').replace(/^.*\./, '');
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
    const fault = fraction() < share ? FAULTS[Math.floor(fraction() * FAULTS.length)] : undefined;
    if (fault) spoilt += 1;
    pass(incoming, outgoing, { target, agent, fault });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    spoilt: () => spoilt,
    spoil: (next) => (share = next),
    close: () =>
      new Promise((resolve) => {
        agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { target, agent, fault }: { target: string; agent: Agent; fault: Fault | undefined },
): void {
  const isAnswerLost = fault === 'answer-lost';
  if (fault && !isAnswerLost) {
    incoming.resume().on('end', () => refuse(outgoing, fault));
    return;
  }
  const { method, headers, url = '/' } = incoming;
  const relayed = forward(target + url, { method, headers, agent }, (answer) => {
    if (isAnswerLost) {
      answer.resume().on('end', () => outgoing.destroy());
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  relayed.on('error', () => outgoing.destroy());
  // Whoever asked has gone: nobody waits for the answer any more.
  outgoing.on('close', () => {
    if (!outgoing.writableEnded && !isAnswerLost) relayed.destroy();
  });
  incoming.pipe(relayed);
}

function refuse(outgoing: ServerResponse, fault: Exclude<Fault, 'answer-lost'>): void {
  if (fault === 'unanswered') {
    outgoing.destroy();
    return;
  }
  const [status, type] = fault === 'throttled' ? [400, 'ThrottlingException'] : [500, 'InternalServerError'];
  outgoing.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-errortype': type });
  outgoing.end(JSON.stringify({ __type: type, message: 'a fault that was asked for' }));
}
