import { iso31661Alpha2ToAlpha3 } from 'iso-3166';

const ASSIGNED: ReadonlySet<string> = new Set(Object.keys(iso31661Alpha2ToAlpha3));

/** The country of canaries and other tests; ISO 3166-1 leaves `ZZ` to users and will never assign it. */
export const TEST_COUNTRY = 'ZZ';

/** Whether `code` is an assigned ISO 3166-1 alpha-2 code in upper case, or {@link TEST_COUNTRY}. */
export const isCountry = (code: string): boolean => ASSIGNED.has(code) || code === TEST_COUNTRY;
