import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ROUTE_STATUSES, type OutcomeStatus } from '../../core/contracts.ts';
import type { ReferralRecord, ReferralRow, RouteRow, StatementContent, StatementRow } from '../../core/ledger.ts';
import {
  answered,
  backoff,
  contentExpiry,
  createRoute,
  failed,
  handedOver,
  hastened,
  isFinal,
  isFirstReminder,
  owes,
  reconsidered,
  redelivered,
  released,
  reminded,
  sent,
  undeliverable,
  widen,
  withdrawn,
} from '../../core/ledger-rules.ts';
import type { Urgency } from '../../core/schema.ts';
import { DAY, fromTimestamp, HOUR, MINUTE, toTimestamp } from '../../core/time.ts';

const NOW = Date.parse('2026-11-23T09:00:00.000Z');

const referral = (urgency: Urgency = 'routine'): ReferralRow => ({
  v: 1,
  kind: 'referral',
  hotline: 'gb-hotline',
  id: '019a0000-0000-7000-8000-000000000000',
  rev: 1,
  acceptedAt: toTimestamp(NOW),
  routing: { suspect: ['DE'], victim: [] },
  urgency,
  onward: 'allowed',
  hash: 'h',
  generation: 1,
  plan: { routes: [{ agency: 'de-police', roles: ['suspect'], countries: ['DE'] }], unrouted: [] },
  sealed: 'jwe',
});

const route = (urgency: Urgency = 'routine'): RouteRow =>
  createRoute(referral(urgency), { agency: 'de-police', roles: ['suspect'], countries: ['DE'] }, false, NOW);

/** How long after `from` the row is due. */
const wait = (row: RouteRow, from = NOW): number => (row.due ? fromTimestamp(row.due.at) - from : Number.NaN);

