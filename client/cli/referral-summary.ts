import type { Referral } from '../../core/referral.ts';
import type { AgencyReferral, Withdrawal } from '../delivery.ts';
import { safeLine, shorten, wrap } from './safe-text.ts';
import type { Style } from './style.ts';
import * as words from './words.ts';

/* What an investigator wants to know first: how urgent, who, where, what is asked, and when. The rest is in the document. */

const WIDTH = 100;
const LABEL = 11;
/** How much is shown of a text, in characters, and of a list, in entries. */
const LONGEST = 700;
const MOST = 8;

type Party = NonNullable<Referral['suspects']>[number];
type Channel = NonNullable<Referral['channels']>[number];

const URGENCY = { immediate: 'urgent', high: 'warning', routine: 'plain' } as const;

/** @param width to which it is filled up */
export const headingOf = ({ urgency }: Pick<Referral, 'urgency'>, style: Style, width = 0): string =>
  style[URGENCY[urgency]](urgency.toUpperCase().padEnd(width));

/** @param answerCommand a command that answers it, as it can be pasted */
export function summarizeReferral(opened: AgencyReferral, style: Style, answerCommand: string): string {
  const { referral } = opened;
  const rows: [string, ...string[]][] = [
    ['From', `${opened.hotline}, version ${opened.version}, taken in ${words.moment(opened.acceptedAt)}`],
    ['Why urgent', referral.urgencyReason ?? ''],
    ['To you', whyHere(opened)],
    ['Incident', incident(referral.incident)],
    ['What', referral.incident.summary ?? ''],
    ['Where', ...listOf(referral.channels, channel)],
    ['Suspects', ...listOf(referral.suspects, party)],
    ['Victims', ...listOf(referral.victims, party)],
    ['Others', ...listOf(referral.otherParties, party)],
    ['Files', files(referral.files)],
    ['Evidence', ...listOf(referral.evidence, evidence)],
    ['Known to', ...listOf(referral.priorContacts, priorContact)],
    ['Handling', handling(referral)],
    ['Ask', contact(referral.originator?.contact, referral.originator?.reference)],
  ];
  const body = rows.flatMap(([label, ...texts]) => row(label, texts));
  return [
    `${headingOf(referral, style)}  ${style.strong(opened.id)}`,
    ...body,
    `  ${'Answer'.padEnd(LABEL)}${answerCommand}`,
    '',
  ].join('\n');
}

export function summarizeWithdrawal({ hotline, id, reason, acceptedAt, handed }: Withdrawal, style: Style): string {
  const what = handed ? 'You have it already: stop working on it.' : 'You have not received it, and will not.';
  const when = `${hotline} withdrew it ${words.moment(acceptedAt)}: ${words.WITHDRAWAL[reason]}.`;
  return [`${style.warning('WITHDRAWN')}  ${style.strong(id)}`, ...row('', [`${when} ${what}`]), ''].join('\n');
}

function row(label: string, texts: readonly string[]): string[] {
  const lines = texts.filter((text) => text !== '').flatMap((text) => wrap(shorten(text, LONGEST), WIDTH - LABEL - 2));
  return lines.map((line, index) => `  ${(index === 0 ? label : '').padEnd(LABEL)}${line}`);
}

function whyHere({ referral, roles, countries, routed }: AgencyReferral): string {
  const sentOn = routed.map(({ by, routing }) => `${by} named ${words.routing(routing)} later`);
  const here =
    countries.length > 0 ? words.address({ roles, countries }) : 'you take what nobody else is registered for';
  return [here, `the hotline named: ${words.routing(referral.routing)}`, ...sentOn].join('; ');
}

function incident({ type, annotations = [], at, until }: Referral['incident']): string {
  const more = annotations.length > 0 ? ` (${annotations.join(', ')})` : '';
  return `${type}${more}, ${words.moment(at)}${until === undefined ? '' : ` to ${words.moment(until)}`}`;
}

