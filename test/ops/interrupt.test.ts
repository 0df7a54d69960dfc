import { CreateQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agencyQueue } from '../../core/names.ts';
import type { Ledger } from '../../core/ports.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import { startFauxqs } from '../../local/emulators/fauxqs.ts';
import { showKeys } from '../../ops/keys.ts';
import { offboard } from '../../ops/offboard.ts';
import { redrive } from '../../ops/redrive.ts';
import type { Session } from '../../ops/session.ts';
import { showStatus } from '../../ops/status.ts';
import { resume } from '../../ops/suspend.ts';
import { STAGE, testRegistry, World } from '../support/world.ts';
import { localQueues, sessionIn } from './session.ts';

/* A command that is interrupted at its first write: that is done, and what was not begun is not. */

const GB = 'gb-hotline';
const AGENCY = 'de-police';
const COUNT = 25;

async function submitSome(world: World): Promise<void> {
  for (let count = 0; count < COUNT; count++) {
    const { submission } = await world.seal(GB, { suspect: ['DE'], victim: [] });
    await submitReferral(world.relay(), world.hotline(GB), submission);
  }
}

/** What a command shows, and a session that is interrupted at the first row that it writes. */
function interruptible(session: Session) {
  const interrupt = new AbortController();
  const shown: { record: Record<string, unknown>; text: string }[] = [];
  const { ledger } = session.cloud;
  const replace: Ledger['replace'] = (row) => {
    interrupt.abort();
    return ledger.replace(row);
  };
  const show: Session['show'] = (record, text) => Promise.resolve(void shown.push({ record: { ...record }, text }));
  const io = { ...session.io, signal: interrupt.signal };
  return {
    shown,
    interrupt,
    session: { ...session, cloud: { ...session.cloud, ledger: { ...ledger, replace } }, io, show },
  };
}

describe('an interrupt', () => {
  it('ends a redrive after the letter in hand, and the rest is there for the next', async () => {
    const world = new World();
    await submitSome(world);
    await world.dispatch();
    const emulator = await startFauxqs(undefined, 'eu-west-1');
    const queues = localQueues(emulator.port);
    onTestFinished(async () => {
      queues.sqs.destroy();
      await emulator.close();
    });
    const QueueName = agencyQueue(STAGE, AGENCY, 'dead');
    const { QueueUrl = '' } = await queues.sqs.send(new CreateQueueCommand({ QueueName }));
    const url = queues.local.endpoints.sqs + new URL(QueueUrl).pathname;
    for (const message of world.waiting(AGENCY)) {
      await queues.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(message) }));
    }

    const whole = sessionIn(world);
    const session = { ...whole, cloud: { ...whole.cloud, ...queues } };
    const first = interruptible(session);
    expect(await redrive(first.session, AGENCY)).toEqual({ exit: 6, result: 'interrupted, owed: 1' });
    expect(first.shown).toMatchObject([{ record: { letters: { owed: 1 }, waiting: COUNT - 1 } }]);
    expect(first.shown[0]?.text).toContain(`about: ${COUNT - 1}. Run it again.`);
    expect(await redrive(session, AGENCY)).toEqual({ exit: 0, result: `owed: ${COUNT - 1}` });
  });

  it('ends a hand-over after those in hand, and the next goes on', async () => {
    const world = new World();
    await submitSome(world);
    await world.dispatch();
    const session = sessionIn(world, testRegistry({ [AGENCY]: { countries: [] } }));
    const first = interruptible(session);
    const { exit } = await offboard(first.session, AGENCY, { handOver: true });
    const [{ record, text } = { record: {}, text: '' }] = first.shown;
    const { handedOver, open } = record as Record<string, number>;
    expect([exit, handedOver]).toEqual([6, expect.toSatisfy((count: number) => count > 0 && count < COUNT)]);
    expect(open).toBe(COUNT - (handedOver ?? 0));
    expect(text).toContain('Run it again: it was interrupted.');
    expect(await offboard(session, AGENCY, { handOver: true })).toEqual({
      exit: 0,
      result: `${open} handed over, 0 withdrawals released, 0 open`,
    });
  });

  it('that comes before anything is done leaves the agency as it is', async () => {
    const world = new World();
    const { session, interrupt } = interruptible(sessionIn(world, testRegistry({ [AGENCY]: { countries: [] } })));
    interrupt.abort();
    await expect(offboard(session, AGENCY, {})).rejects.toMatchObject({ name: 'AbortError' });
    expect(world.ledger.suspended).toEqual(new Set());
  });

  it.each([
    ['status', (session: Session) => showStatus(session, {})],
    ['keys', (session: Session) => showKeys(session)],
  ])('ends %s, which changes nothing, before it has read everything', async (_, command) => {
    const { session, interrupt } = interruptible(sessionIn(new World()));
    const { ledger } = session.cloud;
    let reads = 0;
    const due: Ledger['due'] = (...lane) => {
      reads += 1;
      interrupt.abort();
      return ledger.due(...lane);
    };
    const cloud = { ...session.cloud, ledger: { ...ledger, due } };
    await expect(command({ ...session, cloud })).rejects.toMatchObject({ name: 'AbortError' });
    expect(reads).toBeLessThanOrEqual(10);
  });

  it('ends what follows a resume, which says that there may be more', async () => {
    const world = new World();
    world.ledger.suspended.add(AGENCY);
    await submitSome(world);
    await world.dispatch();
    const { session, shown } = interruptible(sessionIn(world));
    expect(await resume(session, AGENCY)).toMatchObject({ exit: 6 });
    expect(world.ledger.suspended).toEqual(new Set());
    expect(shown).toMatchObject([{ text: expect.stringContaining('Interrupted: run it again') as string }]);
    expect(shown[0]?.record['owedAtOnce']).toBeLessThan(COUNT);
  });
});
