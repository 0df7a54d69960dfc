export interface ProcessFigures {
  /** Resident memory in MB. */
  memory: number;
  /** Seconds of processor time since it started, of all its threads. */
  cpu: number;
}

export function measureThisProcess(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return { memory: Math.round(process.memoryUsage.rss() / 2 ** 20), cpu: (user + system) / 1e6 };
}
