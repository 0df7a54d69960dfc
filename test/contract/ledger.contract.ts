import { expect } from 'vitest';
import type { LedgerRow, RouteRow } from '../../core/ledger.ts';
import type { Ledger } from '../../core/ports.ts';
import type { PartnerKind } from '../../core/registry.ts';
import { END_OF_TIME } from '../../core/time.ts';
import {
  due,
  makeName,
  makeOutboxRow,
  makePartnerId,
  makeReferralRow,
  makeRetentionRow,
  makeRouteRow,
  makeStatementRow,
  NOW,
} from '../support/rows.ts';
import { type Cases, describeContract, eventually, type Tally } from './contract.ts';

const at = (minutes: number): number => Date.parse(NOW) + minutes * 60_000;
const makeLane = (): string => `${makePartnerId('de')}#urgent`;
/** As long as the protocol lets a sealed referral become, and some. */
const LONGEST_CONTENT = 384_000;

const cases: Cases<Ledger> = {
  'nothing stands of a referral nobody has submitted': async (ledger) => {
    expect(await ledger.read(makeName())).toEqual({ routes: [], statements: [] });
  },

  'every kind of row comes back as it was written': async (ledger) => {
    const name = makeName();
    const rows = {
      outbox: makeOutboxRow(name, { due: due('outbox#0', 1) }),
      referral: makeReferralRow(name, { contentUntil: NOW }),
      retention: makeRetentionRow(name, { generation: 2, due: due('retention#1', 2) }),
      route: makeRouteRow(name, {
        due: due('de-police#urgent', 3),
        owedSince: NOW,
        deliveredAt: NOW,
        pagedAt: 1,
      }),
      outcome: makeStatementRow(name, { due: due('gb-hotline#outcomes', 4) }),
    };
    const statements = [
      makeStatementRow(name, {
        key: 'event#handed-over#de-police#1',
        content: {
          type: 'event',
          event: 'handed-over',
          agency: 'de-police',
          countries: ['DE'],
          version: 1,
          plan: { routes: [{ agency: 'int-clearing', roles: ['suspect'], countries: ['DE'] }], unrouted: [] },
        },
      }),
      makeStatementRow(name, {
        key: 'event#sent-on#00',
        content: { type: 'event', event: 'sent-on', agency: 'us-clearing', countries: ['DE', 'CA'] },
      }),
      makeStatementRow(name, { key: 'event#unrouted', content: { type: 'event', event: 'unrouted' } }),
      rows.outcome,
      makeStatementRow(name, {
        key: 'route#00',
        content: {
          type: 'route',
          statement: 'e30.e30.e30',
          by: 'us-clearing',
          routing: { suspect: [], victim: ['CA'] },
          plan: { routes: [{ agency: 'ca-police', roles: ['victim'], countries: ['CA'] }], unrouted: ['FR'] },
        },
      }),
      makeStatementRow(name, { key: 'withdraw', content: { type: 'withdraw', statement: 'e30.e30.e30' } }),
    ];
    await ledger.put(rows.outbox);
    for (const row of [rows.referral, rows.retention, rows.route, ...statements]) {
      expect(await ledger.create(row)).toBe(true);
    }
    expect(await ledger.read(name, 'content')).toEqual({
      outbox: rows.outbox,
      referral: rows.referral,
      retention: rows.retention,
      routes: [rows.route],
      statements,
    });
  },

  'routes come sorted by agency and statements by key': async (ledger) => {
    const name = makeName();
    for (const agency of ['us-ice', 'de-police', 'gb-nca-scotland', 'gb-nca']) {
      await ledger.create(makeRouteRow(name, { agency }));
    }
    for (const key of ['withdraw', 'outcome#gb-nca#01', 'route#00', 'outcome#gb-nca#00']) {
      await ledger.create(makeStatementRow(name, { key }));
    }
    const { routes, statements } = await ledger.read(name);
    expect(routes.map(({ agency }) => agency)).toEqual(['de-police', 'gb-nca', 'gb-nca-scotland', 'us-ice']);
    expect(statements.map(({ key }) => key)).toEqual([
      'outcome#gb-nca#00',
      'outcome#gb-nca#01',
      'route#00',
      'withdraw',
    ]);
  },

  'one id of two hotlines is two referrals': async (ledger) => {
    const name = makeName('gb-hotline');
    const other = { ...name, hotline: 'gb-hotline-two' };
    expect(await ledger.create(makeReferralRow(name, { urgency: 'high' }))).toBe(true);
    expect(await ledger.create(makeReferralRow(other, { urgency: 'routine' }))).toBe(true);
    expect((await ledger.read(name)).referral?.urgency).toBe('high');
    expect((await ledger.read(other)).referral?.urgency).toBe('routine');
  },

  'the content is read only where it is asked for': async (ledger) => {
    const name = makeName();
    await ledger.create(makeReferralRow(name, { sealed: 'the sealed referral' }));
    expect((await ledger.read(name)).referral?.sealed).toBeUndefined();
    expect((await ledger.read(name, 'content')).referral?.sealed).toBe('the sealed referral');
  },

  'the longest content fits beside many routes': async (ledger) => {
    const name = makeName();
    const routes = Array.from({ length: 32 }, (_, index) => ({
      agency: `de-police-of-region-${String(index).padStart(2, '0')}`,
      roles: ['suspect' as const, 'victim' as const],
      countries: ['DE', 'CA', 'US', 'FR'],
    }));
    const row = makeReferralRow(name, { sealed: 'x'.repeat(LONGEST_CONTENT), plan: { routes, unrouted: [] } });
    expect(await ledger.create(row)).toBe(true);
    expect((await ledger.read(name, 'content')).referral).toEqual(row);
  },

  'a row of more than 400 KB is refused and not stored': async (ledger) => {
    const name = makeName();
    await expect(ledger.create(makeReferralRow(name, { sealed: 'x'.repeat(410_000) }))).rejects.toThrow();
    expect(await ledger.read(name)).toEqual({ routes: [], statements: [] });
  },

  'a record of more than a megabyte is read whole': async (ledger) => {
    const name = makeName();
    const referral = makeReferralRow(name, { sealed: 'x'.repeat(380_000) });
    const statements = Array.from({ length: 192 }, (_, index) =>
      makeStatementRow(name, {
        key: `outcome#de-police#${String(index).padStart(3, '0')}`,
        content: { type: 'withdraw', statement: 'y'.repeat(4096) },
      }),
    );
    for (const row of [referral, ...statements]) await ledger.create(row);
    const record = await ledger.read(name, 'content');
    expect(record.referral).toEqual(referral);
    expect(record.statements).toEqual(statements);
    expect((await ledger.read(name)).statements).toHaveLength(statements.length);
  },

  'what was written is read at once': async (ledger) => {
    const name = makeName();
    let row: RouteRow | undefined = makeRouteRow(name);
    await ledger.create(row);
    for (let attempts = 1; attempts <= 20; attempts++) {
      row = row && (await ledger.replace({ ...row, attempts }));
      expect((await ledger.read(name)).routes[0]).toEqual(row);
    }
  },

  'a row that exists is not created again, and stays as it is': async (ledger) => {
    const name = makeName();
    const first = makeReferralRow(name, { urgency: 'immediate' });
    expect(await ledger.create(first)).toBe(true);
    expect(await ledger.create(makeReferralRow(name, { urgency: 'routine', sealed: 'another' }))).toBe(false);
    expect((await ledger.read(name, 'content')).referral).toEqual(first);
  },

  'of those who create a row at once, one wins': async (ledger) => {
    const name = makeName();
    const rows = Array.from({ length: 12 }, (_, generation) => makeReferralRow(name, { generation }));
    const won = await Promise.all(rows.map((row) => ledger.create(row)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect((await ledger.read(name, 'content')).referral).toEqual(rows[won.indexOf(true)]);
  },

  'the outbox is written over one that is there': async (ledger) => {
    const name = makeName();
    await ledger.put(makeOutboxRow(name, { rev: 7, due: due('outbox#2', 1) }));
    const second = makeOutboxRow(name, { rev: 8, urgency: 'routine' });
    await ledger.put(second);
    expect(await ledger.read(name)).toEqual({ outbox: second, routes: [], statements: [] });
  },

  'a replaced row counts one revision up': async (ledger) => {
    const name = makeName();
    const row = makeRouteRow(name, { rev: 41, due: due('de-police#urgent', 1) });
    await ledger.create(row);
    const next: RouteRow = { ...row, status: 'opened', openedAt: NOW, due: undefined };
    expect(await ledger.replace(next)).toEqual({ ...next, rev: 42 });
    expect((await ledger.read(name)).routes).toEqual([{ ...next, rev: 42 }]);
  },

  'of those who replace a row at once, one wins': async (ledger) => {
    const name = makeName();
    const row = makeRouteRow(name);
    await ledger.create(row);
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) => ledger.replace({ ...row, attempts: index + 1 })),
    );
    const winners = results.filter((result) => result !== undefined);
    expect(winners).toHaveLength(1);
    expect((await ledger.read(name)).routes).toEqual(winners);
  },

  'a row changed meanwhile is not replaced': async (ledger) => {
    const name = makeName();
    const row = makeRouteRow(name);
    await ledger.create(row);
    const changed = await ledger.replace({ ...row, failures: 1 });
    expect(await ledger.replace({ ...row, failures: 2 })).toBeUndefined();
    expect((await ledger.read(name)).routes).toEqual([changed]);
  },

  'a row of a later revision than the one that stands is not written': async (ledger) => {
    const name = makeName();
    const row = makeRouteRow(name);
    await ledger.create(row);
    expect(await ledger.replace({ ...row, rev: 2 })).toBeUndefined();
    expect(await ledger.remove({ ...row, rev: 2 })).toBe(false);
    expect((await ledger.read(name)).routes).toEqual([row]);
  },

  'a row removed meanwhile does not come back by a change': async (ledger) => {
    const name = makeName();
    const row = makeRouteRow(name);
    await ledger.create(row);
    expect(await ledger.remove(row)).toBe(true);
    expect(await ledger.replace({ ...row, status: 'delivered' })).toBeUndefined();
    expect((await ledger.read(name)).routes).toEqual([]);
  },

  'a row that never was is neither replaced nor removed': async (ledger) => {
    const name = makeName();
    expect(await ledger.replace(makeRouteRow(name))).toBeUndefined();
    expect(await ledger.remove(makeRouteRow(name))).toBe(false);
    expect((await ledger.read(name)).routes).toEqual([]);
  },

  'a change of the referral leaves its content alone': async (ledger) => {
    const name = makeName();
    await ledger.create(makeReferralRow(name, { sealed: 'the sealed referral' }));
    const { referral } = await ledger.read(name);
    if (!referral) throw new Error('nothing was stored');
    const next = await ledger.replace({ ...referral, contentUntil: NOW });
    expect(next).toEqual({ ...referral, contentUntil: NOW, rev: 2 });
    expect((await ledger.read(name, 'content')).referral?.sealed).toBe('the sealed referral');
  },

  'a change cannot exchange the content': async (ledger) => {
    const name = makeName();
    const row = makeReferralRow(name, { sealed: 'the sealed referral' });
    await ledger.create(row);
    await ledger.replace({ ...row, sealed: 'another' });
    expect((await ledger.read(name, 'content')).referral?.sealed).toBe('the sealed referral');
  },

  'the content goes when its removal is written, the facts stay': async (ledger) => {
    const name = makeName();
    const row = makeReferralRow(name, { sealed: 'the sealed referral' });
    await ledger.create(row);
    const next = await ledger.replace({ ...row, contentRemovedAt: NOW });
    const { sealed: _sealed, ...facts } = row;
    expect(next).toEqual({ ...facts, contentRemovedAt: NOW, rev: 2 });
    expect((await ledger.read(name, 'content')).referral).toEqual({ ...facts, contentRemovedAt: NOW, rev: 2 });
  },

  'a row is removed only as it was read': async (ledger) => {
    const name = makeName();
    const row = makeOutboxRow(name, { rev: 5 });
    await ledger.put(row);
    await ledger.put({ ...row, rev: 6 });
    expect(await ledger.remove(row)).toBe(false);
    expect(await ledger.remove({ ...row, rev: 6 })).toBe(true);
    expect(await ledger.remove({ ...row, rev: 6 })).toBe(false);
    expect(await ledger.read(name)).toEqual({ routes: [], statements: [] });
  },

  'a removed row can be created anew': async (ledger) => {
    const name = makeName();
    const row = makeRouteRow(name);
    await ledger.create(row);
    await ledger.remove(row);
    expect(await ledger.create(row)).toBe(true);
  },

  'due rows come earliest first, whole, and without content': async (ledger) => {
    const [lane, name] = [makeLane(), makeName()];
    const rows = [
      makeRouteRow(name, { due: due(lane, 3), roles: ['suspect', 'victim'] }),
      makeStatementRow(name, { due: due(lane, 1) }),
      makeRetentionRow(name, { due: due(lane, 2) }),
    ];
    const referral = makeReferralRow(name, { due: due(lane, 4) });
    for (const row of [...rows, referral]) await ledger.create(row);
    const { sealed: _sealed, ...facts } = referral;
    await eventually(() => ledger.due(lane, at(60), 10)).toEqual([rows[1], rows[2], rows[0], facts]);
  },

  'rows fall due at their time and not before': async (ledger) => {
    const lane = makeLane();
    const row = makeRouteRow(makeName(), { due: due(lane, 5) });
    await ledger.create(row);
    await eventually(() => ledger.due(lane, at(5), 10)).toEqual([row]);
    expect(await ledger.due(lane, at(5) - 1, 10)).toEqual([]);
  },

  'no more due rows come than were asked for, and those first that have waited longest': async (ledger) => {
    const lane = makeLane();
    const rows = Array.from({ length: 12 }, (_, index) => makeRouteRow(makeName(), { due: due(lane, index) }));
    for (const row of rows.toReversed()) await ledger.create(row);
    await eventually(() => ledger.due(lane, at(60), 5)).toEqual(rows.slice(0, 5));
    await eventually(() => ledger.due(lane, at(60), 100)).toEqual(rows);
  },

  'due rows of more than a megabyte come as far as they were asked for': async (ledger) => {
    const lane = makeLane();
    const rows = Array.from({ length: 6 }, (_, index) =>
      makeStatementRow(makeName(), {
        content: { type: 'withdraw', statement: 'y'.repeat(250_000) },
        due: due(lane, index),
      }),
    );
    for (const row of rows) await ledger.create(row);
    await eventually(() => ledger.due(lane, at(60), 10)).toEqual(rows);
  },

  'due rows come page by page, each once, though those that were read are put off or removed meanwhile': async (
    ledger,
  ) => {
    const lane = makeLane();
    const minutes = [1, 1, 1, 2, 2, 3, 4];
    const rows = minutes.map((minute) => makeRouteRow(makeName(), { due: due(lane, minute) }));
    for (const row of rows) await ledger.create(row);
    await eventually(() => ledger.due(lane, at(60), 10)).toHaveLength(rows.length);
    const seen: string[] = [];
    for (let after: LedgerRow | undefined; ;) {
      const page: LedgerRow[] = await ledger.due(lane, at(3), 2, after);
      after = page.at(-1);
      if (!after) break;
      seen.push(...page.map(({ id }) => id));
      await ledger.replace({ ...after, due: due(lane, 30) });
      if (page.length > 1 && page[0]) await ledger.remove(page[0]);
    }
    expect(seen.toSorted()).toEqual(
      rows
        .slice(0, 6)
        .map(({ id }) => id)
        .toSorted(),
    );
  },

  'behind the last due row there is none': async (ledger) => {
    const lane = makeLane();
    const row = makeRouteRow(makeName(), { due: due(lane, 1) });
    await ledger.create(row);
    await eventually(() => ledger.due(lane, at(60), 10)).toEqual([row]);
    expect(await ledger.due(lane, at(60), 10, row)).toEqual([]);
  },

  'partners are remembered for good, each kind by itself': async (ledger) => {
    const [first, second, hotline] = [makePartnerId('de'), makePartnerId('fr'), makePartnerId('gb')];
    expect(await ledger.remember('agency', [first])).toContain(first);
    expect(await ledger.remember('hotline', [hotline])).toContain(hotline);
    expect(await ledger.remember('agency', [second])).toContain(second);
    const known = (kind: PartnerKind) => async () =>
      (await ledger.remember(kind, [])).filter((id) => [first, second, hotline].includes(id)).toSorted();
    await eventually(known('agency')).toEqual([first, second]);
    await eventually(known('hotline')).toEqual([hotline]);
  },

  'the registry that was noted last stands': async (ledger) => {
    for (const digest of [makePartnerId('first'), makePartnerId('second')]) {
      await ledger.noteRegistry(digest);
      expect(await ledger.notedRegistry()).toBe(digest);
    }
  },

  'a lane can be read as a whole, years ahead': async (ledger) => {
    const lane = makeLane();
    const rows = [1, 60, 5_000_000].map((minutes) => makeRouteRow(makeName(), { due: due(lane, minutes) }));
    for (const row of rows) await ledger.create(row);
    await eventually(() => ledger.due(lane, END_OF_TIME, 10)).toEqual(rows);
  },

  'lanes do not mix, even where one name begins another': async (ledger) => {
    const partner = makePartnerId('gb');
    const row = makeRouteRow(makeName(), { due: due(`${partner}#urgent`, 1) });
    await ledger.create(row);
    await ledger.create(makeRouteRow(makeName(), { due: due(`${partner}-scotland#urgent`, 1) }));
    await ledger.create(makeRouteRow(makeName(), { due: due(`${partner}#routine`, 1) }));
    await eventually(() => ledger.due(`${partner}#urgent`, at(60), 10)).toEqual([row]);
  },

  'a row to which nothing is owed is in no lane': async (ledger) => {
    const [lane, name] = [makeLane(), makeName()];
    const row = makeRouteRow(name, { due: due(lane, 1) });
    await ledger.create(row);
    const settled = await ledger.replace({ ...row, due: undefined });
    await eventually(() => ledger.due(lane, at(60), 10)).toEqual([]);
    expect((await ledger.read(name)).routes[0]?.due).toBeUndefined();
    const owed = settled && (await ledger.replace({ ...settled, due: due(lane, 2) }));
    await eventually(() => ledger.due(lane, at(60), 10)).toEqual([owed]);
  },

  'a row that is put off falls due later, in its new lane': async (ledger) => {
    const [lane, other] = [makeLane(), makeLane()];
    const row = makeRouteRow(makeName(), { due: due(lane, 1) });
    await ledger.create(row);
    const later = await ledger.replace({ ...row, due: due(other, 30) });
    await eventually(() => ledger.due(lane, at(60), 10)).toEqual([]);
    await eventually(() => ledger.due(other, at(30), 10)).toEqual([later]);
    expect(await ledger.due(other, at(29), 10)).toEqual([]);
  },

  'a removed row is in no lane': async (ledger) => {
    const lane = makeLane();
    const row = makeRouteRow(makeName(), { due: due(lane, 1) });
    await ledger.create(row);
    await eventually(() => ledger.due(lane, at(60), 10)).toEqual([row]);
    await ledger.remove(row);
    await eventually(() => ledger.due(lane, at(60), 10)).toEqual([]);
  },

  'what goes in and out is a copy': async (ledger) => {
    const name = makeName();
    const row = makeRouteRow(name);
    await ledger.create(row);
    row.countries.push('FR');
    const read = await ledger.read(name);
    try {
      read.routes[0]?.countries.push('GB');
    } catch (error) {
      // What is handed out frozen is as good as a copy.
      expect(error).toBeInstanceOf(TypeError);
    }
    expect((await ledger.read(name)).routes[0]?.countries).toEqual(['DE']);
  },
};

/** Holds a ledger to `core/ports.ts`. It may be shared: each case makes names and lanes of its own. */
export const describeLedger = (backend: () => Ledger): Tally => describeContract('ledger', cases, backend);
