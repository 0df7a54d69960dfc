export interface Schedule {
  /** A run that begins after this call, when the one under way is over. Rejects as the run does. */
  runNow: () => Promise<void>;
  /** Resolves when the run under way is over. Idempotent. */
  close: () => Promise<void>;
}

export interface ScheduleOptions {
  /** Seconds from one start to the next; 0 runs on demand only. */
  everySeconds: number;
  run: () => Promise<unknown>;
  log: (source: string, line: string) => void;
}

/** Runs at a fixed interval, never twice at a time: a start that falls into a run is left out. */
export function startSchedule({ everySeconds, run, log }: ScheduleOptions): Schedule {
  let begun = 0;
  let last: Promise<unknown> = Promise.resolve();
  const begin = (): Promise<unknown> => {
    begun += 1;
    last = last
      .catch(() => undefined)
      .then(run)
      .finally(() => (begun -= 1));
    return last;
  };
  const tick = (): void => {
    if (begun > 0) return;
    begin().catch((error: unknown) => log('schedule', error instanceof Error ? error.message : 'the run failed'));
  };
  const timer = everySeconds > 0 ? setInterval(tick, everySeconds * 1000) : undefined;

  return {
    async runNow() {
      await begin();
    },
    async close() {
      clearInterval(timer);
      await last.catch(() => undefined);
    },
  };
}
