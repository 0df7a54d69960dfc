import type { Referral } from '../referral.ts';
import { DAY, fromTimestamp, MINUTE } from '../time.ts';
import { isPublicAddress } from './public-address.ts';
import type { Account, IpEvent, Party } from './party.ts';

/** What makes a referral less useful than it could be, in the order in which `reviewReferral` reports it. */
export const WARNING_CODES = [
  'thin',
  'dead-end',
  'country-not-routed',
  'summary-missing',
  'contact-missing',
  'in-future',
  'incident-old',
  'account-unidentified',
  'account-unlisted',
  'event-time-missing',
  'port-missing',
  'address-not-public',
  'hash-missing',
  'evidence-missing',
  'legal-process-missing',
  'preservation-missing',
  'preservation-short',
  'handling-conflict',
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

/** One point to improve: `pointer` is an RFC 6901 JSON Pointer to the member, which may not be there yet. */
export interface Warning {
  code: WarningCode;
  pointer: string;
  /** A sentence that says why it matters and what to do; it never quotes the referral. */
  detail: string;
}

/** Clocks of services and hotlines may differ by this much. */
const SKEW = 5 * MINUTE;
/** Providers seldom keep connection logs longer than a year. */
const OLD = 365 * DAY;
/** A request for preservation or legal process between countries seldom gets there sooner. */
const SHORT = 30 * DAY;

/**
 * What the hotline should mend before it seals, most weighty first. A warning never stops a referral: what is thin
 * today may be the piece that another case lacks.
 */
export function reviewReferral(referral: Referral): Warning[] {
  const found: Warning[] = [];
  for (const rule of RULES) found.push(...rule(referral));
  return found.sort((a, b) => WARNING_CODES.indexOf(a.code) - WARNING_CODES.indexOf(b.code));
}

type Rule = (referral: Referral) => Iterable<Warning>;

const RULES: readonly Rule[] = [
  reviewSubstance,
  reviewRouting,
  reviewIncident,
  reviewOriginator,
  reviewAccounts,
  reviewIpEvents,
  reviewFiles,
  reviewEvidence,
  reviewHandling,
];

/** Field studies find these three forms rarely actionable. */
function* reviewSubstance(referral: Referral): Iterable<Warning> {
  const { suspects = [], victims = [], otherParties = [], channels = [], files = [] } = referral;
  const events = new Set([...ipEvents(referral)].map(({ event }) => event.event));
  const isTraceable =
    suspects.length + victims.length + otherParties.length + events.size > 0 ||
    channels.some(({ kind }) => kind === 'web-page') ||
    files.some(({ foundIn }) => foundIn?.url ?? foundIn?.account);
  if (!isTraceable) {
    yield warn('thin', '/files', 'A hash alone is rarely actionable: say who had the file or where it was found.');
  }
  if (files.length > 0 && !files.some(({ viewedByReporter }) => viewedByReporter)) {
    yield warn(
      'thin',
      '/files',
      'Nobody is said to have viewed a file, so that some agencies need a warrant to do so.',
    );
  }
  if (files.length > 0 && events.has('login') && !events.has('upload')) {
    yield warn('thin', '/files', 'There are addresses of logins but none of an upload: ask the service for those.');
  }
}

function* reviewRouting(referral: Referral): Iterable<Warning> {
  const { routing, onward } = referral;
  if (routing.suspect.length === 0 && routing.victim.length === 0 && onward === 'refused') {
    yield warn(
      'dead-end',
      '/onward',
      'No country is known and sending on is refused: only the fallback agency will see this until the hotline names a country.',
    );
  }
  for (const role of ['suspect', 'victim'] as const) {
    for (const { pointer, country } of placesOf(referral, role)) {
      if (country === undefined || routing[role].includes(country)) continue;
      yield warn('country-not-routed', pointer, `A ${role} is placed here, but /routing/${role} does not name it.`);
    }
  }
}

function* reviewIncident({ incident, writtenAt }: Referral): Iterable<Warning> {
  if (!incident.summary?.trim()) {
    yield warn('summary-missing', '/incident/summary', 'Say in a few sentences what happened and how it is known.');
  }
  const age = fromTimestamp(writtenAt) - fromTimestamp(incident.until ?? incident.at);
  if (age > OLD) {
    yield warn('incident-old', '/incident/at', 'This is over a year ago, and logs may be gone: say why it comes now.');
  }
  for (const member of ['at', 'until'] as const)
    yield* reviewMoment(incident[member], writtenAt, `/incident/${member}`);
}

function* reviewOriginator({ urgency, originator }: Referral): Iterable<Warning> {
  const { email, phone } = originator?.contact ?? {};
  if (urgency === 'immediate' && email === undefined && phone === undefined) {
    yield warn('contact-missing', '/originator/contact', 'Give a telephone or e-mail: urgent cases raise questions.');
  }
}

function* reviewAccounts(referral: Referral): Iterable<Warning> {
  for (const { account, pointer } of accounts(referral)) {
    if (account.id ?? account.screenName ?? account.profileUrl) continue;
    yield warn(
      'account-unidentified',
      pointer,
      'Give the id, screen name or profile URL: without one the service cannot find the account.',
    );
  }
}

function* reviewIpEvents(referral: Referral): Iterable<Warning> {
  for (const { event, pointer } of ipEvents(referral)) {
    if (!isPublicAddress(event.address)) {
      yield warn(
        'address-not-public',
        `${pointer}/address`,
        'Private, shared or reserved addresses identify nobody: ask the service for the public one.',
      );
    } else if (event.port === undefined && !event.address.includes(':')) {
      yield warn(
        'port-missing',
        `${pointer}/port`,
        'Give the source port: the address may be shared by many subscribers (carrier-grade NAT).',
      );
    }
    if (event.at === undefined) {
      yield warn(
        'event-time-missing',
        `${pointer}/at`,
        'Give the time: addresses pass from one subscriber to another.',
      );
    }
    yield* reviewMoment(event.at, referral.writtenAt, `${pointer}/at`);
  }
}

function* reviewFiles(referral: Referral): Iterable<Warning> {
  const listed = new Set([...accounts(referral)].map(({ account }) => accountName(account)));
  for (const [index, { hashes, foundIn }] of (referral.files ?? []).entries()) {
    if (hashes === undefined) {
      yield warn('hash-missing', `/files/${index}/hashes`, 'Give a hash, so that the file can be matched with others.');
    }
    if (foundIn?.account !== undefined && !listed.has(accountName(foundIn.account))) {
      yield warn(
        'account-unlisted',
        `/files/${index}/foundIn/account`,
        'No party lists an account of this service and id.',
      );
    }
  }
}

function* reviewEvidence({ evidence = [], writtenAt }: Referral): Iterable<Warning> {
  if (evidence.length === 0) {
    yield warn(
      'evidence-missing',
      '/evidence',
      'Say who holds the evidence, how to request it and how long it is kept.',
    );
  }
  for (const [index, { legalProcess, preservedUntil }] of evidence.entries()) {
    if (legalProcess === undefined) {
      yield warn('legal-process-missing', `/evidence/${index}/legalProcess`, 'Say where the evidence is requested.');
    }
    const pointer = `/evidence/${index}/preservedUntil`;
    if (preservedUntil === undefined) {
      yield warn(
        'preservation-missing',
        pointer,
        'Say until when the evidence is kept; if nobody knows, have it preserved.',
      );
    } else if (fromTimestamp(preservedUntil) < fromTimestamp(writtenAt) + SHORT) {
      yield warn(
        'preservation-short',
        pointer,
        'This leaves less than 30 days: ask the custodian to preserve it longer.',
      );
    }
  }
}

/** Markings that the rest of the referral contradicts. */
function* reviewHandling({ handling, onward }: Referral): Iterable<Warning> {
  if (onward === 'allowed' && handling.tlp === 'AMBER+STRICT') {
    yield warn('handling-conflict', '/onward', 'TLP:AMBER+STRICT keeps it within one organisation: refuse sending on.');
  }
  if (onward === 'allowed' && handling.europol?.includes('H2')) {
    yield warn('handling-conflict', '/onward', 'H2 asks for permission before passing on, and this gives it to all.');
  }
  if (handling.europol?.includes('H3') && handling.restrictions === undefined) {
    yield warn('handling-conflict', '/handling/restrictions', 'H3 refers to other restrictions: say which.');
  }
}

function* reviewMoment(at: string | undefined, writtenAt: string, pointer: string): Iterable<Warning> {
  if (at === undefined || fromTimestamp(at) <= fromTimestamp(writtenAt) + SKEW) return;
  yield warn(
    'in-future',
    pointer,
    'This is later than the referral was written: check the year and the time zone (UTC).',
  );
}

const warn = (code: WarningCode, pointer: string, detail: string): Warning => ({ code, pointer, detail });

const accountName = ({ service, id }: Pick<Account, 'service' | 'id'>) => JSON.stringify([service, id]);

function* parties(referral: Referral): Iterable<{ party: Party; pointer: string }> {
  for (const group of ['suspects', 'victims', 'otherParties'] as const) {
    for (const [index, party] of (referral[group] ?? []).entries()) yield { party, pointer: `/${group}/${index}` };
  }
}

function* accounts(referral: Referral): Iterable<{ account: Account; pointer: string }> {
  for (const { party, pointer } of parties(referral)) {
    for (const [index, account] of (party.accounts ?? []).entries()) {
      yield { account, pointer: `${pointer}/accounts/${index}` };
    }
  }
}

function* ipEvents(referral: Referral): Iterable<{ event: IpEvent; pointer: string }> {
  const files = (referral.files ?? []).map((file, index) => ({ holder: file, pointer: `/files/${index}` }));
  const holders = [...accounts(referral)].map(({ account, pointer }) => ({ holder: account, pointer }));
  for (const { holder, pointer } of [...holders, ...files]) {
    for (const [index, event] of (holder.ipEvents ?? []).entries())
      yield { event, pointer: `${pointer}/ipEvents/${index}` };
  }
}

function* placesOf(
  referral: Referral,
  role: 'suspect' | 'victim',
): Iterable<{ country: string | undefined; pointer: string }> {
  for (const { party, pointer } of parties(referral)) {
    if (!pointer.startsWith(`/${role}s/`)) continue;
    yield { country: party.address?.country, pointer: `${pointer}/address/country` };
    for (const [index, { country }] of (party.estimatedLocations ?? []).entries()) {
      yield { country, pointer: `${pointer}/estimatedLocations/${index}/country` };
    }
  }
}