describe('a route', () => {
  it('is owed within a minute of its making', () => {
    expect(route()).toMatchObject({ status: 'pending', version: 1, attempts: 0, finalAt: null });
    expect(wait(route())).toBe(MINUTE);
    expect(owes(route())).toBe('referral');
  });

  it('is sent again before the queue forgets it', () => {
    const delivered = sent(route(), NOW);
    expect(delivered).toMatchObject({ status: 'delivered', deliveredAt: toTimestamp(NOW), attempts: 1 });
    expect(wait(delivered)).toBe(13 * DAY);
    expect(wait(sent(delivered, NOW))).toBe(13 * DAY);
  });

  it('reminds of an immediate referral after 15 minutes, then sends at 1 hour, 6 hours and daily', () => {
    let row = sent(route('immediate'), NOW);
    expect(wait(row)).toBe(15 * MINUTE);
    expect(isFirstReminder(row)).toBe(true);
    let now = NOW + 15 * MINUTE;
    row = reminded(row, now);
    expect(isFirstReminder(row)).toBe(false);
    const times: number[] = [];
    for (let count = 0; count < 4; count++) {
      now += wait(row, now);
      times.push(now - NOW);
      row = sent(row, now);
    }
    expect(times).toEqual([HOUR, 6 * HOUR, 6 * HOUR + DAY, 6 * HOUR + 2 * DAY]);
  });

  it('tries an unreadable referral again after an hour, a day, and every 13 days', () => {
    let row = answered(sent(route(), NOW), 1, 'unreadable', toTimestamp(NOW), NOW);
    const waits = [wait(row)];
    for (let count = 0; count < 3; count++) {
      row = sent(row, NOW);
      waits.push(wait(row));
    }
    expect(row.status).toBe('unreadable');
    expect(waits).toEqual([HOUR, DAY, 13 * DAY, 13 * DAY]);
  });

  it('tries an unreadable referral at once where there is something new to send with it, and no other', () => {
    const row = answered(sent(route(), NOW), 1, 'unreadable', toTimestamp(NOW), NOW);
    expect(wait(reconsidered(row, NOW))).toBe(0);
    for (const other of [route(), sent(route(), NOW), withdrawn(row, NOW)]) {
      expect(reconsidered(other, NOW)).toBe(other);
    }
  });

  it('backs off from failures, doubling up to six hours, and forgets them with a success', () => {
    let row = route();
    const waits: number[] = [];
    for (let count = 0; count < 12; count++) {
      row = failed(row, NOW, 1);
      waits.push(wait(row) / MINUTE);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]);
    expect(row.status).toBe('pending');
    expect(sent(row, NOW).failures).toBe(0);
  });

  it('tries what is immediate again every quarter of an hour, however long it has failed', () => {
    let row = route('immediate');
    const waits: number[] = [];
    for (let count = 0; count < 8; count++) {
      row = failed(row, NOW, 1);
      waits.push(wait(row) / MINUTE);
    }
    expect(waits).toEqual([1, 2, 4, 8, 15, 15, 15, 15]);
  });

  it.each(['opened', 'wrong-jurisdiction', 'not-actionable', 'actionable', 'closed'] satisfies OutcomeStatus[])(
    'is final once its agency has stated "%s"',
    (status) => {
      const row = answered(sent(route(), NOW), 1, status, toTimestamp(NOW + 5), NOW + 5);
      expect(row).toMatchObject({ status: 'opened', openedAt: toTimestamp(NOW + 5), due: undefined });
      expect(isFinal(row)).toBe(true);
    },
  );

  it('is opened even if nobody had recorded the delivery', () => {
    expect(answered(route(), 1, 'opened', toTimestamp(NOW), NOW)).toMatchObject({ status: 'opened' });
  });

  it('does not take an answer to an earlier version for one to this', () => {
    const wider = widen(sent(route(), NOW), { agency: 'de-police', roles: ['victim'], countries: ['DE'] }, NOW);
    expect(wider).toMatchObject({ version: 2, status: 'pending', roles: ['suspect', 'victim'], deliveredAt: null });
    expect(answered(wider, 1, 'opened', toTimestamp(NOW), NOW)).toBe(wider);
    expect(answered(wider, 2, 'opened', toTimestamp(NOW), NOW).status).toBe('opened');
  });

  it('does not lose "opened" to a later "unreadable"', () => {
    const opened = answered(sent(route(), NOW), 1, 'opened', toTimestamp(NOW), NOW);
    expect(answered(opened, 1, 'unreadable', toTimestamp(NOW), NOW)).toBe(opened);
  });

  it('stays as it is when nothing is added', () => {
    const row = route();
    expect(widen(row, { agency: 'de-police', roles: ['suspect'], countries: ['DE'] }, NOW)).toBe(row);
  });

  it('ends when the content key was wrapped wrongly', () => {
    expect(isFinal(undeliverable(route(), NOW))).toBe(true);
  });
});

describe('a withdrawal', () => {
  it('is owed to an agency that may have the referral, and final once sent', () => {
    const row = withdrawn(sent(route(), NOW), NOW);
    expect(row.status).toBe('withdrawn');
    expect(owes(row)).toBe('withdrawn');
    expect(isFinal(row)).toBe(false);
    expect(isFinal(sent(row, NOW))).toBe(true);
  });

  it('is sent again every 13 days, for no agency confirms it', () => {
    const row = sent(withdrawn(sent(route(), NOW), NOW), NOW);
    expect(wait(row)).toBe(13 * DAY);
    expect(owes(row)).toBe('withdrawn');
    expect(sent(row, NOW)).toEqual({ ...row, attempts: row.attempts + 1 });
  });

  it('leaves "opened" standing and is owed once', () => {
    const row = withdrawn(answered(route(), 1, 'opened', toTimestamp(NOW), NOW), NOW);
    expect(row.status).toBe('opened');
    expect(owes(row)).toBe('withdrawn');
    expect(withdrawn(row, NOW)).toBe(row);
    expect(withdrawn(sent(row, NOW), NOW)).toEqual(sent(row, NOW));
  });

  it('makes a route that does not exist yet final at once', () => {
    const row = createRoute(referral(), { agency: 'de-police', roles: [], countries: [] }, true, NOW);
    expect(owes(row)).toBeUndefined();
    expect(isFinal(row)).toBe(true);
  });

  it('does not hide that an agency opened it after all, and the news is still owed', () => {
    const row = answered(withdrawn(sent(route(), NOW), NOW), 1, 'opened', toTimestamp(NOW), NOW);
    expect(row.status).toBe('opened');
    expect(owes(row)).toBe('withdrawn');
  });
});

