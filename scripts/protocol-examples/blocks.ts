import { encodeBase64url } from '../../core/base64url.ts';
import type { Exchange, Journey, Statement } from './journey.ts';
import { readIntakeExample, SIGNING_KEYS } from './keys.ts';
import {
  code,
  count,
  endpointTable,
  errorTable,
  lengthTable,
  limitTable,
  outcomeTable,
  scheduleTable,
  table,
} from './tables.ts';

/* The blocks of the protocol page, as Markdown. What is long is cut; the vectors file has it whole. */

/** Characters from which a text is cut, and how many of it are shown. */
const LONG = 110;
const SHOWN = 32;

const cut = (text: string): string =>
  text.length < LONG ? text : `${text.slice(0, SHOWN)}… (${count(text.length)} characters)`;

const json = (value: unknown): string =>
  fence(
    'json',
    JSON.stringify(value, (_, member: unknown) => (typeof member === 'string' ? cut(member) : member), 2),
  );

const fence = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;

/** A body as it is sent, on one line, but for what is cut. */
const compact = (text: string): string => text.replaceAll(/"[^"]*"/g, (string) => `"${cut(string.slice(1, -1))}"`);

export function protocolBlocks(journey: Journey): ReadonlyMap<string, string> {
  return new Map([
    ['endpoints', endpointTable()],
    ['keys', keyTable()],
    ['document', json(JSON.parse(journey.document))],
    ['jws', referralJws(journey)],
    ['lengths', lengthTable()],
    ['jwe', jweTable(journey)],
    ['submission', request(journey.submission)],
    ['signature-base', fence('text', journey.submission.base)],
    ['acceptance', answer(journey.submission)],
    ['context', json(contextOf(journey))],
    ['message', json(journey.message)],
    ['message-routed', json(journey.sentOn)],
    ['outcomes', outcomeTable()],
    ['outcome', statement(journey.outcome)],
    ['outcome-answer', answer(journey.answer)],
    ['receive', both(journey.receiving)],
    ['acknowledge', both(journey.acknowledging)],
    ['status', both(journey.status)],
    ['directory', both(journey.directory)],
    ['route', statement(journey.route)],
    ['route-answer', answer(journey.sendingOn)],
    ['withdraw', statement(journey.withdraw)],
    ['withdraw-answer', answer(journey.withdrawal)],
    ['withdrawn', json(journey.withdrawn)],
    ['errors', errorTable()],
    ['problems', [journey.malformed, journey.conflict, journey.stale].map(answer).join('\n\n')],
    ['limits', limitTable()],
    ['schedule', scheduleTable()],
  ]);
}

/** The encryption context under which the agency of the example decrypts. */
export const contextOf = ({ message, sealed }: Journey): object => ({
  hotline: message.hotline,
  referral: message.id,
  agency: message.agency,
  sealed: sealed.parts.hash,
});

function keyTable(): string {
  const rows = Object.entries(SIGNING_KEYS).map(([partner, { kid, source }]) => [code(partner), code(kid), source]);
  return table(['partner', 'signing key', 'published in'], rows);
}

function referralJws({ jws, padded }: Journey): string {
  const [header = '', payload = '', signature = ''] = jws.split('.');
  const rows = [
    ['header', header, ascii(header)],
    ['payload', payload, `the document and spaces, ${count(padded)} bytes`],
    ['signature', signature, `${Buffer.from(signature, 'base64url').length} bytes`],
  ];
  return segmentTable(rows, jws.length);
}

function jweTable({ sealed: { jwe } }: Journey): string {
  const [header = '', ...others] = jwe.split('.');
  const names = ['encrypted key', 'initialisation vector', 'ciphertext', 'authentication tag'];
  const rows = others.map((segment, index) => [
    names[index] ?? '',
    segment,
    `${count(Buffer.from(segment, 'base64url').length)} bytes`,
  ]);
  return segmentTable([['header', header, ascii(header)], ...rows], jwe.length);
}

function segmentTable(segments: readonly string[][], total: number): string {
  const rows = segments.map(([name = '', segment = '', stands = '']) => [
    name,
    count(segment.length),
    code(segment.length < LONG ? segment : `${segment.slice(0, SHOWN)}…`),
    stands,
  ]);
  return table(['segment', 'characters', 'value', 'stands for'], [...rows, ['with dots', count(total), '', '']]);
}

const ascii = (segment: string): string => code(Buffer.from(segment, 'base64url').toString('ascii'));

/** A statement: what it says, and the JWS in its three segments. */
function statement({ payload, token }: Statement): string {
  return `${json(payload)}\n\n${fence('text', token.split('.').join('\n.'))}`;
}

function request({ method, url, request: { headers, path, body } }: Exchange): string {
  const { host } = new URL(url);
  const fields = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}`);
  const text = Buffer.from(body).toString();
  return fence('http', [`${method} ${path} HTTP/1.1`, ...fields, ...(text ? ['', compact(text)] : [])].join('\n'));
}

function answer({ response: { status, headers, body } }: Exchange): string {
  const fields = Object.entries(headers).map(([name, value]) => `; ${code(`${name}: ${value}`)}`);
  return `Answer ${code(String(status))}${fields.join('')}\n\n${json(JSON.parse(body))}`;
}

const both = (exchange: Exchange): string => `${request(exchange)}\n\n${answer(exchange)}`;

/** Every example whole: what an implementation in any language can test itself with. */
export function protocolVectors(journey: Journey): object {
  const { jwk, source } = readIntakeExample();
  const { contentKey, jwe, parts } = journey.sealed;
  return {
    description:
      'The worked examples of protocol.md, whole. All keys are published test keys: never register or trust one of them.',
    signingKeys: Object.fromEntries(
      Object.entries(SIGNING_KEYS).map(([partner, key]) => [
        partner,
        { source: key.source, kid: key.kid, jwk: { ...key.jwk, d: key.d } },
      ]),
    ),
    intakeKey: { source, kid: parts.kid, jwk },
    referral: {
      document: journey.document,
      paddedBytes: journey.padded,
      jws: journey.jws,
      contentKey: encodeBase64url(contentKey),
      sealed: jwe,
      hash: parts.hash,
      encryptionContext: contextOf(journey),
    },
    statements: { outcome: journey.outcome, route: journey.route, withdraw: journey.withdraw },
    messages: { referral: journey.message, sentOn: journey.sentOn, withdrawn: journey.withdrawn },
    exchanges: Object.fromEntries(EXCHANGES.map((name) => [name, wholeExchange(journey[name])])),
  };
}

const EXCHANGES = [
  'submission',
  'answer',
  'receiving',
  'acknowledging',
  'status',
  'directory',
  'sendingOn',
  'withdrawal',
  'malformed',
  'conflict',
  'stale',
] as const satisfies (keyof Journey)[];

const wholeExchange = ({ method, url, base, request: { headers, body }, response }: Exchange): object => ({
  request: { method, url, headers, body: Buffer.from(body).toString(), signatureBase: base },
  response: { ...response, body: JSON.parse(response.body) as unknown },
});
