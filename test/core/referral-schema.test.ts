import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { referralSchema, SCHEMA_FILE } from '../../scripts/write-referral-schema.ts';
import { MALFORMED } from '../support/malformed-referrals.ts';
import { anyDraft, ORIGIN, SAMPLES, sampleReferral, withMember } from '../support/referrals.ts';

/** What a partner has who reads the published file and nothing else; patterns say all that `format` would. */
const published: unknown = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8'));
const ajv = new Ajv2020({
  strict: true,
  strictTypes: false,
  strictRequired: false,
  validateFormats: false,
  allErrors: true,
});
const validate = ajv.compile(published as object);

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

  it('describes every member of the document, or refers to what does', () => {
    const { properties } = published as { properties: Record<string, { description?: string; $ref?: string }> };
    const bare = Object.entries(properties).filter(([, { description, $ref }]) => !description && !$ref);
    expect(bare.map(([member]) => member)).toEqual(['evidence']);
  });
});
