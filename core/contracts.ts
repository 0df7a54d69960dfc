import * as z from 'zod/mini';
import { LIMITS } from './limits.ts';
import {
  Countries,
  Country,
  Hash,
  Onward,
  PartnerId,
  ReferralId,
  Role,
  Routing,
  StatementToken,
  Timestamp,
  Urgency,
} from './schema.ts';
import { SEALED_LENGTHS } from './sealed.ts';

/*
 * What crosses a wire, each contract as a schema with its inferred type. What is sent to the relay or signed is strict;
 * what the relay answers and delivers tolerates members that a later version adds.
 */

/** The form is for `core/sealed.ts`; here, only how much is looked at. */
const Sealed = z.string().check(z.maxLength(Math.max(...SEALED_LENGTHS)));

/** `POST /v1/referrals` (protocol section 3). */
export const Submission = z.strictObject({
  id: ReferralId,
  routing: Routing,
  urgency: Urgency,
  onward: Onward,
  sealed: Sealed,
});
export type Submission = z.infer<typeof Submission>;

/** Body of the calls that carry a signed statement (sections 7 and 8). */
export const StatementRequest = z.strictObject({ statement: StatementToken });

/** `POST /v1/outcomes/receive`. */
export const ReceiveRequest = z.strictObject({
  max: z.int().check(z.minimum(1), z.maximum(LIMITS.receiveItems)),
  wait: z.int().check(z.minimum(0), z.maximum(LIMITS.receiveWaitSeconds)),
});

/** `POST /v1/outcomes/acknowledge`. */
export const AcknowledgeRequest = z.strictObject({
  receipts: z.array(z.string().check(z.maxLength(4096))).check(z.maxLength(LIMITS.receipts)),
});

/** Every outcome an agency can state, with the reasons that belong to it; none means that `reason` is absent. */
export const OUTCOMES = {
  opened: [],
  unreadable: ['decryption', 'signature', 'schema', 'envelope', 'not-addressed'],
  'wrong-jurisdiction': [],
  'not-actionable': ['duplicate', 'insufficient', 'lawful-here', 'no-resources'],
  actionable: ['case-opened', 'joined-to-case'],
  closed: ['child-safeguarded', 'suspect-identified', 'arrest', 'no-result'],
} as const;
export type OutcomeStatus = keyof typeof OUTCOMES;
export type UnreadableReason = (typeof OUTCOMES)['unreadable'][number];

const binding = { hotline: PartnerId, referral: ReferralId, sealed: Hash };

/** Payload of an `outcome+jws` (section 7): codes only, so that no personal data passes in clear. */
export const OutcomeStatement = z
  .strictObject({
    ...binding,
    version: z.int().check(z.minimum(1)),
    agency: PartnerId,
    status: z.enum(Object.keys(OUTCOMES) as [OutcomeStatus, ...OutcomeStatus[]]),
    reason: z.optional(z.string()),
    countries: z.optional(Countries),
    at: Timestamp,
  })
  .check(
    z.refine(({ status, reason }) => reasonFits(status, reason), {
      error: 'must be a reason that belongs to the status, and absent where the status has none',
      path: ['reason'],
    }),
    z.refine(({ status, countries }) => (status === 'wrong-jurisdiction') === (countries !== undefined), {
      error: 'must be present exactly with the status "wrong-jurisdiction"',
      path: ['countries'],
    }),
  );
export type OutcomeStatement = z.infer<typeof OutcomeStatement>;

function reasonFits(status: OutcomeStatus, reason: string | undefined): boolean {
  const reasons: readonly string[] = OUTCOMES[status];
  return reasons.length === 0 ? reason === undefined : reason !== undefined && reasons.includes(reason);
}

/** Payload of a `route+jws` (section 8): where the referral belongs as well. */
export const RouteStatement = z.strictObject({
  ...binding,
  by: PartnerId,
  routing: Routing.check(
    z.refine(({ suspect, victim }) => suspect.length + victim.length > 0, { error: 'must name at least one country' }),
  ),
  at: Timestamp,
});
export type RouteStatement = z.infer<typeof RouteStatement>;

