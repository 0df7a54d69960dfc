import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';

const root = join(import.meta.dirname, '../..');
const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
/** Scripts that start a program of ours, not one of a package. */
const OWN = Object.entries(scripts).flatMap(([name, command]) => {
  const program = /(?<program>(?:local|ops|audit|bench|scripts|test)\/\S+\.(?:ts|mjs))$/.exec(command)?.groups?.[
    'program'
  ];
  return program === undefined ? [] : [{ name, program }];
});

interface Ended {
  code: number | string | null | undefined;
  out: string;
  err: string;
}

const run = (program: string, option: string): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, option], { cwd: root }, (error, out, err) => {
      resolve({ code: error ? error.code : 0, out, err });
    });
  });

describe('every program that an npm script starts', { concurrent: true }, () => {
  it('is among these', () => {
    expect(OWN.length).toBeGreaterThan(20);
  });

  it.each(OWN)('$name says what it does and takes, and does nothing, when asked for help', async ({ program }) => {
    const { code, out, err } = await run(program, '--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n').length).toBeGreaterThan(3);
  });

  it.each(OWN)('$name ends with 2 and names the option that it does not know', async ({ program }) => {
    const { code, out, err } = await run(program, '--nonesuch');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain("'--nonesuch'");
    expect(err).not.toMatch(/^\s+at /m);
  });
});

it.each([
  ['local/start.ts', '--port=70000', '--port: it takes a whole number from 0 to 65535'],
  ['local/start.ts', '--port=', '--port'],
  ['bench/soak.ts', '--rate=fast', '--rate: it takes a number of 0.01 or more, not "fast"'],
  ['bench/torture.ts', '--kills=1.5', '--kills: it takes a whole number of 0 or more'],
  ['bench/sweep.ts', '--on=paper', '--on'],
  ['bench/bulk.ts', '--files=12', '--files'],
])('%s %s is refused by the name of the option', async (program, option, words) => {
  expect(await run(program, option)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(words) as string });
});
