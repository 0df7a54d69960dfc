import type { Acceptance, Submission } from '../../core/contracts.ts';
import type { ReferralName } from '../../core/ids.ts';
import type { ReferralRecord, ReferralRow, RouteRow } from '../../core/ledger.ts';
import { mergeRoutes, type PlannedRoute, routingKey } from '../../core/routing.ts';
import type { Routing } from '../../core/schema.ts';

/** One of the submissions that a hotline made under one id; all but one are conflicts. */
export interface Variant {
  submission: Submission;
  hash: string;
  /** The document that was sealed, as JSON. */
  document: string;
  /** Whether the content key was wrapped for nobody. */
  isBroken: boolean;
}

/** A message with a referral, as far as its version must explain it. */
export type Version = Pick<PlannedRoute, 'roles' | 'countries'>;

/** All that really happened to one referral, whatever the relay remembers of it. */
export class ReferralCase {
  readonly name: ReferralName;
  /** What the trace calls it. */
  readonly label: string;
  readonly variants: Variant[] = [];
  /** The answer that was given, as JSON, and the facts that then stood in the ledger. */
  answer: string | undefined;
  facts: string | undefined;
  /** The row that was last held against them. */
  acceptance: ReferralRow | undefined;
  acceptedAt = 0;
  /** Where else somebody who may has asked it to go, whether the relay heard it or not. */
  readonly posted: Routing[] = [];
  /** What agencies were promised to get, by 202 and by the 200 to a sending on. */
  readonly promised = new Map<string, PlannedRoute>();
  /** What was put into agencies' queues: by agency, by version. */
  readonly sent = new Map<string, Map<number, Version>>();
  withdrawal: 'none' | 'posted' | 'accepted' = 'none';
  /** Agencies whose handler was told of the withdrawal. */
  readonly told = new Set<string>();
  /** Those that were told that it had been handed over to them before. */
  readonly toldTooLate = new Set<string>();
  /** When an agency's statement that implies "opened" was first posted: by agency and version. */
  readonly openedAt = new Map<string, number>();
  /** Those that the relay has taken in. */
  readonly opened = new Set<string>();
  /** How each route stood after the last write, by agency, and the keys of statements that were settled by then. */
  readonly stood = new Map<string, Pick<RouteRow, 'status' | 'version' | 'due'>>();
  readonly settled = new Set<string>();
  /** Agencies to which the operator sent anew what they had opened. */
  readonly sentAnew = new Set<string>();
  /** Agencies whose part the operator wanted the fallback to have, and those that need not hear of the withdrawal since. */
  readonly handOverAsked = new Set<string>();
  readonly released = new Set<string>();
  contentRemovedAt: number | undefined;
  /** Since when it may have been forgotten: custody has ended. */
  isForgotten = false;

  constructor(name: ReferralName, label: string) {
    this.name = name;
    this.label = label;
  }

  /** The submission that the ledger's row stands for. */
  variantOf(row: ReferralRow): Variant | undefined {
    return this.variants.find(
      ({ submission, hash }) =>
        hash === row.hash &&
        submission.urgency === row.urgency &&
        submission.onward === row.onward &&
        routingKey(submission.routing) === routingKey(row.routing),
    );
  }

  promise(routes: Acceptance['routes']): void {
    for (const route of routes) {
      const [merged] = mergeRoutes([listOf(this.promised.get(route.agency)), [route]]);
      if (merged) this.promised.set(route.agency, merged);
    }
  }

  /** The version of the highest number that was sent to `agency`. */
  lastSent(agency: string): Version | undefined {
    const versions = this.sent.get(agency);
    return versions?.get(Math.max(...versions.keys()));
  }
}

/** Whether the ledger has another agency take the place of this route as it stands. */
export const isHandedOver = ({ statements }: ReferralRecord, { agency, version, status }: RouteRow): boolean =>
  status === 'undeliverable' && statements.some(({ key }) => key === `event#handed-over#${agency}#${version}`);

/** The process in which the operator gives a part to the fallback. */
export const handOverName = ({ label }: ReferralCase, agency: string): string => `operator: ${label} from ${agency}`;

export const caseKey = ({ hotline, id }: ReferralName): string => `${hotline}/${id}`;

const listOf = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);
