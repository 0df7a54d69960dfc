import {
  isHandOver,
  type ReferralRecord,
  type ReferralRow,
  type RouteRow,
  type StatementRow,
} from '../../core/ledger.ts';
import { SCHEDULE } from '../../core/limits.ts';
import { mergeRoutes, type PlannedRoute } from '../../core/routing.ts';
import { fromTimestamp, HOUR, MINUTE } from '../../core/time.ts';
import { handOverName, isHandedOver, type ReferralCase } from './referral-case.ts';
import { type InvariantName, Violation } from './violation.ts';
import { isSubset } from './witness.ts';
import type { World } from './world.ts';

/** How far functions' clocks may differ from the world's, with some room for what happens in between. */
const SKEW = MINUTE;

/** No row waits longer than the longest wait there is. */
const LONGEST_WAIT = SCHEDULE.beforeQueueForgets + HOUR;

/**
 * Holds what the ledger has of one referral against what really happened, and makes sure that whatever is not finished is
 * owed by a row. Every write is one row, so all of this holds after each of them, whoever is at work; as time passes and
 * nothing is written, it can only hold the better.
 * @throws {Violation}
 */
export function checkRecord(world: World, subject: ReferralCase): void {
  if (subject.isForgotten) return;
  const record = world.ledger.record(subject.name);
  if (!record.referral) {
    subject.isForgotten = isCustodyOver(world, subject);
    const wasAccepted = subject.answer !== undefined || subject.facts !== undefined;
    if (wasAccepted && !subject.isForgotten) fail('accepted-stands', subject, 'its acceptance is gone');
    return;
  }
  checkAcceptance(world, subject, record.referral);
  checkContent(world, subject, record, record.referral);
  if (isCustodyOver(world, subject)) return;
  checkPlaced(subject, record, record.referral);
  for (const row of record.routes) checkRoute(world, subject, record, row);
  for (const row of record.statements) checkStatement(world, subject, record, row);
}

function fail(invariant: InvariantName, { label }: ReferralCase, detail: string): never {
  throw new Violation(invariant, `${label}: ${detail}`);
}

function checkAcceptance(world: World, subject: ReferralCase, row: ReferralRow): void {
  // Each write makes a row of its own: this one was looked at already.
  if (subject.acceptance === row) return;
  subject.acceptance = row;
  const { acceptedAt, routing, urgency, onward, hash, generation, plan } = row;
  const facts = JSON.stringify({ acceptedAt, routing, urgency, onward, hash, generation, plan });
  subject.facts ??= facts;
  if (subject.facts !== facts) fail('accepted-stands', subject, 'its facts have changed');
  if (!subject.variantOf(row)) fail('accepted-once', subject, 'nobody submitted what was accepted');
  subject.acceptedAt = fromTimestamp(acceptedAt);
  const { sealed } = world.ledger.record(subject.name, 'content').referral ?? {};
  if (row.contentRemovedAt === undefined && sealed !== subject.variantOf(row)?.submission.sealed) {
    fail('intact', subject, 'the ledger holds other bytes than were accepted');
  }
}

/** Content goes only when every promise has been final for as long as content is kept. */
function checkContent(world: World, subject: ReferralCase, record: ReferralRecord, row: ReferralRow): void {
  const { routes, statements } = record;
  if (row.contentRemovedAt === undefined || subject.contentRemovedAt !== undefined) return;
  subject.contentRemovedAt = fromTimestamp(row.contentRemovedAt);
  const isWithdrawn = statements.some(({ content }) => content.type === 'withdraw');
  for (const [agency, promised] of subject.promised) {
    const route = routes.find((one) => one.agency === agency);
    if (!route) fail('content', subject, `removed before ${agency} had a route`);
    if (route.status === 'withdrawn' || route.status === 'undeliverable' || isWithdrawn) continue;
    // It was final when it was handed over, and stays so: that its agency opens it all the same keeps content no longer.
    if (statements.some(({ key }) => key.startsWith(`event#handed-over#${agency}#`))) continue;
    if (!isSubset(promised.countries, route.countries)) fail('content', subject, `removed before ${agency} had it all`);
    const openedAt = subject.openedAt.get(`${agency} v${route.version}`);
    if (openedAt === undefined) fail('content', subject, `removed before ${agency} had opened it`);
    if (subject.contentRemovedAt + SKEW < openedAt + world.retention.content) {
      fail('content', subject, `removed ${subject.contentRemovedAt - openedAt} ms after ${agency} had opened it`);
    }
  }
}

/** Whether everything about it may go. */
const isCustodyOver = (world: World, { contentRemovedAt, acceptedAt }: ReferralCase): boolean =>
  contentRemovedAt !== undefined && acceptedAt + world.retention.custody <= world.clock.now() + SKEW;

/** Every planned route has its row, or somebody owes it. After a withdrawal none is widened: nothing will be sent. */
function checkPlaced(subject: ReferralCase, record: ReferralRecord, row: ReferralRow): void {
  const how = record.statements.some(({ content }) => content.type === 'withdraw') ? 'exists' : 'covers';
  if (!record.outbox?.due) {
    if (!record.retention?.due) fail('owed', subject, 'nobody will remove it');
    requireRoutes(subject, record, row.plan.routes, how, 'the acceptance');
  }
  for (const { content, due, key } of record.statements) {
    if (content.type === 'route' && !due) requireRoutes(subject, record, content.plan.routes, how, key);
  }
}

function requireRoutes(
  subject: ReferralCase,
  { routes }: ReferralRecord,
  planned: readonly PlannedRoute[],
  how: 'exists' | 'covers',
  why: string,
): void {
  for (const plan of planned) {
    const row = routes.find(({ agency }) => agency === plan.agency);
    if (!row) fail('owed', subject, `${plan.agency} has no route by ${why}, and nobody owes it`);
    const [merged] = mergeRoutes([[row], [plan]]);
    if (how === 'covers' && merged?.countries.length !== row.countries.length) {
      fail('owed', subject, `the route of ${plan.agency} is narrower than ${why}, and nobody owes it`);
    }
  }
}

