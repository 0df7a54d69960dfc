import * as fc from 'fast-check';
import { SECOND } from '../../core/time.ts';
import type { PollFate } from './agency.ts';
import type { Fate } from './hotline.ts';
import { CALM, type Mishap, type Plan } from './processes.ts';

/* What may befall processes. The simplest of everything comes first, so that failures shrink towards it. */

const LEDGER = [
  'ledger.read',
  'ledger.readOn',
  'ledger.create',
  'ledger.put',
  'ledger.replace',
  'ledger.remove',
] as const;
const RELAY = [
  ...LEDGER,
  'ledger.isSuspended',
  'queues.dispatch',
  'queues.sendToAgency',
  'queues.sendToHotline',
  'keys.rewrap',
] as const;
const API = [
  ...LEDGER,
  'ledger.take',
  'ledger.isSuspended',
  'queues.dispatch',
  'queues.sendToHotline',
  'queues.receive',
  'queues.remove',
] as const;
/** The calls of an agency's poll. */
export const AGENCY_POINTS = [
  'inbox.receive',
  'kms.decrypt',
  'directory.find',
  'handler',
  'seen.read',
  'seen.write',
  'agency.post',
  'agency.posted',
  'inbox.hide',
  'inbox.remove',
] as const;

/** What may befall a call. */
export const MISHAPS = [
  'hold',
  'crash-before',
  'crash-after',
  'lose-request',
  'lose-answer',
  'repeat',
  'throttle',
] as const;

const mishap = (points: readonly string[]): fc.Arbitrary<Mishap> =>
  fc.record({
    at: fc.oneof(
      { withCrossShrink: true },
      { arbitrary: fc.constantFrom(...points), weight: 3 },
      { arbitrary: fc.constant('any'), weight: 1 },
    ),
    nth: fc.nat(4),
    what: fc.oneof(
      { withCrossShrink: true },
      { arbitrary: fc.constant('hold'), weight: 2 },
      { arbitrary: fc.constantFrom(...MISHAPS), weight: 4 },
    ),
    lasting: fc.oneof(
      { withCrossShrink: true },
      { arbitrary: fc.constant(false), weight: 9 },
      { arbitrary: fc.constant(true), weight: 1 },
    ),
    steps: fc.constantFrom(1, 2, 4, 20),
  });

const mishaps = (points: readonly string[]): fc.Arbitrary<Mishap[]> =>
  fc.oneof(
    { withCrossShrink: true },
    { arbitrary: fc.constant<Mishap[]>([]), weight: 4 },
    { arbitrary: fc.array(mishap(points), { minLength: 1, maxLength: 2 }), weight: 4 },
  );

const skew = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.constant(0), weight: 8 },
  { arbitrary: fc.constantFrom(-2 * SECOND, 2 * SECOND), weight: 1 },
);

const plan = (points: readonly string[]): fc.Arbitrary<Plan> =>
  fc.record({ mishaps: mishaps(points), skew, behind: rarely });

const rarely = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.constant(false), weight: 8 },
  { arbitrary: fc.constant(true), weight: 1 },
);

/** For deliver. */
export const relayPlan: fc.Arbitrary<Plan> = plan(RELAY);

export const sometimes = fc.oneof(
  { withCrossShrink: true },
  { arbitrary: fc.constant(false), weight: 3 },
  { arbitrary: fc.constant(true), weight: 1 },
);

/** For sweep, which may also read an index that is behind. */
export const sweepPlan: fc.Arbitrary<Plan> = fc.tuple(plan(RELAY), sometimes).map(([own, isStale]) => ({
  ...own,
  mishaps: isStale ? [...own.mishaps, { at: 'ledger.due', nth: 0, what: 'stale', lasting: true }] : own.mishaps,
}));

/** For a request to the API. */
export const fate: fc.Arbitrary<Fate> = fc.record({
  wire: fc.oneof(
    { withCrossShrink: true },
    { arbitrary: fc.constant('fine' as const), weight: 5 },
    { arbitrary: fc.constantFrom('request-lost' as const, 'answer-lost' as const, 'twice' as const), weight: 2 },
  ),
  plan: plan(API),
});

/** For an agency's poll. */
export const pollFate: fc.Arbitrary<PollFate> = fc
  .tuple(
    fate,
    mishaps(AGENCY_POINTS),
    fc.oneof(
      { withCrossShrink: true },
      { arbitrary: fc.constant('works' as const), weight: 6 },
      { arbitrary: fc.constantFrom('fails' as const, 'misreads' as const), weight: 1 },
    ),
    sometimes,
  )
  .map(([request, own, reader, isAtOnce]) => ({ ...request, own: { ...CALM, mishaps: own }, reader, isAtOnce }));

/** How the trace shows what befalls a step; nothing, if nothing does. */
export function describePlan({ mishaps, skew, behind }: Plan): string {
  const words = mishaps.map(
    ({ at, nth, what, lasting, steps }) =>
      `${what} at ${at} ${nth}${lasting ? ' and on' : ''}${what === 'hold' && steps ? ` for ${steps} steps` : ''}`,
  );
  if (skew !== 0) words.push(`clock ${skew} ms`);
  if (behind) words.push('old registry');
  return words.length > 0 ? ` [${words.join(', ')}]` : '';
}
