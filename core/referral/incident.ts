import * as z from 'zod';
import { Timestamp } from '../schema.ts';
import { described, Email, line, Phone, prose, setOf, Url } from './values.ts';

/** NCMEC `incidentSummary/incidentType`, in the order of its list. */
export const INCIDENT_TYPES = [
  'possession-manufacture-distribution',
  'child-sex-trafficking',
  'child-sex-tourism',
  'child-sexual-molestation',
  'misleading-domain-name',
  'misleading-words-or-images',
  'online-enticement',
  'unsolicited-obscene-material',
] as const;

/** NCMEC `reportAnnotations`, and of `fileAnnotations` those that can describe an incident as a whole. */
export const INCIDENT_ANNOTATIONS = [
  'sextortion',
  'solicitation',
  'minor-to-minor',
  'sadistic-exploitation',
  'spam',
  'viral',
  'meme',
  'generative-ai',
  'livestream',
  'infant',
] as const;

/** What happened: NCMEC `incidentSummary`. */
export const Incident = z
  .strictObject({
    type: z
      .enum(INCIDENT_TYPES)
      .describe(
        'The main kind of incident. Sextortion is "online-enticement" with the annotation "sextortion"; ' +
          '"unsolicited-obscene-material" is material sent to a child.',
      ),
    at: described(
      Timestamp,
      'When it happened, or when it began; where only a day is known, the beginning of that day, with "until" at its end.',
    ),
    until: z.optional(described(Timestamp, 'When it ended, or the end of the period in which it happened.')),
    summary: prose(10_000)
      .describe('What happened, who did what to whom and how it came to notice, in plain words.')
      .optional(),
    annotations: setOf(INCIDENT_ANNOTATIONS).describe('What else characterises the incident.').optional(),
  })
  .refine(({ at, until }) => until === undefined || at <= until, {
    path: ['until'],
    error: 'must not be earlier than "at"',
  })
  .meta({ id: 'Incident', description: 'What happened, and when.' });

const content = prose(20_000).describe('What was written there, quoted as text, in the original language.').optional();

/** Where it happened: one of NCMEC's `internetDetails` (`webPageIncident` and so on). */
export const Channel = z
  .discriminatedUnion(
    'kind',
    [
      z.strictObject({
        kind: z.literal('web-page'),
        url: Url,
        thirdPartyHosted: z.boolean().describe('Whether the content is hosted by another than the site.').optional(),
      }),
      z.strictObject({
        kind: z.literal('email'),
        addresses: z.array(Email).max(32).describe('The addresses that took part.').optional(),
        content,
      }),
      z.strictObject({
        kind: z.literal('chat'),
        service: line(256).describe('Name of the service or client.'),
        room: line(256).describe('Name of the room, group or channel.').optional(),
        content,
      }),
      z.strictObject({
        kind: z.literal('game'),
        title: line(256).describe('Name of the game.'),
        platform: line(256).describe('Console or platform it was played on.').optional(),
        content,
      }),
      z.strictObject({ kind: z.literal('phone'), number: Phone, content }),
      z.strictObject({
        kind: z.literal('peer-to-peer'),
        network: line(256).describe('Name of the network or client.'),
        fileNames: z.array(line(512)).max(64).describe('Names under which files were offered.').optional(),
      }),
      z.strictObject({ kind: z.literal('other'), description: prose(2_000).describe('What kind of place it was.') }),
    ],
    'must be one of "web-page", "email", "chat", "game", "phone", "peer-to-peer", "other"',
  )
  .meta({ id: 'Channel', description: 'A place where the incident happened; "kind" says which members it has.' });
