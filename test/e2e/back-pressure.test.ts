import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Hotline, loadHotlineProfile, type Runtime } from '../../client/index.ts';
import { hastened } from '../../core/ledger-rules.ts';
import { ledgerTable } from '../../core/names.ts';
import type { Ledger } from '../../core/ports.ts';
import { signRequest } from '../../core/profile.ts';
import { SECOND } from '../../core/time.ts';
import { createLedgerClient } from '../../lambda/clients.ts';
import { createLedger } from '../../lambda/ledger.ts';
import { callAgency, callHotline } from '../../local/demo/cast.ts';
import { administratorOf, RELAY_ACCOUNT } from '../../local/principals.ts';
import type { LocalRelay } from '../../local/relay.ts';
import { draft, until } from '../ops/operator.ts';
import type { FaultyCloud, Refusal } from '../support/faulty-cloud.ts';
import { startFaultyRelay } from '../support/faulty-relay.ts';

/*
 * A cloud that throttles: the deployed handlers over the embedded cloud, with something in between that refuses requests
 * as AWS does, and the partners' own client at both ends.
 */

const HOTLINE = 'gb-lantern';
const LIMITED = 'us-beacon';
/** Whose intake key the relay has not asked KMS for yet. */
const UNKNOWN = 'zz-test-hotline';
const PER_MINUTE = 20;

let cloud: FaultyCloud;
let log: string[];
let relay: LocalRelay;
let close: (() => Promise<void>) | undefined;
let ledger: Ledger;

beforeAll(async () => {
  const [limits, agencies] = [{ submissionsPerMinute: PER_MINUTE }, ['de-kinderwacht', 'nam-harbor', 'fr-littoral']];
  const others = Object.fromEntries([...agencies, HOTLINE, UNKNOWN].map((id) => [id, {}]));
  ({ relay, cloud, log, close } = await startFaultyRelay({ ...others, [LIMITED]: { limits } }));
  const { credentials } = administratorOf(RELAY_ACCOUNT);
  const client = createLedgerClient({ region: relay.region, endpoint: relay.endpoints.dynamodb, credentials });
  ledger = createLedger({ client, table: ledgerTable(relay.stage), telemetry: { record: () => undefined } });
});
beforeEach(() => {
  cloud.relent();
  log.length = 0;
});
afterAll(() => close?.());

/** A client whose waits are noted, and over at once; the cloud relents in the second. */
async function impatient(id: string): Promise<{ hotline: Hotline; waits: number[] }> {
  const waits: number[] = [];
  const runtime: Partial<Runtime> = {
    wait: async (milliseconds) => {
      if (waits.push(milliseconds) === 2) cloud.relent();
    },
  };
  return { hotline: await callHotline(relay, id, runtime), waits };
}

/** What the relay itself answers, once. */
async function ask(method: 'GET' | 'POST', path: string, document?: object): Promise<Response> {
  const { signingKey, id: partner } = await loadHotlineProfile(join(relay.profilesDir, HOTLINE));
  const url = relay.url + path;
  const body = document === undefined ? undefined : Buffer.from(JSON.stringify(document));
  const headers = signRequest({ method, url, body }, { partner, ...signingKey, now: Date.now() });
  return fetch(url, { method, headers, ...(body && { body }) });
}

const events = (name: string): Record<string, unknown>[] =>
  log
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === name);

const failedDeliveries = (id: string) => events('delivery-failed').filter((event) => event['id'] === id);

async function open(id: string): Promise<number> {
  const agency = await callAgency(relay, 'fr-littoral');
  let handled = 0;
  while (!agency.opened.has(id)) {
    handled += (await agency.work()).filter((report) => report.id === id && report.result === 'handled').length;
  }
  return handled;
}

const SEND = { service: 'sqs', operation: 'SendMessage', error: 'RequestThrottled' } as const;

const STORE: [string, Refusal][] = [
  ['GetItem', 'ThrottlingException'],
  ['Query', 'RequestLimitExceeded'],
  ['PutItem', 'ProvisionedThroughputExceededException'],
  ['PutItem', 'InternalServerError'],
].map(([operation = '', error = '']) => [`${operation}: ${error}`, { service: 'dynamodb', operation, error }]);

describe('while the store throttles', () => {
  it.each(STORE)('a submission is put off, and accepted once it has room (%s)', async (_title, refusal) => {
    const { hotline, waits } = await impatient(HOTLINE);
    const entry = await hotline.seal(draft('routine'));
    cloud.refuse(refusal);
    const acceptance = await hotline.submit(entry.id);

    // Not sooner than asked, and not all at that very moment.
    expect(waits).toHaveLength(2);
    expect(waits.every((wait) => wait >= 5000 && wait < 7000)).toBe(true);
    expect(events('failed')).toMatchObject([{ error: refusal.error }, { error: refusal.error }]);
    expect(acceptance).toMatchObject({ id: entry.id, status: 'accepted', sealed: entry.hash });
    expect(await open(entry.id)).toBe(1);
  });

  it.each(STORE.slice(0, 2))('every call is answered 503 with Retry-After (%s)', async (_title, refusal) => {
    cloud.refuse(refusal);
    const calls = await Promise.all([
      ask('GET', `/v1/referrals/${HOTLINE}/0197a5b0-0000-7000-8000-000000000000`),
      ask('POST', '/v1/outcomes/receive', { max: 1, wait: 0 }),
    ]);
    const [status] = calls;
    expect(status?.status).toBe(503);
    expect(status?.headers.get('retry-after')).toBe('5');
    expect(await status?.json()).toMatchObject({ code: 'try-again', status: 503 });
  });
});

