import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RelayError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import { completeReferral, parseReferral, parseReferralDraft } from '../../core/referral.ts';
import { MALFORMED } from '../support/malformed-referrals.ts';
import { anyDraft, ORIGIN, SAMPLES, sampleDraft, sampleReferral, withMember } from '../support/referrals.ts';

const IMMEDIATE = sampleReferral('immediate');

/** The error of a call that must be refused. */
function refusal(call: () => unknown): RelayError {
  try {
    call();
  } catch (error) {
    if (error instanceof RelayError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('parseReferral', () => {
  it.each(SAMPLES)('accepts the sample %s unchanged', (name) => {
    const referral = sampleReferral(name);
    expect(parseReferral(parseJson(JSON.stringify(referral)))).toEqual(referral);
    expect(referral).toEqual({ ...sampleDraft(name), ...ORIGIN });
  });

  it.each(MALFORMED)('refuses $title and points at it', ({ at, to, pointer = at, detail }) => {
    const error = refusal(() => parseReferral(withMember(IMMEDIATE, at, to)));
    expect(error.code).toBe('malformed');
    expect(error.faults.map((fault) => fault.pointer)).toEqual([pointer]);
    expect(error.faults[0]?.detail).toMatch(detail);
  });

  it('reports every fault at once', () => {
    const twice = withMember(withMember(IMMEDIATE, '/urgency', 'asap'), '/victims/0/age', 500);
    expect(refusal(() => parseReferral(twice)).faults.map(({ pointer }) => pointer)).toEqual([
      '/urgency',
      '/victims/0/age',
    ]);
  });

  it('asks for no reason of a routine referral', () => {
    const routine = withMember(withMember(IMMEDIATE, '/urgency', 'routine'), '/urgencyReason', undefined);
    expect(parseReferral(routine).urgencyReason).toBeUndefined();
  });

  it('accepts TLP:RED where sending on is refused', () => {
    const red = withMember(withMember(IMMEDIATE, '/handling/tlp', 'RED'), '/onward', 'refused');
    expect(parseReferral(red).handling.tlp).toBe('RED');
  });

  const withoutLead = ['suspects', 'victims', 'channels', 'files'].reduce<unknown>(
    (document, member) => withMember(document, `/${member}`, undefined),
    IMMEDIATE,
  );

  it.each([
    ['a suspect', '/suspects', [{ name: 'N. N.' }]],
    ['a victim', '/victims', [{ age: 9 }]],
    ['the URL of a web page', '/channels', [{ kind: 'web-page', url: 'https://example.org/x' }]],
    ['the URL of a file', '/files', [{ foundIn: { url: 'http://192.0.2.1:8080/x' } }]],
    ['the hash of a file', '/files', [{ hashes: { md5: '0'.repeat(32) } }]],
  ])('takes %s for a lead', (_, pointer, value) => {
    expect(() => parseReferral(withMember(withoutLead, pointer, value))).not.toThrow();
  });

  it.each([
    ['nothing', '/files', undefined],
    ['lists of nobody and nothing', '/suspects', []],
    ['a third party', '/otherParties', [{ name: 'N. N.' }]],
    ['a chat', '/channels', [{ kind: 'chat', service: 'Studyroom' }]],
    ['the name of a file', '/files', [{ originalName: 'a.jpg' }]],
  ])('does not take %s for a lead', (_, pointer, value) => {
    const { faults } = refusal(() => parseReferral(withMember(withoutLead, pointer, value)));
    expect(faults).toEqual([{ pointer: '', detail: expect.stringContaining('at least one lead') }]);
  });

  it('never quotes a value, wherever it stands', () => {
    const canary = 'CANARY-5f1d\u0007';
    const leaves = leavesOf(IMMEDIATE).concat(leavesOf(sampleReferral('four-accounts')));
    expect(leaves.length).toBeGreaterThan(100);
    for (const sample of [IMMEDIATE, sampleReferral('four-accounts')]) {
      for (const pointer of leavesOf(sample)) {
        const error = refusal(() => parseReferral(withMember(sample, pointer, canary)));
        expect([error.message, ...error.faults.map(({ detail }) => detail)].join(' ')).not.toContain('CANARY');
        expect(error.faults.map((fault) => fault.pointer)).toContain(pointer);
      }
    }
  });
});

describe('completeReferral', () => {
  it('gives back any valid draft, completed, after serialising and parsing', () => {
    fc.assert(
      fc.property(anyDraft, (value) => {
        const draft = parseReferralDraft(parseJson(JSON.stringify(value)));
        expect(draft).toEqual(value);
        const referral = completeReferral(draft, ORIGIN);
        expect(parseReferral(parseJson(JSON.stringify(referral)))).toEqual({ ...value, ...ORIGIN });
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['id', 'not-a-uuid'],
    ['hotline', 'nobody'],
    ['writtenAt', 'yesterday'],
  ])('refuses a bad %s', (member, value) => {
    const error = refusal(() => completeReferral(sampleDraft('routine'), { ...ORIGIN, [member]: value }));
    expect(error.faults.map(({ pointer }) => pointer)).toEqual([`/${member}`]);
  });

  it.each(['id', 'hotline', 'writtenAt'] as const)(
    'is the only one to give the %s: a draft may not hold it',
    (member) => {
      const draft = { ...sampleDraft('routine'), [member]: ORIGIN[member] };
      expect(refusal(() => parseReferralDraft(draft)).faults.map(({ pointer }) => pointer)).toEqual([`/${member}`]);
    },
  );
});

/** Pointers to all strings of a document. */
function leavesOf(value: unknown, pointer = ''): string[] {
  if (typeof value === 'string') return [pointer];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([member, inner]) => leavesOf(inner, `${pointer}/${member}`));
}
