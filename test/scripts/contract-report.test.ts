import { describe, expect, it } from 'vitest';
import { type Case, describeCases, findFaults, readCases } from '../../scripts/contract/report.ts';

const make = (backend: string, title: string, status: Case['status'] = 'passed', port = 'queues'): Case => ({
  backend,
  port,
  title,
  status,
});

const both = [make('the doubles', 'a'), make('the doubles', 'b'), make('AWS', 'a'), make('AWS', 'b')];

const test = (ancestorTitles: string[], title: string, status: string) => ({ ancestorTitles, title, status });

describe('the report of the contract', () => {
  it('finds nothing where all that ran have passed the same', () => {
    expect(findFaults(both)).toEqual([]);
    expect(findFaults([...both, make('the embedded cloud', 'a', 'skipped')])).toEqual([]);
  });

  it.each([
    ['one has not passed', [...both.slice(0, 3), make('AWS', 'b', 'failed')], ['AWS: failed: queues: b']],
    ['one was left out', [...both.slice(0, 3), make('AWS', 'b', 'skipped')], ['AWS: skipped: queues: b']],
    ['one is missing', both.slice(0, 3), ['AWS: not there: queues: b']],
    [
      'one is of another port',
      [...both.slice(0, 3), make('AWS', 'b', 'passed', 'keys')],
      ['the doubles: not there: keys: b', 'AWS: not there: queues: b'],
    ],
  ])('finds that %s', (_, cases, faults) => {
    expect(findFaults(cases)).toEqual(faults);
  });

  it.each([
    ['nothing ran', []],
    ['one backend ran alone', both.slice(0, 2)],
    ['one ran and the others were skipped', [...both.slice(0, 2), make('AWS', 'a', 'skipped')]],
  ])('takes nothing for proven where %s', (_, cases) => {
    expect(findFaults(cases)).toEqual([expect.stringContaining('nothing to compare')]);
  });

  it('counts by port and backend, the nearest first', () => {
    const cases = [make('AWS', 'a', 'skipped'), ...both.slice(0, 2), make('the embedded cloud', 'a', 'failed')];
    expect(describeCases(cases).split('\n')).toEqual([
      'port      the doubles  the embedded cloud  AWS',
      'queues    2            0, 1 failed         0, 1 skipped',
      'together  2            0, 1 failed         0, 1 skipped',
    ]);
  });

  it('reads what vitest has written, and nothing but cases', () => {
    const assertionResults = [
      test(['AWS', 'the contract of keys'], 'opens', 'pending'),
      test(['AWS'], 'has been held', 'passed'),
      test(['the doubles', 'the contract of keys'], 'opens', 'passed'),
    ];
    expect(readCases({ testResults: [{ assertionResults }] })).toEqual([
      make('AWS', 'opens', 'skipped', 'keys'),
      make('the doubles', 'opens', 'passed', 'keys'),
    ]);
  });
});
