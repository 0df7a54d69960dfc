import path from 'node:path';
import { Urgency } from '../../core/schema.ts';
import type { Agency } from '../agency.ts';
import type { AgencyReferral, Handlers } from '../delivery.ts';
import { makePrivateFolder, writeDurably } from '../durable-file.ts';
import type { Delivery } from '../inbox.ts';
import { EXIT, type Exit } from './exit.ts';
import { createPollReport, type PollReporter } from './poll-report.ts';
import { summarizeReferral, summarizeWithdrawal } from './referral-summary.ts';
import type { Session } from './session.ts';
import * as words from './words.ts';

export interface PollOptions {
  follow?: boolean;
  out?: string;
}

/** A referral that was shown. */
interface Shown {
  urgency: Urgency;
  name: string;
}

/** The folder of a profile for what was opened without saying where to keep it: a gist is not all that came. */
const OPENED = 'opened';

/** How many referrals are opened at the same time while following. */
const PARALLEL = 4;

/** So many immediate ones are named again in the end. */
const NAMED = 20;

/**
 * Opens what is in the queues. The relay is told that a referral was opened only once its document was written, to `out`
 * or into the profile, and printed: whatever fails in between, the referral comes again. With `--json`, what is printed
 * is the document, and is written only if `out` says where.
 */
export async function poll(session: Session, { follow = false, out: wanted }: PollOptions): Promise<Exit> {
  const { io } = session;
  const out = wanted ?? (session.json ? undefined : path.join(session.profileFolder(), OPENED));
  const agency = await session.openAgency();
  const stopped = new AbortController();
  const signal = AbortSignal.any([io.signal, stopped.signal]);
  /** What could not be shown or written: nothing after it can be either. */
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

  const shown: Shown[] = [];
  const handlers = createHandlers(session, { out, orStop, shown });
  const reporter = createPollReport(session, orStop);
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
    if (!signal.aborted) throw error;
  }
  await reporter.flush();
  if (broken) throw broken.error;
  await sumUp(session, shown, out);
  const exit = await reporter.end();
  return io.signal.aborted && !follow ? EXIT.partial : exit;
}

/** What was shown cannot be remembered then, and would be shown again until it lies in the dead letters, unanswered. */
const OF_THE_DISK = new Set(['disk-full', 'file']);

/** Takes what is there: one by one for a person, who wants it in order; a program gets a batch as it is opened. */
async function drain(
  { json }: Session,
  agency: Agency,
  { handlers, reporter, signal }: { handlers: Handlers; reporter: PollReporter; signal: AbortSignal },
): Promise<void> {
  for (;;) {
    const batch = (await agency.poll({ wait: 1, signal })).sort((a, b) => rank(a) - rank(b));
    if (batch.length === 0) return;
    for (const group of json ? [batch] : batch.map((delivery) => [delivery])) {
      const reports = await Promise.all(group.map((delivery) => agency.handle(delivery, handlers, signal)));
      if (signal.aborted) return;
      const verdicts = reports.map((told) => reporter.tell(told));
      await reporter.flush();
      // Someone who looks once wants to know now, not after pauses that grow.
      if (verdicts.includes('hopeless')) return;
    }
  }
}

/** What is withdrawn need not be read; then the most urgent. */
function rank(delivery: Delivery): number {
  if (delivery.kind === 'withdrawn') return 0;
  return delivery.kind === 'referral' && delivery.message.urgency === 'immediate' ? 1 : 2;
}

/** Says in the end what is above, which may be more than a screen holds: what is immediate by name, and where all of it is. */
async function sumUp({ json, note }: Session, shown: readonly Shown[], out?: string): Promise<void> {
  if (json || shown.length === 0) return;
  const each = Urgency.options.flatMap((urgency) => {
    const number = shown.filter((one) => one.urgency === urgency).length;
    return number > 0 ? [`${number} ${urgency}`] : [];
  });
  const immediate = shown.filter(({ urgency }) => urgency === 'immediate').map(({ name }) => name);
  const others = immediate.length - NAMED;
  const named = immediate.slice(0, NAMED).map((name) => `  ${name}`);
  await note(
    [
      `${words.count(shown.length, 'referral')}: ${each.join(', ')}.`,
      ...(immediate.length > 0 && shown.length > 1 ? ['Immediate:', ...named] : []),
      ...(others > 0 ? [`  and ${others} more`] : []),
      `Whole documents, which hold personal data, are in ${out}.`,
    ].join('\n'),
  );
}

/** @param to `out`: the folder for whole documents; `orStop`: runs what writes; `shown`: takes down what was */
function createHandlers(
  session: Session,
  {
    out,
    orStop,
    shown,
  }: { out?: string | undefined; orStop: (act: () => Promise<void>) => Promise<void>; shown: Shown[] },
): Handlers {
  const { style, profileArgument } = session;
  return {
    referral: (opened) =>
      orStop(async () => {
        const { hotline, id, version } = opened;
        const record = toRecord(opened);
        if (out !== undefined) await store(out, hotline, `${id}.v${version}`, record);
        const command = `referral-relay agency answer ${hotline} ${id} STATUS${profileArgument}`;
        await session.show(record, summarizeReferral(opened, style, command));
        shown.push({ urgency: opened.referral.urgency, name: `${hotline}/${id}` });
      }),
    withdrawn: (withdrawal) =>
      orStop(async () => {
        const { hotline, id } = withdrawal;
        const record = { kind: 'withdrawn', ...withdrawal };
        if (out !== undefined) await store(out, hotline, `${id}.withdrawn`, record);
        await session.show(record, summarizeWithdrawal(withdrawal, style));
      }),
  };
}

/** A referral as `--json` prints it and `--out` writes it: the whole document, and how it came. */
const toRecord = ({ referral, ...about }: AgencyReferral): object => ({
  kind: 'referral',
  urgency: referral.urgency,
  ...about,
  referral,
});

async function store(folder: string, hotline: string, name: string, record: object): Promise<void> {
  const parent = path.join(folder, hotline);
  await makePrivateFolder(parent);
  await writeDurably(path.join(parent, `${name}.json`), record);
}
