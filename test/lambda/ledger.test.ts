import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ledgerTable } from '../../core/names.ts';
import type { Ledger } from '../../core/ports.ts';
import { createLedgerClient } from '../../lambda/clients.ts';
import { createLedger } from '../../lambda/ledger.ts';
import { type LedgerItem, toItem } from '../../lambda/ledger-items.ts';
import { type Emulators, startEmulators } from '../../local/emulators.ts';
import { createLedgerTable } from '../../local/resources.ts';
import { due, makeName, makePartnerId, makeReferralRow, makeRouteRow, NOW } from '../support/rows.ts';

/* What the table itself holds, and rows that another version of the code has written; the rest is in test/contract. */

const STAGE = 'test';
const REGION = 'eu-west-2';
const TableName = ledgerTable(STAGE);

let emulators: Emulators;
let client: DynamoDBDocumentClient;
let ledger: Ledger;
let events: unknown[] = [];

beforeAll(async () => {
  emulators = await startEmulators({
    region: REGION,
    onCrash: (error) => {
      throw error;
    },
  });
  await createLedgerTable({ stage: STAGE, region: REGION, endpoints: { ...emulators.endpoints, kms: '' } });
  client = createLedgerClient(options());
  const telemetry = { record: (event: string, fields?: object) => events.push({ event, ...fields }) };
  ledger = createLedger({ client, table: TableName, telemetry });
});

afterAll(() => emulators.close());

const options = () => ({
  region: REGION,
  endpoint: emulators.endpoints.dynamodb,
  credentials: { accessKeyId: 'LOCAL', secretAccessKey: 'local' },
});

const putItem = (item: object) => client.send(new PutCommand({ TableName, Item: { ...item } }));

const getItem = async ({ pk, sk }: LedgerItem) =>
  (await client.send(new GetCommand({ TableName, Key: { pk, sk }, ConsistentRead: true }))).Item;

describe('the ledger table', () => {
  it('holds the content apart from the facts', async () => {
    const name = makeName();
    const row = makeReferralRow(name, { sealed: 'the sealed referral' });
    await ledger.create(row);
    const { v, acceptedAt, routing, urgency, onward, hash, generation, plan } = row;
    expect(await getItem(toItem(row))).toEqual({
      pk: `${name.hotline}#${name.id}`,
      sk: 'referral',
      rev: 1,
      kind: 'referral',
      row: { v, acceptedAt, routing, urgency, onward, hash, generation, plan },
      sealed: 'the sealed referral',
    });
  });

  it('holds the keys of the index only while something is owed', async () => {
    const row = makeRouteRow(makeName(), { due: due('de-police#urgent', 1) });
    await ledger.create(row);
    expect(await getItem(toItem(row))).toMatchObject({ lane: 'de-police#urgent', dueAt: '2026-11-23T09:31:00.000Z' });
    await ledger.replace({ ...row, due: undefined });
    const item = await getItem(toItem(row));
    expect(item).toMatchObject({ rev: 2 });
    expect(item).not.toHaveProperty('lane');
    expect(item).not.toHaveProperty('dueAt');
  });
});

/** A ledger whose next write gets no answer, once `meanwhile` has happened; the SDK sends it again. */
function loseAnswer(meanwhile: (write: () => Promise<unknown>) => Promise<unknown>): Ledger {
  const losing = createLedgerClient(options());
  const { requestHandler } = losing.config;
  const handle = requestHandler.handle.bind(requestHandler);
  let isLost = false;
  requestHandler.handle = async (request, given) => {
    if (isLost || !request.headers['x-amz-target']?.endsWith('.UpdateItem')) return handle(request, given);
    isLost = true;
    await meanwhile(() => handle(request, given));
    throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
  };
  return createLedger({ client: losing, table: TableName, telemetry: { record: () => undefined } });
}

describe('a change whose answer is lost', () => {
  const taken = due('de-police#urgent', 10);

  it('is known as made, though the SDK repeats it', async () => {
    const row = makeRouteRow(makeName(), { due: due('de-police#urgent', 1), owedSince: undefined });
    await ledger.create(row);
    const next = { ...row, repeats: 1, pagedAt: 1, due: taken };
    expect(await loseAnswer((write) => write()).replace(next)).toEqual({ ...next, rev: 2 });
    expect(await getItem(toItem(row))).toMatchObject({ rev: 2, dueAt: taken.at });
  });

  it('is not taken for what somebody else has made meanwhile', async () => {
    const row = makeRouteRow(makeName(), { due: due('de-police#urgent', 1) });
    await ledger.create(row);
    const losing = loseAnswer(() => ledger.replace({ ...row, status: 'opened', openedAt: NOW, due: undefined }));
    expect(await losing.replace({ ...row, due: taken })).toBeUndefined();
    expect(await getItem(toItem(row))).toMatchObject({ rev: 2, row: { status: 'opened' } });
  });
});

