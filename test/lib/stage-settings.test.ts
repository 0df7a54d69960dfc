import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RegistryError } from '../../core/registry.ts';
import { ignoresAlarms, loadStage, readSettings, StageError } from '../../lib/stage-settings.ts';
import { generateRegistryFiles } from '../support/generated-registry.ts';
import { SETTINGS } from '../support/synthesized-stage.ts';

const read = (settings: object) => readSettings('stages/prod.json', JSON.stringify(settings));

describe('settings', () => {
  it('need no more than where to deploy and whom to tell', () => {
    expect(read(SETTINGS)).toEqual({
      ...SETTINGS,
      retention: { contentDays: 30, custodyDays: 400 },
      throttling: { rate: 300, burst: 600 },
      deliverConcurrency: { urgent: 20, routine: 20 },
      logDays: 90,
    });
  });

  const domain = { name: 'relay.example.org', certificateArn: 'arn:aws:acm:eu-west-2:111122223333:certificate/a-1' };

  it.each<[string, object, string]>([
    ['no account', { account: undefined }, '/account'],
    ['an account as a number', { account: 111122223333 }, '/account'],
    ['a short account', { account: '11112222333' }, '/account'],
    ['no Region', { region: 'London' }, '/region'],
    ['nobody to tell', { alarmEmails: [] }, '/alarmEmails'],
    ['somebody to tell twice', { alarmEmails: ['a@relay.example', 'a@relay.example'] }, '/alarmEmails'],
    ['nobody named to operate', { operators: [] }, '/operators'],
    ['an operator that is a whole account', { operators: ['arn:aws:iam::111122223333:root'] }, '/operators/0'],
    ['an operator that is a pattern', { operators: ['arn:aws:iam::111122223333:role/*'] }, '/operators/0'],
    ['no e-mail address', { alarmEmails: ['on call'] }, '/alarmEmails/0'],
    ['a member that is not known', { regions: [] }, '/ '],
    ['a domain in capitals', { domain: { ...domain, name: 'Relay.example.org' } }, '/domain/name'],
    ['a domain with a scheme', { domain: { ...domain, name: 'https://relay.example.org' } }, '/domain/name'],
    ['a domain without a certificate', { domain: { name: domain.name } }, '/domain/certificateArn'],
    [
      'mutual TLS without its authorities',
      { domain: { ...domain, mutualTls: { bucket: 'b-1' } } },
      '/domain/mutualTls',
    ],
    [
      'facts forgotten before the content',
      { retention: { contentDays: 90, custodyDays: 60 } },
      '/retention/custodyDays',
    ],
    ['facts forgotten while ids are fresh', { retention: { custodyDays: 30 } }, '/retention/custodyDays'],
    ['a concurrency that SQS does not take', { deliverConcurrency: { urgent: 1 } }, '/deliverConcurrency/urgent'],
    ['days that CloudWatch does not know', { logDays: 91 }, '/logDays'],
    ['logs for ever', { logDays: 9999 }, '/logDays'],
    ['no throttling', { throttling: { rate: 0 } }, '/throttling/rate'],
  ])('with %s are refused, by name', (_, change, pointer) => {
    expect(() => read({ ...SETTINGS, ...change })).toThrow(StageError);
    expect(() => read({ ...SETTINGS, ...change })).toThrow(pointer);
  });

  it('that say a thing twice are refused', () => {
    expect(() => readSettings('stages/prod.json', '{"account":"1","account":"2"}')).toThrow(/stages\/prod\.json/);
  });
});

describe('alarms during a deployment', () => {
  it('are ignored where that is said, and nowhere else', () => {
    expect(ignoresAlarms(undefined)).toBe(false);
    expect(ignoresAlarms('ignored')).toBe(true);
  });

  it.each(['ignore', 'true', '', true])('are not ignored by mistake: %j', (wanted) => {
    expect(() => ignoresAlarms(wanted)).toThrow(StageError);
    expect(() => ignoresAlarms(wanted)).toThrow(/-c alarms=ignored/);
  });
});

describe('a stage', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'referral-relay-test-'));
    mkdirSync(join(root, 'stages'));
    mkdirSync(join(root, 'registry'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const addSettings = (name: string): void =>
    writeFileSync(join(root, 'stages', `${name}.json`), JSON.stringify(SETTINGS));
  const addRegistry = (name: string): void => {
    mkdirSync(join(root, 'registry', name));
    for (const file of generateRegistryFiles({ hotlines: 1, agencies: 1 })) {
      writeFileSync(join(root, 'registry', name, file.name), file.text);
    }
  };

  it('has settings and partners', () => {
    addSettings('prod');
    addRegistry('prod');
    const { name, settings, registry, registryFiles } = loadStage(root, 'prod');
    expect([name, settings.region, registry.agencies.size, registryFiles.length]).toEqual(['prod', 'eu-west-2', 1, 2]);
  });

  it('need not be named where there is but one', () => {
    addSettings('prod');
    addRegistry('prod');
    expect(loadStage(root, undefined).name).toBe('prod');
  });

  it('must be named where there are two', () => {
    addSettings('prod');
    addSettings('test');
    expect(() => loadStage(root, undefined)).toThrow(/-c stage=<stage>.*prod, test/);
  });

  it('must be made first where there is none', () => {
    expect(() => loadStage(root, undefined)).toThrow(/There is none yet: write stages\/<stage>\.json/);
  });

  it('is never the sample', () => {
    addSettings('sample');
    addRegistry('sample');
    expect(() => loadStage(root, 'sample')).toThrow(StageError);
    expect(() => loadStage(root, 'sample')).toThrow(/not for deployment.*registry\/<stage>\//);
    expect(() => loadStage(root, undefined)).toThrow(/not for deployment/);
  });

  it.each(['Prod', 'prod-eu', '1prod', 'production', '../prod', ''])('is not called "%s"', (name) => {
    expect(() => loadStage(root, name)).toThrow(/Name the stage/);
  });

  it('without settings says how to write them', () => {
    expect(() => loadStage(root, 'prod')).toThrow(/There is no stages\/prod\.json.*\n.*"account"/);
  });

  it('without partners says where to put them', () => {
    addSettings('prod');
    expect(() => loadStage(root, 'prod')).toThrow(/There is no registry\/prod\/.*registry\/sample/);
  });

  it('with a faulty partner names the file and the field', () => {
    addSettings('prod');
    addRegistry('prod');
    writeFileSync(join(root, 'registry', 'prod', 'gb-x.json'), '{}');
    expect(() => loadStage(root, 'prod')).toThrow(RegistryError);
  });
});