function channel(one: Channel): string {
  switch (one.kind) {
    case 'web-page':
      return `web page ${one.url}`;
    case 'email':
      return join('e-mail', ...(one.addresses ?? []));
    case 'chat':
      return join(`chat ${one.service}`, one.room);
    case 'game':
      return join(`game ${one.title}`, one.platform);
    case 'phone':
      return `telephone ${one.number}`;
    case 'peer-to-peer':
      return `peer to peer ${one.network}`;
    case 'other':
      return one.description;
  }
}

function party({ name, age, birthDate, emails = [], phones = [], accounts = [], ...more }: Party): string {
  const { address, estimatedLocations = [] } = more;
  return join(
    name,
    age === undefined ? undefined : `aged ${age}`,
    birthDate && `born ${birthDate}`,
    ...accounts.map(({ service, id, screenName, displayName, ipEvents = [] }) => {
      const names = joinWith(' / ', [id, screenName, displayName]);
      const events = ipEvents.length > 0 ? ` (${words.count(ipEvents.length, 'IP event')})` : '';
      return `${service}${names === '' ? '' : ` account ${names}`}${events}`;
    }),
    ...emails,
    ...phones,
    address && `lives in ${place(address)}`,
    ...estimatedLocations.map((location) => `believed in ${place(location)}${location.verified ? ', confirmed' : ''}`),
  );
}

function place({
  city,
  region,
  country,
}: {
  city?: string | undefined;
  region?: string | undefined;
  country?: string | undefined;
}): string {
  return joinWith(', ', [city, region, country && words.country(country)]) || 'a place given in the document';
}

function files(list: Referral['files'] = []): string {
  if (list.length === 0) return '';
  const classes = [...new Set(list.flatMap(({ classification }) => classification ?? []))].sort();
  const viewed = list.filter(({ viewedByReporter }) => viewedByReporter).length;
  return join(
    words.count(list.length, 'file'),
    classes.length > 0 ? `classified ${classes.join(', ')}` : undefined,
    `${viewed} viewed by the reporter`,
  );
}

function evidence({
  custodian,
  description,
  preservedUntil,
  legalProcess,
}: NonNullable<Referral['evidence']>[number]): string {
  const until = preservedUntil && `kept until ${preservedUntil.slice(0, 10)}`;
  const request = legalProcess && `request at ${contact(legalProcess)}`;
  return join(custodian, description && shorten(description, 200), until, request);
}

const priorContact = ({ agency, country, caseNumber }: NonNullable<Referral['priorContacts']>[number]): string =>
  join(agency, country && words.country(country), caseNumber && `case ${caseNumber}`);

function handling({ handling, onward }: Referral): string {
  const { tlp, europol = [], restrictions } = handling;
  const sending = onward === 'allowed' ? 'may be sent on' : 'must not be sent on';
  return join(`TLP:${tlp}`, ...europol, sending, restrictions && shorten(restrictions, 200));
}

function contact(
  {
    name,
    email,
    phone,
    url,
  }: {
    name?: string | undefined;
    email?: string | undefined;
    phone?: string | undefined;
    url?: string | undefined;
  } = {},
  reference?: string,
): string {
  return join(name, phone, email, url, reference && `their reference ${reference}`);
}

/** One text per entry, numbered where there are several. */
function listOf<T>(entries: readonly T[] | undefined = [], describe: (entry: T) => string): string[] {
  const shown = entries.slice(0, MOST).map((entry, index) => {
    const text = describe(entry) || 'see the document';
    return entries.length > 1 ? `${index + 1}. ${text}` : text;
  });
  return entries.length > MOST ? [...shown, `and ${entries.length - MOST} more`] : shown;
}

const join = (...parts: readonly (string | undefined)[]): string => joinWith('; ', parts);

function joinWith(separator: string, parts: readonly (string | undefined)[]): string {
  const given = parts.flatMap((part) => (part === undefined || part === '' ? [] : [safeLine(part)]));
  return given.map((part, index) => (index < given.length - 1 ? part.replace(/\.$/, '') : part)).join(separator);
}
