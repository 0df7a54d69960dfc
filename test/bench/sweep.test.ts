import { describe, expect, it } from 'vitest';
import { claimsOnCloud, claimsOnDoubles } from '../../bench/sweep/claims.ts';
import type { CloudPlan, CloudReport } from '../../bench/sweep/cloud.ts';
import { type DoublesPlan, measureOnDoubles } from '../../bench/sweep/doubles.ts';

/* What `npm run bench:sweep` measures with a million rows, in small. */

const PLAN: DoublesPlan = {
  open: 3000,
  due: 1000,
  agencies: 12,
  dueToOthers: 4,
  disabledHours: 1,
  capacity: 100,
  bounds: { page: 10, concurrency: 10, dispatched: 100 },
  submissions: 10,
};
const untold = (): void => undefined;

describe('sweep, when an agency comes back after a month', () => {
  it('does bounded work in each run, urgent first, fair between partners, and nothing twice', async () => {
    const claims = claimsOnDoubles(PLAN, await measureOnDoubles(PLAN, untold));
    expect(claims.filter(({ holds }) => !holds)).toEqual([]);
    expect(claims).toHaveLength(7);
  });

  it('would be found out if it took all that is due at once', async () => {
    const unbounded = { ...PLAN, bounds: { ...PLAN.bounds, dispatched: 1_000_000 } };
    const claims = claimsOnDoubles(PLAN, await measureOnDoubles(unbounded, untold));
    expect(claims.filter(({ holds }) => !holds).map(({ claim }) => claim)).toEqual([
      expect.stringContaining('a run takes no more than'),
      expect.stringContaining('the dispatch queues never hold more'),
      expect.stringContaining('back again, an agency has its urgent referrals within'),
      expect.stringContaining('do not wait'),
    ]);
  });

  it('would be found out if one lane were emptied before the next has its turn', async () => {
    const unfair = { ...PLAN, bounds: { ...PLAN.bounds, page: 1000 } };
    const claims = claimsOnDoubles(PLAN, await measureOnDoubles(unfair, untold));
    expect(claims.filter(({ holds }) => !holds).map(({ claim }) => claim)).toContainEqual(
      expect.stringContaining('fair between partners'),
    );
  });
});

describe('sweep on the embedded cloud', () => {
  const latency = { count: 1, p50: 1, p95: 1, max: 1 };
  const report: CloudReport = {
    generated: { rows: 100, seconds: 1 },
    seconds: 10,
    deliveredASecond: 10,
    urgent: { due: 3, delivered: 3, afterSeconds: 1, othersBefore: 1 },
    sweep: { runs: 2, mostRowsOfARun: 50, longestMs: 1 },
    mostInDispatchQueues: 50,
    atRest: true,
    duplicates: 0,
    notDelivered: 0,
    immediate: { before: latency, meanwhile: latency, ratioOfMedians: 1, notDelivered: 0 },
    residentMb: 1,
  };
  const plan: CloudPlan = { due: 100, everySeconds: 1, concurrency: 5, probes: 1 };
  const broken = (found: Partial<CloudReport>): string[] =>
    claimsOnCloud(plan, { ...report, ...found }).flatMap(({ claim, holds }) => (holds ? [] : [claim]));

  it('keeps what it promises only where that was measured', () => {
    expect(broken({})).toEqual([]);
    expect(broken({ sweep: { runs: 0, mostRowsOfARun: Math.max(), longestMs: 1 } })).toEqual([
      expect.stringContaining('a run takes no more than'),
    ]);
    const meanwhile = { count: 0, p50: Number.NaN, p95: Number.NaN, max: 0 };
    expect(broken({ immediate: { ...report.immediate, meanwhile } })).toEqual([
      expect.stringContaining('fair between partners'),
    ]);
    expect(broken({ atRest: false })).toEqual([expect.stringContaining('none arrives twice')]);
  });
});
