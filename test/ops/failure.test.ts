import { describe, expect, it } from 'vitest';
import { CommandError, EXIT } from '../../client/cli/exit.ts';
import { explainFailure } from '../../ops/failure.ts';

const error = (name: string, more: object = {}): Error =>
  Object.assign(new Error('in AWS’s own words'), { name }, more);

const PROD = { where: 'the stage "prod" in eu-west-2', isLocal: false };

describe('a failure', () => {
  it.each([
    ['CredentialsProviderError', {}, EXIT.usage, 'sign in'],
    ['ExpiredTokenException', { $metadata: {} }, EXIT.usage, 'sign in'],
    ['AccessDeniedException', { $metadata: {} }, EXIT.refused, "use the operator's role"],
    ['ResourceNotFoundException', { $metadata: {} }, EXIT.refused, 'is it deployed there?'],
    ['QueueDoesNotExist', { $metadata: {} }, EXIT.refused, 'is it deployed there?'],
    ['ThrottlingException', { $metadata: {} }, EXIT.unavailable, 'try again'],
    ['ValidationException', { $metadata: {} }, EXIT.unexpected, 'AWS does not take what this command asked'],
    ['InvalidParameterValue', { $metadata: {} }, EXIT.unexpected, 'No other attempt will help'],
    ['TimeoutError', { $metadata: {} }, EXIT.unavailable, 'try again'],
    ['Error', { code: 'ECONNREFUSED' }, EXIT.unavailable, '(ECONNREFUSED): check the network, and try again'],
    ['TypeError', {}, EXIT.unexpected, 'Something unexpected'],
  ])('%s is said in words, with an exit code', (name, more, exit, words) => {
    const failure = explainFailure(error(name, more), PROD);
    expect(failure.exit).toBe(exit);
    expect(failure.lines.join(' ')).toContain(words);
    expect(failure.lines.join(' ')).not.toContain('own words');
  });

  it('to find a relay on this machine says how to start it', () => {
    const { lines } = explainFailure(error('Error', { code: 'ECONNREFUSED' }), { where: 'it', isLocal: true });
    expect(lines).toEqual(['Nothing answers for it (ECONNREFUSED): is it running (npm start)?']);
  });

  it('of the command itself stays as it is', () => {
    const own = new CommandError(EXIT.refused, 'routes-open', 'Two are open.');
    expect(explainFailure(own, PROD)).toMatchObject({
      exit: EXIT.refused,
      code: 'routes-open',
      lines: ['Two are open.'],
    });
  });
});
