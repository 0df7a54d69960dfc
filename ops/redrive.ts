import * as z from 'zod/mini';
import { CommandError, EXIT } from '../client/cli/exit.ts';
import { ReferralMessage, WithdrawnMessage } from '../core/contracts.ts';
import { parseJson } from '../core/json.ts';
import { agencyQueue, dispatchQueue, LANES } from '../core/names.ts';
import { hasten } from '../core/use-cases/hasten.ts';
import { redeliver, type Redelivery, type RedeliveryOrder } from '../core/use-cases/redeliver.ts';
import { readDispatch } from '../lambda/messages.ts';
import { findAgency, findHold, type Hold } from './agencies.ts';
import type { Cloud } from './cloud.ts';
import { mapSome } from './concurrency.ts';
import { skipNotUnderstood } from './not-understood.ts';
import { drain, readDepth } from './queues.ts';
import { done, type Ending, relayOf, type Session } from './session.ts';

const DeadLetter = z.union([ReferralMessage, WithdrawnMessage]);

/**
 * Sends anew what the dead letters of an agency, or of the relay's own dispatch, were about. The ledger is told first,
 * then the letter is deleted; it is never moved, for it may be out of date or wrapped for a key that is gone. A letter
 * that names nothing the ledger knows is left, as is one whose rows are not understood. An interrupt ends it after the
 * letter in hand.
 */
export async function redrive(session: Session, what: string): Promise<Ending> {
  const { cloud, show } = session;
  const { stage } = cloud;
  const { signal } = session.io;
  const counts = new Map<string, number>();
  const settle = async (act: () => Promise<string>): Promise<boolean> => {
    const outcome = (await skipNotUnderstood(cloud, act)) ?? 'not-understood';
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    return !STAYS.has(outcome);
  };

  if (what !== 'dispatch') await findAgency(cloud, what);
  const queues =
    what === 'dispatch'
      ? LANES.map((lane) => dispatchQueue(stage, `dead-${lane}`))
      : [agencyQueue(stage, what, 'dead')];
  for (const queue of queues) {
    await drain(cloud, queue, signal, (body) =>
      settle(() => (what === 'dispatch' ? redriveDispatch(session, body) : redriveLetter(session, what, body))),
    );
  }
  if (counts.size === 0) {
    signal.throwIfAborted();
    await refuseIfHeld(cloud, queues);
  }
  const waiting = signal.aborted ? await countLetters(cloud, queues) : undefined;
  const hold = what !== 'dispatch' && counts.has('owed') ? await findHold(cloud, what) : undefined;

  const record = Object.fromEntries(counts);
  const text =
    counts.size === 0 ? 'no dead letters' : [...counts].map(([outcome, count]) => `${outcome}: ${count}`).join(', ');
  await show(
    { redrive: what, letters: record, ...(hold && { held: hold.held }), ...(waiting !== undefined && { waiting }) },
    describe(counts, hold, waiting),
  );
  if (waiting !== undefined) return { exit: EXIT.partial, result: `interrupted, ${text}` };
  return [...counts.keys()].some((outcome) => STAYS.has(outcome)) ? { exit: EXIT.partial, result: text } : done(text);
}

/** Letters that somebody has received and not deleted are not to be had, and are there all the same. */
async function refuseIfHeld(cloud: Cloud, queues: readonly string[]): Promise<void> {
  const held = await countLetters(cloud, queues);
  if (held === 0) return;
  throw new CommandError(
    EXIT.unavailable,
    'letters-held',
    `${held} dead letters are held by somebody who looks at them, or by a redrive that was interrupted: try again in some minutes.`,
  );
}

/** About how many there are, whether or not somebody holds them. */
async function countLetters(cloud: Cloud, queues: readonly string[]): Promise<number> {
  const depths = await mapSome(queues, (queue) => readDepth(cloud, queue));
  return depths.reduce((sum, depth) => sum + (depth ? depth.waiting + depth.inFlight : 0), 0);
}

/** What becomes of letters that are not deleted. */
const STAYS: ReadonlySet<string> = new Set(['left', 'not-understood']);

async function redriveLetter(session: Session, agency: string, body: string): Promise<string> {
  const letter = readLetter(body);
  if (!letter) return 'left';
  const order: RedeliveryOrder =
    letter.kind === undefined ? { agency, what: 'referral', version: letter.version } : { agency, what: 'withdrawal' };
  const result = await redeliver(relayOf(session), { hotline: letter.hotline, id: letter.id }, order);
  return result === 'not-found' ? 'left' : result;
}

async function redriveDispatch(session: Session, body: string): Promise<string> {
  const message = readDispatch(body);
  if (!message) return 'left';
  const { referral, outbox } = await session.cloud.ledger.read(message);
  if (!referral && !outbox) return 'left';
  const count = await hasten(relayOf(session), message);
  return count > 0 ? 'owed' : 'nothing-owed';
}

function readLetter(body: string): z.output<typeof DeadLetter> | undefined {
  try {
    return DeadLetter.safeParse(parseJson(body)).data;
  } catch {
    return undefined;
  }
}

const MEANINGS: Readonly<
  Record<Exclude<Redelivery, 'not-found'> | 'nothing-owed' | 'left' | 'not-understood', string>
> = {
  owed: 'sent anew within a minute',
  opened: 'opened meanwhile: nothing to send',
  superseded: 'a later version has taken its place',
  undeliverable: 'no key opens it, as the hotline was told',
  'handed-over': 'another agency has taken it over: nothing to send',
  withdrawn: 'withdrawn by the hotline',
  'not-withdrawn': 'the withdrawal is no longer known',
  'content-removed': 'the content is no longer kept: ask the hotline to submit it anew',
  'nothing-owed': 'nothing is owed any more',
  left: 'not understood or not known, and left in the queue: look at them by hand',
  'not-understood': 'about a row of the ledger that is not understood, and left in the queue',
};

/** @param waiting letters that are left, of a redrive that was interrupted */
function describe(counts: ReadonlyMap<string, number>, hold: Hold | undefined, waiting: number | undefined): string {
  if (counts.size === 0) return 'There are no dead letters.';
  const meanings: Readonly<Record<string, string>> = { ...MEANINGS, ...(hold && { owed: 'owed anew' }) };
  const lines = [...counts].map(([outcome, count]) => `${count}  ${meanings[outcome] ?? outcome}`);
  const cut = waiting === undefined ? [] : [`Interrupted; letters left in the queue, about: ${waiting}. Run it again.`];
  return [...lines, ...(hold ? [hold.text] : []), ...cut].join('\n');
}
