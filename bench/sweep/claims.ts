import { SCHEDULE, SWEEP } from '../../core/limits.ts';
import { LANES } from '../../core/names.ts';
import { MINUTE } from '../../core/time.ts';
import type { Claim } from '../load/claim.ts';
import type { CloudPlan, CloudReport } from './cloud.ts';
import type { DoublesPlan, DoublesReport } from './doubles.ts';

/* What sweep promises under a backlog, and whether a run has kept it. */

type Bounds = Pick<DoublesPlan['bounds'], 'dispatched' | 'page'>;

/** Rows that a run may take: what fits in the dispatch queues, and a page of each agency's immediate referrals. */
const rowsOfARun = (agencies: number, { dispatched, page }: Bounds): number =>
  LANES.length * dispatched + agencies * page;

export function claimsOnDoubles(plan: DoublesPlan, { disabled, back, meanwhile }: DoublesReport): Claim[] {
  const { due, agencies, capacity, submissions } = plan;
  const bound = rowsOfARun(agencies, plan.bounds);
  const mostRows = Math.max(disabled.mostRowsOfARun, back.mostRowsOfARun);
  const mostQueued = Math.max(disabled.mostInDispatchQueues, back.mostInDispatchQueues);
  const aMinute = Math.min(capacity, plan.bounds.dispatched);
  const toUrgent = 1 + Math.ceil(back.urgent / aMinute);
  const toAll = 2 + Math.ceil((due - back.urgent) / (aMinute - submissions));
  const minutes = plan.disabledHours * 60;
  const most = { immediate: mostAttempts(minutes, 'immediate'), other: mostAttempts(minutes, 'other') };
  const { mostAttempts: tried } = disabled;
  return [
    {
      claim: `a run takes no more than ${bound} rows, however many are due`,
      holds: mostRows <= bound,
      found: `${mostRows} of ${due}`,
    },
    {
      claim: `the dispatch queues never hold more than that and a minute's submissions`,
      holds: mostQueued <= bound + submissions,
      found: `${mostQueued}`,
    },
    {
      claim: `back again, an agency has its urgent referrals within ${toUrgent} min and all within ${toAll} min`,
      holds: back.urgentDeliveredAfter <= toUrgent && back.minutes <= toAll,
      found: `${back.urgentDeliveredAfter} min and ${back.minutes} min`,
    },
    {
      claim: 'fair between partners: what was due to the others at the same moment goes out in the first two minutes',
      holds: disabled.othersServedAfter <= 2,
      found: `after ${disabled.othersServedAfter} min`,
    },
    {
      claim: "others' new immediate referrals do not wait, their other ones no longer than two minutes",
      holds: meanwhile.longestWait.immediate === 0 && meanwhile.longestWait.other <= 2 && meanwhile.notDelivered === 0,
      found: `of ${meanwhile.submitted}: ${meanwhile.longestWait.immediate} and ${meanwhile.longestWait.other} min at the longest, ${meanwhile.notDelivered} not delivered`,
    },
    {
      claim: 'no row is starved: each is tried while the key is disabled, and delivered afterwards',
      holds: disabled.leastAttempts >= 1 && back.notDelivered === 0,
      found: `${disabled.leastAttempts} attempts or more, ${back.notDelivered} not delivered`,
    },
    {
      claim: `no pile-up while the key is disabled: a row is tried ${most.other} times at most, an immediate one ${most.immediate} times, and reaches its agency once`,
      holds:
        tried.immediate <= most.immediate &&
        tried.other <= most.other &&
        disabled.delivered === 0 &&
        back.duplicates === 0,
      found: `${tried.other} and ${tried.immediate} times, ${back.duplicates} duplicates`,
    },
  ];
}

export function claimsOnCloud({ due }: CloudPlan, report: CloudReport): Claim[] {
  const { sweep, mostInDispatchQueues, urgent, atRest, duplicates, notDelivered, immediate } = report;
  // The sample registry has fewer agencies than that.
  const bound = rowsOfARun(20, SWEEP);
  return [
    {
      claim: `a run takes no more than ${bound} rows, however many are due`,
      holds: sweep.runs > 0 && sweep.mostRowsOfARun <= bound,
      found: `${sweep.mostRowsOfARun} of ${due}`,
    },
    {
      claim: 'the dispatch queues never hold more',
      holds: mostInDispatchQueues <= bound,
      found: `${mostInDispatchQueues}`,
    },
    {
      claim: 'urgent before routine: when the last urgent one arrives, more than half of the others are still owed',
      holds: urgent.delivered === urgent.due && urgent.othersBefore < (due - urgent.due) / 2,
      found: `${urgent.delivered} urgent after ${urgent.afterSeconds} s, ${urgent.othersBefore} of ${due - urgent.due} others before`,
    },
    {
      claim: 'fair between partners: no immediate referral to another agency is kept back until the backlog is done',
      holds:
        immediate.meanwhile.count > 0 &&
        immediate.notDelivered === 0 &&
        immediate.meanwhile.max < 1000 * report.seconds,
      found: `${immediate.meanwhile.count} of them: median ${immediate.meanwhile.p50} ms (${immediate.ratioOfMedians} times that before the backlog), longest ${immediate.meanwhile.max} ms of ${report.seconds} s`,
    },
    {
      claim: 'no row is starved, and none arrives twice',
      holds: atRest && notDelivered === 0 && duplicates === 0,
      found: `${notDelivered} not delivered, ${duplicates} duplicates${atRest ? '' : ', and something is still on its way'}`,
    },
  ];
}

/** Attempts that fit into so many minutes when every wait is as short as chance can make it: half of the full one. */
function mostAttempts(minutes: number, urgency: keyof typeof SCHEDULE.longestBackoff): number {
  let attempts = 0;
  for (let at = 0, wait = SCHEDULE.backoff / MINUTE / 2; at <= minutes; attempts += 1) {
    at += wait;
    wait = Math.min(2 * wait, SCHEDULE.longestBackoff[urgency] / MINUTE / 2);
  }
  return attempts;
}
