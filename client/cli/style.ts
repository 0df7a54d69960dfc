import picocolors from 'picocolors';

/** How words stand out on a terminal; nothing is said by colour alone. */
export interface Style {
  strong: (text: string) => string;
  good: (text: string) => string;
  warning: (text: string) => string;
  bad: (text: string) => string;
  urgent: (text: string) => string;
  plain: (text: string) => string;
}

/** @param colour whether `Io.out` shows colours */
export function createStyle(colour: boolean): Style {
  // Node has `styleText` only since 20.12, and whether the stream is a terminal was decided already (`Io.colour`).
  const { bold, green, yellow, red } = picocolors.createColors(colour);
  return { strong: bold, good: green, warning: yellow, bad: red, urgent: (text) => bold(red(text)), plain: String };
}