describe('a route at the operator’s order', () => {
  const opened = answered(sent(route(), NOW), 1, 'opened', toTimestamp(NOW), NOW);

  it('is owed at once where it was owed later, and not later where it was owed before', () => {
    const waiting = failed(route(), NOW, 1);
    expect(wait(hastened(waiting, NOW))).toBe(0);
    expect(hastened(waiting, NOW + HOUR)).toBe(waiting);
    expect(hastened(opened, NOW)).toBe(opened);
  });

  it('is sent anew as it was, and as a new version once it was opened', () => {
    const delivered = sent(sent(route(), NOW), NOW);
    expect(redelivered(delivered, NOW)).toMatchObject({ status: 'pending', version: 1, repeats: 0, deliveredAt: null });
    expect(wait(redelivered(delivered, NOW))).toBe(0);
    expect(redelivered(opened, NOW)).toMatchObject({ status: 'pending', version: 2, finalAt: null, openedAt: null });
  });

  // Sweep applies a statement again every 13 days until its hotline has fetched it.
  it('goes out within the hour also where an "unreadable" from before is applied once more, and can still be opened', () => {
    const before = toTimestamp(NOW - 13 * DAY);
    const first = answered(sent(route(), NOW - 13 * DAY), 1, 'unreadable', before, NOW - 13 * DAY);
    const ordered = redelivered(first, NOW);
    for (const row of [ordered, sent(ordered, NOW)]) {
      const stale = answered(row, 1, 'unreadable', before, NOW);
      expect([isFinal(stale), owes(stale), wait(stale)]).toEqual([false, 'referral', HOUR]);
      expect(answered(stale, 1, 'opened', toTimestamp(NOW), NOW).status).toBe('opened');
    }
    const anew = redelivered(opened, NOW);
    expect(answered(anew, 1, 'unreadable', before, NOW)).toBe(anew);
  });

  it.each([
    ['undeliverable', undeliverable(route(), NOW)],
    ['withdrawn', withdrawn(sent(route(), NOW), NOW)],
    ['opened, with the news of its withdrawal on the way', withdrawn(opened, NOW)],
  ])('is not sent anew when %s', (_title, row) => {
    expect(redelivered(row, NOW)).toBe(row);
  });

  it('ends when another agency takes it over, unless it was opened or has become wider since', () => {
    expect(handedOver(sent(route(), NOW), 1, NOW)).toMatchObject({ status: 'undeliverable', due: undefined });
    expect(handedOver(opened, 1, NOW)).toBe(opened);
    const wider = widen(route(), { agency: 'de-police', roles: ['victim'], countries: ['DE'] }, NOW);
    expect(handedOver(wider, 1, NOW)).toBe(wider);
  });

  it('is still believed to be opened by an agency that had it in its queue', () => {
    const left = handedOver(sent(route(), NOW), 1, NOW);
    expect(answered(left, 1, 'opened', toTimestamp(NOW), NOW).status).toBe('opened');
    expect(answered(left, 1, 'unreadable', toTimestamp(NOW), NOW)).toBe(left);
  });
});

const record = (routes: RouteRow[], more: Partial<ReferralRecord> = {}): ReferralRecord => ({
  referral: referral(),
  routes,
  statements: [],
  ...more,
});
const opened = (at: number): RouteRow => answered(route(), 1, 'opened', toTimestamp(at), at);

