import { describe, expect, it } from 'vitest';
import { traceOf } from '../../../client/cli/session.ts';

describe('traceOf', () => {
  it('says where it happened, and nothing of the message, whatever that looks like', () => {
    const cause = new RangeError('of a suspect\n    at bedtime \u001b[2J');
    const trace = traceOf(new TypeError('at a kidnapper\n    at playtime', { cause }));
    expect(trace.split('\n').filter((line) => !line.startsWith(' '))).toEqual(['TypeError:', 'RangeError:']);
    expect(trace).toContain('session.test.ts');
    expect(trace).not.toMatch(/kidnapper|playtime|a suspect|bedtime/);
  });

  it('is on one line what a stack of somebody else may hold', () => {
    const error = new Error('plain');
    error.stack = 'Error: plain\n    at \u001b]0;title\u0007 (file.ts:1:1)';
    expect(traceOf(error)).toBe('Error:\n    at \\u001b]0;title\\u0007 (file.ts:1:1)');
  });
});
