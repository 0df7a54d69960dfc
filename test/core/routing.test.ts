import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Agency, Registry } from '../../core/registry.ts';
import { mergeRoutes, planRoutes, routingKey, widenRoute } from '../../core/routing.ts';

const agency = (id: string, countries: string[], more: Partial<Agency> = {}): Agency => ({
  kind: 'agency',
  id,
  name: id,
  contact: { email: 'ops@example.org' },
  keys: [],
  countries,
  fallback: false,
  forwards: false,
  kmsKeys: [{ generation: 1 }],
  ...more,
});

const registryOf = (...agencies: Agency[]): Registry => ({
  digest: '',
  hotlines: new Map(),
  agencies: new Map(agencies.map((each) => [each.id, each])),
  fallback: agencies.find(({ fallback }) => fallback),
  agenciesFor: (country) => agencies.filter(({ countries }) => countries.includes(country)),
  find: (id) => agencies.find((each) => each.id === id),
  findKey: () => undefined,
});

const clearing = agency('int-clearing', [], { fallback: true, forwards: true });
const german = agency('de-police', ['DE']);
const northern = agency('eu-northern', ['SE', 'DK', 'NO']);
const french = [agency('fr-gendarmes', ['FR']), agency('fr-police', ['FR'])];
const registry = registryOf(german, ...french, northern, clearing);
const withoutFallback = registryOf(german, ...french, northern);

describe('planRoutes', () => {
  it.each([
    ['one agency of one country', { suspect: ['DE'], victim: [] }, ['de-police/suspect/DE'], []],
    ['both roles in one country', { suspect: ['DE'], victim: ['DE'] }, ['de-police/suspect+victim/DE'], []],
    [
      'one agency of several countries once',
      { suspect: ['SE'], victim: ['NO'] },
      ['eu-northern/suspect+victim/NO+SE'],
      [],
    ],
    [
      'every agency of a country',
      { suspect: [], victim: ['FR'] },
      ['fr-gendarmes/victim/FR', 'fr-police/victim/FR'],
      [],
    ],
    ['the fallback where nobody is registered', { suspect: ['AQ'], victim: [] }, ['int-clearing/suspect/AQ'], []],
    ['the fallback where nothing is known, as given', { suspect: [], victim: [] }, ['int-clearing//'], []],
    [
      'the fallback beside a registered agency',
      { suspect: ['DE'], victim: ['AQ'] },
      ['de-police/suspect/DE', 'int-clearing/victim/AQ'],
      [],
    ],
  ])('routes to %s', (_, routing, routes, unrouted) => {
    const plan = planRoutes(routing, registry);
    expect(plan.routes.map((r) => `${r.agency}/${r.roles.join('+')}/${r.countries.join('+')}`)).toEqual(routes);
    expect(plan.unrouted).toEqual(unrouted);
  });

  it.each([
    ['lists a country nobody takes', { suspect: ['AQ'], victim: ['DE'] }, ['de-police'], ['AQ']],
    ['has no route where nothing is known', { suspect: [], victim: [] }, [], []],
    ['has no route where nobody takes anything', { suspect: ['AQ'], victim: ['BV'] }, [], ['AQ', 'BV']],
  ])('without a fallback %s', (_, routing, agencies, unrouted) => {
    const plan = planRoutes(routing, withoutFallback);
    expect(plan.routes.map((r) => r.agency)).toEqual(agencies);
    expect(plan.unrouted).toEqual(unrouted);
  });

  it.each([
    ['leaves a country unrouted whose only agency sends it on', ['DE'], 'de-police', [], ['DE']],
    ['goes to the other agency of the sender’s country', ['FR'], 'fr-police', ['fr-gendarmes'], []],
    ['does not come back to the fallback that sends it on', ['AQ'], 'int-clearing', [], ['AQ']],
  ])('sent on, %s', (_, suspect, except, agencies, unrouted) => {
    const plan = planRoutes({ suspect, victim: [] }, registry, except);
    expect(plan.routes.map((r) => r.agency)).toEqual(agencies);
    expect(plan.unrouted).toEqual(unrouted);
  });

  const country = fc.constantFrom('DE', 'FR', 'SE', 'DK', 'NO', 'AQ', 'BV');
  const countries = fc.uniqueArray(country, { maxLength: 7 });

  it('accounts for every country exactly once per role, whatever the order', () => {
    fc.assert(
      fc.property(countries, countries, fc.boolean(), (suspect, victim, fallback) => {
        const used = fallback ? registry : withoutFallback;
        const plan = planRoutes({ suspect, victim }, used);
        const reached = new Set([...plan.routes.flatMap((r) => r.countries), ...plan.unrouted]);
        expect(reached).toEqual(new Set([...suspect, ...victim]));
        expect(new Set(plan.routes.map((r) => r.agency)).size).toBe(plan.routes.length);
        expect(planRoutes({ suspect: suspect.toReversed(), victim: victim.toReversed() }, used)).toEqual(plan);
      }),
    );
  });

  it('merges plans into the union, in any order and any number of times', () => {
    fc.assert(
      fc.property(countries, countries, (suspect, victim) => {
        const first = planRoutes({ suspect, victim: [] }, registry).routes;
        const second = planRoutes({ suspect: [], victim }, registry).routes;
        const merged = mergeRoutes([first, second]);
        expect(mergeRoutes([second, first])).toEqual(merged);
        expect(mergeRoutes([merged, first, second])).toEqual(merged);
      }),
    );
  });
});

describe('widenRoute', () => {
  const route = { agency: 'de-police', roles: ['suspect' as const], countries: ['DE'] };

  it('is the same object when nothing is new', () => {
    expect(widenRoute(route, route)).toBe(route);
  });

  it('takes up a new role', () => {
    expect(widenRoute(route, { ...route, roles: ['victim'] }).roles).toEqual(['suspect', 'victim']);
  });
});

it('routingKey compares lists as sets and keeps the roles apart', () => {
  expect(routingKey({ suspect: ['DE', 'FR'], victim: [] })).toBe(routingKey({ suspect: ['FR', 'DE'], victim: [] }));
  expect(routingKey({ suspect: ['DE'], victim: [] })).not.toBe(routingKey({ suspect: [], victim: ['DE'] }));
});
