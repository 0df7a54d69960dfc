import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { RelayError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import { usageError } from './exit.ts';
import type { Io } from './io.ts';

/* Where drafts come from: files, folders of files, standard input. They are read one by one, so that memory stays small. */

/** Standard input, as it is named on the command line and in what is printed. */
export const STDIN = '-';

/** A sealed document has 212,992 bytes at most; indentation and spare white space may make its file some times longer. */
const LONGEST = 4 * 1024 * 1024;

export interface Source {
  /** As it is called in what is printed. */
  name: string;
  /**
   * The document, parsed strictly.
   * @throws {RelayError} `malformed` if it is not JSON or far too long
   */
  read: () => Promise<unknown>;
}

/**
 * The documents that these arguments name: a file, a folder (its `*.json` files in either case, by name, not those of
 * folders in it), or `-` for standard input. A file that is named twice is read once.
 */
export async function findSources(inputs: readonly string[], io: Pick<Io, 'stdin'>): Promise<Source[]> {
  const sources = new Map<string, Source>();
  for (const input of inputs) {
    if (input === STDIN) {
      sources.set(STDIN, { name: STDIN, read: async () => parseDocument(await readAll(io.stdin)) });
      continue;
    }
    for (const file of await filesIn(input)) {
      sources.set(file.toString('latin1'), {
        name: file.toString(),
        read: async () => parseDocument(await readFile(file)),
      });
    }
  }
  return [...sources.values()];
}

/** Paths as bytes: the name of a file need not be UTF-8, and is found by its bytes alone. */
async function filesIn(input: string): Promise<Buffer[]> {
  if (!(await stat(input)).isDirectory()) return [Buffer.from(path.normalize(input))];
  const entries = await readdir(input, { withFileTypes: true, encoding: 'buffer' });
  // As `path.join` has it, so that a file is the same however its folder is named.
  const folder = Buffer.from(path.join(input, 'x').slice(0, -1));
  const files = entries
    .filter((entry) => /^[^.].*\.json$/is.test(entry.name.toString('latin1')) && !entry.isDirectory())
    .map(({ name }) => Buffer.concat([folder, name]))
    .sort((a, b) => a.compare(b));
  if (files.length === 0) throw usageError(`There is no *.json file in ${input}: name a folder with drafts in it.`);
  return files;
}

function parseDocument(content: Uint8Array | undefined): unknown {
  if (content === undefined)
    throw fault(`is longer than ${LONGEST / 1024 / 1024} MiB, far more than a referral may be`);
  try {
    return parseJson(content);
  } catch (error) {
    throw fault(`is ${error instanceof SyntaxError ? error.message : 'not valid JSON'}${placeOf(content)}`);
  }
}

/**
 * Where JSON breaks off, if the engine tells it: nothing else of its message, which may quote the document. Nothing where
 * it is not the form that is wrong.
 */
function placeOf(content: Uint8Array): string {
  const text = Buffer.from(content).toString();
  try {
    JSON.parse(text);
  } catch (error) {
    const [, position] = /JSON at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(String(error)) ?? [];
    const line = text.slice(0, Number(position)).split('\n').length;
    if (position !== undefined && text.includes('\n')) return `, near line ${line}`;
  }
  return '';
}

/** `undefined` for one that is too long. */
async function readFile(name: Buffer): Promise<Uint8Array | undefined> {
  const file = await open(name);
  try {
    if ((await file.stat()).size > LONGEST) return undefined;
    return await readAll(file.createReadStream({ autoClose: false }));
  } finally {
    await file.close();
  }
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > LONGEST) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const fault = (detail: string): RelayError =>
  new RelayError('malformed', `The document ${detail}.`, { faults: [{ pointer: '', detail }] });
