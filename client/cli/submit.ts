import path from 'node:path';
import type { Warning } from '../../core/referral.ts';
import type { Acceptance } from '../../core/contracts.ts';
import type { Hotline } from '../hotline.ts';
import { runtimeOf } from '../runtime.ts';
import { findSources, type Source } from './documents.ts';
import { CommandError, EXIT, type Exit, usageError } from './exit.ts';
import type { Failure } from './failure.ts';
import { createProgress } from './progress.ts';
import { safeLine } from './safe-text.ts';
import { type Session, toRecord } from './session.ts';
import { withSubmitLock } from './submit-lock.ts';
import * as words from './words.ts';

/*
 * Submitting one referral or a hundred thousand. What a run has sealed is in the journal, found by a hash of the draft's
 * content: whoever runs the same command again continues where it stopped, and nothing is submitted twice, however a
 * file is called, indented or moved.
 */

export interface SubmitOptions {
  parallel: number;
  unfinished?: boolean;
  resend?: boolean;
  /** One draft that was accepted is sealed again under a new id. */
  anew?: boolean;
  strict?: boolean;
}

/** The journal does not tell which of them were refused, but by reading each. */
const NOTHING_OWED = `Nothing is unfinished: the relay has accepted or refused all that was sealed.
What was refused is not sent again by this: submit its draft again.`;

/** How many warnings are shown of one draft among many. */
const FEW = 3;

/** One draft, or one referral that was sealed before. */
interface Job {
  name: string;
  run(): Promise<Submitted>;
}

interface Submitted {
  acceptance: Acceptance;
  /** Whether an earlier run had it accepted, so that nothing was sent. */
  before: boolean;
  warnings: readonly Warning[];
}

export async function submit(session: Session, inputs: readonly string[], options: SubmitOptions): Promise<Exit> {
  if (inputs.length === 0 && !options.unfinished) {
    throw usageError('Name what to submit: a file, a folder or "-" for standard input; or add --unfinished.');
  }
  if (options.anew && (inputs.length !== 1 || options.unfinished)) {
    throw usageError('With --anew, name the one draft that is to be referred again under a new id.');
  }
  const hotline = await session.openHotline();
  return withSubmitLock(path.join(session.profileFolder(), 'journal'), async () => {
    const owed = options.unfinished ? await hotline.unfinished() : [];
    const sources = await findSources(inputs, session.io);
    if (options.anew && sources.length !== 1) throw usageError('With --anew, name one draft, not a folder of several.');
    const jobs = [
      ...owed.map((id) => ({ name: id, run: () => resume(hotline, id) })),
      ...sources.map((source) => ({ name: source.name, run: () => submitDraft(hotline, source, options) })),
    ];
    if (jobs.length > 0) return submitAll(session, jobs, options.parallel);
    await session.note(NOTHING_OWED);
    return EXIT.ok;
  });
}

async function resume(hotline: Hotline, id: string): Promise<Submitted> {
  return { acceptance: await hotline.submit(id), before: false, warnings: [] };
}

async function submitDraft(
  hotline: Hotline,
  source: Source,
  { resend, anew, strict }: SubmitOptions,
): Promise<Submitted> {
  const document = await source.read();
  const { warnings } = await hotline.check(document, { offline: true });
  if (strict && warnings.length > 0) throw new StrictError(warnings);
  const last = await hotline.seal(document);
  // What is still owed to the relay is what an earlier run sealed anew, or has never been reported as undeliverable.
  if (anew && last.state === 'accepted') {
    const { id } = await hotline.seal(document, { anew });
    return { acceptance: await hotline.submit(id), before: false, warnings };
  }
  // What is not with the relay goes by what it says, so that it can be sealed for another intake key. It is an object, for it
  // could be sealed.
  const what = last.state === 'accepted' ? last.id : (document as object);
  const before = last.state === 'accepted' && !resend;
  return { acceptance: await hotline.submit(what, { resend: resend ?? false }), before, warnings };
}

/** A draft that has warnings where `--strict` wants none. */
class StrictError extends CommandError {
  readonly warnings: readonly Warning[];

  constructor(warnings: readonly Warning[]) {
    super(EXIT.refused, 'warnings', 'It was not submitted: it has warnings, and --strict was given.');
    this.warnings = warnings;
  }
}

