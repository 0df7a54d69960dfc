import { describe, expect, it } from 'vitest';
import { makeIo } from '../support/heard-io.ts';
import { runSimulate } from './program.ts';

/** What a failure says, without the number of the run and the command. */
const storyOf = (text: string): string => text.slice(text.indexOf('\n'), text.indexOf('Replay it:'));

describe('npm run simulate', () => {
  it('says that every invariant held, in text and in JSON', async () => {
    const { io, written } = makeIo();
    expect(await runSimulate(['--runs', '3', '--seed', '5', '--steps', '10', '--threads', '1'], io)).toBe(0);
    expect(written.out).toContain('3 runs of up to 10 steps from seed 5: every invariant held');
    const json = makeIo();
    expect(await runSimulate(['--runs', '2', '--seed', '5', '--steps', '10', '--json'], json.io)).toBe(0);
    expect(JSON.parse(json.written.out)).toMatchObject({ runs: 2, seed: 5, steps: 10, failure: null });
  });

  it('prints the command that replays a run that broke an invariant, and why', async () => {
    const first = makeIo();
    const series = ['--runs', '50', '--seed', '3', '--steps', '12', '--plant', 'misdirecting'];
    expect(await runSimulate(series, first.io)).toBe(1);
    const [what, command = ''] = first.written.out.split('Replay it: npm run simulate -- ');
    expect(what).toMatch(
      /^Run \d+ from seed 3 broke an invariant\.\n\nconfidential \(no agency gets what was not routed/,
    );
    const again = makeIo();
    expect(await runSimulate(command.trim().split(' '), again.io)).toBe(1);
    expect(storyOf(again.written.out)).toBe(storyOf(first.written.out));
  });

  it('ends with 130 where it was interrupted before all runs were made, and says how many there were', async () => {
    const { io, written } = makeIo();
    const interrupted = { ...io, signal: AbortSignal.abort() };
    expect(await runSimulate(['--runs', '3', '--threads', '1'], interrupted)).toBe(130);
    expect(written.out).toMatch(/^Interrupted after 0 of 3 runs/);
    const json = makeIo();
    expect(
      await runSimulate(['--runs', '3', '--threads', '1', '--json'], { ...json.io, signal: AbortSignal.abort() }),
    ).toBe(130);
    expect(JSON.parse(json.written.out)).toMatchObject({ runs: 0, interrupted: true, failure: null });
  });

  it.each([[['--runs', '0']], [['--seed', '-1']], [['--steps', 'many']], [['--plant', 'oak']], [['--unknown']]])(
    'refuses %j as usage',
    async (args) => {
      const { io, written } = makeIo();
      expect(await runSimulate(args, io)).toBe(2);
      expect(written.err).not.toBe('');
    },
  );
});
