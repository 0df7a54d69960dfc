import { expect, it } from 'vitest';
import { allLanes } from '../../core/lanes.ts';

it('lanes come urgent first, housekeeping last, and each is first in its class in turn', () => {
  const lanes = allLanes(['gb-hotline'], ['de-police', 'fr-police'], 0);
  expect(lanes.slice(4)).toEqual([
    'de-police#immediate',
    'fr-police#immediate',
    'de-police#urgent',
    'fr-police#urgent',
    'gb-hotline#outcomes',
    'de-police#routine',
    'fr-police#routine',
    'retention#0',
    'retention#1',
    'retention#2',
    'retention#3',
  ]);
  expect(allLanes(['gb-hotline'], ['de-police', 'fr-police'], 1)[4]).toBe('fr-police#immediate');
  expect(new Set(allLanes([], ['a', 'b', 'c'], 5))).toEqual(new Set(allLanes([], ['a', 'b', 'c'], 0)));
});
