import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a run of the simulation loads. */
const PARTS = ['bin', 'client', 'core', 'lambda', 'package.json', 'samples', 'test'];

const ROOT = path.resolve(import.meta.dirname, '../..');

/** A copy of the code as it stands, whether committed or not, in a folder of its own. */
export interface Tree {
  folder: string;
  remove(): Promise<void>;
}

/**
 * A copy with a patch applied, or none. The working tree is never touched.
 * @throws if the patch does not apply
 */
export async function growTree(patch?: string): Promise<Tree> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mutation-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await Promise.all(PARTS.map((part) => cp(path.join(ROOT, part), path.join(folder, part), { recursive: true })));
    await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    // Git would otherwise take the paths for those of a repository around the folder, if there is one.
    const env = { ...process.env, GIT_CEILING_DIRECTORIES: path.dirname(folder) };
    if (patch !== undefined) await run('git', ['apply', '--whitespace=nowarn', patch], { cwd: folder, env });
    return { folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
