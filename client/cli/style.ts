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

/** By number as in ECMA-48, for Node has `styleText` only since 20.12. */
const format =
  (on: number, off: number) =>
  (text: string): string =>
    `\u001b[${on}m${text}\u001b[${off}m`;

/** @param colour whether `Io.out` shows colours */
export function createStyle(colour: boolean): Style {
  if (!colour) return { strong: plain, good: plain, warning: plain, bad: plain, urgent: plain, plain };
  const bold = format(1, 22);
  const red = format(31, 39);
  return {
    strong: bold,
    good: format(32, 39),
    warning: format(33, 39),
    bad: red,
    urgent: (text) => bold(red(text)),
    plain,
  };
}
