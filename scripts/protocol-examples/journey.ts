import { createCipheriv } from 'node:crypto';
import { encodeBase64url } from '../../core/base64url.ts';
import type { AgencyMessage, ReferralMessage, WithdrawnMessage } from '../../core/contracts.ts';
import { parseSignatures, requestComponents, signatureBase } from '../../core/http-signature.ts';
import type { HttpRequest, HttpResponse } from '../../core/http.ts';
import { signJws } from '../../core/jws.ts';
import { thumbprint } from '../../core/keys.ts';
import { padDocument } from '../../core/padding.ts';
import { signRequest } from '../../core/profile.ts';
import { parseReferral } from '../../core/referral.ts';
import { inspectSealed, type Sealed } from '../../core/sealed.ts';
import { type StatementKind, type StatementOf, signStatement } from '../../core/statements.ts';
import { SECOND, toTimestamp } from '../../core/time.ts';
import { type ExamplePartner, readIntakeExample, SIGNING_KEYS } from './keys.ts';
import { AUTHORITY, createExampleRelay, type ExampleRelay } from './relay.ts';

/*
 * The worked examples: one referral from its document to its withdrawal, played through the code. Nothing in it is
 * random, so that it comes out the same, byte for byte, each time.
 */

const START = '2026-11-23T09:30:00.000Z';
const HOTLINE = 'gb-lantern';
const ID = '01a207bd-a9c0-7000-8000-000000000001';

/** Chosen once for the examples; a real one is fresh randomness every time (protocol section 2). */
const IV = Buffer.from('000102030405060708090a0b', 'hex');

const DOCUMENT = {
  schema: 'referral/1',
  id: ID,
  hotline: HOTLINE,
  writtenAt: '2026-11-23T09:29:58.000Z',
  routing: { suspect: ['DE'], victim: ['BR'] },
  urgency: 'high',
  urgencyReason: 'The account is still in use.',
  onward: 'allowed',
  incident: { type: 'online-enticement', at: '2026-11-22T21:30:00.000Z' },
  suspects: [{ accounts: [{ service: 'Castle Lanes', id: 'cl-5531008' }] }],
  handling: { tlp: 'AMBER' },
};

/** A signed request and its answer. */
export interface Exchange {
  method: string;
  url: string;
  request: HttpRequest;
  /** What was signed. */
  base: string;
  response: HttpResponse;
}

export interface Statement {
  /** Its members in the order in which they were signed. */
  payload: object;
  token: string;
}

export interface Journey {
  document: string;
  padded: number;
  jws: string;
  sealed: { jwe: string; contentKey: Buffer; parts: Sealed };
  submission: Exchange;
  /** Of the agency that the document itself names. */
  message: ReferralMessage;
  outcome: Statement;
  answer: Exchange;
  route: Statement;
  sendingOn: Exchange;
  /** Of the agency that it was sent on to. */
  sentOn: ReferralMessage;
  receiving: Exchange;
  acknowledging: Exchange;
  status: Exchange;
  directory: Exchange;
  withdraw: Statement;
  withdrawal: Exchange;
  withdrawn: WithdrawnMessage;
  /** Refusals: a country that does not exist, an id used before, a clock ten minutes behind. */
  malformed: Exchange;
  conflict: Exchange;
  stale: Exchange;
}

