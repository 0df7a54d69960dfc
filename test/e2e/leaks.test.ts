import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Hotline, loadHotlineProfile } from '../../client/index.ts';
import type { ReferralMessage } from '../../core/contracts.ts';
import { agencyQueue, FUNCTIONS } from '../../core/names.ts';
import { signRequest } from '../../core/profile.ts';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { callAgency, callHotline } from '../../local/demo/cast.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { ops, until } from '../ops/operator.ts';
import { FaultyCloud } from '../support/faulty-cloud.ts';
import { LeakSink } from '../support/leaks.ts';

/*
 * Whatever happens to a referral, in no line that the functions, the gateway or the operator's command print is anything
 * that it says, of its sealed bytes, its wrapped keys, its statements, or of a partner's key or signature. (Beside this,
 * every file of the test run is searched for what the samples say: test/support/no-leaks.ts.)
 */

const HOTLINE = 'gb-lantern';
const AGENCY = 'fr-littoral';

const sink = new LeakSink();
const cloud = new FaultyCloud();
let relay: LocalRelay;
let hotline: Hotline;
let handlersDir: string;
let end: () => void;

beforeAll(async () => {
  end = sink.watch();
  handlersDir = mkdtempSync(join(tmpdir(), 'referral-relay-leaks-'));
  relay = await startRelay({ sweepEverySeconds: 0, interpose: (endpoints) => cloud.open(endpoints) });
  await confirmKeys(relay.profilesDir);
  hotline = await callHotline(relay, HOTLINE);
  for (const id of readdirSync(relay.profilesDir)) plantKey(id);
});
afterAll(async () => {
  end();
  await relay?.close();
  await cloud.close();
  rmSync(handlersDir, { recursive: true });
});

function plantKey(partner: string): void {
  const pem = readFileSync(join(relay.profilesDir, partner, 'signing-key.pem'), 'utf8');
  const [, line = ''] = pem.split('\n');
  sink.plant(`the private key of ${partner}`, line.slice(-40));
}

/** A text that is nowhere else, with characters that every encoding treats in its own way. */
function planted(what: string): string {
  const text = `${what} Zoë & "Quill" ${randomBytes(6).toString('hex')}`;
  sink.plant(what, text);
  return text;
}
function plantedWord(what: string): string {
  const text = `canary-${randomBytes(6).toString('hex')}`;
  sink.plant(what, text);
  return text;
}

/** A referral with something planted wherever it can say anything. */
function draft(country: string, urgency: 'immediate' | 'routine'): object {
  const word = plantedWord;
  return {
    schema: 'referral/1',
    routing: { suspect: [country], victim: [] },
    urgency,
    ...(urgency === 'immediate' && { urgencyReason: planted('urgency reason') }),
    onward: 'allowed',
    originator: {
      reference: word('reference'),
      contact: { name: planted('contact'), email: `${word('address')}@example.org` },
    },
    incident: { type: 'online-enticement', at: '2026-11-20T17:45:00.000Z', summary: planted('summary') },
    channels: [
      { kind: 'game', title: planted('title'), platform: planted('platform'), content: planted('content') },
      { kind: 'web-page', url: `https://example.org/${word('path')}` },
    ],
    suspects: [
      {
        name: planted('suspect'),
        emails: [`${word('suspect address')}@example.org`],
        accounts: [{ service: planted('service'), id: word('account'), screenName: word('screen name') }],
        devices: [{ type: 'advertising-id', value: word('device') }],
        estimatedLocations: [{ city: planted('city'), region: planted('region'), country, verified: false }],
      },
    ],
    victims: [{ name: planted('victim'), age: 12 }],
    otherParties: [{ name: planted('witness') }],
    evidence: [{ custodian: planted('custodian'), description: planted('evidence') }],
    handling: { tlp: 'AMBER' },
  };
}

/** Submits, and plants what the relay got. */
async function submit(country: string, urgency: 'immediate' | 'routine' = 'routine'): Promise<string> {
  const entry = await hotline.seal(draft(country, urgency));
  plantToken(`sealed ${entry.id}`, entry.sealed);
  await hotline.submit(entry.id);
  return entry.id;
}

