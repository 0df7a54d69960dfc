import { Urgency } from '../../core/schema.ts';
import * as words from './words.ts';

/** What stands above, each as `hotline/id`. */
export interface Shown {
  referrals: { name: string; urgency: Urgency }[];
  /** Withdrawn after they were handed over here. */
  withdrawn: string[];
  /** What came and could not be opened, each with why. */
  unopened: readonly string[];
}

/**
 * Names what is above, which may be more than a screen holds; what presses most stands last, nearest to the prompt.
 * @param where `out`: the folder of the documents; `again`: a command that shows them again; `isCut`: whether the user
 *   interrupted it
 */
export function summarizeShown(
  { referrals, withdrawn, unopened }: Shown,
  { out, again, isCut = false }: { out: string; again?: string; isCut?: boolean },
): string[] {
  const cut = isCut ? ['Interrupted: more may be waiting, immediate ones as well.'] : [];
  if (referrals.length + withdrawn.length === 0) return cut;
  const each = Urgency.options.flatMap((urgency) => {
    const number = referrals.filter((one) => one.urgency === urgency).length;
    return number > 0 ? [`${number} ${urgency}`] : [];
  });
  const gone = new Set(withdrawn);
  const immediate = referrals.filter(({ urgency, name }) => urgency === 'immediate' && !gone.has(name));
  const isOne = referrals.length + withdrawn.length + unopened.length === 1;
  return [
    ...(referrals.length > 0 ? [`${words.count(referrals.length, 'referral')}: ${each.join(', ')}.`] : []),
    `Whole documents, which hold personal data, are in ${out}.`,
    ...(again === undefined ? [] : [`To list them again, or to show one: ${again}`]),
    ...(isOne
      ? []
      : [
          ...words.named('Not opened:', unopened),
          ...words.named('Withdrawn, so stop working on them:', withdrawn),
          ...words.named(
            'Immediate:',
            immediate.map(({ name }) => name),
          ),
        ]),
    ...cut,
  ];
}
