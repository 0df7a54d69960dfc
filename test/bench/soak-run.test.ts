import { expect, it } from 'vitest';
import type { AgencyEntry, HotlineEntry } from '../../bench/load/books.ts';
import { untilSound } from '../../bench/load/soak-run.ts';

it('a soak whose warm-up is not sound ends with what is wrong, and does not wait for ever', async () => {
  const accepted: HotlineEntry = { kind: 'accepted', id: 'one', agencies: ['a'], took: 5, at: 1 };
  const hotlines = new Map([['h', { entries: [accepted] }]]);
  const agencies = new Map([['a', { entries: [] as AgencyEntry[] }]]);
  await expect(untilSound({ hotlines, agencies }, 0)).rejects.toThrow('lost: h/one a');
});
