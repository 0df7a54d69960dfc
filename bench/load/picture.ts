/* A picture of a run: panels over one time axis, as SVG that needs nothing but a viewer. */

/** `[seconds, value]` */
export type Point = readonly [number, number];

export interface Panel {
  title: string;
  series: { name: string; points: readonly Point[] }[];
}

/** Something that happened, from one second to another. */
export interface Mark {
  name: string;
  from: number;
  to: number;
}

const WIDTH = 960;
const HEIGHT = 170;
const LEFT = 64;
const RIGHT = 150;
const TOP = 34;
const BOTTOM = 30;
const COLOURS = ['#1f6feb', '#d1242f', '#1a7f37', '#8250df', '#9a6700'];

/** @param seconds how long the time axis is */
export function drawPicture(
  heading: string,
  panels: readonly Panel[],
  marks: readonly Mark[],
  seconds: number,
): string {
  const height = 40 + panels.length * HEIGHT;
  const body = panels.map((panel, index) => drawPanel(panel, marks, seconds, 40 + index * HEIGHT));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="${LEFT}" y="24" font-size="15" fill="#1f2328">${escape(heading)}</text>
${body.join('\n')}
</svg>
`;
}

function drawPanel({ title, series }: Panel, marks: readonly Mark[], seconds: number, top: number): string {
  const right = WIDTH - RIGHT;
  const bottom = top + HEIGHT - BOTTOM;
  const highest = niceCeiling(Math.max(1, ...series.flatMap(({ points }) => points.map(([, value]) => value))));
  const x = (second: number): number => LEFT + (second / seconds) * (right - LEFT);
  const y = (value: number): number => bottom - (value / highest) * (bottom - top - TOP);
  const parts = [`<text x="${LEFT}" y="${top + 20}" fill="#1f2328" font-weight="bold">${escape(title)}</text>`];

  for (const { name, from, to } of marks) {
    const width = Math.max(1.5, x(to) - x(from));
    parts.push(
      `<rect x="${x(from).toFixed(1)}" y="${top + TOP}" width="${width.toFixed(1)}" height="${bottom - top - TOP}" fill="#fff1c2"/>`,
      `<text x="${(x(from) + 2).toFixed(1)}" y="${top + TOP - 3}" fill="#7d4e00" font-size="9">${escape(name)}</text>`,
    );
  }
  for (const value of [0, highest / 2, highest]) {
    parts.push(
      `<line x1="${LEFT}" y1="${y(value)}" x2="${right}" y2="${y(value)}" stroke="#d0d7de"/>`,
      `<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end" fill="#57606a">${value.toLocaleString('en')}</text>`,
    );
  }
  for (const second of [0, seconds / 4, seconds / 2, (3 * seconds) / 4, seconds]) {
    parts.push(
      `<text x="${x(second)}" y="${bottom + 16}" text-anchor="middle" fill="#57606a">${Math.round(second)} s</text>`,
    );
  }
  for (const [index, { name, points }] of series.entries()) {
    const colour = COLOURS[index % COLOURS.length] ?? '#000000';
    const line = points
      .map(([second, value]) => `${x(Math.min(second, seconds)).toFixed(1)},${y(value).toFixed(1)}`)
      .join(' ');
    const legend = top + TOP + 10 + index * 16;
    parts.push(
      `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
      `<line x1="${right + 12}" y1="${legend - 4}" x2="${right + 28}" y2="${legend - 4}" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${right + 33}" y="${legend}" fill="#1f2328">${escape(name)}</text>`,
    );
  }
  return parts.join('\n');
}

/** The next of 1, 2, 4 or 6 times a power of ten: half of it is a round number as well. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 10].map((factor) => factor * power).find((nice) => nice >= value) ?? value;
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
