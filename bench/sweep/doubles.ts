import { DAY, HOUR, MINUTE } from '../../core/time.ts';
import type { SweepBounds } from '../../core/use-cases/sweep.ts';
import { countUrgent, isUrgent, urgencyOf } from './backlog.ts';
import { AWAY, type Minute, Scene } from './scene.ts';

/*
 * A ledger full of open referrals, on the doubles: what one agency is owed falls due all at once, first while its key is
 * disabled, then when it is back. The others are owed a little at the same moment, and go on receiving what is new.
 */

export interface DoublesPlan {
  /** Open routes of all agencies together. */
  open: number;
  /** Of these, due at once to the one that was away. */
  due: number;
  agencies: number;
  /** Due at once to each of the others. */
  dueToOthers: number;
  disabledHours: number;
  /** Deliveries a minute and lane that `deliver` can do. */
  capacity: number;
  /** What sweep takes at a time. */
  bounds: Omit<Required<SweepBounds>, 'deadline'>;
  /** Submissions to the others in each minute, one in 20 of them immediate. */
  submissions: number;
}

/** What a phase took, in minutes of the doubles' clock and rows of the ledger. */
interface Phase {
  minutes: number;
  mostRowsOfARun: number;
  mostInDispatchQueues: number;
}

export interface DoublesReport {
  generated: { rows: number; seconds: number; residentMb: number };
  disabled: Phase & {
    attempts: number;
    /** Of a row. */
    leastAttempts: number;
    mostAttempts: { immediate: number; other: number };
    delivered: number;
    /** Until the others had all that was due to them. */
    othersServedAfter: number;
  };
  back: Phase & { urgent: number; urgentDeliveredAfter: number; duplicates: number; notDelivered: number };
  /** What was submitted to the others all the while; waits in minutes. */
  meanwhile: { submitted: number; longestWait: { immediate: number; other: number }; notDelivered: number };
  sweep: { longestMs: number; microsecondsARow: number };
  seconds: number;
  residentMb: number;
}

/** Nothing may take longer, in minutes. */
const PATIENCE = (2 * DAY) / MINUTE;

/** @param tell told how far it is, a line at a time */
export async function measureOnDoubles(plan: DoublesPlan, tell: (line: string) => void): Promise<DoublesReport> {
  const began = performance.now();
  const { due, agencies, dueToOthers, capacity, bounds, submissions } = plan;
  const followed = due + (agencies - 1) * dueToOthers;
  const scene = await Scene.open({ agencies, followed, capacity, bounds, submissions });
  await generate(scene, plan, tell);
  const generated = { rows: plan.open, seconds: secondsSince(began), residentMb: residentMb() };

  const minutes: Minute[] = [];
  const pass = async (what: string): Promise<void> => {
    const minute = await scene.pass();
    minutes.push(minute);
    tell(`${what}, minute ${minutes.length}: ${minute.rows} rows in ${Math.round(minute.took)} ms`);
  };
  const isServed = (index: number): boolean => (scene.delivered[index] ?? 0) > 0;
  const everyOf = (first: number, end: number, isMeant: (index: number) => boolean): boolean => {
    for (let index = first; index < end; index++) if (isMeant(index) && !isServed(index)) return false;
    return true;
  };

  scene.setKey('disabled');
  let othersServedAfter = Number.POSITIVE_INFINITY;
  while (minutes.length < plan.disabledHours * 60) {
    await pass('key disabled');
    if (everyOf(due, followed, () => true)) othersServedAfter = Math.min(othersServedAfter, minutes.length);
  }
  const attempts = scene.failed.slice(0, due);
  const mostOf = (isMeant: (index: number) => boolean): number =>
    attempts.reduce((most, count, index) => (isMeant(index) ? Math.max(most, count) : most), 0);
  const disabled = {
    ...toPhase(minutes),
    attempts: attempts.reduce((sum, count) => sum + count, 0),
    leastAttempts: attempts.reduce((least, count) => Math.min(least, count), Number.POSITIVE_INFINITY),
    mostAttempts: {
      immediate: mostOf((index) => urgencyOf(index) === 'immediate'),
      other: mostOf((index) => urgencyOf(index) !== 'immediate'),
    },
    delivered: scene.delivered.slice(0, due).reduce((sum, count) => sum + count, 0),
    othersServedAfter,
  };

  scene.setKey('enabled');
  await scene.resume();
  const before = minutes.length;
  let urgentDeliveredAfter = Number.POSITIVE_INFINITY;
  while (!everyOf(0, due, () => true) && minutes.length - before < PATIENCE) {
    await pass('back');
    const after = minutes.length - before;
    if (everyOf(0, due, isUrgent)) urgentDeliveredAfter = Math.min(urgentDeliveredAfter, after);
  }
  const since = minutes.slice(before);
  // What is on its way twice must have arrived before it can be counted.
  for (let count = 0; count < 30; count++) await pass('at rest');

  const rows = minutes.reduce((sum, minute) => sum + minute.rows, 0);
  const took = minutes.reduce((sum, minute) => sum + minute.took, 0);
  return {
    generated,
    disabled,
    back: {
      ...toPhase(since),
      urgent: countUrgent(due),
      urgentDeliveredAfter,
      duplicates: scene.delivered.reduce((sum, count) => sum + Math.max(0, count - 1), 0),
      notDelivered: scene.delivered.reduce((sum, count) => sum + (count === 0 ? 1 : 0), 0),
    },
    meanwhile: { submitted: scene.submitted, longestWait: scene.longestWait, notDelivered: scene.waiting },
    sweep: {
      longestMs: Math.round(Math.max(...minutes.map((minute) => minute.took))),
      microsecondsARow: Math.round((1000 * took) / Math.max(1, rows)),
    },
    seconds: secondsSince(began),
    residentMb: residentMb(),
  };
}

async function generate(scene: Scene, plan: DoublesPlan, tell: (line: string) => void): Promise<void> {
  const { open, due, agencies, dueToOthers } = plan;
  const now = { at: () => scene.now, whole: true };
  await scene.owe(AWAY, due, 0, now);
  tell(`${due} rows due to one agency`);
  let made = due;
  for (const agency of scene.others) {
    await scene.owe(agency, dueToOthers, made, now);
    made += dueToOthers;
  }
  // The rest falls due in the fortnight after the run, by Zipf: half of it at the few largest.
  const first = scene.now + (plan.disabledHours + 2 * 24) * HOUR;
  const weights = scene.others.map((_, index) => 1 / (index + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, agency] of scene.others.entries()) {
    const left =
      index === agencies - 2
        ? open - made
        : Math.min(open - made, Math.round(((open - due) * (weights[index] ?? 0)) / total));
    await scene.owe(agency, left, made, { at: (nth) => first + Math.floor((nth * 13 * DAY) / left), whole: false });
    made += left;
    tell(`${made} open rows`);
  }
}

const toPhase = (minutes: readonly Minute[]): Phase => ({
  minutes: minutes.length,
  mostRowsOfARun: Math.max(...minutes.map(({ rows }) => rows)),
  mostInDispatchQueues: Math.max(...minutes.map(({ dispatched }) => dispatched)),
});

const secondsSince = (began: number): number => Math.round((performance.now() - began) / 1000);

const residentMb = (): number => Math.round(process.memoryUsage().rss / 1024 / 1024);
