import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { type FunctionName, FUNCTIONS } from '../core/names.ts';
import type { RegistryFile } from '../core/registry.ts';

/** Where each function's folder is: the bundle and, beside it, the registry. */
export type Bundles = Readonly<Record<FunctionName, string>>;

/** Folder of the registry within a bundle. */
export const REGISTRY_FOLDER = 'registry';

/** CommonJS packages within the bundle ask for Node's own modules by `require`, which a module does not have. */
const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/**
 * One minified ES module a function, with the SDK inside, so that what was tested is what runs. Needs neither network
 * nor container; the same sources give the same bytes, and so the same asset, on every machine.
 * @param root folder of the project
 * @param into an empty folder
 */
export function bundleFunctions(root: string, registryFiles: readonly RegistryFile[], into: string): Bundles {
  buildSync({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(FUNCTIONS.map((name) => [`${name}/index`, `lambda/${name}.ts`])),
    outdir: into,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    minify: true,
    legalComments: 'none',
    banner: { js: BANNER },
    logLevel: 'warning',
  });
  for (const name of FUNCTIONS) {
    mkdirSync(join(into, name, REGISTRY_FOLDER));
    for (const file of registryFiles) writeFileSync(join(into, name, REGISTRY_FOLDER, file.name), forFunctions(file));
  }
  return {
    submit: join(into, 'submit'),
    deliver: join(into, 'deliver'),
    answer: join(into, 'answer'),
    collect: join(into, 'collect'),
    query: join(into, 'query'),
    sweep: join(into, 'sweep'),
  };
}

/**
 * Without the certificates, which only the agency's own stack needs: they are large, and a new revocation list is then no
 * reason to deploy the functions.
 */
function forFunctions({ text }: RegistryFile): string {
  if (!text.includes('"rolesAnywhere"')) return text;
  return JSON.stringify(JSON.parse(text, (name, value: unknown) => (name === 'rolesAnywhere' ? undefined : value)));
}
