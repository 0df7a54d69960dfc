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
});
