import * as z from 'zod';
import {
  Acceptance,
  AcknowledgeRequest,
  InboxItem,
  OUTCOMES,
  OutcomeStatement,
  ReceiveRequest,
  ReferralMessage,
  ReferralStatus,
  ROUTE_STATUSES,
  RouteStatement,
  StatementRequest,
  Submission,
  TakenStatement,
  WithdrawnMessage,
  WithdrawStatement,
} from '../../core/contracts.ts';
import { ERRORS } from '../../core/errors.ts';
import { IntakeJwk, SigningJwk } from '../../core/keys.ts';
import {
  Countries,
  Country,
  Hash,
  PartnerId,
  ReferralId,
  Role,
  Routing,
  StatementToken,
  Timestamp,
} from '../../core/schema.ts';

/*
 * The schemas of the OpenAPI description: those of the code, with words for their readers, and those of the answers that
 * the code builds without one. Answers tolerate members that a later version adds.
 */

/** What the description says of a schema, and, where it has an `id`, that others refer to it by that name. */
const WORDS = z.registry<{ id?: string; description?: string }>();

const Fault = z.object({
  pointer: z.string().register(WORDS, { description: 'JSON Pointer (RFC 6901) to the member of the body.' }),
  detail: z.string().register(WORDS, { description: 'What is wrong with it.' }),
});

const Problem = z.object({
  type: z.string().register(WORDS, { description: '`urn:referral-relay:error:` and the code.' }),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(ERRORS) as (keyof typeof ERRORS)[]),
  detail: z.string().register(WORDS, { description: 'One sentence that says what to do.' }),
  errors: z.array(Fault).optional(),
  now: z.optional(Timestamp).register(WORDS, { description: 'With `stale-signature`: the time of the relay.' }),
  sealed: z
    .optional(Hash)
    .register(WORDS, { description: 'With `id-conflict`: hash of what was accepted under this id.' }),
  acceptedAt: z.optional(Timestamp).register(WORDS, { description: 'With `id-conflict`: when that was accepted.' }),
});

const Route = z.object({ agency: PartnerId, roles: z.array(Role), countries: z.array(Country) });

const RoutesAnswer = z.object({
  routes: z.array(Route).register(WORDS, { description: 'All routes of the referral, as they will be.' }),
  unrouted: z.array(Country).register(WORDS, { description: 'Countries of this statement that nobody takes.' }),
});

const WithdrawAnswer = z.object({ routes: z.array(Route.extend({ status: z.enum(ROUTE_STATUSES) })) });

const Received = z.object({
  items: z.array(
    z.intersection(
      InboxItem,
      z.object({ receipt: z.string().register(WORDS, { description: 'Acknowledges the item.' }) }),
    ),
  ),
});

const Acknowledged = z.object({ acknowledged: z.int().min(0) });

const DirectoryKey = z.object({
  kid: Hash,
  jwk: SigningJwk,
  retiredAt: z.optional(Timestamp),
  compromisedAt: z.optional(Timestamp),
});

const Directory = z.object({
  agencies: z.array(
    z.object({
      id: PartnerId,
      countries: z.array(Country),
      fallback: z.boolean().register(WORDS, { description: 'Takes what nobody else is registered for.' }),
      forwards: z.boolean().register(WORDS, { description: 'May send referrals on.' }),
      keys: z.array(DirectoryKey),
    }),
  ),
  hotlines: z.array(z.object({ id: PartnerId, keys: z.array(DirectoryKey) })),
  intakeKeys: z
    .array(z.object({ kid: Hash, jwk: IntakeJwk, current: z.boolean() }))
    .optional()
    .register(WORDS, {
      description:
        "The caller's own, if it is a hotline, without any that cannot be read for the moment; new referrals are sealed for the current one.",
    }),
  limits: z.record(z.string(), z.number()),
});

