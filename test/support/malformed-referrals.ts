/** One change that makes the sample `immediate` invalid. */
export interface Malformed {
  title: string;
  /** The member to change. */
  at: string;
  /** Its new value; `undefined` removes it. */
  to: unknown;
  /** The pointer of the fault, where it is not `at`. */
  pointer?: string;
  detail: RegExp;
  /** The JSON Schema says this in words only. */
  inWordsOnly?: true;
}

const long = (length: number) => 'x'.repeat(length);
const ACCOUNT = '/suspects/0/accounts/0';
const EVENT = `${ACCOUNT}/ipEvents/0`;
const WEB_PAGE = { kind: 'web-page', url: 'https://example.org/' };

/** Which faults a referral may have, and what the hotline is told. */
export const MALFORMED: readonly Malformed[] = [
  { title: 'no document', at: '', to: null, detail: /object/ },
  { title: 'a list for a document', at: '', to: [], detail: /object/ },
  ...['id', 'hotline', 'writtenAt', 'routing', 'incident', 'handling'].map((member) => ({
    title: `no ${member}`,
    at: `/${member}`,
    to: undefined,
    detail: /is missing/,
  })),
  { title: 'no schema', at: '/schema', to: undefined, detail: /"referral\/1"/ },
  { title: 'another schema', at: '/schema', to: 'referral/2', detail: /"referral\/1"/ },
  { title: 'an unknown member', at: '/suspect', to: [], detail: /not a member/ },
  { title: 'an unknown member far down', at: `${EVENT}/ip`, to: '192.0.2.1', detail: /not a member/ },
  { title: 'a UUID of version 4', at: '/id', to: '7f0a5e0c-94c1-4d5e-8f57-1a2b3c4d5e6f', detail: /version 7/ },
  { title: 'an id in upper case', at: '/id', to: '019AB3F0-2A80-7C11-9D2E-5F6A7B8C9D0E', detail: /lower case/ },
  { title: 'a hotline in upper case', at: '/hotline', to: 'GB-IWF', detail: /partner id/ },
  { title: 'a time with an offset', at: '/writtenAt', to: '2026-11-23T09:30:00+01:00', detail: /must be a time/ },
  {
    title: 'a time that never was',
    at: '/writtenAt',
    to: '2026-02-30T09:30:00.000Z',
    detail: /must be a time/,
    inWordsOnly: true,
  },
  { title: 'routing without victims', at: '/routing/victim', to: undefined, detail: /is missing/ },
  { title: 'a country in lower case', at: '/routing/suspect/0', to: 'de', detail: /ISO 3166-1/ },
  { title: 'a country not assigned', at: '/routing/suspect/0', to: 'UK', detail: /ISO 3166-1/, inWordsOnly: true },
  { title: 'a country twice', at: '/routing/suspect', to: ['DE', 'DE'], detail: /twice/ },
  { title: 'an unknown urgency', at: '/urgency', to: 'asap', detail: /"immediate" or "high" or "routine"/ },
  { title: 'urgency without a reason', at: '/urgencyReason', to: undefined, detail: /must say why/ },
  { title: 'an endless reason', at: '/urgencyReason', to: long(3001), detail: /at most 3000 characters/ },
  { title: 'no word on sending on', at: '/onward', to: undefined, detail: /"allowed" or "refused"/ },
  {
    title: 'TLP:RED that may be sent on',
    at: '/handling/tlp',
    to: 'RED',
    pointer: '/onward',
    detail: /must be "refused"/,
  },
  { title: 'TLP with its prefix', at: '/handling/tlp', to: 'TLP:AMBER', detail: /"AMBER"/ },
  {
    title: 'an unknown handling code',
    at: '/handling/europol',
    to: ['H9'],
    pointer: '/handling/europol/0',
    detail: /"H0"/,
  },
  { title: 'a handling code twice', at: '/handling/europol', to: ['H1', 'H1'], detail: /twice/ },
  { title: 'a source of grade D', at: '/handling/sourceGrade', to: 'D', detail: /"X"/ },
  { title: 'information of grade 5', at: '/handling/informationGrade', to: 5, detail: /4/ },
  { title: 'no incident type', at: '/incident/type', to: undefined, detail: /"online-enticement"/ },
  { title: 'an unknown incident type', at: '/incident/type', to: 'grooming', detail: /"online-enticement"/ },
  { title: 'no incident time', at: '/incident/at', to: undefined, detail: /is missing/ },
  {
    title: 'an incident that ends before it begins',
    at: '/incident/until',
    to: '2026-11-20T17:44:59.999Z',
    detail: /not be earlier/,
    inWordsOnly: true,
  },
  { title: 'an empty summary', at: '/incident/summary', to: '', detail: /at least 1 character/ },
  { title: 'an endless summary', at: '/incident/summary', to: long(10_001), detail: /at most 10000 characters/ },
  {
    title: 'an escape sequence in the summary',
    at: '/incident/summary',
    to: '\u001b[2J',
    detail: /control characters/,
  },
  { title: 'half a character', at: '/incident/summary', to: '\ud83d', detail: /control characters/, inWordsOnly: true },
  { title: 'an unknown annotation', at: '/incident/annotations/0', to: 'rude', detail: /"sextortion"/ },
  { title: 'an annotation twice', at: '/incident/annotations', to: ['spam', 'spam'], detail: /twice/ },
  { title: 'a channel of no kind', at: '/channels/0/kind', to: undefined, detail: /"web-page"/ },
  { title: 'a channel of another kind', at: '/channels/0/kind', to: 'forum', detail: /"web-page"/ },
  {
    title: 'a web page without a URL',
    at: '/channels/0',
    to: { kind: 'web-page' },
    pointer: '/channels/0/url',
    detail: /missing/,
  },
  ...[
    'example.org',
    'ftp://example.org/',
    'javascript:alert(1)',
    'https://example.org/a b',
    'https://例え.example/',
    `https://example.org/${long(4096)}`,
  ].map((url) => ({
    title: `a URL such as ${url.slice(0, 22)}`,
    at: '/channels/0',
    to: { ...WEB_PAGE, url },
    pointer: '/channels/0/url',
    detail: /http:|4096/,
  })),
  {
    title: 'a URL with a broken host',
    at: '/channels/0',
    to: { ...WEB_PAGE, url: 'https://[/' },
    pointer: '/channels/0/url',
    detail: /must be a URL/,
    inWordsOnly: true,
  },
  {
    title: 'too many suspects',
    at: '/suspects',
    to: Array.from({ length: 65 }, () => ({ age: 40 })),
    detail: /at most 64 entries/,
  },
  { title: 'a suspect of whom nothing is said', at: '/suspects/0', to: {}, detail: /at least one of its members/ },
  { title: 'a name of two lines', at: '/suspects/0/name', to: 'A\nB', detail: /one line/ },
  { title: 'a name that is a number', at: '/suspects/0/name', to: 7, detail: /^must be of type string/ },
  ...['jonas', 'jonas@', 'Jonas <jonas@example.org>', 'a b@example.org', '"j b"@example.org'].map((email) => ({
    title: `an e-mail address such as ${email}`,
    at: '/suspects/0/emails/0',
    to: email,
    detail: /e-mail address/,
  })),
  ...['0207 946 0000', '+44 20 7946 0000', '00442079460000', '+123', '+4420794600001234'].map((phone) => ({
    title: `a telephone number such as ${phone}`,
    at: '/suspects/0/phones/0',
    to: phone,
    detail: /international form/,
  })),
  { title: 'a negative age', at: '/victims/0/age', to: -1, detail: /from 0 to 130/ },
  { title: 'half a year of age', at: '/victims/0/age', to: 11.5, detail: /whole number/ },
  { title: 'a birth date the American way', at: '/victims/0/birthDate', to: '03/31/2012', detail: /2012-03-31/ },
  { title: 'a birth date that never was', at: '/victims/0/birthDate', to: '2013-02-29', detail: /2012-03-31/ },
  { title: 'an account with no service', at: `${ACCOUNT}/service`, to: undefined, detail: /is missing/ },
  ...[
    '192.0.2.256',
    '192.0.2',
    '192.0.2.1:443',
    '192.0.2.0/24',
    'fe80::1%eth0',
    '2001:db8::/32',
    '1::2::3',
    'host.example',
  ].map((address) => ({
    title: `an IP address such as ${address}`,
    at: `${EVENT}/address`,
    to: address,
    detail: /IPv4 or IPv6/,
  })),
  { title: 'port 0', at: `${EVENT}/port`, to: 0, detail: /from 1 to 65535/ },
  { title: 'port 65536', at: `${EVENT}/port`, to: 65_536, detail: /from 1 to 65535/ },
  { title: 'a port in quotes', at: `${EVENT}/port`, to: '443', detail: /whole number/ },
  { title: 'an unknown event', at: `${EVENT}/event`, to: 'logout', detail: /"login"/ },
  { title: 'a device of an unknown type', at: '/suspects/0/devices/0/type', to: 'IMEI', detail: /"imei"/ },
  {
    title: 'a place of an unknown country',
    at: '/victims/0/estimatedLocations/0/country',
    to: 'Canada',
    detail: /ISO/,
  },
  ...(
    [
      ['md5', long(32)],
      ['sha1', 'a'.repeat(39)],
      ['sha256', 'A'.repeat(64)],
      ['pdq', 'a'.repeat(65)],
      ['photodna', 'a'.repeat(191)],
    ] as const
  ).map(([type, hash]) => ({
    title: `a hash that is no ${type}`,
    at: '/files',
    to: [{ hashes: { [type]: hash } }],
    pointer: `/files/0/hashes/${type}`,
    detail: /hexadecimal|base64/,
  })),
  {
    title: 'an unknown hash',
    at: '/files',
    to: [{ hashes: { md5: '0'.repeat(32), crc32: '0' } }],
    pointer: '/files/0/hashes/crc32',
    detail: /not a member/,
  },
  { title: 'hashes, but none', at: '/files', to: [{ hashes: {} }], pointer: '/files/0/hashes', detail: /at least one/ },
  {
    title: 'a file in the document',
    at: '/files',
    to: [{ originalName: 'a.jpg', content: 'AAAA' }],
    pointer: '/files/0/content',
    detail: /not a member/,
  },
  { title: 'evidence that nobody holds', at: '/evidence/0/custodian', to: undefined, detail: /is missing/ },
  { title: 'evidence preserved for a year', at: '/evidence/0/preservedUntil', to: '1 year', detail: /must be a time/ },
  { title: 'a contact that is none', at: '/originator/contact', to: {}, detail: /at least one of its members/ },
];