export async function playJourney(): Promise<Journey> {
  const relay = createExampleRelay(START);
  const wait = (seconds: number): void => relay.clock.advance(seconds * SECOND);
  const call = (partner: ExamplePartner, method: 'GET' | 'POST', path: string, body?: object, lag = 0) =>
    exchange(relay, partner, { method, path, body, lag });

  const document = JSON.stringify(parseReferral(DOCUMENT));
  const padded = padDocument(document);
  const jws = await signJws(padded, { ...SIGNING_KEYS[HOTLINE], typ: 'referral+jws' });
  const sealed = sealForExample(jws);

  wait(2);
  const { routing, urgency, onward } = DOCUMENT;
  const body = { id: ID, routing, urgency, onward, sealed: sealed.jwe };
  const submission = await call(HOTLINE, 'POST', '/v1/referrals', body);
  const malformed = await call(HOTLINE, 'POST', '/v1/referrals', { ...body, routing: { suspect: ['UK'], victim: [] } });
  const conflict = await call(HOTLINE, 'POST', '/v1/referrals', { ...body, urgency: 'routine' });
  const stale = await call(HOTLINE, 'GET', '/v1/directory', undefined, 600);
  await relay.work();

  const name = { hotline: HOTLINE, referral: ID };
  const path = `/v1/referrals/${HOTLINE}/${ID}`;
  const { hash } = sealed.parts;
  const now = (): string => toTimestamp(relay.clock.now());

  wait(120);
  const stated = { ...name, version: 1, sealed: hash };
  const outcome = await state('de-kinderwacht', 'outcome', {
    ...stated,
    agency: 'de-kinderwacht',
    status: 'actionable',
    reason: 'case-opened',
    at: now(),
  });
  wait(1);
  const answer = await call('de-kinderwacht', 'POST', `${path}/outcomes`, { statement: outcome.token });
  const opened = await state('int-clearing', 'outcome', {
    ...stated,
    agency: 'int-clearing',
    status: 'opened',
    at: now(),
  });
  await call('int-clearing', 'POST', `${path}/outcomes`, { statement: opened.token });

  wait(600);
  const route = await state('int-clearing', 'route', {
    ...name,
    by: 'int-clearing',
    sealed: hash,
    routing: { suspect: [], victim: ['CA'] },
    at: now(),
  });
  wait(1);
  const sendingOn = await call('int-clearing', 'POST', `${path}/routes`, { statement: route.token });
  await relay.work();

  wait(60);
  await relay.work();
  const receiving = await call(HOTLINE, 'POST', '/v1/outcomes/receive', { max: 10, wait: 20 });
  const { items } = JSON.parse(receiving.response.body) as { items: { receipt: string }[] };
  const acknowledging = await call(HOTLINE, 'POST', '/v1/outcomes/acknowledge', {
    receipts: items.map(({ receipt }) => receipt),
  });
  const status = await call(HOTLINE, 'GET', path);
  const directory = await call(HOTLINE, 'GET', '/v1/directory');

  wait(60);
  const withdraw = await state(HOTLINE, 'withdraw', { ...name, sealed: hash, reason: 'superseded', at: now() });
  wait(1);
  const withdrawal = await call(HOTLINE, 'POST', `${path}/withdraw`, { statement: withdraw.token });
  await relay.work();

  return {
    document,
    padded: padded.length,
    jws,
    sealed,
    submission,
    message: only(relay.messages('de-kinderwacht'), isReferral),
    outcome,
    answer,
    route,
    sendingOn,
    sentOn: only(relay.messages('nam-harbor'), isReferral),
    receiving,
    acknowledging,
    status,
    directory,
    withdraw,
    withdrawal,
    withdrawn: only(relay.messages('nam-harbor'), isWithdrawn),
    malformed,
    conflict,
    stale,
  };
}

/** What `sealReferral` does, with a content key, its encryption and an IV that are given. */
function sealForExample(jws: string): Journey['sealed'] {
  const { jwk, contentKey, encryptedKey } = readIntakeExample();
  const header = {
    alg: 'RSA-OAEP-256',
    enc: 'A256GCM',
    kid: thumbprint(jwk),
    typ: 'referral+jwe',
    cty: 'referral+jws',
  };
  const protectedSegment = encodeBase64url(Buffer.from(JSON.stringify(header)));
  const cipher = createCipheriv('aes-256-gcm', contentKey, IV, { authTagLength: 16 });
  cipher.setAAD(Buffer.from(protectedSegment, 'ascii'));
  const ciphertext = Buffer.concat([cipher.update(jws, 'ascii'), cipher.final()]);
  const segments = [encryptedKey, IV, ciphertext, cipher.getAuthTag()].map((bytes) => encodeBase64url(bytes));
  const jwe = [protectedSegment, ...segments].join('.');
  return { jwe, contentKey, parts: inspectSealed(jwe) };
}

async function state<K extends StatementKind>(
  partner: ExamplePartner,
  kind: K,
  facts: StatementOf<K>,
): Promise<Statement> {
  const token = await signStatement(kind, facts, SIGNING_KEYS[partner]);
  const signed = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  return { payload: JSON.parse(signed) as object, token };
}

interface Sending {
  method: 'GET' | 'POST';
  path: string;
  body: object | undefined;
  /** Seconds by which the signer's clock is behind. */
  lag: number;
}

async function exchange(
  relay: ExampleRelay,
  partner: ExamplePartner,
  { method, path, body, lag }: Sending,
): Promise<Exchange> {
  const url = `https://${AUTHORITY}${path}`;
  const content = Buffer.from(body === undefined ? '' : JSON.stringify(body));
  const now = relay.clock.now() - lag * SECOND;
  const headers = signRequest({ method, url, body: content }, { partner, ...SIGNING_KEYS[partner], now });
  const request = { method, path, query: '', headers, body: content };
  const [signature] = parseSignatures(headers['signature-input'], headers['signature']);
  if (!signature) throw new Error('the request is not signed');
  const base = signatureBase(signature, requestComponents(request, AUTHORITY)).toString();
  return { method, url, request, base, response: await relay.answer(request) };
}

const isReferral = (message: AgencyMessage): message is ReferralMessage => message.kind === undefined;
const isWithdrawn = (message: AgencyMessage): message is WithdrawnMessage => message.kind === 'withdrawn';

function only<T extends AgencyMessage>(messages: readonly AgencyMessage[], is: (m: AgencyMessage) => m is T): T {
  const [message, another] = messages.filter(is);
  if (!message || another) throw new Error('the examples need exactly one such message');
  return message;
}
