import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandError } from '../../client/cli/exit.ts';
import { findTarget, STAGE_VARIABLE } from '../../ops/target.ts';
import { removeFolder } from './operator.ts';

const SAMPLE = fileURLToPath(new URL('../../registry/sample', import.meta.url));
const SETTINGS = { account: '111122223333', region: 'eu-west-2', alarmEmails: ['on-call@relay.example'] };

let folder: string;
let root: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'referral-relay-target-'));
  root = await makeRoot('one', { prod: SETTINGS }, ['prod']);
});
afterAll(() => removeFolder(folder));

async function makeRoot(name: string, stages: Record<string, unknown>, registries: string[]): Promise<string> {
  const made = join(folder, name);
  await mkdir(join(made, 'stages'), { recursive: true });
  for (const [stage, settings] of Object.entries(stages)) {
    const text = typeof settings === 'string' ? settings : JSON.stringify(settings);
    await writeFile(join(made, 'stages', `${stage}.json`), text);
  }
  for (const stage of registries) await cp(SAMPLE, join(made, 'registry', stage), { recursive: true });
  return made;
}

function refusal(act: () => unknown): [exit: number, message: string] {
  try {
    act();
  } catch (error) {
    if (error instanceof CommandError) return [error.exit, error.message];
    throw error;
  }
  throw new Error('it was found');
}

describe('a stage in AWS', () => {
  it('is the one that is named, in the Region and account of its settings', () => {
    const target = findTarget({ stage: 'prod' }, {}, root);
    expect(target).toMatchObject({ stage: 'prod', region: 'eu-west-2', account: '111122223333' });
    expect(target.registry.agencies.has('int-clearing')).toBe(true);
    expect(target).not.toHaveProperty('local');
  });

  it.each([
    ['by the environment', {}, { [STAGE_VARIABLE]: 'prod' }],
    ['by being the only one', {}, {}],
  ])('is found %s', (_title, options, env) => {
    expect(findTarget(options, env, root).stage).toBe('prod');
  });

  it('needs no settings where the Region is named', async () => {
    const bare = await makeRoot('bare', {}, ['dev']);
    expect(findTarget({ stage: 'dev', region: 'eu-west-1' }, {}, bare)).toMatchObject({ region: 'eu-west-1' });
    expect(findTarget({ stage: 'dev' }, { AWS_REGION: 'eu-west-3' }, bare)).toMatchObject({ region: 'eu-west-3' });
    expect(refusal(() => findTarget({ stage: 'dev' }, {}, bare))).toEqual([2, expect.stringContaining('--region')]);
  });

  it('is asked for where there are several', async () => {
    const both = await makeRoot('both', { prod: SETTINGS, test: SETTINGS }, ['prod', 'test']);
    expect(refusal(() => findTarget({}, {}, both))).toEqual([2, expect.stringContaining('prod, test')]);
  });

  it.each([
    ['Prod', '"Prod" is no name of a stage'],
    ['../prod', '"../prod" is no name of a stage'],
    ['other', 'no registry/other/ here'],
  ])('is refused under the name %s', (stage, message) => {
    expect(refusal(() => findTarget({ stage }, {}, root))).toEqual([2, expect.stringContaining(message)]);
  });

  it('is refused where its registry is not in this checkout, or its settings are not sound', async () => {
    const empty = await makeRoot('empty', { prod: SETTINGS }, []);
    expect(refusal(() => findTarget({}, {}, empty))).toEqual([2, expect.stringContaining('registry/prod/')]);
    const torn = await makeRoot('torn', { prod: '{' }, ['prod']);
    expect(refusal(() => findTarget({}, {}, torn))).toEqual([2, expect.stringContaining('prod.json: it is not sound')]);
    const wrong = await makeRoot('wrong', { prod: { ...SETTINGS, region: 7 } }, ['prod']);
    expect(refusal(() => findTarget({}, {}, wrong))[1]).toContain('at /region');
  });
});

describe('a relay on this machine', () => {
  it('is not asked for together with a stage', () => {
    expect(refusal(() => findTarget({ local: folder, stage: 'prod' }, {}))).toEqual([
      2,
      expect.stringContaining('either'),
    ]);
  });

  it('must have been started', () => {
    expect(refusal(() => findTarget({ local: folder }, {}))).toEqual([2, expect.stringContaining('npm start')]);
  });
});
