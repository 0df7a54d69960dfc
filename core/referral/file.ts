import * as z from 'zod';
import { IpEvent } from './party.ts';
import { line, setOf, someOf, Url } from './values.ts';

const hex = (digits: number) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`), `must be ${digits} lower-case hexadecimal digits`);

/** NCMEC `originalFileHash@hashType`. */
export const Hashes = someOf({
  md5: hex(32).optional(),
  sha1: hex(40).optional(),
  sha256: hex(64).optional(),
  pdq: hex(64).describe('Perceptual hash PDQ, 256 bits in hexadecimal.').optional(),
  photodna: z
    .string()
    .regex(/^[A-Za-z0-9+/]{192}$/, 'must be 192 characters of base64 (144 bytes)')
    .describe('Perceptual hash PhotoDNA, 144 bytes in base64.')
    .optional(),
}).meta({ id: 'Hashes', description: 'Hashes of the file as it was found; as many kinds as are known.' });

/** NCMEC `fileAnnotations`. */
export const FILE_ANNOTATIONS = [
  'drawn-or-virtual',
  'meme',
  'viral',
  'possibly-self-produced',
  'physical-harm',
  'violence',
  'bestiality',
  'livestream',
  'infant',
  'generative-ai',
] as const;

/** A file, never the file itself: NCMEC `fileDetails`. */
export const FileDescription = someOf({
  originalName: line(512).describe('Name of the file where it was found.').optional(),
  hashes: Hashes.optional(),
  foundIn: someOf({
    url: Url.optional(),
    account: z
      .strictObject({ service: line(256), id: line(256) })
      .describe('The account that held or sent the file, by the service and id given with a party.')
      .optional(),
    place: line(1_000).describe('The place in words, such as a folder, an album or a message.').optional(),
  })
    .describe('Where the file was found.')
    .optional(),
  viewedByReporter: z
    .boolean()
    .describe('Whether a person at the service or hotline has looked at the whole file; NCMEC fileViewedByEsp.')
    .optional(),
  publiclyAvailable: z.boolean().describe('Whether anybody could see the file where it was found.').optional(),
  classification: z
    .enum(['A1', 'A2', 'B1', 'B2'])
    .describe(
      'NCMEC industryClassification. A: prepubescent minor, B: pubescent minor; 1: sex act, 2: lascivious exhibition.',
    )
    .optional(),
  annotations: setOf(FILE_ANNOTATIONS).optional(),
  ipEvents: z.array(IpEvent).max(64).describe('Uses of IP addresses with this very file.').optional(),
}).meta({
  id: 'FileDescription',
  description: 'A file, described by its hashes and where it was found. A referral never holds the file itself.',
});
