import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FUNCTIONS } from '../../core/names.ts';
import { loadRegistry } from '../../core/registry.ts';
import { readRegistryDir } from '../../lambda/registry-files.ts';
import { type Bundles, bundleFunctions, REGISTRY_FOLDER } from '../../lib/bundle.ts';
import { generateRegistryFiles } from '../support/generated-registry.ts';

const root = join(import.meta.dirname, '../..');
const files = generateRegistryFiles({ hotlines: 2, agencies: 3 });
let folder: string;
let bundles: Bundles;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'referral-relay-test-'));
  mkdirSync(join(folder, 'one'));
  bundles = bundleFunctions(root, files, join(folder, 'one'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = (bundle: string): string => readFileSync(join(bundle, 'index.mjs'), 'utf8');

describe('a bundle', () => {
  it.each(FUNCTIONS)('of %s is one file with the registry beside it', (name) => {
    expect(readdirSync(bundles[name]).sort()).toEqual(['index.mjs', REGISTRY_FOLDER]);
    expect(readdirSync(join(bundles[name], REGISTRY_FOLDER)).sort()).toEqual(files.map((file) => file.name).sort());
    expect(statSync(join(bundles[name], 'index.mjs')).size).toBeLessThan(700_000);
  });

  it('holds the same partners and keys as the registry, but no certificates, which no function needs', () => {
    const copied = readRegistryDir(join(bundles.deliver, REGISTRY_FOLDER));
    const [before, after] = [loadRegistry(files), loadRegistry(copied)];
    expect([...after.hotlines]).toEqual([...before.hotlines]);
    expect([...after.agencies.values()]).toEqual(
      [...before.agencies.values()].map(({ rolesAnywhere: _none, ...agency }) => agency),
    );
    expect(files.some(({ text }) => text.includes('CERTIFICATE'))).toBe(true);
    expect(copied.some(({ text }) => text.includes('CERTIFICATE'))).toBe(false);
  });

  it('is the same, byte for byte, when made again elsewhere', () => {
    mkdirSync(join(folder, 'two'));
    const again = bundleFunctions(root, files, join(folder, 'two'));
    for (const name of FUNCTIONS) expect(bytes(again[name]) === bytes(bundles[name])).toBe(true);
  });

  it.each(['deliver', 'query'] as const)('of %s starts on its own and offers a handler', (name) => {
    const program = `const { handler } = await import(${JSON.stringify(`file://${join(bundles[name], 'index.mjs')}`)});
      process.stdout.write(typeof handler);`;
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
      env: {
        STAGE: 'prod',
        AWS_REGION: 'eu-west-2',
        LEDGER_TABLE: 'referral-relay-prod-ledger',
        REGISTRY_DIR: join(bundles[name], REGISTRY_FOLDER),
        QUEUE_URL_BASE: 'https://sqs.eu-west-2.amazonaws.com/111122223333/',
        RELAY_AUTHORITY: 'relay.example.org',
      },
    });
    expect(output).toBe('function');
  });
});
