import { describe, expect, it } from 'vitest';
import { fold } from './trace.ts';

const times = (count: number, ...lines: string[]): string[] => Array.from({ length: count }, () => lines).flat();

describe('what happens over and over', () => {
  it('is told once, and how often', () => {
    expect(fold(['begin', ...times(1_500, 'read', 'replace'), 'end'])).toEqual([
      'begin',
      'read',
      'replace',
      '    … these 2 lines 1500 times in all',
      'end',
    ]);
    expect(fold(times(4, 'send'))).toEqual(['send', '    … this line 4 times in all']);
  });

  it('is left as it is when it is short, or differs', () => {
    for (const lines of [[], times(3, 'send'), times(3, 'read', 'replace'), ['a', 'b', 'c', 'a', 'b', 'd']]) {
      expect(fold(lines)).toEqual(lines);
    }
  });

  it('may be cut short in the middle', () => {
    expect(fold([...times(5, 'read', 'replace'), 'read'])).toEqual([
      'read',
      'replace',
      '    … these 2 lines 5 times in all',
      'read',
    ]);
  });
});
