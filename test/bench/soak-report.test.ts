import { describe, expect, it } from 'vitest';
import type { AgencyEntry, HotlineEntry } from '../../bench/load/books.ts';
import { createReport, describeReport } from '../../bench/load/soak-report.ts';
import type { SoakLoad, SoakRun } from '../../bench/load/soak-run.ts';

const load: SoakLoad = {
  rate: 10,
  seconds: 8,
  agencies: 2,
  mix: 'even',
  shares: { immediate: 0, high: 0 },
  faults: false,
  seed: 1,
};
const sample = { accepted: 0, opened: 0, collected: 0, dispatch: 0, agencies: 0, inboxes: 0, driverMemory: 1, load: 1 };
const run: SoakRun = {
  startedAt: 0,
  hotlines: new Map(),
  agencies: new Map(),
  samples: [500, 500, 500, 500, 550, 550, 600, 600].map((relayMemory, at) => ({ ...sample, at, relayMemory })),
  marks: [],
  lateness: [],
  restAfter: 1,
  // What is left of a relay that was killed and started again is less than what the first one had used.
  cpu: { relay: -2, driver: 4 },
};

const bookOf = <T>(entries: T[]) => ({ entries, add: () => undefined });

describe('the report of a soak', () => {
  it('says how memory grew and what a referral cost', () => {
    const report = createReport({ ...run, cpu: { relay: 8, driver: 4 } }, load);
    expect(report).toMatchObject({ cpu: { relay: 100, driver: 50 }, growth: 1.2 });
    const text = describeReport(report);
    expect(text).toContain('processor   100.0 ms a referral in the relay and its cloud, 50.0 ms in all partners\n');
    expect(text).toContain(
      'memory      of the relay: grew by a factor of 1.20 between the second and the last quarter\n',
    );
  });

  it('says how much was opened and answered while the load lasted', () => {
    const accepted: HotlineEntry = { kind: 'accepted', id: 'one', agencies: ['a', 'b'], took: 5, at: 1_000 };
    const outcome = { kind: 'outcome', id: 'one', status: 'opened', again: false } as const;
    const opened = { kind: 'opened', hotline: 'h', id: 'one', version: 1, digest: '', urgency: 'routine' } as const;
    const hotline = bookOf<HotlineEntry>([
      accepted,
      { ...outcome, agency: 'a', at: 7_000 },
      { ...outcome, agency: 'b', at: 9_000 },
    ]);
    const agency = bookOf<AgencyEntry>([2_000, 3_000].map((at) => ({ ...opened, waited: 1, at })));
    const busy = { ...run, hotlines: new Map([['h', hotline]]), agencies: new Map([['a', agency]]) };
    expect(createReport(busy, load)).toMatchObject({ accepted: 1 / 8, opened: 1 / 8, answered: 1 / 16 });
  });

  it('says neither of a relay that was killed meanwhile', () => {
    const report = createReport(run, { ...load, faults: true });
    expect(report).not.toHaveProperty('cpu');
    expect(report).not.toHaveProperty('growth');
    const text = describeReport(report);
    for (const line of ['processor', 'memory   ']) {
      expect(text).toContain(`${line}   not measured: with faults the relay is killed meanwhile\n`);
    }
  });
});