function checkRoute(world: World, subject: ReferralCase, record: ReferralRecord, row: RouteRow): void {
  const { agency, status, version, due } = row;
  const label = `${agency} ${status} v${version}`;
  const before = subject.stood.get(agency);
  if (before && !mayFollow(before, row))
    fail('final', subject, `${label}, and was ${before.status} v${before.version}`);
  if (due) subject.released.delete(agency);
  else if (before?.due && row.withdrawalSentAt !== null && world.processes.isRunning(handOverName(subject, agency))) {
    subject.released.add(agency);
    world.trace.count('ledger: released');
  }
  if (before?.status !== status && isHandedOver(record, row)) world.trace.count('ledger: handed over');
  subject.stood.set(agency, { status, version, due });
  if (due && fromTimestamp(due.at) > world.clock.now() + LONGEST_WAIT)
    fail('owed', subject, `${label} is due too late`);

  const isOpen = status === 'pending' || status === 'delivered' || status === 'unreadable';
  if (isOpen && !due) fail('owed', subject, `${label} is owed by nobody`);
  if (isOpen && row.finalAt !== null) fail('truthful', subject, `${label} is called final`);
  if (isOpen && record.referral?.contentRemovedAt !== undefined) {
    fail('content', subject, `${label}, and the content is gone`);
  }

  const sent = subject.sent.get(agency);
  if (status === 'delivered' && !sent?.has(version)) fail('truthful', subject, `${label} was never sent`);
  if (status === 'opened' && !subject.openedAt.has(`${agency} v${version}`)) {
    fail('truthful', subject, `${label} was never opened`);
  }
  if (status === 'undeliverable') {
    const isTold = record.statements.some(({ key }) => key === `event#${status}#${agency}#${version}`);
    if (!isTold && !isHandedOver(record, row)) fail('owed', subject, `${label} and the hotline will not hear of it`);
  }
  const withdrawal = record.statements.find(({ content }) => content.type === 'withdraw');
  if (!withdrawal && (status === 'withdrawn' || row.withdrawalSentAt !== null)) {
    fail('truthful', subject, `${label} and nobody has withdrawn it`);
  }
  if (!withdrawal || withdrawal.due) return;
  if (isOpen) fail('withdrawn', subject, `${label} after its withdrawal was settled`);
  // Nothing confirms the news, and a queue forgets it: it is owed until custody ends.
  const isExcused =
    subject.told.has(agency) ||
    subject.released.has(agency) ||
    isHandedOver(record, row) ||
    isOwedByAnswer(record, row, world.clock.now());
  if (sent && !due && !isExcused) fail('withdrawn', subject, `${label} and nobody owes ${agency} the news`);
}

/** Whether it was opened after another agency had taken it over, and whoever took that in has yet to look for a withdrawal. */
const isOwedByAnswer = ({ statements }: ReferralRecord, { agency, version }: RouteRow, now: number): boolean =>
  statements.some(({ key }) => key === `event#handed-over#${agency}#${version}`) &&
  statements.some(
    ({ content, due }) =>
      content.type === 'outcome' &&
      content.agency === agency &&
      content.version === version &&
      content.status !== 'unreadable' &&
      due !== undefined &&
      fromTimestamp(due.at) <= now + SCHEDULE.lease,
  );

/** A later version begins anew unless withdrawn; the same one stays opened, and may be opened whatever it was called. */
function mayFollow(before: Pick<RouteRow, 'status' | 'version'>, { status, version }: RouteRow): boolean {
  if (version > before.version) return before.status !== 'withdrawn';
  if (version < before.version) return false;
  const isOver = before.status === 'opened' || before.status === 'withdrawn' || before.status === 'undeliverable';
  return !isOver || status === before.status || status === 'opened';
}

function checkStatement(world: World, subject: ReferralCase, { routes }: ReferralRecord, row: StatementRow): void {
  const { content, due, key, hotline } = row;
  if (due && fromTimestamp(due.at) > world.clock.now() + LONGEST_WAIT) fail('owed', subject, `${key} is due too late`);
  if (due && subject.settled.has(key)) fail('final', subject, `${key} is owed again`);
  if (isHandOver(content) && !subject.handOverAsked.has(content.agency)) {
    fail('truthful', subject, `${key}, and nobody has ordered it`);
  }
  if (due) return;
  subject.settled.add(key);
  if (content.type === 'route' || content.type === 'withdraw') return;
  const acknowledged = world.witness.acknowledged.get(hotline);
  const said = content.type === 'event' ? undefined : content.statement;
  const isKnown = said === undefined ? hasEvent(acknowledged, row) : acknowledged?.has(said);
  if (!isKnown) fail('answered', subject, `${key} is owed by nobody and was never acknowledged`);
  if (content.type !== 'outcome' || content.status === 'unreadable') return;
  const route = routes.find(({ agency }) => agency === content.agency);
  if (route?.version === content.version && route.status !== 'opened') {
    fail('truthful', subject, `${key} says ${content.status}, and the route is ${route.status}`);
  }
}

/** Whether an event of this row was acknowledged; what it says is all that names it. */
function hasEvent(acknowledged: Set<string> | undefined, { content, id, acceptedAt }: StatementRow): boolean {
  if (content.type !== 'event') return false;
  for (const text of acknowledged ?? []) {
    if (text.includes(`"event":"${content.event}"`) && text.includes(id) && text.includes(acceptedAt)) return true;
  }
  return false;
}
