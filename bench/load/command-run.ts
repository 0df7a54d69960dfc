import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What a run of `referral-relay hotline submit` has printed and used. */
export interface CommandRun {
  /** Exit code; `null` if it was killed. */
  exit: number | null;
  /** Input file to the id of its referral, as far as it was accepted. */
  accepted: Map<string, string>;
  /** How many of them the run found accepted before. */
  before: number;
  failed: number;
  /** What a person would read at the end. */
  summary: string;
  seconds: number;
  /** The most resident memory that was seen, in MB. */
  memory: number;
}

export interface CommandOptions {
  profile: string;
  folder: string;
  parallel: number;
  /** Sent to the process once so many files were accepted. */
  interrupt?: { after: number; signal: 'SIGINT' | 'SIGKILL' };
  /** Told of every accepted file how many there are. */
  tell?: (count: number) => void;
}

const COMMAND = fileURLToPath(new URL('../../bin/referral-relay.mjs', import.meta.url));
/**
 * MB of heap that the command gets. With room to spare, garbage waits to be collected, and resident memory says how much
 * room there is and not what the command needs; one that held what it has done would end at this size.
 */
export const HEAP = 64;
const FLAGS = [`--max-old-space-size=${HEAP}`, '--max-semi-space-size=4'];

/** Between two looks at the process's memory, in milliseconds. */
const LOOK = 250;

interface Line {
  input: string;
  status?: 'accepted' | 'failed';
  id?: string;
  before?: boolean;
}

/** Runs the command in a process of its own, as it is typed but for a small heap. */
export async function runSubmit(options: CommandOptions): Promise<CommandRun> {
  const { profile, folder, parallel, interrupt, tell } = options;
  const started = performance.now();
  const args = ['hotline', 'submit', folder, '--profile', profile, '--parallel', String(parallel), '--json'];
  const child = spawn(process.execPath, [...FLAGS, COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const run: CommandRun = {
    exit: null,
    accepted: new Map(),
    before: 0,
    failed: 0,
    summary: '',
    seconds: 0,
    memory: 0,
  };
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.summary = (run.summary + text).slice(-1_000);
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    if (line.status === 'failed') run.failed += 1;
    // A command that fails as a whole says so in a line of another kind.
    if (line.status === 'accepted') run.accepted.set(line.input, line.id ?? '');
    if (line.before) run.before += 1;
    tell?.(run.accepted.size);
    if (run.accepted.size === interrupt?.after) child.kill(interrupt.signal);
  });
  const looking = setInterval(() => {
    void look();
  }, LOOK);
  async function look(): Promise<void> {
    run.memory = Math.max(run.memory, await measureMemory(child.pid));
  }
  run.exit = await new Promise((resolve) => {
    child.once('close', resolve);
  });
  clearInterval(looking);
  run.seconds = (performance.now() - started) / 1000;
  return run;
}

async function measureMemory(pid: number | undefined): Promise<number> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
    return Math.round(Number(stdout) / 1024);
  } catch {
    return 0;
  }
}
