import { styleText } from 'node:util';

/** How words stand out on a terminal; nothing is said by colour alone. */
export interface Style {
  strong: (text: string) => string;
  good: (text: string) => string;
  warning: (text: string) => string;
  bad: (text: string) => string;
  urgent: (text: string) => string;
  plain: (text: string) => string;
}

const plain = (text: string): string => text;

type Format = Parameters<typeof styleText>[0];

export function createStyle(colour: boolean): Style {
  // Whether the stream is a terminal was decided already (`Io.colour`), for `out` need not be the process's own.
  const as = (format: Format) =>
    colour ? (text: string) => styleText(format, text, { validateStream: false }) : plain;
  return {
    strong: as('bold'),
    good: as('green'),
    warning: as('yellow'),
    bad: as('red'),
    urgent: as(['bold', 'red']),
    plain,
  };
}
