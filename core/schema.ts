import * as z from 'zod/mini';
import { decodeBase64url } from './base64url.ts';
import { isCountry } from './countries.ts';
import { type ErrorCode, type Fault, RelayError } from './errors.ts';
import { isPartnerId, isReferralId } from './ids.ts';
import { isTimestamp } from './time.ts';

/*
 * The words that all wire contracts share. What a function loads uses `zod/mini`, which brings no messages of its own:
 * `describe` below words every fault, naming what is expected and never what was sent.
 */

export const PartnerId = z
  .string()
  .check(
    z.refine(isPartnerId, { error: 'must be a partner id such as "gb-lantern": lower case, at most 40 characters' }),
  );

export const ReferralId = z
  .string()
  .check(z.refine(isReferralId, { error: 'must be a UUID of version 7 in canonical lower case' }));

export const Timestamp = z
  .string()
  .check(z.refine(isTimestamp, { error: 'must be a time such as "2026-11-23T09:30:00.000Z"' }));
/** `YYYY-MM-DDTHH:MM:SS.sssZ`; such strings sort by time. */
export type Timestamp = z.infer<typeof Timestamp>;

export const Country = z
  .string()
  .check(z.refine(isCountry, { error: 'must be an assigned ISO 3166-1 alpha-2 code in upper case' }));

/** A SHA-256 hash as canonical base64url. */
export const Hash = z
  .string()
  .check(z.refine(isHash, { error: 'must be a SHA-256 hash in unpadded base64url (43 characters)' }));

/** A compact JWS in a request: three segments of base64url, at most 4,096 characters (protocol section 7). */
export const StatementToken = z
  .string()
  .check(
    z.maxLength(4096, { error: 'must have at most 4,096 characters' }),
    z.regex(/^[\w-]+\.[\w-]+\.[\w-]+$/, { error: 'must be a JWS in compact form' }),
  );

/** At most 16 countries, none twice: a set, compared as one. */
export const Countries = z.array(Country).check(
  z.maxLength(16, { error: 'must list at most 16 countries' }),
  z.refine((list) => new Set(list).size === list.length, { error: 'must not name a country twice' }),
);

/** Where the suspects and the victims of a referral are believed to be; an empty list says "not known yet". */
export const Routing = z.strictObject({ suspect: Countries, victim: Countries });
export type Routing = z.infer<typeof Routing>;

export const Urgency = z.enum(['immediate', 'high', 'routine']);
export type Urgency = z.infer<typeof Urgency>;

/** Whether an agency may send a referral on to others (protocol section 8). */
export const Onward = z.enum(['allowed', 'refused']);
export type Onward = z.infer<typeof Onward>;

export const Role = z.enum(['suspect', 'victim']);
export type Role = z.infer<typeof Role>;

function isHash(text: string): boolean {
  return decodeBase64url(text)?.length === 32;
}

/**
 * `value` as `schema` describes it.
 * @throws {RelayError} of `code`, with one fault for each member that does not fit
 */
export function parse<T extends z.ZodMiniType>(schema: T, value: unknown, code: ErrorCode): z.output<T> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const faults = result.error.issues.flatMap(toFaults);
  const where = faults[0]?.pointer || 'the document itself';
  throw new RelayError(code, `Correct ${where}: ${faults[0]?.detail ?? 'it does not have the required form'}.`, {
    faults,
  });
}

/** The faults of one zod issue; an issue about several unknown members is one fault for each. */
export function toFaults(issue: z.core.$ZodIssue): Fault[] {
  const pointer = issue.path.map(toPointer).join('');
  if (issue.code !== 'unrecognized_keys') return [{ pointer, detail: describe(issue) }];
  return issue.keys.map((key) => ({ pointer: pointer + toPointer(key), detail: 'is not a member known here' }));
}

/** One step of an RFC 6901 JSON Pointer. */
const toPointer = (step: PropertyKey): string => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`;

function describe(issue: z.core.$ZodIssue): string {
  if (OWN_WORDS.test(issue.message)) return issue.message;
  const missing = issue.input === undefined && issue.path.length > 0 ? 'is missing: it ' : '';
  switch (issue.code) {
    case 'invalid_type':
      return `${missing}must be of type ${issue.expected}`;
    case 'invalid_value':
      return `${missing}must be ${anyOf(issue.values)}`;
    case 'invalid_union':
      return 'options' in issue && issue.options
        ? `must be ${anyOf(issue.options)}`
        : 'does not have a form known here';
    case 'too_big':
      return `must be at most ${issue.maximum}${unit(issue.origin)}`;
    case 'too_small':
      return `must be at least ${issue.minimum}${unit(issue.origin)}`;
    default:
      return issue.message;
  }
}

/** How every message begins that a schema of ours words itself. */
const OWN_WORDS = /^(?:must|is) /;

const anyOf = (values: readonly z.core.util.Primitive[]): string =>
  values.map((value) => JSON.stringify(value)).join(' or ');

const unit = (origin: string): string =>
  origin === 'string' ? ' characters long' : origin === 'array' ? ' entries long' : '';
