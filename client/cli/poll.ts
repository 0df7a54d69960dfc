import type { Agency } from '../agency.ts';
import type { Handlers } from '../delivery.ts';
import type { Delivery } from '../inbox.ts';
import { answerCommand } from './agency.ts';
import { EXIT, type Exit } from './exit.ts';
import { quote } from './failure.ts';
import { keepReferral, keepWithdrawal, keptFolder, referralRecord, withdrawalRecord } from './kept.ts';
import { createPollReport, type PollReporter } from './poll-report.ts';
import { type Shown, summarizeShown } from './poll-summary.ts';
import { summarizeReferral, summarizeWithdrawal } from './referral-summary.ts';
import type { Session } from './session.ts';

export interface PollOptions {
  follow?: boolean;
  out?: string;
}

/** How many referrals are opened at the same time while following. */
const PARALLEL = 4;

/**
 * Opens what is in the queues. The relay is told that a referral was opened only once its document was written, to `out`
 * or into the profile, and printed: whatever fails in between, the referral comes again. With `--json`, what is printed
 * is the document, and is written only if `out` says where.
 */
export async function poll(session: Session, { follow = false, out: wanted }: PollOptions): Promise<Exit> {
  const { io } = session;
  const out = wanted === undefined && session.json ? undefined : keptFolder(session, wanted);
  const agency = await session.openAgency();
  const stopped = new AbortController();
  const signal = AbortSignal.any([io.signal, stopped.signal]);
  /** What ends it: most often what could not be shown or written, as nothing after it can be either. */
  let broken: { error: unknown } | undefined;
  async function orStop(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      broken ??= { error };
      stopped.abort();
      throw error;
    }
  }

  /** What a look that was under way still brings after that is not shown: it comes again. */
  async function showOrStop(act: () => Promise<void>): Promise<void> {
    if (broken) throw broken.error;
    await orStop(act);
  }

  const reporter = createPollReport(session, orStop);
  const shown: Omit<Shown, 'unopened'> = { referrals: [], withdrawn: [] };
  const handlers = createHandlers(session, { out, show: showOrStop, shown });
  try {
    if (follow) {
      const report = (told: Parameters<PollReporter['tell']>[0]): void => {
        if (broken) return;
        reporter.tell(told);
        if (told.result !== 'left' || !OF_THE_DISK.has(session.explain(told.error).code)) return;
        broken = { error: told.error };
        stopped.abort();
      };
      await agency.run(handlers, { report, signal, concurrency: PARALLEL });
    } else {
      await drain(session, agency, { handlers, reporter, signal });
    }
  } catch (error) {
    if (!signal.aborted) broken = { error };
  }
  await reporter.flush();
  if (!session.json && out !== undefined) {
    const again = `referral-relay agency show${wanted === undefined ? '' : ` --out ${quote(wanted)}`}${session.profileArgument}`;
    const lines = summarizeShown(
      { ...shown, unopened: reporter.unopened() },
      { out, again, isCut: io.signal.aborted && !follow },
    );
    // Whatever ends it, what was shown has been opened, and is not shown again.
    if (lines.length > 0) await session.note(lines.join('\n')).catch(() => undefined);
  }
  if (broken) throw broken.error;
  const exit = await reporter.end(follow);
  return io.signal.aborted && !follow ? EXIT.partial : exit;
}

/** What was shown cannot be remembered then, and would be shown again until it lies in the dead letters, unanswered. */
const OF_THE_DISK = new Set(['disk-full', 'file']);

/**
 * Takes what is there: one by one for a person, who wants it in order; a program gets a batch as it is opened. What was
 * received and not tried is given back, for nobody would see it for two minutes.
 */
async function drain(
  { json }: Session,
  agency: Agency,
  { handlers, reporter, signal }: { handlers: Handlers; reporter: PollReporter; signal: AbortSignal },
): Promise<void> {
  for (;;) {
    const batch = (await agency.poll({ wait: 1, signal })).sort((a, b) => rank(a) - rank(b));
    if (batch.length === 0) return;
    const size = json ? batch.length : 1;
    while (batch.length > 0) {
      const group = batch.splice(0, size);
      const reports = await Promise.all(group.map((delivery) => agency.handle(delivery, handlers, signal)));
      const verdicts = signal.aborted ? [] : reports.map((told) => reporter.tell(told));
      await reporter.flush();
      // Someone who looks once wants to know now, not after pauses that grow.
      if (signal.aborted || verdicts.includes('hopeless')) return agency.giveBack(batch);
    }
  }
}

/** What is withdrawn need not be read; then the most urgent. */
function rank(delivery: Delivery): number {
  if (delivery.kind === 'withdrawn') return 0;
  return delivery.kind === 'referral' && delivery.message.urgency === 'immediate' ? 1 : 2;
}

/** @param to `out`: the folder for whole documents; `show`: runs what writes; `shown`: takes down what was */
function createHandlers(
  session: Session,
  {
    out,
    show,
    shown,
  }: { out?: string | undefined; show: (act: () => Promise<void>) => Promise<void>; shown: Omit<Shown, 'unopened'> },
): Handlers {
  const { style } = session;
  return {
    referral: (opened) =>
      show(async () => {
        if (out !== undefined) await keepReferral(out, opened);
        await session.show(referralRecord(opened), summarizeReferral(opened, style, answerCommand(session, opened)));
        shown.referrals.push({ urgency: opened.referral.urgency, name: `${opened.hotline}/${opened.id}` });
      }),
    withdrawn: (withdrawal) =>
      show(async () => {
        if (out !== undefined) await keepWithdrawal(out, withdrawal);
        await session.show(withdrawalRecord(withdrawal), summarizeWithdrawal(withdrawal, style));
        if (withdrawal.handed) shown.withdrawn.push(`${withdrawal.hotline}/${withdrawal.id}`);
      }),
  };
}
