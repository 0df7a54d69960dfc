import { expect } from 'vitest';
import type { ReferralMessage, WithdrawnMessage } from '../../core/contracts.ts';
import { agencyQueue, dispatchQueue, outcomesQueue } from '../../core/names.ts';
import type { DispatchMessage, InboxMessage, Queues } from '../../core/ports.ts';
import { makeName, makeReferralId, NOW } from '../support/rows.ts';
import { type Cases, describeContract, eventually, type Tally } from './contract.ts';

export interface QueuesBackend {
  queues: Queues;
  stage: string;
  /** Makes both queues of an agency, and their dead letters as they are deployed. */
  addAgency: () => Promise<string>;
  /** Makes the inbox of a hotline. */
  addHotline: () => Promise<string>;
  /** Takes everything that can be received out of a queue. */
  drain: (queue: string) => Promise<string[]>;
  /** How many messages a queue holds, hidden ones included. */
  depth: (queue: string) => Promise<number>;
  /** Sends what no version of this code would send. */
  send: (queue: string, body: string) => Promise<void>;
  /** Lets the time run out in which a received message is hidden. */
  expire: (hotline: string, handle: string) => Promise<void>;
}

const HOTLINE = 'gb-hotline';

const makeInboxMessage = (number = 0): InboxMessage => ({
  key: `outcome#de-police#${String(number).padStart(2, '0')}`,
  item: { kind: 'statement', hotline: HOTLINE, referral: makeReferralId(), statement: 'e30.e30.e30', acceptedAt: NOW },
});

const makeReferralMessage = (agency: string, more: Partial<ReferralMessage> = {}): ReferralMessage => ({
  v: 1,
  ...makeName(HOTLINE),
  agency,
  version: 1,
  roles: ['suspect'],
  countries: ['DE'],
  routing: { suspect: ['DE'], victim: [] },
  urgency: 'high',
  onward: 'allowed',
  acceptedAt: NOW,
  sealed: 'e30.e30.e30.e30.e30',
  key: 'a2V5',
  ...more,
});

/**
 * `count` messages of an inbox, received one poll after the other: SQS may answer with fewer than there are, and only a
 * poll that waits asks all of its servers. It waits no longer than the first message takes.
 */
async function receive({ queues }: Pick<QueuesBackend, 'queues'>, hotline: string, count: number, atOnce = count) {
  const received: Awaited<ReturnType<Queues['receive']>> = [];
  for (let poll = 0; received.length < count && poll < 30; poll++) {
    received.push(...(await queues.receive(hotline, Math.min(atOnce, 10), 1)));
  }
  return received;
}

const byKey = (messages: readonly { message: InboxMessage }[]): InboxMessage[] =>
  messages.map(({ message }) => message).toSorted((a, b) => (a.key < b.key ? -1 : 1));