/** A piece of each long part of a token. */
function plantToken(what: string, token: string): void {
  for (const [index, part] of token.split('.').entries()) {
    if (part.length > 40) sink.plant(`${what}, part ${index + 1}`, part.slice(0, 32));
  }
}

async function openAndAnswer(id: string, by = AGENCY): Promise<void> {
  const agency = await callAgency(relay, by);
  while (!agency.opened.has(id)) await agency.work();
  const name = { hotline: HOTLINE, id };
  await agency.client.answer(name, { status: 'closed', reason: 'child-safeguarded' });
  const status = await hotline.status(id);
  for (const { statements } of status.routes) {
    for (const { statement } of statements) plantToken('a statement', statement);
  }
}

const run = async (...args: string[]) => {
  const { exit } = await ops(relay, ...args);
  return exit;
};

const RECEIPTS = '/v1/outcomes/acknowledge';

interface Hostile {
  path?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
  unsigned?: boolean;
}

async function call({ path = '/v1/referrals', body, headers = {}, unsigned = false }: Hostile): Promise<number> {
  const { signingKey, id: partner } = await loadHotlineProfile(join(relay.profilesDir, HOTLINE));
  const url = relay.url + path;
  const method = body === undefined ? 'GET' : 'POST';
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const signed = signRequest({ method, url, body: bytes }, { partner, ...signingKey, now: Date.now() });
  const signature = /:(?<bytes>[^:]+):/.exec(signed['signature'] ?? '')?.groups?.['bytes'] ?? '';
  sink.plant('a signature', signature.slice(0, 40));
  const all = unsigned ? { 'content-type': 'application/json', ...headers } : { ...signed, ...headers };
  const response = await fetch(url, { method, headers: all, ...(bytes && { body: bytes }) });
  return response.status;
}

