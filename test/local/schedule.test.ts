import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Schedule, startSchedule } from '../../local/schedule.ts';

let finish: ((error?: Error) => void)[];
let lines: string[];
let schedule: Schedule;

beforeEach(() => {
  vi.useFakeTimers();
  finish = [];
  lines = [];
  schedule = startSchedule({
    everySeconds: 60,
    run: () =>
      new Promise<void>((resolve, reject) => {
        finish.push((error) => (error ? reject(error) : resolve()));
      }),
    log: (source, line) => lines.push(`${source}: ${line}`),
  });
});
afterEach(async () => {
  const closed = schedule.close();
  finish.at(-1)?.();
  await closed;
  vi.useRealTimers();
});

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

describe('a schedule', () => {
  it('runs at every interval', async () => {
    await pass(59);
    expect(finish).toHaveLength(0);
    await pass(1);
    expect(finish).toHaveLength(1);
    finish[0]?.();
    await pass(60);
    expect(finish).toHaveLength(2);
  });

  it('leaves out what falls into a run', async () => {
    await pass(200);
    expect(finish).toHaveLength(1);
    finish[0]?.();
    await pass(60);
    expect(finish).toHaveLength(2);
  });

  it('goes on after a run that failed, and logs it', async () => {
    await pass(60);
    finish[0]?.(new Error('no table'));
    await pass(60);
    expect(finish).toHaveLength(2);
    expect(lines).toEqual(['schedule: no table']);
  });

  it('runs on demand after the run under way, once for each demand', async () => {
    await pass(60);
    const first = schedule.runNow();
    const second = schedule.runNow();
    await pass(0);
    expect(finish).toHaveLength(1);
    finish[0]?.(new Error('no table'));
    await pass(0);
    expect(finish).toHaveLength(2);
    finish[1]?.();
    await first;
    await pass(0);
    finish[2]?.();
    await second;
    expect(finish).toHaveLength(3);
  });

  it('passes on the failure of a run that was asked for', async () => {
    const asked = expect(schedule.runNow()).rejects.toThrow('no table');
    await pass(0);
    finish[0]?.(new Error('no table'));
    await asked;
  });

  it('runs no more once closed', async () => {
    await schedule.close();
    await pass(600);
    expect(finish).toHaveLength(0);
  });
});

it('of 0 seconds runs on demand only', async () => {
  let runs = 0;
  const manual = startSchedule({ everySeconds: 0, run: async () => (runs += 1), log: () => undefined });
  await pass(600);
  expect(runs).toBe(0);
  await manual.runNow();
  expect(runs).toBe(1);
  await manual.close();
});
