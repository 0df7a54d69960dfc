import { decodeBase64url } from '../../core/base64url.ts';
import type {
  Acceptance,
  AgencyMessage,
  InboxItem,
  OutcomeStatement,
  ReferralMessage,
  RouteStatement,
} from '../../core/contracts.ts';
import type { ReferralName } from '../../core/ids.ts';
import { laneOf } from '../../core/lanes.ts';
import { isHandOver } from '../../core/ledger.ts';
import type { Lane } from '../../core/names.ts';
import { type RoutePlan, routingKey } from '../../core/routing.ts';
import type { Routing } from '../../core/schema.ts';
import { fromTimestamp } from '../../core/time.ts';
import type { Answer } from '../../core/use-cases/answer.ts';
import type { MemoryLedger } from '../doubles/memory-ledger.ts';
import { AGENCIES, type Partners } from './partners.ts';
import type { Processes } from './processes.ts';
import { caseKey, ReferralCase, type Variant } from './referral-case.ts';
import { type InvariantName, Violation } from './violation.ts';

/**
 * Sees everything, remembers it apart from the relay, and speaks up at once when something happens that must never
 * happen.
 */
export class Witness {
  readonly cases = new Map<string, ReferralCase>();
  /** What agencies were told stands: by what was stated, the statement and its moment. */
  readonly answers = new Map<string, Answer & { name: ReferralName }>();
  /** What hotlines received, and what they said they had: statements as they are, events as JSON. */
  readonly received = new Map<string, Set<string>>();
  readonly acknowledged = new Map<string, Set<string>>();
  /** Partners that were registered when sweep ran undisturbed. */
  readonly swept = new Set<string>();
  /** Messages put into queues since {@link Witness.sends} was last cleared, by what they are. */
  readonly sends = new Map<string, number>();
  readonly #ledger: MemoryLedger;
  readonly #partners: Partners;
  readonly #processes: Processes;

  constructor(ledger: MemoryLedger, partners: Partners, processes: Processes) {
    this.#ledger = ledger;
    this.#partners = partners;
    this.#processes = processes;
  }

  fail(invariant: InvariantName, detail: string): void {
    this.#processes.fail(new Violation(invariant, detail));
  }

  /** The case of this name, made where there is none. */
  open(name: ReferralName): ReferralCase {
    const known = this.cases.get(caseKey(name));
    if (known) return known;
    const made = new ReferralCase(name, `${name.hotline.slice(0, 2)}/${this.cases.size + 1}`);
    this.cases.set(caseKey(name), made);
    return made;
  }

  find(name: ReferralName): ReferralCase | undefined {
    return this.cases.get(caseKey(name));
  }

  /** The relay answered `202`, whether the hotline heard it or not. */
  accepted(subject: ReferralCase, variant: Variant, acceptance: Acceptance): void {
    const answer = JSON.stringify(acceptance);
    subject.answer ??= answer;
    if (subject.answer !== answer) this.fail('accepted-once', `${subject.label} got two answers`);
    const { referral } = this.#ledger.record(subject.name);
    if (!referral) {
      this.fail('accepted-stands', `${subject.label} was answered 202 and is not in the ledger`);
    } else if (subject.variantOf(referral) !== variant) {
      this.fail('accepted-once', `${subject.label} was answered 202 for another submission than was accepted`);
    }
    subject.promise(acceptance.routes);
  }

  /** The relay answered `200` to a sending on by somebody who may. */
  routed(subject: ReferralCase, plan: RoutePlan): void {
    subject.promise(plan.routes);
  }

  /** The relay answered `200` or `201` to an agency's statement. */
  answered(payload: OutcomeStatement, answer: Answer): void {
    const { hotline, referral: id, agency, version, status, reason, countries } = payload;
    const what = JSON.stringify([hotline, id, agency, version, status, reason, countries?.toSorted()]);
    const first = this.answers.get(what);
    if (first && (first.statement !== answer.statement || first.acceptedAt !== answer.acceptedAt)) {
      this.fail('answered-once', `${agency} stated ${status} twice and got two answers`);
    }
    if (!first) this.answers.set(what, { ...answer, name: { hotline, id } });
    if (status !== 'unreadable') this.open({ hotline, id }).opened.add(`${agency} v${version}`);
  }

