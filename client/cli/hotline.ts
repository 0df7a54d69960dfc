import type { OutcomeStatement, WithdrawStatement } from '../../core/contracts.ts';
import type { Routing } from '../../core/schema.ts';
import { SECOND } from '../../core/time.ts';
import type { CheckedStatus } from '../hotline.ts';
import type { Outcome } from '../outcomes.ts';
import type { RoutesAnswer } from '../relay.ts';
import type { CheckedStatement } from '../statement-check.ts';
import { findSources } from './documents.ts';
import { EXIT, type Exit, usageError } from './exit.ts';
import { describeFault } from './failure.ts';
import { safeJson, safeLine } from './safe-text.ts';
import { type Session, toRecord } from './session.ts';
import * as words from './words.ts';

/* What a hotline does with its referrals; see `submit.ts` for submitting them. */

/** Tells the faults of drafts and what could be better, and who would receive them. Nothing is sealed or sent. */
export async function check(
  session: Session,
  inputs: readonly string[],
  { offline = false }: { offline?: boolean },
): Promise<Exit> {
  if (inputs.length === 0) throw usageError('Name what to check: a file, a folder or "-" for standard input.');
  const hotline = await session.openHotline();
  const { good, bad, warning } = session.style;
  const sources = await findSources(inputs, session.io);
  let faulty = 0;
  let improvable = 0;
  for (const { name, read } of sources) {
    const { faults, warnings, plan } = await reviewOf(session, async () => hotline.check(await read(), { offline }));
    if (faults.length > 0) faulty += 1;
    else if (warnings.length > 0) improvable += 1;
    const heading = faults.length > 0 ? bad('faulty') : warnings.length > 0 ? warning('could be better') : good('good');
    const lines = [
      `${heading}  ${safeLine(name)}`,
      ...faults.map((fault) => `  ${bad('fault')}    ${safeLine(describeFault(fault))}`),
      ...warnings.map((found) => `  ${warning('warning')}  ${safeLine(describeFault(found))}`),
      ...(plan?.routes ?? []).map((route) => `  would go to ${words.route(route)}`),
      ...(plan && plan.unrouted.length > 0
        ? [`  ${warning('would go to nobody')} for ${words.countries(plan.unrouted)}: no agency is registered there`]
        : []),
    ];
    await session.show({ input: name, faults, warnings, ...plan }, lines.join('\n'));
  }
  if (sources.length > 1) {
    const fine = sources.length - faulty - improvable;
    await session.note(`${fine} good, ${improvable} could be better, ${faulty} faulty.`);
  }
  if (faulty === 0) return EXIT.ok;
  return faulty < sources.length ? EXIT.partial : EXIT.refused;
}

/** A document that cannot even be read has faults like any other; what else fails is no verdict about it. */
async function reviewOf<T>(
  session: Session,
  review: () => Promise<T>,
): Promise<T | { faults: { pointer: string; detail: string }[]; warnings: []; plan?: undefined }> {
  try {
    return await review();
  } catch (error) {
    const { code, faults, lines } = session.explain(error);
    if (code === 'malformed') return { faults: [...faults], warnings: [] };
    if (code === 'file') return { faults: [{ pointer: '', detail: lines.join(' ') }], warnings: [] };
    throw error;
  }
}

export async function route(session: Session, id: string, routing: Routing): Promise<Exit> {
  if (routing.suspect.length + routing.victim.length === 0) {
    throw usageError('Name a country: --suspect DE, --victim CA, or both.');
  }
  const hotline = await session.openHotline();
  await showRoutes(session, id, await hotline.route(id, routing));
  return EXIT.ok;
}

export async function withdraw(session: Session, id: string, reason: WithdrawStatement['reason']): Promise<Exit> {
  const hotline = await session.openHotline();
  const { routes } = await hotline.withdraw(id, reason);
  const lines = [
    `${session.style.good('withdrawn')}  ${safeLine(id)}: ${words.WITHDRAWAL[reason]}.`,
    ...routes.map(({ agency, status }) => `  ${agency} ${words.withdrawnFrom(status)}.`),
    '  Its draft is not sent again by itself: to refer it after all, submit it with --anew.',
  ];
  await session.show({ id, status: 'withdrawn', reason, routes }, lines.join('\n'));
  return EXIT.ok;
}

/** Shows where a referral goes now. */
export async function showRoutes(session: Session, id: string, { routes, unrouted = [] }: RoutesAnswer): Promise<void> {
  const lines = [
    `${session.style.good('routed')}  ${safeLine(id)}`,
    ...routes.map((one) => `  to ${words.route(one)}`),
    ...(unrouted.length > 0
      ? [`  ${session.style.warning('to nobody')} for ${words.countries(unrouted)}: nobody else is registered there`]
      : []),
  ];
  await session.show({ id, routes, unrouted }, lines.join('\n'));
}

export async function status(session: Session, id: string): Promise<Exit> {
  const hotline = await session.openHotline();
  const found = await hotline.status(id);
  await session.show(statusRecord(session, found), describeStatus(session, found));
  const statements = [...found.routes.flatMap((one) => one.statements), ...found.routed];
  return statements.every(({ check }) => check === 'verified') ? EXIT.ok : EXIT.trust;
}

