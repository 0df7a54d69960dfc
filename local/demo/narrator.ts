import { styleText } from 'node:util';

/** Tells the demo's story on a terminal, and remembers whether it went as it should. */
export interface Narrator {
  /** A new part of the story. */
  chapter: (title: string) => void;
  say: (line: string) => void;
  /** Says a line and whether it is as it should be. */
  check: (line: string, isAsItShouldBe: boolean) => void;
  /** How many checks there were, and the lines of those that failed. */
  verdict: () => { checks: number; failures: readonly string[] };
}

export function createNarrator(write: (line: string) => void, isTerminal: boolean): Narrator {
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    isTerminal ? styleText(format, text) : text;
  const failures: string[] = [];
  let chapters = 0;
  let checks = 0;
  return {
    chapter: (title) => write(`\n${style('bold', `${++chapters}. ${title}`)}`),
    say: (line) => write(`   ${line}`),
    check(line, isAsItShouldBe) {
      checks += 1;
      if (!isAsItShouldBe) failures.push(line);
      write(` ${isAsItShouldBe ? style('green', '✓') : style('red', '✗')} ${line}`);
    },
    verdict: () => ({ checks, failures }),
  };
}

/** Rows as columns of one width; the first row is the head. */
export function toTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return lines.toSpliced(1, 0, widths.map((width) => '─'.repeat(width)).join('  '));
}
