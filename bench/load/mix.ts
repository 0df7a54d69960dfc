import type { Routing } from '../../core/schema.ts';
import type { Chance } from './chance.ts';

/** Whom referrals concern: every country alike, or by Zipf's law, the first twice as often as the second. */
export const MIXES = ['even', 'zipf'] as const;
export type Mix = (typeof MIXES)[number];

/** Draws a suspect's country and another one, a victim's, for each referral. */
export function createMix(mix: Mix, countries: readonly string[], chance: Chance): () => Routing {
  if (countries.length < 2) throw new RangeError('A mix needs two countries at least.');
  const weights = countries.map((_, rank) => (mix === 'zipf' ? 1 / (rank + 1) : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);

  function draw(): string {
    let left = chance.fraction() * total;
    const index = weights.findIndex((weight) => (left -= weight) < 0);
    return countries.at(index) ?? '';
  }

  return () => {
    const suspect = draw();
    let victim = draw();
    while (victim === suspect) victim = draw();
    return { suspect: [suspect], victim: [victim] };
  };
}