function describeStatus(session: Session, { id, acceptedAt, routes, routed, unrouted }: CheckedStatus): string {
  const { strong, warning } = session.style;
  const lines = routes.flatMap((one) => [
    `  to ${words.route(one)}: ${words.ROUTE_STATUS[one.status]}${since(one)}`,
    ...one.statements.map((taken) => `    ${describeStatement(session, one.agency, taken)}`),
  ]);
  const later = routed.map((taken) =>
    taken.check === 'verified'
      ? `  ${taken.payload.by} named ${words.routing(taken.payload.routing)}, ${words.moment(taken.acceptedAt)}`
      : `  sent on, ${words.moment(taken.acceptedAt)}: ${doubt(session, taken)}`,
  );
  const nobody = unrouted.length > 0 ? [`  ${warning('to nobody')} for ${words.countries(unrouted)}`] : [];
  return [`${strong(id)}  accepted ${words.moment(acceptedAt)}`, ...lines, ...later, ...nobody].join('\n');
}

/** Of the other statuses no moment is known: when it was delivered is not when it was withdrawn. */
function since({ status, deliveredAt, openedAt }: CheckedStatus['routes'][number]): string {
  const at = status === 'opened' ? openedAt : status === 'delivered' ? deliveredAt : null;
  return at === null ? '' : ` (${words.moment(at)})`;
}

const statusRecord = (session: Session, { routes, routed, ...facts }: CheckedStatus): object => ({
  ...facts,
  routes: routes.map((one) => ({ ...one, statements: one.statements.map((taken) => statementRecord(session, taken)) })),
  routed: routed.map((taken) => statementRecord(session, taken)),
});

/** `agency`: whose it is by what the relay says, for the case that the statement itself does not count. */
function describeStatement(session: Session, agency: string, taken: CheckedStatement<OutcomeStatement>): string {
  const when = words.moment(taken.acceptedAt);
  if (taken.check !== 'verified') return `${when}  an answer of ${agency}: ${doubt(session, taken)}`;
  return `${when}  ${taken.payload.agency} ${words.outcome(taken.payload)}`;
}

function doubt(session: Session, taken: Exclude<CheckedStatement<unknown>, { check: 'verified' }>): string {
  const { bad, warning } = session.style;
  if (taken.check === 'invalid') return `${bad('does not count')}: ${safeLine(taken.detail)} Tell the operator.`;
  return `${warning('not verified yet')}: ${session.explain(taken.error).lines.join(' ')}`;
}

function statementRecord(session: Session, taken: CheckedStatement<unknown>): object {
  if (taken.check !== 'untrusted') return taken;
  const { error, ...rest } = taken;
  return { ...rest, error: toRecord(session.explain(error)) };
}

/** Shows what agencies answer and the relay reports; what was shown is acknowledged. */
export async function outcomes(session: Session, { follow = false }: { follow?: boolean }): Promise<Exit> {
  const hotline = await session.openHotline();
  const news = new Map<string, number>();
  const asking: string[] = [];
  let shown = 0;
  let exit: Exit = EXIT.ok;
  async function onTrouble(error: unknown, pause: number): Promise<void> {
    const again = `trying again in ${words.count(Math.ceil(pause / SECOND), 'second')}`;
    const lines = session.explain(error).lines.map((line) => `  ${line}`);
    await session.note([`${session.style.warning('held up')}  ${again}`, ...lines].join('\n'));
  }
  async function tell(record: object, code: string, text: string): Promise<void> {
    await session.show(record, text);
    shown += 1;
    news.set(code, (news.get(code) ?? 0) + 1);
    if (ASKING.has(code)) asking.push(text);
  }
  async function onUnknown(item: object): Promise<void> {
    const text = `${session.style.warning('not understood')}  Keep this, and update the command: ${safeJson(item)}`;
    await tell({ kind: 'unknown', item }, 'not understood', text);
  }
  const wanted = follow ? { onTrouble } : { drain: true };
  for await (const item of hotline.outcomes({ ...wanted, onUnknown, signal: session.io.signal })) {
    await tell(outcomeRecord(session, item), codeOf(item), describeOutcome(session, item));
    if (item.kind === 'outcome' && item.check !== 'verified') exit = EXIT.trust;
  }
  const { aborted } = session.io.signal;
  if (shown === 0 && !aborted) await session.note('Nothing new.');
  if (shown > 1 && !session.json && !aborted) {
    const each = Array.from(news, ([code, number]) => `${number} ${code}`);
    const heading = 'These may need something of you:';
    await session.note([`${shown} answers: ${each.join(', ')}.`, ...words.named(heading, asking)].join('\n'));
  }
  return aborted && !follow ? EXIT.partial : exit;
}

/** What would be lost among a hundred that were opened, and may leave a referral with nobody. */
const ASKING = new Set([
  'not understood',
  'not verified',
  'does not count',
  'unreadable',
  'wrong-jurisdiction',
  'undeliverable',
  'unrouted',
]);

function codeOf(item: Outcome): string {
  if (item.kind === 'event') return safeLine(item.event);
  if (item.check === 'verified') return item.payload.status;
  return item.check === 'invalid' ? 'does not count' : 'not verified';
}

function describeOutcome(session: Session, item: Outcome): string {
  const id = session.style.strong(item.referral);
  if (item.kind === 'event') return `${id}  ${words.moment(item.at)}  The referral ${words.event(item)}.`;
  if (item.check === 'verified') return `${id}  ${describeStatement(session, item.payload.agency, item)}.`;
  return `${id}  ${words.moment(item.acceptedAt)}  An answer: ${doubt(session, item)}`;
}

function outcomeRecord(session: Session, item: Outcome): object {
  if (item.kind === 'event') return item;
  return statementRecord(session, item);
}
