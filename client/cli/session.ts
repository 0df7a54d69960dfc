import type { Agency } from '../agency.ts';
import type { Hotline } from '../hotline.ts';
import { CommandError, EXIT, type Exit, usageError } from './exit.ts';
import { DEBUG, explain, type Failure, isInterrupt, quote } from './failure.ts';
import type { Io } from './io.ts';
import { safeJson, safeLine } from './safe-text.ts';
import { createStyle, type Style } from './style.ts';

/* What every command does alike: find its profile, show results, explain failures. */

/** Names the folder of the profile where `--profile` does not. */
export const PROFILE = 'REFERRAL_RELAY_PROFILE';

/** Options that every command has. */
export interface CommonOptions {
  profile?: string;
  json?: boolean;
}

export interface Session {
  io: Io;
  json: boolean;
  style: Style;
  /** ` --profile DIR`, as a command to be pasted needs it; empty where the environment names the profile. */
  profileArgument: string;
  /** @throws {CommandError} `usage` if none is named */
  profileFolder: () => string;
  openHotline: () => Promise<Hotline>;
  openAgency: () => Promise<Agency>;
  /** A result, on standard output: one line of JSON, or the text. */
  show: (record: object, text: string) => Promise<void>;
  /** A remark for a person, on standard error. */
  note: (text: string) => Promise<void>;
  explain: (error: unknown) => Failure;
}

export function createSession(io: Io, options: CommonOptions): Session {
  const { profile } = options;
  const json = options.json ?? false;

  function profileFolder(): string {
    const folder = profile ?? io.env[PROFILE];
    if (folder) return folder;
    throw usageError(`Say whose profile to use: add --profile DIR, or set ${PROFILE}.`);
  }

  return {
    io,
    json,
    style: createStyle(io.colour && !json),
    profileArgument: profile === undefined ? '' : ` --profile ${quote(profile)}`,
    profileFolder,
    async openHotline() {
      const [{ loadHotlineProfile }, { createHotline }] = await Promise.all([
        import('../profile.ts'),
        import('../hotline.ts'),
      ]);
      return createHotline({ ...(await loadHotlineProfile(profileFolder())), runtime: io.runtime });
    },
    async openAgency() {
      const [{ loadAgencyProfile }, { createAgency }] = await Promise.all([
        import('../profile.ts'),
        import('../agency.ts'),
      ]);
      return createAgency({ ...(await loadAgencyProfile(profileFolder())), aws: io.aws, runtime: io.runtime });
    },
    show: (record, text) => io.out(`${json ? safeJson(record) : text}\n`),
    note: (text) => io.err(`${text}\n`),
    explain: (error) => explain(error, profile),
  };
}

/** A failure as `--json` shows it. */
export const toRecord = ({ exit, code, lines, faults }: Failure): object => ({
  code,
  exit,
  message: lines.join(' '),
  ...(faults.length > 0 && { faults }),
});

/** Runs a command to its exit code; whatever it throws is explained. */
export async function runCommand(
  io: Io,
  options: CommonOptions,
  body: (session: Session) => Promise<Exit>,
): Promise<Exit> {
  const session = createSession(io, options);
  try {
    return await body(session);
  } catch (error) {
    if (isInterrupt(error, io.signal)) return EXIT.partial;
    const failure = session.explain(error);
    await tell(session, failure, error);
    return failure.exit;
  }
}

async function tell(session: Session, failure: Failure, error: unknown): Promise<void> {
  const { io, json } = session;
  const [first, ...rest] = failure.lines;
  if (first !== undefined)
    await session.note([`referral-relay: ${first}`, ...rest.map((line) => `  ${line}`)].join('\n'));
  if (io.env[DEBUG] && !(error instanceof CommandError)) await session.note(traceOf(error));
  // Nobody may be left to read it.
  if (json && first !== undefined) await io.out(`${safeJson({ error: toRecord(failure) })}\n`).catch(() => undefined);
}

/** Where it happened, without the message, which may quote what it choked on. */
export function traceOf(error: unknown): string {
  const lines: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const stack = (cause.stack ?? '').replace(cause.message, '');
    const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
    lines.push(`${safeLine(cause.name)}:`, ...frames.map((frame) => `    ${safeLine(frame)}`));
  }
  return lines.join('\n');
}
