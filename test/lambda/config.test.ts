import { describe, expect, it } from 'vitest';
import { DEFAULT_RETENTION } from '../../core/limits.ts';
import { FUNCTIONS } from '../../core/names.ts';
import { DAY } from '../../core/time.ts';
import { OPTIONAL_VARIABLES, readConfig, VARIABLES } from '../../lambda/config.ts';

const ENV = {
  STAGE: 'prod1',
  AWS_REGION: 'eu-west-2',
  LEDGER_TABLE: 'referral-relay-prod1-ledger',
  REGISTRY_DIR: './registry',
  QUEUE_URL_BASE: 'https://sqs.eu-west-2.amazonaws.com/111111111111/',
  RELAY_AUTHORITY: 'relay.example:8443',
  TOPIC_ARN_BASE: 'arn:aws:sns:eu-west-2:111111111111:',
  CONTENT_DAYS: '10',
  CUSTODY_DAYS: '90',
};

/** The message with which a function refuses to start. */
function refusal(env: Record<string, string | undefined>, functionName: (typeof FUNCTIONS)[number] = 'submit'): string {
  try {
    readConfig(functionName, env);
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  throw new Error('the function would start');
}

const namesIn = (message: string): string[] => [...message.matchAll(/^ {2}([A-Z_]+) /gm)].map(([, name = '']) => name);

const needing = (variable: string) => FUNCTIONS.filter((name) => VARIABLES[name].includes(variable));

describe('readConfig', () => {
  it('reads every variable of a function behind the API', () => {
    expect(readConfig('submit', ENV)).toEqual({
      stage: 'prod1',
      region: 'eu-west-2',
      ledgerTable: 'referral-relay-prod1-ledger',
      registryDir: './registry',
      queueUrlBase: 'https://sqs.eu-west-2.amazonaws.com/111111111111/',
      authority: 'relay.example:8443',
      retention: { content: 10 * DAY, custody: 90 * DAY },
    });
  });

  it('keeps content and facts as long as the protocol says where nothing else is set', () => {
    const { CONTENT_DAYS: _content, CUSTODY_DAYS: _custody, ...env } = ENV;
    expect(readConfig('sweep', env).retention).toEqual(DEFAULT_RETENTION);
  });

  it.each(FUNCTIONS)('starts %s with the variables of its table and no other', (name) => {
    const env = Object.fromEntries(Object.entries(ENV).filter(([variable]) => VARIABLES[name].includes(variable)));
    expect(readConfig(name, env)).toEqual(expect.objectContaining({ stage: 'prod1' }));
  });

  it.each(FUNCTIONS)('names every variable that %s lacks', (name) => {
    const required = VARIABLES[name].filter((variable) => !OPTIONAL_VARIABLES.includes(variable));
    expect(namesIn(refusal({}, name)).toSorted()).toEqual(required.toSorted());
  });

  it('asks for the authority exactly where a signature is verified, and for queues where something is sent', () => {
    expect(needing('RELAY_AUTHORITY')).toEqual(['submit', 'answer', 'collect', 'query']);
    expect(needing('QUEUE_URL_BASE')).toEqual(['submit', 'deliver', 'answer', 'collect', 'sweep']);
  });

  it.each(['', 'arn:aws:sns:eu-west-2:111111111111', 'arn:aws:sqs:eu-west-2:111111111111:'])(
    'refuses to start sweep with TOPIC_ARN_BASE = %j',
    (value) => {
      expect(namesIn(refusal({ ...ENV, TOPIC_ARN_BASE: value }, 'sweep'))).toEqual(['TOPIC_ARN_BASE']);
    },
  );

  it.each([
    ['STAGE', ''],
    ['STAGE', 'Prod'],
    ['STAGE', '1prod'],
    ['STAGE', 'production'],
    ['AWS_REGION', 'London'],
    ['LEDGER_TABLE', 'a table'],
    ['REGISTRY_DIR', ' '],
    ['QUEUE_URL_BASE', 'https://sqs.eu-west-2.amazonaws.com/111111111111'],
    ['QUEUE_URL_BASE', 'sqs.eu-west-2.amazonaws.com/111111111111/'],
    ['RELAY_AUTHORITY', 'Relay.example'],
    ['RELAY_AUTHORITY', 'https://relay.example'],
    ['RELAY_AUTHORITY', 'relay.example:443'],
    ['RELAY_AUTHORITY', 'relay.example:80'],
    ['RELAY_AUTHORITY', 'relay.example/v1'],
    ['CONTENT_DAYS', ''],
    ['CONTENT_DAYS', '0'],
    ['CONTENT_DAYS', '1.5'],
    ['CONTENT_DAYS', '1e2'],
    ['CONTENT_DAYS', '-3'],
    ['CONTENT_DAYS', '10000'],
    ['CUSTODY_DAYS', 'for ever'],
    ['CUSTODY_DAYS', '30'],
  ])('refuses to start with %s = %j', (variable, value) => {
    expect(namesIn(refusal({ ...ENV, [variable]: value }))).toEqual([variable]);
  });

  it('refuses to keep facts for less time than content', () => {
    expect(refusal({ ...ENV, CONTENT_DAYS: '100', CUSTODY_DAYS: '99' })).toContain(
      'CUSTODY_DAYS must not be fewer days than CONTENT_DAYS',
    );
  });

  it('names all faults at once and never a value', () => {
    const message = refusal({ ...ENV, STAGE: 'SECRET', RELAY_AUTHORITY: 'SECRET', CUSTODY_DAYS: 'SECRET' });
    expect(namesIn(message)).toEqual(['STAGE', 'CUSTODY_DAYS', 'RELAY_AUTHORITY']);
    expect(message).not.toContain('SECRET');
  });
});
