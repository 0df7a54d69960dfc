import { readFile } from 'node:fs/promises';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

interface Imports {
  /** Packages that are loaded with the module. */
  eager: Set<string>;
  /** Packages that are loaded when something is first used. */
  lazy: Set<string>;
  files: string[];
}

/** What a module of the client loads, by following its imports; those of types alone are gone by then. */
async function importsOf(entry: string): Promise<Imports> {
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    splitting: true,
    outdir: 'unused',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const imports: Imports = { eager: new Set(), lazy: new Set(), files: [] };
  const follow = (file: string, when: 'eager' | 'lazy', seen: Set<string>): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { path, kind, external } of metafile.inputs[file]?.imports ?? []) {
      const then = kind === 'dynamic-import' ? 'lazy' : when;
      if (external) imports[then].add(path);
      else follow(path, then, then === when ? seen : new Set(seen));
    }
  };
  follow(entry, 'eager', new Set());
  imports.files = Object.keys(metafile.inputs);
  return imports;
}

/** What the client has of Node's modules, each seen to be in Node 20.9: with one that is missing it would not start. */
const IN_NODE_20_9 = new Set(
  Object.entries({
    crypto:
      'createDecipheriv createHash createPrivateKey createPublicKey generateKeyPairSync randomUUID sign verify X509Certificate',
    fs: 'fstatSync fsync readFileSync readlinkSync',
    'fs/promises': 'access chmod mkdir open readdir readFile realpath rename rm rmdir stat writeFile',
    os: 'hostname',
    'readline/promises': 'createInterface',
    'timers/promises': 'setTimeout',
    tty: 'isatty',
    util: 'promisify',
  }).flatMap(([module, names]) => names.split(' ').map((name) => `${module}: ${name}`)),
);

const ofAws = (packages: Set<string>) =>
  [...packages].filter((name) => name.startsWith('@aws-sdk/') || name.startsWith('@smithy/'));

describe('what the client loads', () => {
  it('of a hotline never comes from AWS', async () => {
    const { eager, lazy, files } = await importsOf('client/hotline.ts');
    expect(files).toContain('client/transport.ts');
    expect([...ofAws(eager), ...ofAws(lazy)]).toEqual([]);
    expect(files.filter((file) => /agency|aws/.test(file))).toEqual([]);
  });

  it('of the whole package comes from AWS only when an agency first needs it', async () => {
    const { eager, lazy } = await importsOf('client/index.ts');
    expect(ofAws(eager)).toEqual([]);
    expect(ofAws(lazy)).toEqual(['@aws-sdk/client-kms', '@aws-sdk/client-sqs']);
  });

  it('is the client itself and core, nothing of the relay', async () => {
    const { files } = await importsOf('client/index.ts');
    expect(files.filter((file) => !/^(client|core)\//.test(file))).toEqual([]);
    expect(files.filter((file) => /^core\/(use-cases|api|calls|ledger)/.test(file))).toEqual([]);
  });

  it('of Node is in Node 20.9, the oldest that package.json allows', async () => {
    const { engines }: { engines: { node: string } } = JSON.parse(await readFile('package.json', 'utf8'));
    expect(engines.node).toBe('>=20.9');
    const used = new Set<string>();
    for (const entry of ['client/cli.ts', 'client/index.ts']) {
      for (const file of (await importsOf(entry)).files.filter((name) => /^(client|core)\//.test(name))) {
        const text = await readFile(file, 'utf8');
        for (const [, names = '', module = ''] of text.matchAll(/^import \{ ([^}]+) \} from 'node:([^']+)';$/gm)) {
          for (const name of names.split(',').map((given) => given.trim())) {
            if (!name.startsWith('type ')) used.add(`${module}: ${name.replace(/ as .*/, '')}`);
          }
        }
      }
    }
    expect(used).toContain('crypto: createHash');
    expect([...used].filter((name) => !IN_NODE_20_9.has(name))).toEqual([]);
  });
});
