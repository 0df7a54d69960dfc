import type { DeliveryReport } from '../delivery.ts';
import type { PollReport } from '../polling.ts';
import { EXIT, type Exit } from './exit.ts';
import type { Failure } from './failure.ts';
import { type Session, toRecord } from './session.ts';

/* What the user is told of messages that were not simply shown, and what the exit code says in the end. */

export interface PollReporter {
  /** @returns `hopeless` for a failure that the next message would meet as well */
  tell(told: DeliveryReport | PollReport): 'fine' | 'hopeless';
  /** What came and could not be opened, nor was it later, each with why. */
  unopened(): string[];
  /** Resolves once all that was told is written. */
  flush(): Promise<void>;
  /** @param followed counts what passed by itself meanwhile for nothing, as that is what following is for */
  end(followed: boolean): Promise<Exit>;
}

/** Failures of one message alone. */
const OF_ONE_MESSAGE = new Set([
  'untrusted-key',
  'not-found',
  'limit-reached',
  'statement-mismatch',
  'malformed',
  'storage',
]);

/** @param write runs what writes, and takes note if that fails */
export function createPollReport(session: Session, write: (act: () => Promise<void>) => Promise<void>): PollReporter {
  const { style } = session;
  const tally = { done: 0, left: 0 };
  /** Why each could not be opened, by its name. */
  const unopened = new Map<string, string>();
  let first: Failure | undefined;
  let written: Promise<void> = Promise.resolve();

  function say(told: DeliveryReport | PollReport, text: string, failure?: Failure): void {
    const lines = [text, ...(failure?.lines.map((line) => `  ${line}`) ?? [])];
    const { result, ...about } = told;
    const record = { kind: result, ...about, ...(failure && { error: toRecord(failure) }) };
    const act = async (): Promise<void> => {
      await session.note(lines.join('\n'));
      if (session.json) await session.show(record, '');
    };
    written = written.then(() => write(act)).catch(() => undefined);
  }

  return {
    tell(told) {
      switch (told.result) {
        case 'left':
        case 'poll-failed': {
          const failure = session.explain(told.error);
          first ??= failure;
          if (told.result === 'left') {
            tally.left += 1;
            unopened.set(nameOf(told), failure.lines[0] ?? failure.code);
          }
          say(told, `${style.warning('left')}  ${nameOf(told)}`, failure);
          return OF_ONE_MESSAGE.has(failure.code) ? 'fine' : 'hopeless';
        }
        case 'unreadable': {
          tally.left += 1;
          unopened.set(nameOf(told), `cannot be opened (${told.reason})`);
          const what = told.answered
            ? 'its hotline is told, and the message goes to the dead letters'
            : 'no hotline can be told: ask the operator, for it lies in the dead letters soon';
          say(told, `${style.bad('unreadable')}  ${nameOf(told)} cannot be opened (${told.reason}): ${what}`);
          return 'fine';
        }
        case 'duplicate':
          say(told, `${nameOf(told)} came again: it was shown before, and the relay was told once more`);
          break;
        case 'discarded':
          say(told, `${nameOf(told)} was withdrawn before it came: it is not shown`);
          break;
        case 'handled':
        case 'withdrawn':
          break;
      }
      tally.done += 1;
      unopened.delete(nameOf(told));
      return 'fine';
    },

    unopened: () => Array.from(unopened, ([name, why]) => `${name}: ${why}`),

    flush: () => written,

    async end(followed) {
      const { done } = tally;
      const left = followed ? unopened.size : tally.left;
      if (done + left === 0 && first === undefined && !session.io.signal.aborted) {
        await session.note(
          'Nothing is waiting now. What could not be opened before comes back by itself, later each time.',
        );
      }
      if (followed && left === 0) return EXIT.ok;
      if (done > 0 && left > 0) return EXIT.partial;
      return first?.exit ?? (left > 0 ? EXIT.refused : EXIT.ok);
    },
  };
}

function nameOf(told: DeliveryReport | PollReport): string {
  if (told.result === 'poll-failed') return `the ${told.lane} queue could not be read`;
  if (told.hotline === undefined) return 'a message';
  return `${told.hotline}/${told.id ?? ''}${told.version === undefined ? '' : `, version ${told.version}`}`;
}