const cases: Cases<QueuesBackend> = {
  'a dispatch message arrives in its lane': async ({ queues, stage, drain }) => {
    const urgent: DispatchMessage = { v: 1, ...makeName() };
    const routine: DispatchMessage = { v: 1, ...makeName(), attempt: { agency: 'de-police', version: 2, number: 3 } };
    await queues.dispatch('urgent', urgent);
    await queues.dispatch('routine', routine);
    expect((await drain(dispatchQueue(stage, 'urgent'))).map((body) => JSON.parse(body))).toEqual([urgent]);
    expect((await drain(dispatchQueue(stage, 'routine'))).map((body) => JSON.parse(body))).toEqual([routine]);
  },

  'dispatch messages are counted by lane': async ({ queues, stage, drain }) => {
    await queues.dispatch('routine', { v: 1, ...makeName() });
    await queues.dispatch('routine', { v: 1, ...makeName() });
    await eventually(() => Promise.all([queues.countDispatched('urgent'), queues.countDispatched('routine')])).toEqual([
      0, 2,
    ]);
    await drain(dispatchQueue(stage, 'routine'));
    await eventually(() => queues.countDispatched('routine')).toBe(0);
  },

  'a referral arrives in the lane of its agency and nowhere else': async ({ queues, stage, addAgency, drain }) => {
    const [agency, other] = [await addAgency(), await addAgency()];
    const message = makeReferralMessage(agency);
    await queues.sendToAgency(agency, 'urgent', message);
    expect((await drain(agencyQueue(stage, agency, 'urgent'))).map((body) => JSON.parse(body))).toEqual([message]);
    expect(await drain(agencyQueue(stage, agency, 'routine'))).toEqual([]);
    expect(await drain(agencyQueue(stage, other, 'urgent'))).toEqual([]);
  },

  'the news of a withdrawal arrives': async ({ queues, stage, addAgency, drain }) => {
    const agency = await addAgency();
    const message: WithdrawnMessage = {
      v: 1,
      kind: 'withdrawn',
      ...makeName(HOTLINE),
      statement: 'e30.e30.e30',
      acceptedAt: NOW,
    };
    await queues.sendToAgency(agency, 'routine', message);
    expect((await drain(agencyQueue(stage, agency, 'routine'))).map((body) => JSON.parse(body))).toEqual([message]);
  },

  'the largest message there can be arrives whole': async ({ queues, stage, addAgency, drain }) => {
    const agency = await addAgency();
    const routed = Array.from({ length: 16 }, () => ({ statement: 'y'.repeat(4096), acceptedAt: NOW }));
    const message = makeReferralMessage(agency, { sealed: 'x'.repeat(384_000), key: 'k'.repeat(4096), routed });
    expect(JSON.stringify(message).length).toBeGreaterThan(450_000);
    await queues.sendToAgency(agency, 'urgent', message);
    const [body = '', ...others] = await drain(agencyQueue(stage, agency, 'urgent'));
    expect(others).toEqual([]);
    expect(body).toBe(JSON.stringify(message));
  },

  'a message of more than a mebibyte is refused': async ({ queues, stage, addAgency, drain }) => {
    const agency = await addAgency();
    const message = makeReferralMessage(agency, { sealed: 'x'.repeat(1024 * 1024) });
    await expect(queues.sendToAgency(agency, 'urgent', message)).rejects.toThrow();
    expect(await drain(agencyQueue(stage, agency, 'urgent'))).toEqual([]);
  },

  'sending to a partner without queues rejects': async ({ queues }) => {
    await expect(queues.sendToAgency('de-nobody', 'urgent', makeReferralMessage('de-nobody'))).rejects.toThrow();
    await expect(queues.sendToHotline('gb-nobody', makeInboxMessage())).rejects.toThrow();
    await expect(queues.receive('gb-nobody', 1, 0)).rejects.toThrow();
    await expect(queues.remove('gb-nobody', ['a receipt'])).rejects.toThrow();
  },

  'an empty inbox gives nothing': async ({ queues, addHotline }) => {
    expect(await queues.receive(await addHotline(), 10, 0)).toEqual([]);
  },

  'what is sent to a hotline is received as it was sent': async ({ queues, addHotline }) => {
    const hotline = await addHotline();
    const messages: InboxMessage[] = [
      {
        key: 'event#sent-on#00',
        item: {
          kind: 'event',
          hotline,
          referral: makeReferralId(),
          event: 'sent-on',
          agency: 'us-clearing',
          countries: ['CA', 'DE'],
          at: NOW,
        },
      },
      {
        key: 'event#unrouted',
        item: { kind: 'event', hotline, referral: makeReferralId(), event: 'unrouted', at: NOW },
      },
      makeInboxMessage(),
    ];
    for (const message of messages) await queues.sendToHotline(hotline, message);
    const received = await receive({ queues }, hotline, messages.length);
    expect(byKey(received)).toEqual(messages);
    expect(new Set(received.map(({ handle }) => handle)).size).toBe(messages.length);
  },

  'inboxes do not mix': async ({ queues, addHotline }) => {
    const [hotline, other] = [await addHotline(), await addHotline()];
    await queues.sendToHotline(hotline, makeInboxMessage());
    expect(await queues.receive(other, 10, 0)).toEqual([]);
  },

  'no more is received than was asked for, and nothing twice while it is hidden': async ({ queues, addHotline }) => {
    const hotline = await addHotline();
    const messages = Array.from({ length: 7 }, (_, number) => makeInboxMessage(number));
    for (const message of messages) await queues.sendToHotline(hotline, message);
    const first = await queues.receive(hotline, 3, 1);
    expect([1, 2, 3]).toContain(first.length);
    const rest = await receive({ queues }, hotline, messages.length - first.length);
    expect(byKey([...first, ...rest])).toEqual(messages);
    expect(await queues.receive(hotline, 10, 0)).toEqual([]);
  },

  'what was not removed comes back, under another receipt': async ({ queues, addHotline, expire }) => {
    const hotline = await addHotline();
    const message = makeInboxMessage();
    await queues.sendToHotline(hotline, message);
    const [first] = await receive({ queues }, hotline, 1);
    await expire(hotline, first?.handle ?? '');
    const [second] = await receive({ queues }, hotline, 1);
    expect(second?.message).toEqual(message);
    expect(second?.handle).not.toBe(first?.handle);
  },

  'what was removed does not come back': async ({ queues, stage, addHotline, depth }) => {
    const hotline = await addHotline();
    await queues.sendToHotline(hotline, makeInboxMessage(1));
    await queues.sendToHotline(hotline, makeInboxMessage(2));
    const received = await receive({ queues }, hotline, 2);
    await queues.remove(
      hotline,
      received.map(({ handle }) => handle),
    );
    await eventually(() => depth(outcomesQueue(stage, hotline))).toBe(0);
  },

  'more than ten are removed at once': async ({ queues, stage, addHotline, depth }) => {
    const hotline = await addHotline();
    for (let number = 0; number < 23; number++) await queues.sendToHotline(hotline, makeInboxMessage(number));
    const handles = (await receive({ queues }, hotline, 23)).map(({ handle }) => handle);
    expect(handles).toHaveLength(23);
    await queues.remove(hotline, handles);
    await eventually(() => depth(outcomesQueue(stage, hotline))).toBe(0);
  },

  'unknown receipts are ignored, and those beside them count': async ({ queues, stage, addHotline, depth }) => {
    const hotline = await addHotline();
    await queues.sendToHotline(hotline, makeInboxMessage());
    const [received] = await receive({ queues }, hotline, 1);
    const handle = received?.handle ?? '';
    await queues.remove(hotline, ['', 'never given', handle, handle, 'x'.repeat(1024)]);
    await queues.remove(hotline, [handle]);
    await queues.remove(hotline, []);
    await eventually(() => depth(outcomesQueue(stage, hotline))).toBe(0);
  },

  'a receipt of another inbox removes nothing': async ({ queues, stage, addHotline, depth }) => {
    const [hotline, other] = [await addHotline(), await addHotline()];
    await queues.sendToHotline(hotline, makeInboxMessage());
    const [received] = await receive({ queues }, hotline, 1);
    await queues.remove(other, [received?.handle ?? '']);
    await eventually(() => depth(outcomesQueue(stage, hotline))).toBe(1);
  },

  'a message that is not understood is removed, and those beside it are received': async (backend) => {
    const { queues, stage, addHotline, send, depth } = backend;
    const hotline = await addHotline();
    const message = makeInboxMessage();
    for (const body of ['not JSON', '{}', '{"key":"withdraw","item":{"kind":"rumour"}}']) {
      await send(outcomesQueue(stage, hotline), body);
    }
    await queues.sendToHotline(hotline, message);
    const received = await receive({ queues }, hotline, 1, 10);
    expect(byKey(received)).toEqual([message]);
    await queues.remove(
      hotline,
      received.map(({ handle }) => handle),
    );
    await eventually(async () => {
      expect(await queues.receive(hotline, 10, 0)).toEqual([]);
      return depth(outcomesQueue(stage, hotline));
    }).toBe(0);
  },

  'a poll that may wait ends with the first message': async ({ queues, addHotline }) => {
    const hotline = await addHotline();
    const message = makeInboxMessage();
    await queues.sendToHotline(hotline, message);
    expect(byKey(await queues.receive(hotline, 10, 20))).toEqual([message]);
  },
};

/** Holds queues to `core/ports.ts`. */
export const describeQueues = (backend: () => QueuesBackend): Tally => describeContract('queues', cases, backend);
