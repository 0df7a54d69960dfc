import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summarizeReferral } from '../../../client/cli/referral-summary.ts';
import { createStyle } from '../../../client/cli/style.ts';
import type { AgencyReferral } from '../../../client/delivery.ts';
import { completeReferral, parseReferralDraft, type Referral } from '../../../core/referral.ts';
import { anyDraft, ORIGIN, sampleReferral, SAMPLES } from '../../support/referrals.ts';

const plain = createStyle(false);

function opened(referral: Referral): AgencyReferral {
  const { id, hotline } = referral;
  const acceptedAt = ORIGIN.writtenAt;
  return { referral, id, hotline, version: 1, acceptedAt, sealed: 'x', roles: [], countries: [], routed: [] };
}

const summarize = (referral: Referral): string => summarizeReferral(opened(referral), plain, 'answer it');

describe('summarizeReferral', () => {
  it.each(SAMPLES)('begins with the urgency and ends with how to answer: %s', (name) => {
    const referral = sampleReferral(name);
    const lines = summarize(referral).trimEnd().split('\n');
    expect(lines[0]).toBe(`${referral.urgency.toUpperCase()}  ${referral.id}`);
    expect(lines.at(-1)).toBe('  Answer     answer it');
  });

  it('fits a terminal and cannot steer it, whatever the referral says', () => {
    fc.assert(
      fc.property(anyDraft, (draft) => {
        const lines = summarize(completeReferral(parseReferralDraft(draft), ORIGIN)).split('\n');
        for (const line of lines) {
          expect(line).not.toMatch(/[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069]/u);
          expect(line).toMatch(/^(?:$|IMMEDIATE|HIGH|ROUTINE| {2}\S.{10}| {13}\S)/);
        }
        expect(lines.length).toBeLessThan(150);
      }),
    );
  });

  it('shows a part of what is long, and says that there is more', () => {
    const referral = sampleReferral('routine');
    const suspects = Array.from({ length: 20 }, (_, index) => ({ name: `Suspect ${index}` }));
    const incident = { ...referral.incident, summary: 'word '.repeat(1_000) };
    const summary = summarize({ ...referral, suspects, incident });
    expect(summary).toContain('8. Suspect 7\n             and 12 more\n');
    expect(summary).toMatch(/word…\n/);
  });

  it('stands out by more than colour', () => {
    const coloured = summarizeReferral(opened(sampleReferral('immediate')), createStyle(true), 'answer it');
    expect(coloured.startsWith('\u001b[1m\u001b[31mIMMEDIATE\u001b[39m\u001b[22m')).toBe(true);
  });
});