/** Payload of a `withdraw+jws` (section 8). */
export const WithdrawStatement = z.strictObject({
  ...binding,
  reason: z.enum(['error', 'superseded', 'legal']),
  at: Timestamp,
});
export type WithdrawStatement = z.infer<typeof WithdrawStatement>;

/** A signed statement together with the moment the relay took it in. */
export const TakenStatement = z.object({ statement: z.string(), acceptedAt: Timestamp });
export type TakenStatement = z.infer<typeof TakenStatement>;

const Version = z.int().check(z.minimum(1));

/** The message that carries a referral into an agency's queue (section 4). */
export const ReferralMessage = z.object({
  v: z.literal(1),
  kind: z.optional(z.undefined()),
  id: ReferralId,
  hotline: PartnerId,
  agency: PartnerId,
  version: Version,
  roles: z.array(Role),
  countries: z.array(Country),
  routing: Routing,
  urgency: Urgency,
  onward: Onward,
  acceptedAt: Timestamp,
  sealed: Sealed,
  /** The content key, wrapped by KMS for this agency: base64. */
  key: z.string().check(z.regex(/^[A-Za-z0-9+/]+={0,2}$/)),
  routed: z.optional(z.array(TakenStatement)),
});
export type ReferralMessage = z.infer<typeof ReferralMessage>;

/** The message that tells an agency of a withdrawal (section 8); it may overtake the referral. */
export const WithdrawnMessage = z.object({
  v: z.literal(1),
  kind: z.literal('withdrawn'),
  hotline: PartnerId,
  id: ReferralId,
  statement: z.string(),
  acceptedAt: Timestamp,
});
export type WithdrawnMessage = z.infer<typeof WithdrawnMessage>;

export type AgencyMessage = ReferralMessage | WithdrawnMessage;

/** What the relay tells a hotline of its own accord; clients acknowledge events they do not know. */
export type HotlineEvent = 'undeliverable' | 'unrouted' | 'sent-on' | 'handed-over';

/** One item of a hotline's inbox, without the receipt that a `receive` adds (section 7). */
export const InboxItem = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('statement'),
    hotline: PartnerId,
    referral: ReferralId,
    statement: z.string(),
    acceptedAt: Timestamp,
  }),
  z.object({
    kind: z.literal('event'),
    hotline: PartnerId,
    referral: ReferralId,
    event: z.string(),
    agency: z.optional(PartnerId),
    countries: z.optional(z.array(z.string())),
    at: Timestamp,
  }),
]);
export type InboxItem = z.infer<typeof InboxItem>;

const RouteAnswer = z.object({ agency: PartnerId, roles: z.array(Role), countries: z.array(z.string()) });

/** The `202` to a submission (section 3). */
export const Acceptance = z.object({
  id: ReferralId,
  hotline: PartnerId,
  status: z.literal('accepted'),
  acceptedAt: Timestamp,
  sealed: Hash,
  routes: z.array(RouteAnswer),
  unrouted: z.array(z.string()),
});
export type Acceptance = z.infer<typeof Acceptance>;

export const ROUTE_STATUSES = ['pending', 'delivered', 'opened', 'unreadable', 'undeliverable', 'withdrawn'] as const;
export type RouteStatus = (typeof ROUTE_STATUSES)[number];

/** The `200` to a status query (section 7); statements are the JWS itself, so that the hotline verifies them alone. */
export const ReferralStatus = z.extend(Acceptance, {
  routes: z.array(
    z.extend(RouteAnswer, {
      status: z.enum(ROUTE_STATUSES),
      version: Version,
      deliveredAt: z.nullable(Timestamp),
      openedAt: z.nullable(Timestamp),
      statements: z.array(TakenStatement),
    }),
  ),
  routed: z.array(TakenStatement),
});
export type ReferralStatus = z.infer<typeof ReferralStatus>;