describe('content', () => {
  it('stays while a route is not final, or not made yet', () => {
    expect(contentExpiry(record([opened(NOW), sent(route(), NOW)]), DAY)).toBeUndefined();
    expect(contentExpiry(record([]), DAY)).toBeUndefined();
  });

  it('goes a retention time after the last route became final', () => {
    expect(contentExpiry(record([opened(NOW), opened(NOW + HOUR)]), 30 * DAY)).toBe(NOW + HOUR + 30 * DAY);
  });

  it('stays while a statement has still to be applied', () => {
    const plan = { routes: [], unrouted: [] };
    const routing = { suspect: [], victim: [] };
    const content: StatementContent = { type: 'route', statement: '', by: 'x', routing, plan };
    const due = { lane: 'outbox#0', at: toTimestamp(NOW) };
    const { hotline, id, acceptedAt } = referral();
    const row: StatementRow = {
      v: 1,
      kind: 'statement',
      hotline,
      id,
      rev: 1,
      key: 'route#00',
      acceptedAt,
      content,
      due,
    };
    expect(contentExpiry(record([opened(NOW)], { statements: [row] }), DAY)).toBeUndefined();
  });

  it('stays as long as somebody asked for', () => {
    const contentUntil = toTimestamp(NOW + 90 * DAY);
    expect(contentExpiry(record([opened(NOW)], { referral: { ...referral(), contentUntil } }), DAY)).toBe(
      NOW + 90 * DAY,
    );
  });
});

describe('whatever happens to a route', () => {
  const steps = fc.array(
    fc.oneof(
      fc.constant((row: RouteRow) => (owes(row) ? sent(row, NOW) : row)),
      fc
        .double({ min: 0, max: 1, noNaN: true })
        .map((jitter) => (row: RouteRow) => (owes(row) ? failed(row, NOW, jitter) : row)),
      fc
        .constantFrom('opened' as const, 'unreadable' as const, 'closed' as const)
        .map((status) => (row: RouteRow) => answered(row, row.version, status, toTimestamp(NOW), NOW)),
      fc.constant((row: RouteRow) => withdrawn(row, NOW)),
      fc.constant((row: RouteRow) => redelivered(row, NOW)),
      fc.constant((row: RouteRow) => handedOver(row, row.version, NOW)),
      fc.constant((row: RouteRow) => released(row, NOW)),
      fc
        .constantFrom('DE', 'FR', 'SE')
        .map(
          (country) => (row: RouteRow) =>
            widen(row, { agency: row.agency, roles: ['victim'], countries: [country] }, NOW),
        ),
    ),
    { maxLength: 12 },
  );

  it('something is owed or it is final, or both for the news of a withdrawal; versions never go back', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom<Urgency>('immediate', 'high', 'routine'), (changes, urgency) => {
        let row = route(urgency);
        for (const change of changes) {
          const next = change(row);
          expect(next.version).toBeGreaterThanOrEqual(row.version);
          expect(ROUTE_STATUSES).toContain(next.status);
          expect(isFinal(next) || next.due !== undefined).toBe(true);
          if (isFinal(next) && next.due) expect(owes(next)).toBe('withdrawn');
          row = next;
        }
      }),
    );
  });

  it.each([
    ['immediate', 15],
    ['high', 360],
    ['routine', 360],
  ] as const)('a wait lies between half the doubled minute and the longest, of what is %s', (urgency, most) => {
    const fraction = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fraction, (failures, jitter) => {
        const longest = Math.min(2 ** (failures - 1), most) * MINUTE;
        expect(backoff(failures, jitter, urgency)).toBeGreaterThanOrEqual(longest / 2);
        expect(backoff(failures, jitter, urgency)).toBeLessThanOrEqual(longest);
      }),
    );
  });
});
