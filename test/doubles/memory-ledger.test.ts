import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LedgerRow } from '../../core/ledger.ts';
import { due, makeName, makeReferralRow, makeRouteRow, NOW } from '../support/rows.ts';
import { DueIndex } from './due-index.ts';
import { faultAt, Invocation } from './faults.ts';
import { MemoryLedger } from './memory-ledger.ts';

const LANE = 'de-police#urgent';
const at = (minutes: number): number => Date.parse(NOW) + minutes * 60_000;

describe('the index of the ledger in memory', () => {
  it('shows rows as they were when it is stale, and as they are afterwards', async () => {
    const memory = new MemoryLedger();
    const ledger = memory.connect(new Invocation());
    const rows = [makeRouteRow(makeName(), { due: due(LANE, 1) }), makeRouteRow(makeName(), { due: due(LANE, 2) })];
    const [changed, removed] = rows;
    if (!changed || !removed) throw new Error('two rows are needed');
    for (const row of rows) await ledger.create(row);
    expect(await ledger.due(LANE, at(60), 10)).toEqual(rows);
    await ledger.replace({ ...changed, attempts: 1, due: due(LANE, 30) });
    await ledger.remove(removed);
    const added = makeRouteRow(makeName(), { due: due(LANE, 3) });
    await ledger.create(added);

    const stale = memory.connect(new Invocation(() => 'stale'));
    expect(await stale.due(LANE, at(60), 10)).toEqual(rows);
    expect(await stale.replace(changed)).toBeUndefined();
    expect(await ledger.due(LANE, at(60), 10)).toEqual([
      added,
      { ...changed, rev: 2, attempts: 1, due: due(LANE, 30) },
    ]);
  });

  it('is behind about some rows only, where disorder is wanted', async () => {
    const fractions = [0.9, 0.1];
    const memory = new MemoryLedger(undefined, { randomness: { fraction: () => fractions.shift() ?? 1 } });
    const ledger = memory.connect(new Invocation());
    const [first, second] = [1, 2].map((minute) => makeRouteRow(makeName(), { due: due(LANE, minute) }));
    if (!first || !second) throw new Error('two rows are needed');
    for (const row of [first, second]) {
      await ledger.create(row);
      await ledger.replace({ ...row, attempts: 1 });
    }
    const stale = memory.connect(new Invocation(() => 'stale'));
    expect(await stale.due(LANE, at(60), 10)).toEqual([{ ...first, rev: 2, attempts: 1 }, second]);
  });

  it('agrees with a plain search, whatever is written in whatever order', () => {
    const write = fc.record({
      key: fc.integer({ min: 0, max: 7 }),
      minute: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
      isRead: fc.boolean(),
    });
    const row = makeRouteRow(makeName());
    fc.assert(
      fc.property(fc.array(write, { maxLength: 60 }), (writes) => {
        const index = new DueIndex();
        const standing = new Map<string, LedgerRow>();
        for (const { key, minute, isRead } of writes) {
          const name = `key-${key}`;
          const after = minute === undefined ? undefined : { ...row, agency: name, due: due(LANE, minute) };
          index.follow(name, standing.get(name), after);
          if (after) standing.set(name, after);
          else standing.delete(name);
          if (!isRead) continue;
          const expected = [...standing.values()]
            .filter((standing) => (standing.due?.at ?? '') <= due(LANE, 3).at)
            .map((standing) => `${standing.due?.at} ${standing.kind === 'route' ? standing.agency : ''}`)
            .sort()
            .slice(0, 4);
          const read = index.read(LANE, due(LANE, 3).at, 4);
          expect(read.map((row) => `${row.due?.at} ${row.kind === 'route' ? row.agency : ''}`)).toEqual(expected);
        }
      }),
    );
  });
});

describe('the ledger in memory', () => {
  it('answers like DynamoDB to a request that arrives twice: somebody was first', async () => {
    const memory = new MemoryLedger();
    const row = makeRouteRow(makeName());
    const repeating = () => memory.connect(new Invocation(faultAt(0, 'repeat')));
    expect(await repeating().create(row)).toBe(false);
    expect(await repeating().replace({ ...row, attempts: 1 })).toBeUndefined();
    expect(memory.record(row).routes).toEqual([{ ...row, attempts: 1, rev: 2 }]);
    expect(await repeating().remove({ ...row, rev: 2 })).toBe(false);
    expect(memory.names()).toEqual([]);
  });

  it('lists what stands', async () => {
    const memory = new MemoryLedger();
    const ledger = memory.connect(new Invocation());
    const names = [makeName('gb-hotline'), makeName('us-hotline')];
    for (const name of names) await ledger.create(makeReferralRow(name, { sealed: 'the sealed referral' }));
    expect(memory.names()).toEqual(names);
    expect(names.map((name) => memory.record(name, 'content').referral?.sealed)).toEqual([
      'the sealed referral',
      'the sealed referral',
    ]);
  });

  it('reads what changes meanwhile as it was, and from some row on as it is', async () => {
    const memory = new MemoryLedger(undefined, { randomness: { fraction: () => 0.5 } });
    const [name, ledger] = [makeName(), memory.connect(new Invocation())];
    const earlier = makeRouteRow(name, { agency: 'de-police' });
    const later = makeRouteRow(name, { agency: 'fr-police' });
    await ledger.create(makeReferralRow(name, { sealed: 'the sealed referral' }));
    await ledger.create(earlier);
    const [held, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<'none'>()];
    const slow = new Invocation((point) => {
      if (point !== 'ledger.readOn') return 'none';
      held.resolve();
      return goOn.promise;
    });
    const reading = memory.connect(slow).read(name, 'content');
    await held.promise;
    await ledger.replace({ ...earlier, attempts: 1 });
    await ledger.create(later);
    goOn.resolve('none');
    const { referral, routes } = await reading;
    expect(referral?.sealed).toBe('the sealed referral');
    expect(routes).toEqual([earlier, later]);
  });
});
