import { expect } from 'vitest';
import { type AgencyInbox, type InboxMessage, LONGEST_VISIBILITY } from '../../client/inbox.ts';
import { agencyQueue, type Lane, LANES } from '../../core/names.ts';
import { QUEUE_TRAITS } from '../../core/sizing.ts';
import { type Cases, describeContract, eventually, type Tally } from './contract.ts';
import type { QueuesBackend } from './queues.contract.ts';

export interface InboxBackend extends Pick<QueuesBackend, 'stage' | 'addAgency' | 'drain' | 'depth' | 'send'> {
  /** The queues of an agency as its client has them. */
  openInbox: (agency: string) => AgencyInbox;
}

/** Of a receipt: the API Reference names the first and the last, LocalStack's tests have the last two recorded on AWS. */
const NO_SUCH_RECEIPT = /MessageNotInflight|InvalidParameterValue|ReceiptHandleIsInvalid/;

/** An agency of its own for a case, and what of its queues the case needs. */
async function prepare({ addAgency, openInbox, stage, send, depth, drain }: InboxBackend) {
  const agency = await addAgency();
  const nameOf = (lane: Lane): string => agencyQueue(stage, agency, lane);
  return {
    agency,
    inbox: openInbox(agency),
    send: (lane: Lane, body: string) => send(nameOf(lane), body),
    depth: (lane: Lane) => depth(nameOf(lane)),
    drainDead: () => drain(agencyQueue(stage, agency, 'dead')),
  };
}

/** The next message that comes up, as it is received by polls that wait: others may overlook it. */
async function receiveNext(inbox: AgencyInbox, lane: Lane): Promise<InboxMessage> {
  for (let poll = 0; poll < 30; poll++) {
    const [message] = await inbox.receive(lane, 1, 1);
    if (message) return message;
  }
  throw new Error('Nothing was received.');
}

/** The name of SQS's own error, which is the cause of the client's. */
const faultOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'none',
    (error: unknown) => {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      return cause instanceof Error ? cause.name : String(cause);
    },
  );

