import * as z from 'zod';
import { Country, Timestamp } from '../schema.ts';
import { Contact, described, line, prose, setOf } from './values.ts';

/** Evidence that another party keeps, and how an investigator gets it. */
export const Evidence = z
  .strictObject({
    custodian: line(256).describe('Who holds the evidence, such as the service.'),
    description: prose(2_000).describe('What is held.').optional(),
    reference: line(256).describe("The custodian's own reference of the preservation.").optional(),
    legalProcess: Contact.describe('Where legal process is served, or a request is made.').optional(),
    preservedUntil: z.optional(described(Timestamp, 'Until when it is certain to be kept.')),
  })
  .meta({ id: 'Evidence', description: 'Evidence held elsewhere, and how to obtain it.' });

/** NCMEC `lawEnforcement`. */
export const PriorContact = z
  .strictObject({
    agency: line(256).describe('Name of the law-enforcement agency; NCMEC agencyName.'),
    country: z.optional(Country),
    caseNumber: line(128).optional(),
    officer: Contact.optional(),
  })
  .meta({ id: 'PriorContact', description: 'A law-enforcement agency that already knows of the matter.' });

export const Originator = z
  .strictObject({
    reference: line(128).describe("The hotline's own reference of the case.").optional(),
    contact: Contact.describe('Whom the agency asks when it has a question.').optional(),
  })
  .meta({ id: 'Originator', description: 'The hotline that refers, and how to talk to it about this case.' });

/** Markings keep the published spelling of their schemes. */
export const Handling = z
  .strictObject({
    tlp: z
      .enum(['RED', 'AMBER+STRICT', 'AMBER', 'GREEN', 'CLEAR'])
      .describe('Traffic Light Protocol 2.0 (FIRST), without the prefix "TLP:". RED requires onward "refused".'),
    europol: setOf(['H0', 'H1', 'H2', 'H3'])
      .describe(
        'Europol handling codes. H0: no restriction beyond the usual; H1: not as evidence in court without permission; ' +
          'H2: not to be passed on without permission; H3: other restrictions, said in "restrictions".',
      )
      .optional(),
    restrictions: prose(2_000).describe('Further restrictions, in words.').optional(),
    sourceGrade: z
      .enum(['A', 'B', 'C', 'X'])
      .describe('Reliability of the source (4x4): A always, B mostly, C mostly not, X not known.')
      .optional(),
    informationGrade: z
      .literal([1, 2, 3, 4])
      .describe(
        'Quality of the information (4x4): 1 certain, 2 known to the source itself, 3 hearsay that is corroborated, 4 hearsay that is not.',
      )
      .optional(),
    legalBasis: line(1_000).describe('The law under which the information is passed on.').optional(),
  })
  .meta({ id: 'Handling', description: 'How the recipient must treat the referral.' });
