import type { Role, Routing } from './schema.ts';

/** An agency that a referral goes to, and what led there; both lists are sorted and hold no duplicates. */
export interface PlannedRoute {
  agency: string;
  roles: Role[];
  countries: string[];
}

export interface RoutePlan {
  /** Each agency once, sorted by id. */
  routes: PlannedRoute[];
  /** Countries that no agency and no fallback takes, sorted. */
  unrouted: string[];
}

/** Who is registered for what: the registry, or what the directory tells partners of it. */
export interface AgencyBook {
  /** Takes what nobody is registered for. */
  fallback: { id: string } | undefined;
  agenciesFor(country: string): readonly { id: string }[];
}

/**
 * Where a referral goes (protocol section 3): to every agency registered for one of its countries, and for a country
 * nobody is registered for, or when no country is known, to the fallback. `except` is the agency that sends it on: a
 * country whose only agency is that one stays unrouted.
 */
export function planRoutes(routing: Routing, book: AgencyBook, except?: string): RoutePlan {
  const routes = new Map<string, PlannedRoute>();
  const unrouted = new Set<string>();
  const fallback = book.fallback?.id === except ? undefined : book.fallback;

  for (const role of ['suspect', 'victim'] as const) {
    for (const country of routing[role]) {
      const agencies = book.agenciesFor(country).filter(({ id }) => id !== except);
      const takers = agencies.length > 0 || book.agenciesFor(country).length > 0 ? agencies : listOf(fallback);
      if (takers.length === 0) unrouted.add(country);
      for (const agency of takers) add(routes, agency.id, role, country);
    }
  }
  const nothingKnown = routing.suspect.length === 0 && routing.victim.length === 0;
  if (nothingKnown && fallback) routes.set(fallback.id, { agency: fallback.id, roles: [], countries: [] });

  return { routes: [...routes.values()].sort(byAgency), unrouted: [...unrouted].sort() };
}

/** `route` widened by what `more` adds; the same object if it adds nothing. */
export function widenRoute(route: PlannedRoute, more: PlannedRoute): PlannedRoute {
  const roles = union(route.roles, more.roles);
  const countries = union(route.countries, more.countries);
  if (roles.length === route.roles.length && countries.length === route.countries.length) return route;
  return { agency: route.agency, roles, countries };
}

/** All routes of several plans, in which an agency named more than once is widened. */
export function mergeRoutes(plans: readonly (readonly PlannedRoute[])[]): PlannedRoute[] {
  const merged = new Map<string, PlannedRoute>();
  for (const route of plans.flat()) {
    const known = merged.get(route.agency);
    merged.set(route.agency, known ? widenRoute(known, route) : route);
  }
  return [...merged.values()].sort(byAgency);
}

/** One spelling for a routing, in which lists compare as sets. */
export const canonicalRouting = (routing: Routing): Routing => ({
  suspect: routing.suspect.toSorted(),
  victim: routing.victim.toSorted(),
});

/** A text that two routings share exactly if they are equal as sets. */
export const routingKey = (routing: Routing): string => JSON.stringify(canonicalRouting(routing));

function add(routes: Map<string, PlannedRoute>, agency: string, role: Role, country: string): void {
  const route = routes.get(agency) ?? { agency, roles: [], countries: [] };
  routes.set(agency, widenRoute(route, { agency, roles: [role], countries: [country] }));
}

const listOf = (agency: { id: string } | undefined): { id: string }[] => (agency ? [agency] : []);

const union = <T extends string>(a: readonly T[], b: readonly T[]): T[] => [...new Set([...a, ...b])].sort();

const byAgency = (a: PlannedRoute, b: PlannedRoute): number => (a.agency < b.agency ? -1 : 1);
