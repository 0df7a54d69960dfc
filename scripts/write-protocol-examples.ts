import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { readOptions } from '../local/command-line.ts';
import { protocolBlocks, protocolVectors } from './protocol-examples/blocks.ts';
import { playJourney } from './protocol-examples/journey.ts';

const HELP = `Writes the worked examples and the tables of constants into docs/protocol.md, and all examples whole into
docs/protocol-vectors.json. A test fails while either differs from the code.

Usage: npm run docs:protocol [-- --help]`;

export const PAGE_FILE = new URL('../docs/protocol.md', import.meta.url);
export const VECTORS_FILE = new URL('../docs/protocol-vectors.json', import.meta.url);

/** A block of the page: all between the two comments is written by this script. */
const BLOCK = /(?<start><!-- generated: (?<name>[a-z-]+) -->\n).*?(?<end><!-- \/generated -->)/gs;

/** Both files as they should be; `page` is the page as it stands. */
export async function protocolFiles(page: string): Promise<{ page: string; vectors: string }> {
  const journey = await playJourney();
  const filled = fillBlocks(page, protocolBlocks(journey));
  return {
    page: await prettify(filled, PAGE_FILE),
    vectors: await prettify(JSON.stringify(protocolVectors(journey), null, 2), VECTORS_FILE),
  };
}

/** @throws {Error} if the page lacks a block, has one twice, or has one of which nothing is known */
export function fillBlocks(page: string, blocks: ReadonlyMap<string, string>): string {
  const missing = new Set(blocks.keys());
  const filled = page.replaceAll(BLOCK, (_, start: string, name: string, end: string) => {
    const block = blocks.get(name);
    if (block === undefined || !missing.delete(name)) throw new Error(`the page has a block "${name}" too many`);
    return `${start}\n${block}\n\n${end}`;
  });
  if (missing.size > 0) throw new Error(`the page lacks the blocks ${[...missing].join(', ')}`);
  return filled;
}

/** As `npm run format` would leave it. */
export async function prettify(text: string, file: URL): Promise<string> {
  const filepath = fileURLToPath(file);
  return format(text, { ...(await resolveConfig(filepath)), filepath });
}

if (import.meta.main) {
  readOptions(HELP, {});
  const { page, vectors } = await protocolFiles(await readFile(PAGE_FILE, 'utf8'));
  await writeFile(PAGE_FILE, page);
  await writeFile(VECTORS_FILE, vectors);
}
