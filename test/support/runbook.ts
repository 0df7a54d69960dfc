import { readFileSync } from 'node:fs';

/*
 * The pages of docs/operations/ as a test runs them. Of the fences, `sh` blocks are commands:
 *
 *   ```sh                        is run, and has to end with exit code 0
 *   ```sh exit="3"               has to end with this one
 *   ```sh skip="needs …"         cannot run here, for this reason
 *   ```text                      right after a block: what it prints holds these lines, in this order; … is any text
 */

const OPERATIONS = new URL('../../docs/operations/', import.meta.url);

export interface Block {
  page: string;
  /** Of its first command. */
  line: number;
  script: string;
  /** Why it is not run. */
  skip?: string;
  exit: number;
  /** What it is to print. */
  prints: string[];
}

export const readPage = (page: string): string => readFileSync(new URL(page, OPERATIONS), 'utf8');

/** The pages in the order of the index. */
export function listPages(): string[] {
  const index = readPage('README.md');
  const [, list = ''] = index.split('\n## Pages\n');
  const [section = ''] = list.split('\n## ');
  const found = [...section.matchAll(/\]\((?<page>[a-z-]+\.md)\)/g)].map(({ groups }) => groups?.['page'] ?? '');
  return ['README.md', ...new Set(found)];
}

const FENCE =
  /^```(?<language>[a-z]*)(?<info>[^\n]*)\n(?<text>.*?)^```\n(?=(?<next>\n```text\n(?<prints>.*?)^```\n)?)/gms;
const INFO = /^(?: (?<key>skip|exit)="(?<value>[^"]+)")?$/;

/** @throws {Error} for a marker that means nothing */
export function readBlocks(page: string): Block[] {
  const text = readPage(page);
  return [...text.matchAll(FENCE)].flatMap((match): Block[] => {
    const { language, info = '', text: script = '', prints } = match.groups ?? {};
    if (language !== 'sh') return [];
    const line = text.slice(0, match.index).split('\n').length + 1;
    const marker = INFO.exec(info.trimEnd());
    if (!marker) throw new Error(`${page}:${line - 1}: a block is marked skip="reason", exit="code", or not at all`);
    const { key, value } = marker.groups ?? {};
    return [
      {
        page,
        line,
        script,
        exit: key === 'exit' ? Number(value) : 0,
        ...(key === 'skip' && value !== undefined && { skip: value }),
        prints: prints === undefined ? [] : prints.split('\n').filter((each) => each.trim() !== ''),
      },
    ];
  });
}

/** The first of these lines that is not printed, after the ones before it. */
export function findMissing(printed: string, lines: readonly string[]): string | undefined {
  let rest = printed.replaceAll(/[ \t]+/g, ' ');
  for (const line of lines) {
    const parts = line
      .trim()
      .replaceAll(/\s+/g, ' ')
      .split('…')
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
    const found = new RegExp(parts.join('[^\n]*')).exec(rest);
    if (!found) return line;
    rest = rest.slice(found.index + found[0].length);
  }
  return undefined;
}

/** Anchors of a page's headings, as GitHub makes them. */
export const anchorsOf = (page: string): string[] =>
  [...readPage(page).matchAll(/^#+ (?<heading>.+)$/gm)].map(({ groups }) =>
    (groups?.['heading'] ?? '')
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
