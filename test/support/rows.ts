import { randomBytes } from 'node:crypto';
import { hashText } from '../../core/base64url.ts';
import type { ReferralName } from '../../core/ids.ts';
import type { OutboxRow, ReferralRow, RetentionRow, RouteRow, StatementRow } from '../../core/ledger.ts';
import { toTimestamp } from '../../core/time.ts';

export const NOW = '2026-11-23T09:30:00.000Z';

/** An id that nothing else in the test run has, made at `at`. */
export function makeReferralId(at = NOW): string {
  const hex = Date.parse(at).toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
  const [time, variant] = [hex.slice(8, 12), '89ab'.charAt(Number.parseInt(hex.charAt(16), 16) % 4)];
  return `${hex.slice(0, 8)}-${time}-7${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export const makeName = (hotline = 'gb-hotline'): ReferralName => ({ hotline, id: makeReferralId() });

/** A partner id that nothing else in the test run has. */
export const makePartnerId = (country: string): string => `${country}-${randomBytes(6).toString('hex')}`;

const base = (name: ReferralName) => ({ v: 1, ...name, rev: 1 }) as const;

export function makeReferralRow(name: ReferralName, more: Partial<ReferralRow> = {}): ReferralRow {
  const sealed = more.sealed ?? 'sealed';
  return {
    ...base(name),
    kind: 'referral',
    acceptedAt: NOW,
    routing: { suspect: ['DE'], victim: [] },
    urgency: 'high',
    onward: 'allowed',
    hash: hashText(sealed),
    generation: 1,
    plan: { routes: [{ agency: 'de-police', roles: ['suspect'], countries: ['DE'] }], unrouted: [] },
    sealed,
    ...more,
  };
}

export function makeRouteRow(name: ReferralName, more: Partial<RouteRow> = {}): RouteRow {
  return {
    ...base(name),
    kind: 'route',
    agency: 'de-police',
    status: 'pending',
    version: 1,
    roles: ['suspect'],
    countries: ['DE'],
    urgency: 'high',
    deliveredAt: null,
    openedAt: null,
    finalAt: null,
    attempts: 0,
    failures: 0,
    repeats: 0,
    withdrawalSentAt: null,
    ...more,
  };
}

export function makeStatementRow(name: ReferralName, more: Partial<StatementRow> = {}): StatementRow {
  return {
    ...base(name),
    kind: 'statement',
    key: 'outcome#de-police#00',
    acceptedAt: NOW,
    content: { type: 'outcome', statement: 'e30.e30.e30', agency: 'de-police', version: 1, status: 'opened' },
    ...more,
  };
}

export function makeOutboxRow(name: ReferralName, more: Partial<OutboxRow> = {}): OutboxRow {
  return { ...base(name), kind: 'outbox', createdAt: NOW, urgency: 'high', ...more };
}

export function makeRetentionRow(name: ReferralName, more: Partial<RetentionRow> = {}): RetentionRow {
  return { ...base(name), kind: 'retention', ...more };
}

/** Due in `lane`, `minutes` after {@link NOW}. */
export const due = (lane: string, minutes: number) => ({ lane, at: toTimestamp(Date.parse(NOW) + minutes * 60_000) });
