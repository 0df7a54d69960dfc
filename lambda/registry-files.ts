import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RegistryFile } from '../core/registry.ts';

/**
 * The partner files (`*.json`) of a registry folder, by name; anything else in it is left alone.
 * @throws {Error} of `node:fs` if the folder or a file cannot be read
 */
export function readRegistryDir(dir: string): RegistryFile[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(dir, name), 'utf8') }));
}
