import type { AgencyEntry, Book, HotlineEntry } from './books.ts';

/** The books of all partners, by partner id. */
export interface Books {
  hotlines: ReadonlyMap<string, Pick<Book<HotlineEntry>, 'entries'>>;
  agencies: ReadonlyMap<string, Pick<Book<AgencyEntry>, 'entries'>>;
}

export interface Verdict {
  /** Referrals that the relay has accepted, and the routes to agencies that it promised with them. */
  accepted: number;
  routes: number;
  /** Routes whose agency has opened the referral. */
  opened: number;
  outcomes: number;
  /** Requests to submit, beyond one for each accepted referral. */
  retries: number;
  /** Referrals and outcomes that came again and had no second effect. */
  suppressed: number;
  /** Promised, and not opened. */
  lost: string[];
  /** Opened with another content than was sealed. */
  altered: string[];
  /** Opened by an agency that was not routed to it, or never accepted at all. */
  strays: string[];
  /** Filed twice by one agency. */
  twice: string[];
  /** Opened, but the hotline did not collect that; or collected, and not opened. */
  outcomesAmiss: string[];
  strange: string[];
}

/** Holds the hotlines' books against the agencies': they agree when no list has anything in it. */
export function compareBooks({ hotlines, agencies }: Books): Verdict {
  const verdict: Verdict = {
    accepted: 0,
    routes: 0,
    opened: 0,
    outcomes: 0,
    retries: 0,
    suppressed: 0,
    lost: [],
    altered: [],
    strays: [],
    twice: [],
    outcomesAmiss: [],
    strange: [],
  };
  const digests = new Map<string, string>();
  /** Names of routes: `hotline/id agency`. */
  const promised = new Set<string>();
  const collected = new Set<string>();
  const accepted = new Set<string>();
  for (const [hotline, { entries }] of hotlines) {
    for (const entry of entries) {
      if (entry.kind === 'sent') {
        verdict.retries += 1;
        continue;
      }
      const name = `${hotline}/${entry.id}`;
      if (entry.kind === 'written') digests.set(name, entry.digest);
      else if (entry.kind === 'accepted') {
        accepted.add(name);
        for (const agency of entry.agencies) promised.add(`${name} ${agency}`);
      } else if (entry.kind === 'strange') verdict.strange.push(`${name} ${entry.what}`);
      else if (entry.again) verdict.suppressed += 1;
      else if (entry.status === 'opened') collected.add(`${name} ${entry.agency}`);
      else verdict.strange.push(`${name} ${entry.agency} states ${entry.status}`);
    }
  }

  const opened = new Set<string>();
  for (const [agency, { entries }] of agencies) {
    for (const entry of entries) {
      const name = `${entry.hotline}/${entry.id}`;
      const route = `${name} ${agency}`;
      if (entry.kind === 'suppressed') verdict.suppressed += 1;
      else if (entry.kind === 'strange') verdict.strange.push(`${route} ${entry.what}`);
      else {
        if (opened.has(route)) verdict.twice.push(route);
        opened.add(route);
        if (!promised.has(route)) verdict.strays.push(route);
        if (digests.get(name) !== entry.digest) verdict.altered.push(route);
      }
    }
  }

  verdict.accepted = accepted.size;
  verdict.retries = Math.max(0, verdict.retries - accepted.size);
  verdict.routes = promised.size;
  verdict.opened = [...promised].filter((route) => opened.has(route)).length;
  verdict.outcomes = collected.size;
  verdict.lost = [...promised].filter((route) => !opened.has(route));
  verdict.outcomesAmiss = [...opened].filter((route) => !collected.has(route));
  verdict.outcomesAmiss.push(...[...collected].filter((route) => !opened.has(route)));
  return verdict;
}

const COMPLAINTS = ['lost', 'altered', 'strays', 'twice', 'outcomesAmiss', 'strange'] as const;

/** Whether the books agree exactly, and something was accepted at all. */
export const isSound = (verdict: Verdict): boolean =>
  verdict.accepted > 0 && COMPLAINTS.every((name) => verdict[name].length === 0);

/** The first of what differs, a line each. */
export const complaintsOf = (verdict: Verdict, most = 20): string[] =>
  COMPLAINTS.flatMap((name) => verdict[name].map((what) => `${name}: ${what}`)).slice(0, most);
