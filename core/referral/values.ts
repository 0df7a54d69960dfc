import * as z from 'zod';
import * as words from '../schema.ts';

/*
 * The kinds of value a referral is made of. What a regular expression can say is said by one, so that the published
 * JSON Schema says it too; patterns keep to the syntax that ECMAScript, Python, Java and Go share.
 */

/** A copy of `schema` with its own words in the JSON Schema. Needed for `zod/mini` schemas, which have no `.meta()`. */
export function described<T extends z.core.$ZodType>(schema: T, meta: z.core.GlobalMeta | string): T {
  const copy = z.core.clone(schema, undefined, { parent: true });
  z.globalRegistry.add(copy, typeof meta === 'string' ? { description: meta } : meta);
  return copy;
}

z.globalRegistry.add(words.Timestamp, {
  id: 'Timestamp',
  description: 'A moment in UTC with milliseconds, such as "2026-11-23T09:30:00.000Z".',
  pattern: String.raw`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$`,
});
z.globalRegistry.add(words.Country, {
  id: 'Country',
  description: 'An assigned ISO 3166-1 alpha-2 code in upper case, such as "CA".',
  pattern: '^[A-Z]{2}$',
});
z.globalRegistry.add(words.Countries, { uniqueItems: true });

const CONTROL = /[\p{Cc}\p{Cs}]/u;
const CONTROL_IN_PROSE = /[^\P{Cc}\t\n\r]|\p{Cs}/u;

/** One line of text, at most `max` characters. Control characters could make a terminal lie to the reader. */
export const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => !CONTROL.test(text), 'must be one line of text without control characters')
    .meta({ pattern: String.raw`^[^\x00-\x1F\x7F-\x9F]*$` });

/** Text of several lines, at most `max` characters. */
export const prose = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => !CONTROL_IN_PROSE.test(text), 'must be text without control characters other than line breaks')
    .meta({ pattern: String.raw`^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$` });

/** A list without repeats of codes from a closed list. */
export const setOf = <const T extends readonly string[]>(codes: T) =>
  z
    .array(z.enum(codes))
    .max(codes.length)
    .refine((list) => new Set(list).size === list.length, 'must not name a code twice')
    .meta({ uniqueItems: true });

/** An object that may leave out any of its members, but not all of them. */
export const someOf = <T extends z.core.$ZodShape>(shape: T) =>
  z
    .strictObject(shape)
    .refine(
      (value) => Object.values(value).some((member) => member !== undefined),
      'must have at least one of its members',
    )
    .meta({ minProperties: 1 });

export const Url = z
  .string()
  .max(4096)
  .regex(/^https?:\/\/[!-~]+$/, {
    error: 'must begin with "http://" or "https://" and percent-encode what is not printable ASCII',
    abort: true,
  })
  .refine((text) => URL.canParse(text), 'must be a URL')
  .meta({
    id: 'Url',
    description: 'An absolute http or https URL (WHATWG) in ASCII; other characters are percent-encoded.',
  });

/** Deliberately broad: an address is given as the service recorded it, also where it is not in ASCII. */
export const Email = z
  .string()
  .max(320)
  .regex(/^[^\s@"<>]{1,64}@[^\s@"<>]{1,255}$/, 'must be an e-mail address such as "name@example.org"')
  .refine((text) => !CONTROL.test(text), 'must not have control characters')
  .meta({ id: 'Email', description: 'An e-mail address, without a display name.' });

export const Phone = z
  .string()
  .regex(/^\+[1-9][0-9]{6,14}$/, 'must be a number in international form, such as "+442079460000", without spaces')
  .meta({ id: 'Phone', description: 'A telephone number in E.164 form: "+", country code, number; no spaces.' });

export const IpAddress = z
  .union([z.ipv4(), z.ipv6()], 'must be an IPv4 or IPv6 address, without port, prefix length or zone')
  .meta({ id: 'IpAddress', description: 'An IPv4 or IPv6 address, without port, prefix length or zone.' });

export const Port = z.int('must be a whole number from 1 to 65535').min(1).max(65_535);

export const BirthDate = z.iso
  .date('must be a date such as "2012-03-31"')
  .meta({ description: 'Date of birth, YYYY-MM-DD.' });

/** How to reach a person or an office. */
export const Contact = someOf({
  name: line(256).describe('Name of the person or office.').optional(),
  email: Email.optional(),
  phone: Phone.optional(),
  url: Url.describe('Where requests are made on line.').optional(),
}).meta({ id: 'Contact', description: 'How to reach a person or an office.' });
