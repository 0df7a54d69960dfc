import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeReferral, parseReferral, parseReferralDraft, reviewReferral } from '../../../core/referral.ts';
import { WARNING_CODES } from '../../../core/referral/review.ts';
import { anyDraft, ORIGIN, SAMPLES, sampleReferral, withMember } from '../../support/referrals.ts';

interface Flaw {
  title: string;
  sample: string;
  /** Members and their new values; `undefined` removes one. */
  changes: Record<string, unknown>;
  warnings: readonly string[];
}

const EVENT = '/suspects/0/accounts/0/ipEvents/0';
const UPLOADS = ['/suspects/0/accounts/0/ipEvents/0/event', '/files/0/ipEvents/0/event', '/files/1/ipEvents/0/event'];
const A_DAY_AHEAD = '2026-11-24T09:30:00.000Z';

const FLAWS: readonly Flaw[] = [
  {
    title: 'a hash and nothing else',
    sample: 'routine',
    changes: {
      '/suspects': undefined,
      '/files': [{ hashes: { md5: '0'.repeat(32) }, viewedByReporter: true }],
    },
    warnings: ['thin /files'],
  },
  {
    title: 'files that nobody viewed',
    sample: 'routine',
    changes: { '/files/0/viewedByReporter': false, '/files/1/viewedByReporter': undefined },
    warnings: ['thin /files'],
  },
  {
    title: 'logins without an upload',
    sample: 'routine',
    changes: Object.fromEntries(UPLOADS.map((pointer) => [pointer, 'login'])),
    warnings: ['thin /files'],
  },
  {
    title: 'no country known and no sending on',
    sample: 'four-accounts',
    changes: { '/onward': 'refused' },
    warnings: ['dead-end /onward'],
  },
  {
    title: 'a suspect placed in a country that is not in the routing',
    sample: 'immediate',
    changes: { '/routing/suspect': ['AT'] },
    warnings: ['country-not-routed /suspects/0/estimatedLocations/0/country'],
  },
  {
    title: "a victim's address in a country that is not in the routing",
    sample: 'immediate',
    changes: { '/victims/0/address': { country: 'US' } },
    warnings: ['country-not-routed /victims/0/address/country'],
  },
  {
    title: 'no summary',
    sample: 'routine',
    changes: { '/incident/summary': undefined },
    warnings: ['summary-missing /incident/summary'],
  },
  {
    title: 'a blank summary',
    sample: 'routine',
    changes: { '/incident/summary': ' \n' },
    warnings: ['summary-missing /incident/summary'],
  },
  {
    title: 'an immediate referral of which one cannot ask',
    sample: 'immediate',
    changes: { '/originator/contact': { name: 'Duty desk' } },
    warnings: ['contact-missing /originator/contact'],
  },
  {
    title: 'an immediate referral of nobody',
    sample: 'immediate',
    changes: { '/originator': undefined },
    warnings: ['contact-missing /originator/contact'],
  },
  {
    title: 'an incident yet to come',
    sample: 'routine',
    changes: { '/incident/at': A_DAY_AHEAD },
    warnings: ['in-future /incident/at'],
  },
  {
    title: 'an incident yet to end',
    sample: 'routine',
    changes: { '/incident/until': A_DAY_AHEAD },
    warnings: ['in-future /incident/until'],
  },
  {
    title: 'an address used in the future',
    sample: 'immediate',
    changes: { [`${EVENT}/at`]: A_DAY_AHEAD },
    warnings: [`in-future ${EVENT}/at`],
  },
  {
    title: 'an incident long ago',
    sample: 'routine',
    changes: { '/incident/at': '2025-11-23T09:29:59.999Z' },
    warnings: ['incident-old /incident/at'],
  },
  {
    title: 'an account by its display name alone',
    sample: 'immediate',
    changes: { '/suspects/0/accounts/1/id': undefined },
    warnings: ['account-unidentified /suspects/0/accounts/1'],
  },
  {
    title: 'a file of an account that no party has',
    sample: 'four-accounts',
    changes: { '/files/2/foundIn/account/id': 'pn-1' },
    warnings: ['account-unlisted /files/2/foundIn/account'],
  },
  {
    title: 'an address without a time',
    sample: 'immediate',
    changes: { [`${EVENT}/at`]: undefined },
    warnings: [`event-time-missing ${EVENT}/at`],
  },
  {
    title: 'an IPv4 address without a port',
    sample: 'immediate',
    changes: { [`${EVENT}/port`]: undefined },
    warnings: [`port-missing ${EVENT}/port`],
  },
  {
    title: "a file's IPv4 address without a port",
    sample: 'routine',
    changes: { '/files/1/ipEvents/0/port': undefined },
    warnings: ['port-missing /files/1/ipEvents/0/port'],
  },
  ...[
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.1.1',
    '172.31.255.255',
    '192.168.1.1',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    'fd00::1',
    'fe80::1',
  ].map((address) => ({
    title: `the address ${address}`,
    sample: 'immediate',
    changes: { [`${EVENT}/address`]: address },
    warnings: [`address-not-public ${EVENT}/address`],
  })),
  {
    title: 'a file without a hash',
    sample: 'routine',
    changes: { '/files/1/hashes': undefined },
    warnings: ['hash-missing /files/1/hashes'],
  },
  {
    title: 'no word on evidence',
    sample: 'routine',
    changes: { '/evidence': undefined },
    warnings: ['evidence-missing /evidence'],
  },
  {
    title: 'evidence that nobody knows how to request',
    sample: 'routine',
    changes: { '/evidence/0/legalProcess': undefined },
    warnings: ['legal-process-missing /evidence/0/legalProcess'],
  },
  {
    title: 'evidence preserved nobody knows how long',
    sample: 'routine',
    changes: { '/evidence/0/preservedUntil': undefined },
    warnings: ['preservation-missing /evidence/0/preservedUntil'],
  },
  {
    title: 'evidence preserved for another 29 days',
    sample: 'routine',
    changes: { '/evidence/0/preservedUntil': '2026-12-22T09:30:00.000Z' },
    warnings: ['preservation-short /evidence/0/preservedUntil'],
  },
  {
    title: 'TLP:AMBER+STRICT that may be sent on',
    sample: 'routine',
    changes: { '/handling/tlp': 'AMBER+STRICT' },
    warnings: ['handling-conflict /onward'],
  },
  {
    title: 'H2 that may be sent on',
    sample: 'routine',
    changes: { '/handling/europol': ['H2'] },
    warnings: ['handling-conflict /onward'],
  },
  {
    title: 'H3 without words',
    sample: 'routine',
    changes: { '/handling/europol': ['H3'] },
    warnings: ['handling-conflict /handling/restrictions'],
  },
];

