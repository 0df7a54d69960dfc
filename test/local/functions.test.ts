import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FUNCTIONS, type FunctionName } from '../../core/names.ts';
import { FunctionError, type Functions, startFunctions } from '../../local/functions.ts';

const BEHAVING = new URL('../support/behaving-function.ts', import.meta.url).href;

let folder: string;
let functions: Functions;
let lines: string[] = [];
const log = (source: string, line: string): void => void lines.push(`${source}: ${line}`);
const environment = (name: FunctionName) => ({ STAGE: 'test', OWN: name });

/** A folder of handlers that do as they are told, but for `sweep`, if another module is given for it. */
function makeHandlers(name: string, sweep?: string): URL {
  const url = pathToFileURL(`${join(folder, name)}/`);
  mkdirSync(url);
  for (const name of FUNCTIONS) {
    writeFileSync(new URL(`${name}.ts`, url), `export { handler } from ${JSON.stringify(BEHAVING)};\n`);
  }
  if (sweep !== undefined) writeFileSync(new URL('sweep.ts', url), sweep);
  return url;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'functions-'));
  functions = await startFunctions({ handlersDir: makeHandlers('sound'), environment, log });
});
afterAll(async () => {
  await functions.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  lines = [];
});

const failure = async (name: FunctionName, event: object): Promise<FunctionError> => {
  const error: unknown = await functions.invoke(name, event).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (error instanceof FunctionError) return error;
  throw new Error('did not fail');
};

describe('a function', () => {
  it('has an environment of its own and nothing of the process around it', async () => {
    for (const name of ['submit', 'sweep'] as const) {
      const answer = await functions.invoke(name, {});
      expect(answer).toMatchObject({ functionName: name, env: { STAGE: 'test', OWN: name } });
      expect(Object.keys((answer as { env: object }).env).sort()).toEqual(['OWN', 'STAGE']);
    }
  });

  it('gets its event as JSON, with the time that is left', async () => {
    const answer = await functions.invoke('deliver', { at: new Date(0), none: undefined, bytes: Buffer.from('a') });
    expect(answer).toMatchObject({
      event: { at: '1970-01-01T00:00:00.000Z', bytes: { type: 'Buffer', data: [97] } },
      remaining: expect.any(Number),
    });
    expect((answer as { event: object }).event).not.toHaveProperty('none');
    expect((answer as { remaining: number }).remaining).toBeLessThanOrEqual(60_000);
  });

  it('serves many invocations at once, each with its own answer', async () => {
    const numbers = Array.from({ length: 50 }, (_, number) => number);
    const answers = await Promise.all(numbers.map((number) => functions.invoke('query', { number })));
    expect(answers).toMatchObject(numbers.map((number) => ({ event: { number } })));
  });

  it('answers nothing with null', async () => {
    expect(await functions.invoke('collect', { do: 'print' })).toBeNull();
  });

  it('has every line logged that it prints', async () => {
    await functions.invoke('answer', { do: 'print' });
    await expect
      .poll(() => [...lines].sort())
      .toEqual(['answer: a line', 'answer: an error line', 'answer: another line']);
  });
});

describe('a failure', () => {
  it('names what was thrown, and is logged', async () => {
    const error = await failure('answer', { do: 'throw' });
    expect(error.type).toBe('RangeError');
    expect(error.message).toBe('The function "answer" failed: RangeError: out of range');
    expect(lines).toEqual([`answer: ${error.message}`]);
  });

  it('of something that is no error keeps to itself what it was', async () => {
    expect((await failure('answer', { do: 'throw text' })).message).not.toContain('text');
  });

  it.each([
    ['submit', 50],
    ['collect', 50],
    ['sweep', 1],
  ] as const)('is an invocation of %s beyond %i at once, until one has ended', async (name, most) => {
    const held = Array.from({ length: most }, () => failure(name, { do: 'hang' }));
    expect((await failure(name, {})).type).toBe('TooManyRequestsException');
    await functions.crash(name);
    await Promise.all(held);
    expect(await functions.invoke(name, { number: 1 })).toMatchObject({ event: { number: 1 } });
  });

  it('is an event beyond the payload limit', async () => {
    expect((await failure('submit', { text: 'a'.repeat(6 * 1024 * 1024) })).type).toBe('RequestTooLargeException');
  });

  it.each([
    ['crash', 'TypeError'],
    ['reject', 'TypeError'],
    ['exit', 'Runtime.ExitError'],
  ])('by %s fails all that is under way, and the function starts again', async (how, type) => {
    const bystander = failure('submit', { do: 'crash' });
    const error = await failure('submit', { do: how });
    expect([type, 'TypeError']).toContain(error.type);
    await bystander;
    expect(await functions.invoke('submit', { number: 1 })).toMatchObject({ event: { number: 1 } });
    expect(lines).toContainEqual(expect.stringContaining('submit: The function "submit" failed: '));
  });
});

describe('functions that cannot start', () => {
  it.each([
    ['no-handler', 'export const other = 1;', /does not export a function "handler"/],
    ['throws', 'throw new Error("LEDGER_TABLE is missing");', /"sweep" failed: Error: LEDGER_TABLE is missing/],
    ['exits', 'process.exit(4);', /ended with code 4/],
    ['syntax', 'export const handler = ;', /"sweep" failed: SyntaxError/],
  ])('are refused with the reason: %s', async (name, sweep, reason) => {
    const start = startFunctions({ handlersDir: makeHandlers(name, sweep), environment, log });
    await expect(start).rejects.toThrow(reason);
  });
});

it('fails what is under way when it is closed, and all that comes later', async () => {
  const short = await startFunctions({ handlersDir: makeHandlers('short'), environment, log });
  const pending = expect(short.invoke('query', { do: 'hang' })).rejects.toThrow('Runtime.ExitError');
  await short.invoke('query', {});
  await short.close();
  await pending;
  await expect(short.invoke('query', {})).rejects.toThrow('the relay is stopping');
});
