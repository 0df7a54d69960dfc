import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReferral } from '../../core/referral.ts';
import { referralSchema, SCHEMA_FILE } from '../../scripts/write-referral-schema.ts';
import { MALFORMED } from '../support/malformed-referrals.ts';
import { anyDraft, ORIGIN, SAMPLES, sampleReferral, withMember } from '../support/referrals.ts';

/** What a partner has who reads the published file and nothing else; patterns say all that `format` would. */
const published: unknown = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8'));
const options = { strict: true, strictTypes: false, strictRequired: false, validateFormats: false, allErrors: true };
const validate = new Ajv2020(options).compile(published as object);

/** As in Python, Java, Perl and others, where `$` matches before a final line break as well. */
const laxEnd = Object.assign((pattern: string, flags: string) => new RegExp(pattern.replace(/\$$/, '\\n?$'), flags), {
  code: 'laxEnd',
});
const validateLaxly = new Ajv2020({ ...options, code: { regExp: laxEnd } }).compile(published as object);

/** A pointer to each text of a document, and the text. */
const textsOf = (value: unknown, pointer = ''): [pointer: string, text: string][] =>
  typeof value === 'string'
    ? [[pointer, value]]
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, member]) => textsOf(member, `${pointer}/${name}`))
      : [];

function isAccepted(document: unknown): boolean {
  try {
    parseReferral(document);
    return true;
  } catch {
    return false;
  }
}

/** What is wrong with a document by the published schema. */
const faultsOf = (document: unknown): unknown[] => (validate(document) ? [] : (validate.errors ?? []));

describe('docs/referral.schema.json', () => {
  it('is what the code says: otherwise run "npm run docs:schema"', () => {
    expect(readFileSync(SCHEMA_FILE, 'utf8')).toBe(referralSchema());
  });

  it.each(SAMPLES)('accepts the sample %s', (name) => {
    expect(faultsOf(sampleReferral(name))).toEqual([]);
  });

  it('accepts whatever the code accepts', () => {
    fc.assert(
      fc.property(anyDraft, (draft) => {
        expect(faultsOf({ ...draft, ...ORIGIN })).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  const immediate = sampleReferral('immediate');

  it.each(MALFORMED.filter(({ inWordsOnly }) => !inWordsOnly))('refuses $title', ({ at, to }) => {
    expect(faultsOf(withMember(immediate, at, to))).not.toEqual([]);
  });

  it.each(MALFORMED.filter(({ inWordsOnly }) => inWordsOnly))(
    'leaves it to the code to refuse $title',
    ({ at, to }) => {
      expect(faultsOf(withMember(immediate, at, to))).toEqual([]);
    },
  );

  it.each(SAMPLES)('takes a line break at the end of a text where the code does, whatever "$" matches: %s', (name) => {
    const referral = sampleReferral(name);
    expect(validateLaxly(referral)).toBe(true);
    for (const [pointer, text] of textsOf(referral)) {
      const changed = withMember(referral, pointer, `${text}\n`);
      expect([pointer, validateLaxly(changed)]).toEqual([pointer, isAccepted(changed)]);
    }
  });

  it('describes every member of the document, or refers to what does', () => {
    const { properties } = published as { properties: Record<string, { description?: string; $ref?: string }> };
    const bare = Object.entries(properties).filter(([, { description, $ref }]) => !description && !$ref);
    expect(bare.map(([member]) => member)).toEqual(['evidence']);
  });
});