const changed = ({ sample, changes }: Pick<Flaw, 'sample' | 'changes'>) =>
  parseReferral(
    Object.entries(changes).reduce<unknown>(
      (document, [pointer, value]) => withMember(document, pointer, value),
      sampleReferral(sample),
    ),
  );

const review = (flaw: Pick<Flaw, 'sample' | 'changes'>) =>
  reviewReferral(changed(flaw)).map(({ code, pointer }) => `${code} ${pointer}`);

describe('reviewReferral', () => {
  it.each([
    ['four-accounts', []],
    ['immediate', []],
    ['routine', []],
    ['text-only-grooming', []],
    ['unserved-country', []],
    ['onward-refused', ['dead-end /onward']],
    ['hash-only', ['thin /files', 'thin /files', 'summary-missing /incident/summary', 'evidence-missing /evidence']],
  ])('says of the sample %s: %j', (sample, warnings) => {
    expect(review({ sample, changes: {} })).toEqual(warnings);
  });

  it.each(FLAWS)('warns of $title, and of that alone', (flaw) => {
    expect(review(flaw)).toEqual(flaw.warnings);
  });

  it.each([
    ['an IPv6 address without a port', { [`${EVENT}/address`]: '2001:db8::9', [`${EVENT}/port`]: undefined }],
    ['an address just outside the private ranges', { [`${EVENT}/address`]: '172.32.0.1' }],
    ['a clock five minutes ahead', { [`${EVENT}/at`]: '2026-11-23T09:35:00.000Z' }],
    ['an incident long ago that lasted until now', { '/incident/at': '2020-01-01T00:00:00.000Z' }],
    ['evidence preserved for 30 days', { '/evidence/0/preservedUntil': '2026-12-23T09:30:00.000Z' }],
    ['a conversation with logins only and no files', { [`${EVENT}/event`]: 'login', '/files': [] }],
    ['TLP:AMBER+STRICT that may not be sent on', { '/handling/tlp': 'AMBER+STRICT', '/onward': 'refused' }],
  ])('lets pass %s', (_, changes) => {
    expect(review({ sample: 'immediate', changes })).toEqual([]);
  });

  it('does not call a hash thin that comes with the address of its upload', () => {
    const files = [
      {
        hashes: { md5: '0'.repeat(32) },
        viewedByReporter: true,
        ipEvents: [{ address: '192.0.2.1', port: 40_000, event: 'upload', at: '2026-10-30T08:22:51.000Z' }],
      },
    ];
    expect(review({ sample: 'routine', changes: { '/suspects': undefined, '/files': files } })).toEqual([]);
  });

  it('has every code shown by an example', () => {
    const shown = new Set(FLAWS.flatMap(({ warnings }) => warnings.map((warning) => warning.split(' ')[0])));
    expect(shown).toEqual(new Set(WARNING_CODES));
  });

  it('puts the weightiest first', () => {
    const codes = reviewReferral(
      changed({
        sample: 'routine',
        changes: { '/incident/summary': undefined, '/files/0/hashes': undefined, '/routing/suspect': [] },
      }),
    ).map(({ code }) => code);
    expect(codes).toEqual(['country-not-routed', 'summary-missing', 'hash-missing']);
  });

  it('never quotes the referral, whatever it says', () => {
    fc.assert(
      fc.property(anyDraft, (value) => {
        const draft = parseReferralDraft(
          JSON.parse(JSON.stringify(value), (member, inner: unknown) =>
            FREE_TEXT.has(member) ? 'CANARY-5f1d' : inner,
          ),
        );
        const warnings = reviewReferral(completeReferral(draft, ORIGIN));
        expect(JSON.stringify(warnings)).not.toContain('CANARY');
      }),
      { numRuns: 200 },
    );
  });

  it('has its say on every sample in the list above', () => {
    expect(SAMPLES.toSorted()).toEqual([
      'four-accounts',
      'hash-only',
      'immediate',
      'onward-refused',
      'routine',
      'text-only-grooming',
      'unserved-country',
    ]);
  });
});

const FREE_TEXT = new Set([
  'name',
  'service',
  'id',
  'screenName',
  'custodian',
  'place',
  'summary',
  'city',
  'originalName',
]);