async function submitAll(session: Session, jobs: readonly Job[], parallel: number): Promise<Exit> {
  const { io } = session;
  const runtime = runtimeOf(io.runtime);
  const progress = createProgress(io, () => runtime.now());
  const many = jobs.length > 1;
  const tally = { accepted: 0, before: 0, refused: 0 };
  const failed: string[] = [];
  let first: Failure | undefined;
  let fatal: Failure | undefined;
  /** What could not be shown: nothing after it can be either. */
  let broken: { error: unknown } | undefined;

  /** Submits, and counts what became of it; resolves to what shows that. */
  async function attempt(job: Job): Promise<() => Promise<void>> {
    try {
      const submitted = await job.run();
      tally[submitted.before ? 'before' : 'accepted'] += 1;
      return () => showAccepted(session, job.name, submitted, many);
    } catch (error) {
      const failure = session.explain(error);
      first ??= failure;
      if (!OF_ONE_DRAFT.has(failure.code)) fatal ??= failure;
      tally.refused += 1;
      failed.push(safeLine(job.name));
      const warnings = error instanceof StrictError ? error.warnings : [];
      return () => showFailed(session, job.name, failure, warnings, many);
    }
  }

  // One iterator for all workers: each takes the next job when it is free.
  const queue = jobs.values();
  async function worker(): Promise<void> {
    for (const job of queue) {
      const show = await attempt(job);
      await progress.clear();
      try {
        await show();
      } catch (error) {
        broken ??= { error };
      }
      if (broken || fatal || io.signal.aborted) return;
      const done = tally.accepted + tally.before + tally.refused;
      progress.update(`${done} of ${jobs.length}, ${words.count(tally.refused, 'failure')}`);
    }
  }
  await Promise.all(Array.from({ length: Math.min(parallel, jobs.length) }, worker));
  await progress.clear();

  const { accepted, before, refused } = tally;
  const untried = jobs.length - accepted - before - refused;
  const isCut = broken !== undefined || fatal !== undefined || untried > 0;
  const told = many
    ? session.note([summarize(tally, untried, isCut), ...words.named('Failed:', failed)].join('\n'))
    : Promise.resolve();
  if (broken) {
    await told.catch(() => undefined);
    throw broken.error;
  }
  await told;
  if (refused + untried === 0) return EXIT.ok;
  return accepted + before > 0 ? EXIT.partial : (first?.exit ?? EXIT.partial);
}

/** Failures of one draft; every other one would meet the next as well, which is then left for another run. */
const OF_ONE_DRAFT = new Set([
  'malformed',
  'invalid-envelope',
  'id-conflict',
  'too-large',
  'no-route',
  'wrong-intake-key',
  'not-known',
  'warnings',
  'file',
  'storage',
]);

function summarize(
  tally: { accepted: number; before: number; refused: number },
  untried: number,
  isCut: boolean,
): string {
  const parts = [
    `${tally.accepted} accepted`,
    ...(tally.before > 0 ? [`${tally.before} accepted before, not sent again`] : []),
    ...(tally.refused > 0 ? [`${tally.refused} failed`] : []),
    ...(untried > 0 ? [`${untried} not tried`] : []),
  ];
  const again = isCut ? '\nRun the same command again to continue: nothing is submitted twice.' : '';
  return `${parts.join(', ')}.${again}`;
}

async function showAccepted(
  session: Session,
  input: string,
  { acceptance, before, warnings }: Submitted,
  many: boolean,
): Promise<void> {
  const { id, acceptedAt, sealed, routes, unrouted } = acceptance;
  const { good, warning, strong } = session.style;
  const lines = [
    `${good('accepted')}  ${strong(id)}  ${safeLine(input)}${before ? ` (on ${words.moment(acceptedAt)}, not sent again)` : ''}`,
    ...routes.map((route) => `  to ${words.route(route)}`),
    ...(unrouted.length > 0
      ? [`  ${warning('to nobody')} for ${words.countries(unrouted)}: no agency is registered there`]
      : []),
  ];
  // Of what was accepted before, nothing can be bettered any more.
  if (!before) await noteWarnings(session, input, warnings, many);
  await session.show(
    { input, status: 'accepted', id, acceptedAt, sealed, before, routes, unrouted, warnings },
    lines.join('\n'),
  );
}

async function showFailed(
  session: Session,
  input: string,
  failure: Failure,
  warnings: readonly Warning[],
  many: boolean,
): Promise<void> {
  const lines = failure.lines.map((line) => `  ${line}`);
  await noteWarnings(session, input, warnings, many);
  await session.note([`${session.style.bad('failed')}  ${safeLine(input)}`, ...lines].join('\n'));
  if (session.json) await session.show({ input, status: 'failed', error: toRecord(failure), warnings }, '');
}

/** For a person; `--json` has them in the record. */
async function noteWarnings(
  session: Session,
  input: string,
  warnings: readonly Warning[],
  many: boolean,
): Promise<void> {
  if (session.json || warnings.length === 0) return;
  const shown = many ? warnings.slice(0, FEW) : warnings;
  const lines = shown.map(({ pointer, detail }) => `  ${pointer}: ${detail}`);
  const rest = warnings.length - shown.length;
  if (rest > 0) lines.push(`  and ${rest} more: "hotline check" lists them all`);
  await session.note([`${session.style.warning('could be better')}  ${safeLine(input)}`, ...lines].join('\n'));
}
