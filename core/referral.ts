import * as z from 'zod';
import { FileDescription } from './referral/file.ts';
import { Evidence, Handling, Originator, PriorContact } from './referral/handling.ts';
import { Channel, Incident } from './referral/incident.ts';
import { Party } from './referral/party.ts';
import { described, prose } from './referral/values.ts';
import { Onward, parse, PartnerId, ReferralId, Routing, Timestamp, Urgency } from './schema.ts';

export { reviewReferral, type Warning, type WarningCode } from './referral/review.ts';

/*
 * The referral, schema `referral/1` (protocol section 1): the document that only hotline and agency ever see. It is
 * written with the full `zod`, so no function of the relay may load it. Names of NCMEC are those of its public XSD.
 */

const schema = z.literal('referral/1').describe('Name and version of this schema.');

/** What the hotline adds when it completes a draft. */
const origin = {
  id: described(ReferralId, {
    description: 'A UUID of version 7 in canonical lower case, chosen by the hotline and used once.',
    pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
  }),
  hotline: described(PartnerId, {
    description: 'Partner id of the hotline that refers, such as "gb-lantern".',
    pattern: '^[a-z]{2,3}(?:-[a-z0-9]+)+$',
    maxLength: 40,
  }),
  writtenAt: described(Timestamp, 'When the referral was completed.'),
};

const content = {
  routing: described(Routing, {
    id: 'Routing',
    description:
      'Countries where the suspects and where the victims are believed to be, which decide who receives the referral; an empty list says that it is not known yet.',
  }),
  urgency: described(
    Urgency,
    '"immediate": a child is in danger now; "high": to be read before others; "routine": all else.',
  ),
  urgencyReason: prose(3_000)
    .describe('Why it is urgent; required unless "routine". NCMEC escalateToHighPriority.')
    .optional(),
  onward: described(Onward, 'Whether an agency may send the referral on to agencies of other countries.'),
  originator: Originator.optional(),
  incident: Incident,
  channels: z.array(Channel).max(256).describe('Where it happened; NCMEC internetDetails.').optional(),
  suspects: z.array(Party).max(64).describe('NCMEC personOrUserReported.').optional(),
  victims: z.array(Party).max(64).describe('NCMEC victim.').optional(),
  otherParties: z
    .array(Party)
    .max(64)
    .describe('Others who took part, such as NCMEC intendedRecipient; no lead by themselves.')
    .optional(),
  files: z.array(FileDescription).max(512).describe('NCMEC fileDetails.').optional(),
  evidence: z.array(Evidence).max(64).optional(),
  priorContacts: z.array(PriorContact).max(32).describe('NCMEC lawEnforcement.').optional(),
  handling: Handling,
};

const Content = z.strictObject(content);
type Content = z.infer<typeof Content>;

interface Rule {
  holds: (referral: Content) => boolean;
  path: readonly string[];
  fault: string;
  /** The same rule for the JSON Schema. */
  schema: object;
}

/** What one member requires of another. */
const RULES: readonly Rule[] = [
  {
    holds: ({ urgency, urgencyReason }) => urgency === 'routine' || urgencyReason !== undefined,
    path: ['urgencyReason'],
    fault: 'must say why, since the urgency is not "routine"',
    schema: { anyOf: [{ required: ['urgencyReason'] }, { properties: { urgency: { const: 'routine' } } }] },
  },
  {
    holds: ({ handling, onward }) => handling.tlp !== 'RED' || onward === 'refused',
    path: ['onward'],
    fault: 'must be "refused", since the handling is TLP:RED',
    schema: {
      anyOf: [
        { properties: { onward: { const: 'refused' } } },
        { properties: { handling: { properties: { tlp: { not: { const: 'RED' } } } } } },
      ],
    },
  },
  {
    holds: hasLead,
    path: [],
    fault: 'must give at least one lead: a suspect, a victim, a URL (of a web page or a file) or the hash of a file',
    schema: {
      anyOf: [
        { required: ['suspects'], properties: { suspects: { minItems: 1 } } },
        { required: ['victims'], properties: { victims: { minItems: 1 } } },
        { required: ['channels'], properties: { channels: { contains: { required: ['url'] } } } },
        { required: ['files'], properties: { files: { contains: { required: ['hashes'] } } } },
        {
          required: ['files'],
          properties: {
            files: { contains: { required: ['foundIn'], properties: { foundIn: { required: ['url'] } } } },
          },
        },
      ],
    },
  },
];

function hasLead({ suspects = [], victims = [], channels = [], files = [] }: Content): boolean {
  return (
    suspects.length > 0 ||
    victims.length > 0 ||
    channels.some(({ kind }) => kind === 'web-page') ||
    files.some(({ hashes, foundIn }) => hashes !== undefined || foundIn?.url !== undefined)
  );
}

function applyRules(referral: Content, context: z.core.$RefinementCtx): void {
  for (const { holds, path, fault } of RULES) {
    if (!holds(referral)) context.addIssue({ code: 'custom', path: [...path], message: fault });
  }
}

/** The rules as the JSON Schema says them. */
const allOf = RULES.map(({ path, fault, schema }) =>
  Object.assign({ description: `${path.join('/') || 'The referral'} ${fault}.` }, schema),
);

/** A complete referral, ready to be sealed. */
export const Referral = z
  .strictObject({ schema, ...origin, ...content })
  .superRefine(applyRules)
  .meta({
    title: 'Referral',
    description:
      'What a hotline refers to the law-enforcement agencies of the countries concerned. It holds no imagery: files are described by their hashes and by where the evidence is preserved.',
    allOf,
  });
export type Referral = z.infer<typeof Referral>;

/** A referral as a hotline keeps it on file before sending: without `id`, `hotline` and `writtenAt`. */
export const ReferralDraft = z
  .strictObject({ schema, ...content })
  .superRefine(applyRules)
  .meta({ title: 'Draft of a referral', allOf });
export type ReferralDraft = z.infer<typeof ReferralDraft>;

/** @throws {RelayError} `malformed`, with a JSON Pointer and a sentence for each fault, never a value */
export const parseReferral = (value: unknown): Referral => parse(Referral, value, 'malformed');

/** @throws {RelayError} `malformed`, as {@link parseReferral} */
export const parseReferralDraft = (value: unknown): ReferralDraft => parse(ReferralDraft, value, 'malformed');

/**
 * The referral that a draft becomes.
 * @param origin the new referral's id (UUIDv7), the hotline's partner id and the moment of writing
 * @throws {RelayError} `malformed` if any of the three does not have its form
 */
export function completeReferral(
  { schema, ...content }: ReferralDraft,
  origin: Pick<Referral, 'id' | 'hotline' | 'writtenAt'>,
): Referral {
  const { id, hotline, writtenAt } = origin;
  return parseReferral({ schema, id, hotline, writtenAt, ...content });
}