describe('nothing planted is printed', () => {
  it('when a referral is submitted, delivered, opened, answered and collected', async () => {
    const id = await submit('FR', 'immediate');
    await openAndAnswer(id);
    for await (const _ of hotline.outcomes({ drain: true }));
    await relay.sweepNow();
    expect(sink.search()).toEqual([]);
  });

  it('when it is sent on, and withdrawn', async () => {
    const id = await submit('FR');
    await hotline.route(id, { suspect: ['GB'], victim: [] });
    await hotline.withdraw(id, 'error');
    await relay.sweepNow();
    expect(sink.search()).toEqual([]);
  });

  it.each<[string, () => Hostile]>([
    ['with a member too many', () => ({ body: JSON.stringify({ [planted('member')]: planted('value') }) })],
    ['that is no JSON', () => ({ body: `{ ${planted('broken')}` })],
    [
      'with members of the wrong sort',
      () => ({ body: JSON.stringify({ id: planted('id'), sealed: planted('token') }) }),
    ],
    ['with a member twice', () => ({ body: `{"id":"${plantedWord('first')}","id":"${plantedWord('second')}"}` })],
    ['that is too large', () => ({ body: planted('large').repeat(20_000) })],
    ['for answers', () => ({ path: '/v1/outcomes/receive', body: JSON.stringify({ max: planted('most') }) })],
    [
      'of a receipt that is none',
      () => ({ path: RECEIPTS, body: JSON.stringify({ receipts: [planted('receipt'), 1] }) }),
    ],
    ['to a path that is none', () => ({ path: `/v1/${plantedWord('path')}` })],
    ['with a query', () => ({ path: `/v1/directory?name=${plantedWord('query')}` })],
    ['to an encoded path', () => ({ path: `/v1/${encodeURIComponent(planted('encoded'))}` })],
    ['that nobody signed', () => ({ unsigned: true, body: planted('unsigned') })],
    ['with a signature that is none', () => ({ headers: { signature: plantedWord('signature') }, body: '{}' })],
    ['with a header of its own', () => ({ headers: { 'x-note': plantedWord('header') }, body: '{}' })],
    ['with a credential', () => ({ headers: { authorization: `Bearer ${plantedWord('bearer')}` }, body: '{}' })],
  ])('when a call comes %s', async (_, hostile) => {
    expect(await call(hostile())).toBeGreaterThanOrEqual(400);
    expect(sink.search()).toEqual([]);
  });

  it.each([
    ['dynamodb', 'PutItem'],
    ['dynamodb', 'UpdateItem'],
    ['dynamodb', 'Query'],
    ['kms', 'ReEncrypt'],
    ['kms', 'GetPublicKey'],
    ['sqs', 'SendMessage'],
  ] as const)('when %s refuses %s in words that hold all it was given', async (service, operation) => {
    // What it has learned before, it would not ask for again.
    if (operation === 'GetPublicKey') await relay.crash('submit');
    cloud.refuse({ service, operation, error: 'ValidationException', echoes: true });
    try {
      const { id, routing, urgency, onward, sealed } = await hotline.seal(draft('FR', 'routine'));
      plantToken('sealed', sealed);
      await call({ body: JSON.stringify({ id, routing, urgency, onward, sealed }) });
      await relay.sweepNow().catch(() => undefined);
      await until('it is refused', async () => cloud.refused > 0);
    } finally {
      cloud.relent();
    }
    expect(sink.search()).toEqual([]);
  });

  it('when a function dies in the middle', async () => {
    const id = await submit('FR');
    await relay.crash('deliver');
    await relay.crash('query');
    await hotline.status(id);
    await relay.sweepNow();
    expect(sink.search()).toEqual([]);
  });

  it('when the operator looks, redrives, sends anew and suspends', async () => {
    const id = await submit('FR');
    const QueueUrl = relay.queueUrl(agencyQueue(relay.stage, AGENCY, 'routine'));
    await until('it is delivered', async () => (await hotline.status(id)).routes[0]?.status === 'delivered');
    const { Messages = [] } = await relay.clients.sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }),
    );
    for (const { Body = '', ReceiptHandle = '' } of Messages) {
      const { key } = JSON.parse(Body) as ReferralMessage;
      if (key) sink.plant('a wrapped key', key.slice(-60));
      sink.plant('a receipt', ReceiptHandle);
    }
    expect(Messages.length).toBeGreaterThan(0);
    expect(await run('status', '--all')).toBe(0);
    expect(await run('status', '--json')).toBe(0);
    expect(await run('redeliver', `${HOTLINE}/${id}`, AGENCY)).toBe(0);
    expect(await run('redrive', AGENCY)).toBe(0);
    expect(await run('redrive', 'dispatch')).toBe(0);
    expect(await run('suspend', AGENCY, '--reason', 'a drill')).toBe(0);
    expect(await run('resume', AGENCY)).toBe(0);
    expect(await run('keys')).toBe(0);
    expect(await run('sweep')).toBe(0);
    expect(await run('redeliver', 'no/such', AGENCY)).not.toBe(0);
    expect(sink.search()).toEqual([]);
  });

  it('and everybody has printed something', () => {
    expect([...sink.sources.keys()]).toEqual(expect.arrayContaining([...FUNCTIONS, 'gateway', 'ops']));
  });
});

describe('a function that does print what it was given', () => {
  it('is found out', async () => {
    for (const name of FUNCTIONS) {
      const real = fileURLToPath(new URL(`../../lambda/${name}.ts`, import.meta.url));
      writeFileSync(
        join(handlersDir, `${name}.ts`),
        name === 'submit'
          ? `import { handler as real } from ${JSON.stringify(real)};
             export const handler = (event: { body?: string }, context: never) => {
               console.error('wrapped', /"sealed":"[^.]+\\.([^.]+)/.exec(event.body ?? '')?.[1]);
               return real(event, context);
             };`
          : `export { handler } from ${JSON.stringify(real)};`,
      );
    }
    const control = new LeakSink();
    const stop = control.watch();
    const leaky = await startRelay({ sweepEverySeconds: 0, handlersDir: new URL(`file://${handlersDir}/`) });
    try {
      await confirmKeys(leaky.profilesDir);
      const client = await callHotline(leaky, HOTLINE);
      const entry = await client.seal(draft('FR', 'routine'));
      control.plant('sealed', entry.sealed.split('.')[1] ?? '');
      await client.submit(entry.id);
    } finally {
      stop();
      await leaky.close();
    }
    const forms = control.search().map(({ what, source, form }) => `${what} ${source} ${form}`);
    expect(forms.length).toBeGreaterThan(0);
    expect(new Set(control.search().map(({ source }) => source))).toEqual(new Set(['submit']));
  });
});
