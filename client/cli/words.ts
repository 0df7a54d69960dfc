import type { OutcomeStatement, RouteStatus } from '../../core/contracts.ts';
import type { PlannedRoute } from '../../core/routing.ts';
import type { Role, Routing } from '../../core/schema.ts';
import { safeLine } from './safe-text.ts';

/* The protocol's codes in plain words. */

const REGIONS = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });

/** `DE (Germany)`. */
export function country(code: string): string {
  const name = /^[A-Z]{2}$/.test(code) ? REGIONS.of(code) : undefined;
  return name === undefined ? safeLine(code) : `${code} (${name})`;
}

export const countries = (codes: readonly string[]): string => codes.map(country).join(', ');

/** `suspect in DE (Germany), victim in CA (Canada)`. */
export function routing({ suspect, victim }: Routing): string {
  const parts = [
    ...(suspect.length > 0 ? [`suspect in ${countries(suspect)}`] : []),
    ...(victim.length > 0 ? [`victim in ${countries(victim)}`] : []),
  ];
  return parts.length > 0 ? parts.join(', ') : 'no country known';
}

/** `de-police, for suspect in DE (Germany)`. */
export const route = ({ agency, roles, countries }: PlannedRoute): string =>
  `${agency}, ${address({ roles, countries })}`;

/** Why an agency has a referral. */
export function address({ roles, countries: codes }: { roles: readonly Role[]; countries: readonly string[] }): string {
  if (codes.length === 0) return 'as no country is known';
  const whose = roles.length > 0 ? roles.join(' and ') : 'somebody';
  return `for ${whose} in ${countries(codes)}`;
}

/** What an agency states, as the end of a sentence that begins with its name. */
export function outcome({
  status,
  reason,
  countries: codes = [],
}: Pick<OutcomeStatement, 'status' | 'reason' | 'countries'>): string {
  switch (status) {
    case 'opened':
      return 'has opened it';
    case 'wrong-jurisdiction':
      return codes.length > 0
        ? `is not the one for it; it belongs to ${countries(codes)}`
        : 'is not the one for it, and does not know who is';
    case 'unreadable':
    case 'not-actionable':
    case 'actionable':
    case 'closed':
      return REASONS[status][reason ?? ''] ?? `${status} (${reason ?? 'no reason'})`;
  }
}

const REASONS: Readonly<Record<'unreadable' | 'not-actionable' | 'actionable' | 'closed', Record<string, string>>> = {
  unreadable: {
    decryption: 'cannot decrypt it',
    signature: 'cannot read it: its signature does not hold',
    schema: 'cannot read it: the document inside is not valid',
    envelope: 'cannot read it: what stands outside differs from the document inside',
    'not-addressed': 'cannot take it: it is not addressed to them',
  },
  'not-actionable': {
    duplicate: 'cannot act on it: they have it already',
    insufficient: 'cannot act on it: it says too little',
    'lawful-here': 'cannot act on it: it is not an offence there',
    'no-resources': 'cannot act on it for lack of resources',
  },
  actionable: {
    'case-opened': 'acts on it: a case was opened',
    'joined-to-case': 'acts on it: it was joined to a case',
  },
  closed: {
    'child-safeguarded': 'has closed it: a child was safeguarded',
    'suspect-identified': 'has closed it: a suspect was identified',
    arrest: 'has closed it: somebody was arrested',
    'no-result': 'has closed it without a result',
  },
};

/** What the relay itself reports; `event` may be one that this version does not know. */
export function event(item: { event: string; agency?: string | undefined; countries?: string[] | undefined }): string {
  const codes = item.countries ?? [];
  switch (item.event) {
    case 'undeliverable':
      return `cannot be delivered to ${item.agency ?? 'an agency'}: its content key does not open, so seal it anew and submit it under a new id`;
    case 'unrouted':
      return `goes to nobody for ${countries(codes)}: no agency is registered there`;
    case 'sent-on':
      return `was sent on${item.agency === undefined ? '' : ` by ${item.agency}`}${codes.length > 0 ? ` to ${countries(codes)}` : ''}`;
    case 'handed-over':
      return `went from ${item.agency ?? 'an agency'}, which had not opened it, to the fallback agency`;
    default:
      return `${safeLine(item.event)} (an event that this version does not know)`;
  }
}

export const ROUTE_STATUS: Readonly<Record<RouteStatus, string>> = {
  pending: 'on its way',
  delivered: "in the agency's queue, not opened yet",
  opened: 'opened',
  unreadable: 'the agency cannot read it; it is sent again',
  undeliverable: 'cannot be delivered',
  withdrawn: 'withdrawn',
};

export const WITHDRAWAL = {
  error: 'it was sent by mistake',
  superseded: 'another one takes its place',
  legal: 'for legal reasons',
} as const;

/** What a withdrawal comes to at an agency, as the end of a sentence that begins with its name. */
export function withdrawnFrom(status: RouteStatus | undefined): string {
  switch (status) {
    case 'opened':
      return 'has opened it, and is told: what was read stays read';
    case 'undeliverable':
      return 'is not told: it could not be delivered, or another agency took it over';
    default:
      return 'has not said that it opened it as it is now; it is told, if it may have it';
  }
}

/** `2026-11-23 09:30 UTC` */
export const moment = (timestamp: string): string => `${timestamp.slice(0, 10)} ${timestamp.slice(11, 16)} UTC`;

/** So many names are listed. */
const MOST = 20;

/** A heading and names under it, a line each; of very many the first ones. Nothing if there are none. */
export function named(heading: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const lines = names.slice(0, MOST).map((name) => `  ${name}`);
  return [heading, ...lines, ...(names.length > MOST ? [`  and ${names.length - MOST} more`] : [])];
}

/** `1 file`, `2 files`. */
export const count = (number: number, noun: string, plural = `${noun}s`): string =>
  `${number} ${number === 1 ? noun : plural}`;
