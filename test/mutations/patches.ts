import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** A mistake put into the product on purpose. */
export interface Mutation {
  name: string;
  /** What the programmer got wrong, and what that breaks. */
  mistake: string;
  /** Of the patch. */
  file: string;
}

/** The mutations of a folder, in the order of their numbers. */
export async function readMutations(folder: string): Promise<Mutation[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.patch')).sort();
  return Promise.all(
    files.map(async (file) => {
      const [mistake = ''] = (await readFile(path.join(folder, file), 'utf8')).split('\n', 1);
      return { name: file.replace(/^\d+-|\.patch$/g, ''), mistake, file: path.join(folder, file) };
    }),
  );
}