const cases: Cases<InboxBackend> = {
  'where nothing was sent nothing is received': async (backend) => {
    const { inbox } = await prepare(backend);
    for (const lane of LANES) expect(await inbox.receive(lane, 10, 0)).toEqual([]);
  },

  'what is sent to a lane is received there as it was sent, and nowhere else': async (backend) => {
    const { inbox, send } = await prepare(backend);
    const other = await prepare(backend);
    await send('urgent', '{"key":"ü"}');
    expect(await inbox.receive('routine', 10, 0)).toEqual([]);
    expect(await other.inbox.receive('urgent', 10, 0)).toEqual([]);
    expect(await receiveNext(inbox, 'urgent')).toEqual({
      lane: 'urgent',
      handle: expect.stringMatching(/./),
      body: '{"key":"ü"}',
      receives: expect.any(Number),
    });
  },

  'an agency that is not there has no queues': async ({ openInbox }) => {
    const inbox = openInbox('de-nobody');
    const message: InboxMessage = { lane: 'urgent', handle: 'never given', body: '', receives: 1 };
    await expect(inbox.receive('urgent', 1, 0)).rejects.toThrow();
    await expect(inbox.hide(message, 1)).rejects.toThrow();
    await expect(inbox.remove(message)).rejects.toThrow();
  },

  'what was received is hidden, from other processes of the agency too': async (backend) => {
    const { agency, inbox, send } = await prepare(backend);
    await send('urgent', 'a');
    await receiveNext(inbox, 'urgent');
    expect(await inbox.receive('urgent', 10, 0)).toEqual([]);
    expect(await backend.openInbox(agency).receive('urgent', 10, 1)).toEqual([]);
  },

  'when its time is over it comes back, under another receipt': async (backend) => {
    const { inbox, send } = await prepare(backend);
    await send('routine', 'a');
    const first = await receiveNext(inbox, 'routine');
    await inbox.hide(first, 1);
    const second = await receiveNext(inbox, 'routine');
    expect(second.body).toBe('a');
    expect(second.handle).not.toBe(first.handle);
  },

  'its time can be prolonged': async (backend) => {
    const { inbox, send } = await prepare(backend);
    await send('urgent', 'a');
    const message = await receiveNext(inbox, 'urgent');
    await inbox.hide(message, 1);
    await inbox.hide(message, 600);
    expect(await inbox.receive('urgent', 10, 2)).toEqual([]);
    await inbox.hide(message, 0);
    expect((await receiveNext(inbox, 'urgent')).body).toBe('a');
  },

  'what is given back comes back at once, and every receipt counts': async (backend) => {
    const { inbox, send } = await prepare(backend);
    await send('urgent', 'a');
    let before = 0;
    for (let receipt = 1; receipt <= 4; receipt++) {
      const message = await receiveNext(inbox, 'urgent');
      expect(message.body).toBe('a');
      expect(message.receives).toBeGreaterThan(before);
      before = message.receives;
      await inbox.hide(message, 0);
    }
  },

  'what was removed does not come back, and may be removed again': async (backend) => {
    const { inbox, send, depth } = await prepare(backend);
    await send('urgent', 'a');
    const message = await receiveNext(inbox, 'urgent');
    await inbox.remove(message);
    await inbox.remove(message);
    await eventually(() => depth('urgent')).toBe(0);
    expect(await inbox.receive('urgent', 10, 0)).toEqual([]);
  },

  'what was removed or never received is not hidden': async (backend) => {
    const { inbox, send, depth } = await prepare(backend);
    await send('urgent', 'a');
    const message = await receiveNext(inbox, 'urgent');
    expect(await faultOf(inbox.hide({ ...message, handle: 'never given' }, 60))).toMatch(NO_SUCH_RECEIPT);
    expect(await faultOf(inbox.hide({ ...message, lane: 'routine' }, 60))).toMatch(NO_SUCH_RECEIPT);
    await inbox.remove(message);
    expect(await faultOf(inbox.hide(message, 60))).toMatch(NO_SUCH_RECEIPT);
    await eventually(() => depth('urgent')).toBe(0);
  },

  'a time of more than twelve hours, or of less than none, is refused': async (backend) => {
    const { inbox, send } = await prepare(backend);
    await send('urgent', 'a');
    const message = await receiveNext(inbox, 'urgent');
    for (const seconds of [LONGEST_VISIBILITY + 1, -1]) {
      expect(await faultOf(inbox.hide(message, seconds))).toMatch(/InvalidParameterValue/);
    }
    await inbox.hide(message, LONGEST_VISIBILITY - 600);
    expect(await inbox.receive('urgent', 10, 0)).toEqual([]);
    await inbox.hide(message, 0);
    expect((await receiveNext(inbox, 'urgent')).body).toBe('a');
  },

  'no more than ten are received at once': async (backend) => {
    const { inbox, send } = await prepare(backend);
    const bodies = Array.from({ length: 12 }, (_, number) => `message ${number}`).toSorted();
    for (const body of bodies) await send('routine', body);
    const received: InboxMessage[] = [];
    for (let poll = 0; received.length < bodies.length && poll < 30; poll++) {
      const some = await inbox.receive('routine', 10, 1);
      expect(some.length).toBeLessThanOrEqual(10);
      received.push(...some);
    }
    expect(received.map(({ body }) => body).toSorted()).toEqual(bodies);
  },

  'more than ten, none, or a wait of more than 20 seconds cannot be asked for': async (backend) => {
    const { inbox, send } = await prepare(backend);
    await send('urgent', 'a');
    for (const [max, wait] of [
      [11, 0],
      [0, 0],
      [1, 21],
    ] as const) {
      expect(await faultOf(inbox.receive('urgent', max, wait))).toMatch(/InvalidParameterValue/);
    }
    expect((await receiveNext(inbox, 'urgent')).body).toBe('a');
  },

  'what was received as often as it may be moves to the dead letters, from either lane': async (backend) => {
    const { inbox, send, depth, drainDead } = await prepare(backend);
    for (const lane of LANES) {
      await send(lane, lane);
      for (let receipt = 1; receipt <= QUEUE_TRAITS.agency.receives; receipt++) {
        await inbox.hide(await receiveNext(inbox, lane), 0);
      }
      const again: InboxMessage[] = [];
      await eventually(async () => {
        again.push(...(await inbox.receive(lane, 10, 0)));
        return drainDead();
      }).toEqual([lane]);
      expect(again).toEqual([]);
      await eventually(() => depth(lane)).toBe(0);
    }
  },
};

/** Holds the queues of agencies, as their client has them, to `client/inbox.ts` and to what SQS documents. */
export const describeInbox = (backend: () => InboxBackend): Tally => describeContract('inbox', cases, backend);