describe('while KMS throttles', () => {
  it('a submission for a key not known yet is put off, and accepted later', async () => {
    const { hotline, waits } = await impatient(UNKNOWN);
    const entry = await hotline.seal(draft('routine'));
    expect(waits).toEqual([]);
    cloud.refuse({ service: 'kms', operation: 'GetPublicKey', error: 'ThrottlingException' });
    expect(await hotline.submit(entry.id)).toMatchObject({ status: 'accepted' });
    expect(waits).toHaveLength(2);
  });

  it('what was accepted waits, and is delivered once', async () => {
    const { hotline } = await impatient(HOTLINE);
    cloud.refuse({ service: 'kms', operation: 'ReEncrypt', error: 'ThrottlingException' });
    const { id } = await hotline.submit(draft('routine'));
    await until('KMS is throttled', async () => failedDeliveries(id).length > 0);
    expect(failedDeliveries(id)).toMatchObject([{ cause: 'try-again', failures: 1 }]);
    cloud.relent();
    await deliverNow(id);
    expect(await open(id)).toBe(1);
  });
});

describe('while a queue throttles', () => {
  it.each(['RequestThrottled', 'OverLimit', 'ThrottlingException'])(
    'what cannot be received is put off: %s',
    async (error) => {
      cloud.refuse({ service: 'sqs', operation: 'ReceiveMessage', error });
      const response = await ask('POST', '/v1/outcomes/receive', { max: 1, wait: 0 });
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
      cloud.relent();
      expect((await ask('POST', '/v1/outcomes/receive', { max: 1, wait: 0 })).status).toBe(200);
    },
  );

  it('what is accepted while dispatch throttles is accepted all the same, and delivered once', async () => {
    const { hotline } = await impatient(HOTLINE);
    cloud.refuse({ ...SEND, about: 'dispatch-' });
    const { id } = await hotline.submit(draft('routine'));
    expect(events('dispatch-failed')).toMatchObject([{ id }]);
    cloud.relent();
    await deliverNow(id);
    expect(await open(id)).toBe(1);
  });

  it('what an agency’s queue does not take is delivered once it does', async () => {
    const { hotline } = await impatient(HOTLINE);
    cloud.refuse({ ...SEND, about: 'fr-littoral' });
    const { id } = await hotline.submit(draft('routine'));
    await until('the queue is throttled', async () => failedDeliveries(id).length > 0);
    cloud.relent();
    await deliverNow(id);
    expect(await open(id)).toBe(1);
  });

  it('an answer is taken all the same, and reaches the hotline later', async () => {
    const { hotline } = await impatient(HOTLINE);
    const { id } = await hotline.submit(draft('routine'));
    cloud.refuse({ ...SEND, about: 'outcomes' });
    expect(await open(id)).toBe(1);
    expect(events('inbox-failed')).toMatchObject([{ id }]);
    expect((await hotline.status(id)).routes).toMatchObject([{ status: 'opened' }]);
    cloud.relent();
    await deliverNow(id);
    const outcomes = [];
    for await (const outcome of hotline.outcomes({ drain: true })) outcomes.push(outcome);
    expect(outcomes.filter(({ referral }) => referral === id)).toMatchObject([{ kind: 'outcome', check: 'verified' }]);
  });
});

describe('a hotline beyond its limit', () => {
  it('is told so, and its client submits what is left as there is room', async () => {
    const hotline = await callHotline(relay, LIMITED);
    const entry = await hotline.seal(draft('routine'));
    await empty();
    expect(await hotline.submit(entry.id)).toMatchObject({ status: 'accepted' });
    expect(new Set(events('refused').map(({ partner, code }) => `${String(partner)} ${String(code)}`))).toEqual(
      new Set([`${LIMITED} slow-down`]),
    );
  });

  it('keeps neither its immediate referrals nor anybody else waiting', async () => {
    await empty();
    for (const [id, sample] of [
      [LIMITED, 'immediate'],
      [HOTLINE, 'routine'],
    ] as const) {
      const { hotline, waits } = await impatient(id);
      expect(await hotline.submit(draft(sample))).toMatchObject({ status: 'accepted' });
      expect(waits).toEqual([]);
    }
    expect(events('refused')).toEqual([]);
  });
});

/** Takes all that the limited hotline may submit up to two seconds from now. */
async function empty(): Promise<void> {
  const soon = Date.now() + 2 * SECOND;
  while (await ledger.take(LIMITED, 'other', PER_MINUTE, soon));
}

/** Sweep, as if the wait for the next attempt were over; deliver says that one failed before it writes that down. */
async function deliverNow(id: string): Promise<void> {
  await until('all is owed at once', async () => {
    const { outbox, routes, statements } = await ledger.read({ hotline: HOTLINE, id });
    const rows = [...(outbox ? [outbox] : []), ...routes, ...statements];
    const written = await Promise.all(rows.map((row) => ledger.replace(hastened(row, Date.now()))));
    return written.every((row) => row !== undefined);
  });
  await relay.sweepNow();
}
