import path from 'node:path';
import type { AgencyReferral, DeliveryReport, Withdrawal } from '../delivery.ts';
import { makePrivateFolder, writeDurably } from '../durable-file.ts';
import type { PollReport } from '../polling.ts';
import { EXIT, type Exit } from './exit.ts';
import type { Failure } from './failure.ts';
import { summarizeReferral, summarizeWithdrawal } from './referral-summary.ts';
import { type Session, toRecord } from './session.ts';

export interface PollOptions {
  follow?: boolean;
  out?: string;
}

/** How many referrals are opened at the same time where no person reads along. */
const PARALLEL = 4;

/**
 * Opens what is in the queues. The relay is told that a referral was opened only once it was written to `--out` and
 * printed: whatever fails in between, the referral comes again.
 */
export async function poll(session: Session, { follow = false, out }: PollOptions): Promise<Exit> {
  const { io, style, json } = session;
  const agency = await session.openAgency();
  const stopped = new AbortController();
  const tally = { done: 0, left: 0 };
  let first: Failure | undefined;
  /** What a handler of ours failed with: nothing further can be shown or written. */
  let broken: { error: unknown } | undefined;
  let notes: Promise<void> = Promise.resolve();

  async function handOver(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      broken ??= { error };
      stopped.abort();
      throw error;
    }
  }

  const handlers = {
    referral: (referral: AgencyReferral) =>
      handOver(async () => {
        const record = toReferralRecord(referral);
        if (out !== undefined) await store(out, referral.hotline, `${referral.id}.v${referral.version}`, record);
        const command = `referral-relay agency answer ${referral.hotline} ${referral.id} STATUS${session.profileArgument}`;
        await session.show(record, summarizeReferral(referral, style, command));
      }),
    withdrawn: (withdrawal: Withdrawal) =>
      handOver(async () => {
        const record = { kind: 'withdrawn', ...withdrawal };
        if (out !== undefined) await store(out, withdrawal.hotline, `${withdrawal.id}.withdrawn`, record);
        await session.show(record, summarizeWithdrawal(withdrawal, style));
      }),
  };

  function report(told: DeliveryReport | PollReport): void {
    if (broken) return;
    if (told.result === 'left' || told.result === 'poll-failed') {
      const failure = session.explain(told.error);
      first ??= failure;
      if (told.result === 'left') tally.left += 1;
      // Someone who looks once wants to know now, not after a pause that grows.
      if (!follow && failure.exit === EXIT.unavailable) stopped.abort();
      say(told, `${style.warning('left')}  ${describe(told)}`, failure);
    } else if (told.result === 'unreadable') {
      tally.left += 1;
      const what = `cannot be opened (${told.reason}): its hotline is told, and the message goes to the dead letters`;
      say(told, `${style.bad('unreadable')}  ${describe(told)} ${what}`);
    } else {
      tally.done += 1;
      if (told.result !== 'handled' && told.result !== 'withdrawn')
        say(told, `${describe(told)} ${REPEATED[told.result]}`);
    }
  }

  function say(told: DeliveryReport | PollReport, text: string, failure?: Failure): void {
    const lines = [text, ...(failure?.lines.map((line) => `  ${line}`) ?? [])];
    const { result, ...about } = told;
    const record = { kind: result, ...about, ...(failure && { error: toRecord(failure) }) };
    notes = write(notes, async () => {
      await session.note(lines.join('\n'));
      if (json) await session.show(record, '');
    });
  }

  async function write(before: Promise<void>, act: () => Promise<void>): Promise<void> {
    await before;
    try {
      await act();
    } catch (error) {
      broken ??= { error };
      stopped.abort();
    }
  }

  const signal = AbortSignal.any([io.signal, stopped.signal]);
  const concurrency = json || out !== undefined ? PARALLEL : 1;
  try {
    await agency.run(handlers, { report, signal, drain: !follow, concurrency });
  } catch (error) {
    if (!broken) throw error;
  }
  await notes;
  if (broken) throw broken.error;
  if (tally.done + tally.left === 0 && first === undefined && !io.signal.aborted)
    await session.note('Nothing is waiting.');
  if (tally.done > 0 && tally.left > 0) return EXIT.partial;
  return first?.exit ?? (tally.left > 0 ? EXIT.refused : EXIT.ok);
}

const REPEATED = {
  duplicate: 'came again: it was shown before, and the relay was told once more',
  discarded: 'was withdrawn before it came: it is not shown',
} as const;

const describe = (told: DeliveryReport | PollReport): string =>
  'hotline' in told && told.hotline !== undefined
    ? `${told.hotline}/${told.id ?? ''}${told.version === undefined ? '' : `, version ${told.version}`}`
    : told.result === 'poll-failed'
      ? 'the queues could not be read'
      : 'a message';

/** A referral as `--json` prints it and `--out` writes it: the whole document, and how it came. */
const toReferralRecord = ({ referral, ...about }: AgencyReferral): object => ({
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