/** Every schema by its name, in the order in which they are listed; patterns say what the code checks by function. */
const NAMED = {
  PartnerId: [PartnerId, { pattern: '^[a-z]{2,3}(-[a-z0-9]+)+$', maxLength: 40 }],
  ReferralId: [
    ReferralId,
    {
      description: 'A UUID of version 7 in canonical lower case.',
      pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
    },
  ],
  Hash: [Hash, { description: 'SHA-256 in unpadded base64url.', pattern: '^[A-Za-z0-9_-]{43}$' }],
  Timestamp: [Timestamp, { pattern: String.raw`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$` }],
  Country: [Country, { description: 'Assigned ISO 3166-1 alpha-2 code, or "ZZ" for tests.', pattern: '^[A-Z]{2}$' }],
  Countries: [Countries, { uniqueItems: true }],
  Routing: [
    Routing,
    { description: 'Where suspects and victims are believed to be; empty lists say "not known yet".' },
  ],
  StatementToken: [StatementToken, { description: 'A signed statement: a compact JWS (sections 7 and 8).' }],
  SigningJwk: [SigningJwk, { description: 'The public half of a signing key.' }],
  IntakeJwk: [IntakeJwk, { description: 'The public half of an intake key: RSA with 4,096 bits.' }],
  Submission: [Submission, { description: 'A sealed referral (section 3).' }],
  Acceptance: [Acceptance, { description: 'The relay owns the referral from now on (section 3).' }],
  StatementRequest: [StatementRequest, { description: 'Carries a signed statement.' }],
  TakenStatement: [TakenStatement, { description: 'A statement, and when the relay took it in.' }],
  ReceiveRequest: [ReceiveRequest, { description: 'How many items, and how many seconds to wait for the first.' }],
  InboxItem: [InboxItem, { description: "An item of the hotline's inbox (section 7)." }],
  Received: [Received, {}],
  AcknowledgeRequest: [AcknowledgeRequest, {}],
  Acknowledged: [Acknowledged, {}],
  ReferralStatus: [ReferralStatus, { description: 'Where a referral stands (section 7).' }],
  Directory: [Directory, { description: 'Who takes part, and with which keys (section 7).' }],
  RoutesAnswer: [RoutesAnswer, {}],
  WithdrawAnswer: [WithdrawAnswer, {}],
  Problem: [Problem, { description: 'An error (RFC 9457, section 9).' }],
  OutcomeStatement: [
    OutcomeStatement,
    {
      description: 'Payload of a JWS of the type `outcome+jws` (section 7).',
      anyOf: Object.entries(OUTCOMES).map(toCase),
    },
  ],
  RouteStatement: [
    RouteStatement,
    {
      description: 'Payload of a JWS of the type `route+jws` (section 8); it names at least one country.',
      anyOf: ['suspect', 'victim'].map((role) => ({
        properties: { routing: { properties: { [role]: { minItems: 1 } } } },
      })),
    },
  ],
  WithdrawStatement: [WithdrawStatement, { description: 'Payload of a JWS of the type `withdraw+jws` (section 8).' }],
  ReferralMessage: [ReferralMessage, { description: "Body of a message in an agency's queue (section 4)." }],
  WithdrawnMessage: [WithdrawnMessage, { description: "Body of a message in an agency's queue (section 8)." }],
} as const satisfies Record<string, readonly [z.core.$ZodType, object]>;

export type SchemaName = keyof typeof NAMED;

for (const [id, [schema, words]] of Object.entries(NAMED)) WORDS.add(schema, { id, ...words });

/** One status of an outcome with the reasons that belong to it; `countries` belong to one status alone. */
function toCase([status, reasons]: [string, readonly string[]]): object {
  const isElsewhere = status === 'wrong-jurisdiction';
  return {
    properties: {
      status: { const: status },
      reason: reasons.length > 0 ? { enum: reasons } : false,
      ...(!isElsewhere && { countries: false }),
    },
    required: [...(reasons.length > 0 ? ['reason'] : []), ...(isElsewhere ? ['countries'] : [])],
  };
}

export const refTo = (name: SchemaName): { $ref: string } => ({ $ref: `#/components/schemas/${name}` });

/** Every schema as JSON Schema 2020-12, which is what OpenAPI 3.1 has. */
export function componentSchemas(): Record<string, object> {
  const { schemas } = z.toJSONSchema(WORDS, {
    metadata: WORDS,
    // Not "output", which would forbid the members that a later version adds to answers.
    io: 'input',
    unrepresentable: 'any',
    // The one schema that says nothing is that of a member which must be absent: `kind` of a message with a referral.
    override: ({ jsonSchema }) => {
      if (Object.keys(jsonSchema).length === 0) jsonSchema.not = {};
    },
    uri: (id) => `#/components/schemas/${id}`,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _dialect, $id: _id, ...schema }]) => [name, schema]),
  );
}
