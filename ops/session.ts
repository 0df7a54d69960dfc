import { DEBUG, type Failure, isInterrupt } from '../client/cli/failure.ts';
import { CommandError, EXIT, type Exit } from '../client/cli/exit.ts';
import type { Io } from '../client/cli/io.ts';
import { safeJson, safeLine } from '../client/cli/safe-text.ts';
import { toRecord, traceOf } from '../client/cli/session.ts';
import type { Relay } from '../core/ports.ts';
import { DAY, toTimestamp } from '../core/time.ts';
import { type AuditEntry, beginEntry } from './audit.ts';
import { type Cloud, connect } from './cloud.ts';
import { describeRegistry, OTHER_REGISTRY } from './deployed-registry.ts';
import { explainFailure } from './failure.ts';
import { describeNotUnderstood, notUnderstood, skipNotUnderstood } from './not-understood.ts';
import { findTarget, type TargetOptions } from './target.ts';

/* What every command of the operator does alike: find the relay, note who orders what, show results, explain failures. */

export interface CommonOptions extends TargetOptions {
  json?: boolean;
}

export interface Session {
  cloud: Cloud;
  io: Io;
  /** Milliseconds since 1970. */
  now: () => number;
  /** A result, on standard output: one line of JSON, or the text. */
  show: (record: object, text: string) => Promise<void>;
  /** A remark for a person, on standard error. */
  note: (text: string) => Promise<void>;
}

/**
 * What the core's use cases are given. How long content is kept is the deployment's affair and not known here, but for a
 * day at least, which is what is added where an order needs content that is about to be removed: it is not removed
 * between the order's own writes. What is kept for longer anyway stays so.
 */
export const relayOf = ({
  cloud: { ledger },
  now,
}: Pick<Session, 'now'> & { cloud: Pick<Cloud, 'ledger'> }): Pick<Relay, 'ledger' | 'clock' | 'retention'> => ({
  ledger,
  clock: { now },
  retention: { content: DAY, custody: 0 },
});

/** How a command ended: its exit code, and what came of it in a few words, for the audit. */
export interface Ending {
  exit: Exit;
  result: string;
}

export const done = (result: string): Ending => ({ exit: EXIT.ok, result });

/** Nothing was changed. */
export const refusal = (code: string, message: string): CommandError => new CommandError(EXIT.refused, code, message);

/**
 * Runs a command to its exit code. Its beginning is noted before anything is done, its end whatever comes of it.
 * @param what the command and what it is about, for the audit
 */
export async function runCommand(
  io: Io,
  options: CommonOptions,
  what: string,
  body: (session: Session) => Promise<Ending>,
): Promise<Exit> {
  const json = options.json ?? false;
  const now = io.runtime?.now ?? Date.now;
  const show = (record: object, text: string): Promise<void> => io.out(`${json ? safeJson(record) : text}\n`);
  const note = (text: string): Promise<void> => io.err(`${text}\n`);
  let place = { where: 'the relay', isLocal: false };
  const fail = async (error: unknown): Promise<Failure> => {
    const failure = explainFailure(isInterrupt(error, io.signal) ? interrupted() : error, place);
    await note(`ops: ${failure.lines.join('\n  ')}`);
    if (io.env[DEBUG] && !(error instanceof CommandError)) await note(traceOf(error));
    if (json) await io.out(`${safeJson({ error: toRecord(failure) })}\n`);
    return failure;
  };

  let cloud: Cloud | undefined;
  try {
    const target = findTarget(options, io.env);
    const isLocal = target.local !== undefined;
    place = {
      where: isLocal ? 'the relay on this machine' : `the stage "${target.stage}" in ${target.region}`,
      isLocal,
    };
    cloud = await connect(target);
    const session: Session = { cloud, io, now, show, note };
    const entry = beginEntry(now(), cloud.operator, safeLine(what));
    await cloud.audit.write(entry);
    let ending: Ending;
    try {
      const ended = await skipNotUnderstood(cloud, () => body(session));
      if (!ended) throw notUnderstood();
      ending = ended;
    } catch (error) {
      const failure = await fail(error);
      ending = { exit: failure.exit, result: failure.code };
    }
    const doubts = ending.result === OTHER_REGISTRY ? [] : await describeRegistry(cloud);
    for (const line of [...describeNotUnderstood(cloud), ...doubts]) await note(`ops: ${line}`);
    const ended: AuditEntry = { ...entry, at: toTimestamp(now()), phase: 'ended', ...ending };
    await cloud.audit.write(ended);
    await show({ audit: ended, stage: target.stage, region: target.region }, `${describeEntry(ended)}, ${place.where}`);
    return ending.exit;
  } catch (error) {
    return (await fail(error)).exit;
  } finally {
    cloud?.close();
  }
}

const interrupted = (): CommandError =>
  new CommandError(EXIT.partial, 'interrupted', 'Interrupted. What was begun may be repeated: run it again.');

export const describeEntry = ({ at, by, what, phase, exit, result }: AuditEntry): string =>
  `audit: ${at} ${safeLine(by)}: ${safeLine(what)}: ${phase === 'begun' ? 'begun' : `${safeLine(result ?? '')} (exit ${exit})`}`;
