import { describe, expect, it } from 'vitest';
import type { Io } from '../../client/cli/io.ts';
import { runSimulate } from './program.ts';

function makeIo() {
  const written = { out: '', err: '' };
  const io: Io = {
    out: (text) => Promise.resolve(void (written.out += text)),
    err: (text) => Promise.resolve(void (written.err += text)),
    stdin: (async function* () {})(),
    ask: undefined,
    env: {},
    colour: false,
    watched: false,
    signal: new AbortController().signal,
  };
  return { io, written };
}

describe('npm run simulate', () => {
  it('says that every invariant held, in text and in JSON', async () => {
    const { io, written } = makeIo();
    expect(await runSimulate(['--runs', '3', '--seed', '5', '--steps', '10', '--threads', '1'], io)).toBe(0);
    expect(written.out).toContain('3 runs of up to 10 steps from seed 5: every invariant held');
    const json = makeIo();
    expect(await runSimulate(['--runs', '2', '--seed', '5', '--steps', '10', '--json'], json.io)).toBe(0);
    expect(JSON.parse(json.written.out)).toMatchObject({ runs: 2, seed: 5, steps: 10, failure: null });
  });

  it.each([[['--runs', '0']], [['--seed', '-1']], [['--steps', 'many']], [['--unknown']]])(
    'refuses %j as usage',
    async (args) => {
      const { io, written } = makeIo();
      expect(await runSimulate(args, io)).toBe(2);
      expect(written.err).not.toBe('');
    },
  );
});
