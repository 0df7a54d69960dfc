import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summarizeReferral } from '../../../client/cli/referral-summary.ts';
import { createStyle } from '../../../client/cli/style.ts';
import type { AgencyReferral } from '../../../client/delivery.ts';
import { completeReferral, parseReferralDraft, type Referral } from '../../../core/referral.ts';
import { anyDraft, ORIGIN, sampleDraft, sampleReferral, SAMPLES } from '../../support/referrals.ts';

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

  it('says what there is, of every kind of entry, and nothing of what there is not', () => {
    const draft = parseReferralDraft({
      ...sampleDraft('routine'),
      channels: [
        { kind: 'web-page', url: 'https://site.example/page' },
        { kind: 'email' },
        { kind: 'email', addresses: ['a@mail.example', 'b@mail.example'] },
        { kind: 'chat', service: 'Chatter' },
        { kind: 'game', title: 'Blocks', platform: 'console' },
        { kind: 'phone', number: '+4915100000000' },
        { kind: 'other', description: 'A letter.' },
      ],
      suspects: [
        { accounts: [{ service: 'Chatter' }, { service: 'Photos', id: '77', screenName: 'ann' }] },
        { age: 40, birthDate: '1986-01-02', address: { country: 'DE' } },
        { name: 'Bob', address: { city: 'Lille', country: 'FR' }, phones: ['+33100000000'] },
      ],
      victims: [{ estimatedLocations: [{ country: 'CA', verified: true }, { city: 'Ottawa' }] }],
      files: [{ originalName: 'a.txt' }, { viewedByReporter: true }],
      evidence: [
        { custodian: 'Chatter' },
        { custodian: 'Photos', description: 'Server log.', preservedUntil: '2027-01-31T00:00:00.000Z' },
      ],
      priorContacts: [{ agency: 'Police of Lille' }, { agency: 'Police of Bonn', country: 'DE', caseNumber: '12/26' }],
    });
    const lines = summarize(completeReferral(draft, ORIGIN)).split('\n');
    expect(
      lines.slice(
        lines.findIndex((line) => line.startsWith('  Where')),
        -4,
      ),
    ).toEqual([
      '  Where      1. web page https://site.example/page',
      '             2. e-mail',
      '             3. e-mail; a@mail.example; b@mail.example',
      '             4. chat Chatter',
      '             5. game Blocks; console',
      '             6. telephone +4915100000000',
      '             7. A letter.',
      '  Suspects   1. Chatter; Photos account 77 / ann',
      '             2. aged 40; born 1986-01-02; lives in DE (Germany)',
      '             3. Bob; +33100000000; lives in Lille, FR (France)',
      '  Victims    believed in CA (Canada), confirmed; believed in Ottawa',
      '  Files      2 files; 1 viewed by the reporter',
      '  Evidence   1. Chatter',
      '             2. Photos; Server log; kept until 2027-01-31',
      '  Known to   1. Police of Lille',
      '             2. Police of Bonn; DE (Germany); case 12/26',
    ]);
  });

  it('stands out by more than colour', () => {
    const coloured = summarizeReferral(opened(sampleReferral('immediate')), createStyle(true), 'answer it');
    expect(coloured.startsWith('\u001b[1m\u001b[31mIMMEDIATE\u001b[39m\u001b[22m')).toBe(true);
  });
});