describe('a read', () => {
  it('of a referral is consistent, also from page to page; that of the index cannot be', async () => {
    const queries: (boolean | undefined)[] = [];
    const watched = createLedgerClient(options());
    watched.middlewareStack.add(
      (next) => (args) => {
        if ('KeyConditionExpression' in args.input) queries.push(Object(args.input).ConsistentRead);
        return next(args);
      },
      { step: 'initialize' },
    );
    const name = makeName();
    for (const agency of ['de-a', 'de-b', 'de-c']) {
      await putItem({ ...toItem(makeRouteRow(name, { agency })), padding: 'x'.repeat(390_000) });
    }
    const watching = createLedger({ client: watched, table: TableName, telemetry: { record: () => undefined } });
    expect((await watching.read(name)).routes).toHaveLength(3);
    expect(queries).toEqual([true, true]);
    await watching.due('de-police#urgent', 0, 1);
    expect(queries).toEqual([true, true, undefined]);
  });
});

describe('rows of another version', () => {
  it('keep what this version does not know, through a change made here', async () => {
    const item = toItem(makeRouteRow(makeName()));
    await putItem({ ...item, row: { ...item.row, priority: 'added later' } });
    const [pk] = item.pk.split('#');
    const { routes } = await ledger.read({ hotline: pk ?? '', id: item.pk.slice(item.pk.indexOf('#') + 1) });
    const [row] = routes;
    if (!row) throw new Error('the row was not read');
    await ledger.replace({ ...row, status: 'delivered', deliveredAt: NOW });
    expect(await getItem(item)).toMatchObject({ rev: 2, row: { status: 'delivered', priority: 'added later' } });
  });

  it('keep it also where it is part of what was planned', async () => {
    const name = makeName();
    const plan = {
      routes: [{ agency: 'de-police', roles: ['suspect'], countries: ['DE'], reason: 'added later' }],
      unrouted: [],
      registry: 'added later',
    };
    const item = toItem(makeReferralRow(name));
    await putItem({ ...item, row: { ...item.row, plan } });
    const { referral } = await ledger.read(name);
    if (!referral) throw new Error('the row was not read');
    await ledger.replace({ ...referral, contentUntil: NOW });
    expect(await getItem(item)).toMatchObject({ rev: 2, row: { contentUntil: NOW, plan } });
  });

  const STRANGE: [string, (item: LedgerItem) => object][] = [
    ['a later layout', (item) => ({ ...item, row: { ...item.row, v: 2 } })],
    ['an unknown kind', (item) => ({ ...item, kind: 'receipt' })],
    ['an unknown status', (item) => ({ ...item, row: { ...item.row, status: 'lost' } })],
    ['no revision', ({ rev: _rev, ...item }) => item],
    ['no members', ({ row: _row, ...item }) => item],
    ['the row of another key', (item) => ({ ...item, row: { ...item.row, agency: 'fr-police' } })],
  ];

  it.each(STRANGE)('with %s are not read, so that nothing is decided on half a record', async (_title, change) => {
    const name = makeName();
    await ledger.create(makeReferralRow(name, { sealed: 'the sealed referral' }));
    await putItem(change(toItem(makeRouteRow(name))));
    const error: unknown = await ledger.read(name, 'content').catch((error: unknown) => error);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toMatch(/^LedgerItemError: The ledger row /);
    expect(String(error)).not.toContain('the sealed referral');
  });

  it.each(STRANGE)('with %s do not hold up the lane', async (_title, change) => {
    events = [];
    const lane = `${makePartnerId('de')}#urgent`;
    await putItem(change(toItem(makeRouteRow(makeName(), { due: due(lane, 1) }))));
    const rows = [2, 3].map((minutes) => makeRouteRow(makeName(), { due: due(lane, minutes) }));
    for (const row of rows) await ledger.create(row);
    expect(await ledger.due(lane, Date.parse(NOW) + 3_600_000, 2)).toEqual(rows);
    expect(events).toEqual([expect.objectContaining({ event: 'due-failed', what: 'ledger-row', lane })]);
  });
});

describe('a table that cannot be reached', () => {
  it('rejects, as nobody knows then what happened', async () => {
    const elsewhere = createLedger({ client, table: 'referral-relay-other-ledger', telemetry: { record: () => {} } });
    const name = makeName();
    await expect(elsewhere.read(name)).rejects.toThrow();
    await expect(elsewhere.create(makeRouteRow(name))).rejects.toThrow();
    await expect(elsewhere.replace(makeRouteRow(name))).rejects.toThrow();
    await expect(elsewhere.remove(makeRouteRow(name))).rejects.toThrow();
    await expect(elsewhere.due('de-police#urgent', 0, 1)).rejects.toThrow();
  });
});