  /** A message is put into an agency's queue, whether its sender hears of it or not. */
  sent(agency: string, lane: Lane, message: AgencyMessage): void {
    const subject = this.find(message);
    if (!subject) return this.fail('confidential', `${agency} is sent what nobody submitted`);
    const { referral } = this.#ledger.record(subject.name);
    const variant = referral && subject.variantOf(referral);
    const label = `${subject.label} to ${agency}`;
    if (!variant) return this.fail('confidential', `${label}: what was not accepted`);
    if (lane !== laneOf(variant.submission.urgency)) this.fail('truthful', `${label}: in the wrong lane`);
    if (!this.#mayReceive(agency, subject, variant)) this.fail('confidential', `${label}: not routed there`);
    this.count(`${agency} ${caseKey(message)} ${message.kind ?? `v${message.version}`}`);
    if (message.kind === 'withdrawn') {
      if (subject.withdrawal === 'none') this.fail('withdrawn', `${label}: a withdrawal that nobody made`);
      return;
    }
    if (message.sealed !== variant.submission.sealed) this.fail('intact', `${label}: other bytes than were accepted`);
    if (message.agency !== agency) this.fail('confidential', `${label}: a message for ${message.agency}`);
    this.#holdVersion(label, subject, message);
  }

  /** An agency removes a message from its queue; `handed` if it remembers that it handed it over. */
  removed(agency: string, message: AgencyMessage, handed: boolean): void {
    if (message.kind === 'withdrawn') return;
    const subject = this.open(message);
    const isOpened = subject.opened.has(`${agency} v${message.version}`);
    if (isOpened || (this.#isWithdrawn(subject) && !handed)) return;
    this.fail('kept', `${agency} removes ${subject.label} v${message.version}, and the relay has no answer`);
  }

  /** A hotline received an item. */
  collected(hotline: string, item: InboxItem): void {
    if (item.hotline !== hotline) this.fail('confidential', `${hotline} received what belongs to ${item.hotline}`);
    setOf(this.received, hotline).add(itemKey(item));
  }

  /** A hotline said that it has an item, whether the relay heard it or not. */
  acknowledges(hotline: string, item: InboxItem): void {
    setOf(this.acknowledged, hotline).add(itemKey(item));
  }

  #isWithdrawn({ name, isForgotten }: ReferralCase): boolean {
    return isForgotten || this.#ledger.record(name).statements.some(({ content }) => content.type === 'withdraw');
  }

  /** A version says the same each time, a later one more, and no more than signatures account for. */
  #holdVersion(label: string, subject: ReferralCase, message: ReferralMessage): void {
    const { agency, version, roles, countries } = message;
    const versions = subject.sent.get(agency) ?? new Map<number, { roles: typeof roles; countries: string[] }>();
    subject.sent.set(agency, versions);
    for (const [number, other] of versions) {
      const [less, more] = number < version ? [other, message] : [message, other];
      const isWithin = isSubset(less.roles, more.roles) && isSubset(less.countries, more.countries);
      const isSame = isWithin && isSubset(more.roles, less.roles) && isSubset(more.countries, less.countries);
      const saysNothingNew = isSame && !subject.sentAnew.has(agency);
      if (number === version ? !isSame : !isWithin || saysNothingNew) {
        this.fail('delivered-once', `${label}: version ${version} against version ${number}`);
      }
    }
    versions.set(version, { roles, countries });
    const named = namedIn([message.routing, ...(message.routed ?? []).map(({ statement }) => routingOf(statement))]);
    if (!isSubset(countries, named.countries) || !isSubset(roles, named.roles)) {
      this.fail('confidential', `${label}: version ${version} lacks the statements that explain it`);
    }
  }

  /** Whether somebody who may has named one of the agency's countries, or one for which it stands in. */
  #mayReceive(agency: string, subject: ReferralCase, { submission }: Variant): boolean {
    const { countries = [], fallback } = AGENCIES[agency] ?? {};
    const { countries: named } = namedIn([submission.routing, ...subject.posted]);
    if (named.some((country) => countries.includes(country))) return true;
    const isUnknown = routingKey(submission.routing) === routingKey({ suspect: [], victim: [] });
    const isGiven = this.#ledger.record(subject.name).statements.some(({ content }) => isHandOver(content));
    return (
      fallback === true && (isUnknown || isGiven || named.some((country) => this.#partners.wasEverUnserved(country)))
    );
  }

  /** One more message was put into a queue. */
  count(what: string): void {
    this.sends.set(what, (this.sends.get(what) ?? 0) + 1);
  }
}

export const itemKey = (item: InboxItem): string => (item.kind === 'statement' ? item.statement : JSON.stringify(item));

export function setOf<T>(sets: Map<string, Set<T>>, key: string): Set<T> {
  const set = sets.get(key) ?? new Set<T>();
  sets.set(key, set);
  return set;
}

export const isSubset = (few: readonly string[], many: readonly string[]): boolean =>
  few.every((one) => many.includes(one));

function namedIn(routings: readonly Routing[]): { roles: string[]; countries: string[] } {
  const roles = new Set<string>();
  const countries = new Set<string>();
  for (const routing of routings) {
    for (const role of ['suspect', 'victim'] as const) {
      if (routing[role].length > 0) roles.add(role);
      for (const country of routing[role]) countries.add(country);
    }
  }
  return { roles: [...roles], countries: [...countries] };
}

/** What a route statement asks for; that it is genuine is for the agency to verify. */
function routingOf(statement: string): Routing {
  const payload = decodeBase64url(statement.split('.')[1] ?? '');
  return (JSON.parse(String(payload)) as RouteStatement).routing;
}

export const momentOf = fromTimestamp;
