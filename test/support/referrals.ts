import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { completeReferral, parseReferralDraft, type Referral, type ReferralDraft } from '../../core/referral.ts';
import { FILE_ANNOTATIONS } from '../../core/referral/file.ts';
import { INCIDENT_ANNOTATIONS, INCIDENT_TYPES } from '../../core/referral/incident.ts';

const FOLDER = new URL('../../samples/', import.meta.url);

/** What a hotline adds to a draft, at a moment shortly after the incidents of the samples. */
export const ORIGIN = {
  id: '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e',
  hotline: 'gb-sample',
  writtenAt: '2026-11-23T09:30:00.000Z',
};

/** File names of `samples/`, without their ending. */
export const SAMPLES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length));

export const sampleDraft = (name: string): ReferralDraft =>
  parseReferralDraft(JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')));

export const sampleReferral = (name: string): Referral => completeReferral(sampleDraft(name), ORIGIN);

/** A copy of a JSON document with `value` at the pointer; `undefined` removes the member. */
export function withMember(document: unknown, pointer: string, value: unknown): unknown {
  if (pointer === '') return value;
  const copy: unknown = structuredClone(document);
  const steps = pointer.slice(1).split('/');
  const last = steps.pop() ?? '';
  let holder = copy;
  for (const step of steps) holder = (holder as Record<string, unknown>)[step];
  if (value === undefined) delete (holder as Record<string, unknown>)[last];
  else (holder as Record<string, unknown>)[last] = value;
  return copy;
}

const line = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const prose = fc.array(line, { minLength: 1, maxLength: 3 }).map((lines) => lines.join('\n'));
const moment = fc
  .date({ min: new Date('2000-01-01'), max: new Date('2099-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString());
const birthDate = moment.map((text) => text.slice(0, 10));
const country = fc.constantFrom('GB', 'US', 'CA', 'DE', 'FR', 'AQ');
const countries = fc.uniqueArray(country, { maxLength: 4 });
const url = fc.webUrl();
const email = fc.constantFrom('a@example.org', 'pelé@example.org', "o'neil+x@sub.example");
const phone = fc.constantFrom('+442079460000', '+19025550142');
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: length, maxLength: length });

/** Some of the members of `model`, but never none. */
const someOf = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { requiredKeys: [] }).filter((value) => Object.keys(value).length > 0);

const listOf = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 2 });
const contact = someOf({ name: line, email, phone, url });

const ipEvent = fc.record(
  {
    address: fc.constantFrom('192.0.2.7', '10.1.2.3', '2001:db8::7', 'fe80::1'),
    port: fc.integer({ min: 1, max: 65_535 }),
    event: fc.constantFrom('login', 'registration', 'purchase', 'upload', 'other', 'unknown'),
    at: moment,
    possibleProxy: fc.boolean(),
  },
  { requiredKeys: ['address', 'event'] },
);

const account = fc.record(
  { service: line, id: line, screenName: line, displayName: line, profileUrl: url, ipEvents: listOf(ipEvent) },
  { requiredKeys: ['service'] },
);

const party = someOf({
  name: line,
  emails: listOf(email),
  phones: listOf(phone),
  address: someOf({ lines: listOf(line), city: line, region: line, postalCode: line, country }),
  age: fc.integer({ min: 0, max: 130 }),
  birthDate,
  accounts: listOf(account),
  devices: listOf(fc.record({ type: fc.constantFrom('imei', 'mac-address', 'other'), value: line })),
  estimatedLocations: listOf(someOf({ city: line, region: line, country, verified: fc.boolean(), at: moment })),
});

const file = someOf({
  originalName: line,
  hashes: someOf({
    md5: hex(32),
    sha1: hex(40),
    sha256: hex(64),
    pdq: hex(64),
    photodna: fc.uint8Array({ minLength: 144, maxLength: 144 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  }),
  foundIn: someOf({ url, account: fc.record({ service: line, id: line }), place: line }),
  viewedByReporter: fc.boolean(),
  publiclyAvailable: fc.boolean(),
  classification: fc.constantFrom('A1', 'A2', 'B1', 'B2'),
  annotations: fc.subarray([...FILE_ANNOTATIONS]),
  ipEvents: listOf(ipEvent),
});

const channel = fc.oneof(
  fc.record({ kind: fc.constant('web-page'), url, thirdPartyHosted: fc.boolean() }, { requiredKeys: ['kind', 'url'] }),
  fc.record({ kind: fc.constant('email'), addresses: listOf(email), content: prose }, { requiredKeys: ['kind'] }),
  fc.record({ kind: fc.constant('chat'), service: line, room: line }),
  fc.record({ kind: fc.constant('game'), title: line, platform: line }),
  fc.record({ kind: fc.constant('phone'), number: phone }),
  fc.record({ kind: fc.constant('peer-to-peer'), network: line, fileNames: listOf(line) }),
  fc.record({ kind: fc.constant('other'), description: prose }),
);

const evidence = fc.record(
  { custodian: line, description: prose, reference: line, legalProcess: contact, preservedUntil: moment },
  { requiredKeys: ['custodian'] },
);

const priorContact = fc.record(
  { agency: line, country, caseNumber: line, officer: contact },
  { requiredKeys: ['agency'] },
);

const handling = fc.record(
  {
    tlp: fc.constantFrom('RED', 'AMBER+STRICT', 'AMBER', 'GREEN', 'CLEAR'),
    europol: fc.subarray(['H0', 'H1', 'H2', 'H3']),
    restrictions: prose,
    sourceGrade: fc.constantFrom('A', 'B', 'C', 'X'),
    informationGrade: fc.constantFrom(1, 2, 3, 4),
    legalBasis: line,
  },
  { requiredKeys: ['tlp'] },
);

const incident = fc
  .record(
    {
      type: fc.constantFrom(...INCIDENT_TYPES),
      at: moment,
      until: moment,
      summary: prose,
      annotations: fc.subarray([...INCIDENT_ANNOTATIONS]),
    },
    { requiredKeys: ['type', 'at'] },
  )
  .map((incident) => {
    const { at, until } = incident;
    return until === undefined || at <= until ? incident : Object.assign(incident, { at: until, until: at });
  });

/** Any valid draft, as a JSON value that has not been parsed yet. */
export const anyDraft = fc
  .record(
    {
      schema: fc.constant('referral/1'),
      routing: fc.record({ suspect: countries, victim: countries }),
      urgency: fc.constantFrom('immediate', 'high', 'routine'),
      urgencyReason: prose,
      originator: fc.record({ reference: line, contact }, { requiredKeys: [] }),
      incident,
      channels: listOf(channel),
      suspects: fc.array(party, { minLength: 1, maxLength: 3 }),
      victims: listOf(party),
      otherParties: listOf(party),
      files: listOf(file),
      evidence: listOf(evidence),
      priorContacts: listOf(priorContact),
      handling,
    },
    { requiredKeys: ['schema', 'routing', 'urgency', 'urgencyReason', 'incident', 'suspects', 'handling'] },
  )
  .chain((draft) =>
    fc
      .constantFrom('refused', ...(draft.handling.tlp === 'RED' ? [] : ['allowed']))
      .map((onward): Record<string, unknown> => Object.assign({ onward }, draft)),
  );
