import { agencyOf, type Call, hotlineOf, type Reply } from './api.ts';
import { AcknowledgeRequest, ReceiveRequest, StatementRequest, Submission } from './contracts.ts';
import type { Relay } from './ports.ts';
import { parse } from './schema.ts';
import { answerReferral } from './use-cases/answer.ts';
import { acknowledgeOutcomes, receiveOutcomes } from './use-cases/collect.ts';
import { readDirectory, referralStatus } from './use-cases/query.ts';
import { routeReferral } from './use-cases/route.ts';
import { submitReferral } from './use-cases/submit.ts';
import { withdrawReferral } from './use-cases/withdraw.ts';

/*
 * Each call of the API: who may make it, what its body must be, which use case it runs. The role comes before the body,
 * so that nobody learns from a fault what is not for them.
 */

type Writer = Pick<Relay, 'ledger' | 'queues' | 'keys' | 'registry' | 'clock' | 'telemetry' | 'retention'>;

export async function submit(relay: Writer, call: Call): Promise<Reply> {
  const hotline = hotlineOf(call);
  const submission = parse(Submission, call.json(), 'malformed');
  return { status: 202, body: await submitReferral(relay, hotline, submission) };
}

export async function route(relay: Writer, call: Call): Promise<Reply> {
  const { statement } = parse(StatementRequest, call.json(), 'malformed');
  return { status: 200, body: await routeReferral(relay, call.caller, call.name, statement) };
}

export async function withdraw(relay: Writer, call: Call): Promise<Reply> {
  const hotline = hotlineOf(call);
  const { statement } = parse(StatementRequest, call.json(), 'malformed');
  return { status: 200, body: await withdrawReferral(relay, hotline, call.name, statement) };
}

export async function answer(
  relay: Pick<Relay, 'ledger' | 'queues' | 'registry' | 'clock' | 'telemetry'>,
  call: Call,
): Promise<Reply> {
  const agency = agencyOf(call);
  const { statement } = parse(StatementRequest, call.json(), 'malformed');
  const { repeated, ...body } = await answerReferral(relay, agency, call.name, statement);
  return { status: repeated ? 200 : 201, body };
}

export async function receive(relay: Pick<Relay, 'ledger' | 'queues' | 'clock'>, call: Call): Promise<Reply> {
  const hotline = hotlineOf(call);
  const request = parse(ReceiveRequest, call.json(), 'malformed');
  return { status: 200, body: await receiveOutcomes(relay, hotline, request) };
}

export async function acknowledge(relay: Pick<Relay, 'ledger' | 'queues'>, call: Call): Promise<Reply> {
  const hotline = hotlineOf(call);
  const { receipts } = parse(AcknowledgeRequest, call.json(), 'malformed');
  return { status: 200, body: await acknowledgeOutcomes(relay, hotline, receipts) };
}

export async function status(relay: Pick<Relay, 'ledger'>, call: Call): Promise<Reply> {
  return { status: 200, body: await referralStatus(relay, hotlineOf(call), call.name) };
}

export async function directory(
  relay: Pick<Relay, 'keys' | 'registry' | 'clock' | 'telemetry' | 'retention'>,
  call: Call,
): Promise<Reply> {
  const { directory, etag } = await readDirectory(relay, call.caller);
  const headers = { etag };
  if (isMatch(call.headers['if-none-match'], etag)) return { status: 304, headers };
  return { status: 200, headers, body: directory };
}

/** `If-None-Match` (RFC 9110 section 13.1.2) compares weakly. */
const isMatch = (field: string | undefined, etag: string): boolean =>
  field !== undefined &&
  (field.trim() === '*' || field.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag));
