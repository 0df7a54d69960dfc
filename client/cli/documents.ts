import { open, readdir, realpath, stat } from 'node:fs/promises';
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
    for (const { file, key } of await filesIn(input)) {
      sources.set(key, {
        name: file.toString(),
        read: async () => parseDocument(await readFile(file)),
      });
    }
  }
  return [...sources.values()];
}

interface Found {
  /** As it was typed: what is opened, and how it is called. Bytes, for a file's name need not be UTF-8. */
  file: Buffer;
  /** The same for the same file, however the way to it is typed. */
  key: string;
}

/** A path is not put in order before it is opened: where `..` follows a link, it would lead to another file. */
async function filesIn(input: string): Promise<Found[]> {
  if (!(await stat(input)).isDirectory()) {
    const folder = await realpath(path.dirname(input), 'latin1');
    return [{ file: Buffer.from(input), key: path.join(folder, latin1(Buffer.from(path.basename(input)))) }];
  }
  const folder = await realpath(input, 'latin1');
  const entries = await readdir(input, { withFileTypes: true, encoding: 'buffer' });
  const files = entries
    .filter((entry) => /^[^.].*\.json$/is.test(latin1(entry.name)) && !entry.isDirectory())
    .map(({ name }) => name)
    .sort((a, b) => a.compare(b))
    .map((name) => ({
      file: Buffer.concat([Buffer.from(input.endsWith(path.sep) ? input : `${input}${path.sep}`), name]),
      key: path.join(folder, latin1(name)),
    }));
  if (files.length === 0) throw usageError(`There is no *.json file in ${input}: name a folder with drafts in it.`);
  return files;
}

/** A text in which bytes that are not UTF-8 stay what they are. */
const latin1 = (name: Buffer): string => name.toString('latin1');

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
