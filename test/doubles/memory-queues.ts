import { type InboxMessage, VISIBILITY } from '../../client/inbox.ts';
import { RECEIPT_SECONDS } from '../../core/limits.ts';
import { agencyQueue, dispatchQueue, type Lane, outcomesQueue } from '../../core/names.ts';
import type { Clock, Queues, Randomness } from '../../core/ports.ts';
import { LARGEST_MESSAGE, MESSAGE_RETENTION } from '../../core/sizing.ts';
import { SECOND } from '../../core/time.ts';
import { readInbox } from '../../lambda/messages.ts';
import { type Invocation, ServiceError } from './faults.ts';

const RETENTION = MESSAGE_RETENTION * SECOND;
const BATCH = 10;
const LONGEST_WAIT = 20;
/** Seconds from the receipt on (SQS API Reference, `ChangeMessageVisibility`). */
const LONGEST_VISIBILITY = 43_200;

export interface QueueSettings {
  /** How long a received message stays hidden, where the receiver does not say. */
  visibilitySeconds: number;
  /** Where a message goes that was received `maxReceives` times and not removed. */
  deadLetters?: { queue: string; maxReceives: number };
}

/** What may become of a message: it is there twice, received again, moved to the dead letters, or forgotten. */
export type QueueEvent = 'duplicated' | 'received again' | 'dead letter' | 'forgotten';

/** How far the queues go in what SQS allows itself: order, and delivering twice. */
export interface Disorder {
  randomness: Randomness;
  /** The share of received messages of which there is another copy, to be received and removed by itself. */
  duplicates: number;
  /** Told what becomes of single messages. */
  tell?: (event: QueueEvent) => void;
}

export interface ReceivedMessage {
  handle: string;
  body: string;
  group: string | undefined;
  /** How often it has been received, this time included. */
  receives: number;
}

/** The two queues of an agency: an `AgencyInbox` without promises. */
export interface MemoryInbox {
  receive(lane: Lane, max: number, wait: number): InboxMessage[];
  hide(message: InboxMessage, seconds: number): void;
  remove(message: InboxMessage): void;
}

interface Message {
  body: string;
  group: string | undefined;
  sentAt: number;
  visibleAt: number;
  receives: number;
  /** When it was last received. */
  receivedAt: number;
  handle: string | undefined;
}

interface Queue {
  settings: QueueSettings;
  /** In the order in which they came. */
  messages: Set<Message>;
  /** The message that was last received under this handle. */
  inFlight: Map<string, Message>;
  /** When messages were last held against their retention. */
  prunedAt: number;
}

/**
 * Standard queues of SQS in memory: at least once, hidden while received, moved to the dead letters after so many
 * receipts, forgotten after 14 days. In order and once, unless `disorder` is given.
 */
export class MemoryQueues {
  readonly #clock: Clock;
  readonly #stage: string;
  readonly #disorder: Disorder | undefined;
  readonly #queues = new Map<string, Queue>();
  #handles = 0;
  #lastSeen = 0;
  /** Messages that nobody removed within 14 days. */
  forgotten = 0;

  constructor(clock: Clock, stage: string, disorder?: Disorder) {
    this.#clock = clock;
    this.#stage = stage;
    this.#disorder = disorder;
  }

  create(queue: string, settings: QueueSettings): void {
    if (this.#queues.has(queue)) throw new ServiceError('QueueNameExists');
    this.#queues.set(queue, { settings, messages: new Set(), inFlight: new Map(), prunedAt: 0 });
  }

  /** The queues as one invocation of a function sees them. */
  connect(invocation: Invocation): Queues {
    const [stage, text] = [this.#stage, JSON.stringify];
    return {
      dispatch: (lane, message) =>
        invocation.call('queues.dispatch', () => this.send(dispatchQueue(stage, lane), text(message), message.hotline)),
      countDispatched: (lane) =>
        invocation.call('queues.countDispatched', () => this.#find(dispatchQueue(stage, lane)).messages.size),
      sendToAgency: (agency, lane, message) =>
        invocation.call('queues.sendToAgency', () => this.send(agencyQueue(stage, agency, lane), text(message))),
      sendToHotline: (hotline, message) =>
        invocation.call('queues.sendToHotline', () => this.send(outcomesQueue(stage, hotline), text(message))),
      receive: (hotline, max, waitSeconds) =>
        invocation.call('queues.receive', () => {
          checkRange(waitSeconds, LONGEST_WAIT);
          const queue = outcomesQueue(stage, hotline);
          return this.receive(queue, max, RECEIPT_SECONDS).flatMap(({ handle, body }) => {
            const message = readInbox(body);
            if (!message) this.remove(queue, handle);
            return message ? [{ handle, message }] : [];
          });
        }),
      remove: (hotline, handles) =>
        invocation.call('queues.remove', () => {
          const queue = outcomesQueue(stage, hotline);
          this.#find(queue);
          for (const handle of handles) this.remove(queue, handle);
        }),
    };
  }

  /** The queues of an agency as its client sees them. */
  openInbox(agency: string): MemoryInbox {
    const queueOf = (lane: Lane): string => agencyQueue(this.#stage, agency, lane);
    return {
      receive: (lane, max, wait) => {
        checkRange(wait, LONGEST_WAIT);
        const received = this.receive(queueOf(lane), max, VISIBILITY);
        return received.map(({ handle, body, receives }) => ({ lane, handle, body, receives }));
      },
      hide: ({ lane, handle }, seconds) => this.changeVisibility(queueOf(lane), handle, seconds),
      remove: ({ lane, handle }) => this.remove(queueOf(lane), handle),
    };
  }

  /** What `SendMessage` does. */
  send(queue: string, body: string, group?: string): void {
    const { messages } = this.#find(queue);
    if (body === '') throw new ServiceError('MissingParameter');
    if (Buffer.byteLength(body) > LARGEST_MESSAGE) throw new ServiceError('InvalidParameterValue');
    const now = this.#now();
    messages.add({ body, group, sentAt: now, visibleAt: now, receives: 0, receivedAt: 0, handle: undefined });
  }

  /** What `ReceiveMessage` does, for an agency or for the event source mapping of a function; never waits. */
  receive(name: string, max: number, visibilitySeconds?: number): ReceivedMessage[] {
    const queue = this.#find(name);
    if (!Number.isInteger(max) || max < 1 || max > BATCH) throw new ServiceError('InvalidParameterValue');
    const now = this.#now();
    const hiddenUntil = now + (visibilitySeconds ?? queue.settings.visibilitySeconds) * SECOND;
    const received: ReceivedMessage[] = [];
    for (const message of this.#inSomeOrder(queue.messages)) {
      if (received.length === max) break;
      if (message.visibleAt > now || this.#isDead(queue, message)) continue;
      if (message.receives > 0) this.#tell('received again');
      message.receives += 1;
      message.receivedAt = now;
      if (this.#isDuplicated()) {
        this.#tell('duplicated');
        queue.messages.add({ ...message, handle: undefined });
      }
      if (message.handle !== undefined) queue.inFlight.delete(message.handle);
      message.handle = `receipt-${++this.#handles}`;
      message.visibleAt = hiddenUntil;
      queue.inFlight.set(message.handle, message);
      received.push({
        handle: message.handle,
        body: message.body,
        group: message.group,
        receives: message.receives,
      });
    }
    return received;
  }

  /** What `DeleteMessage` does: nothing, if the handle is unknown or not the last one given. */
  remove(name: string, handle: string): void {
    const queue = this.#find(name);
    const message = queue.inFlight.get(handle);
    if (message) take(queue, message);
  }

  /**
   * What `ChangeMessageVisibility` does to a message in flight: hides it for `seconds` from now, but no longer than twelve
   * hours after it was received. More is refused, not cut short.
   */
  changeVisibility(name: string, handle: string, seconds: number): void {
    const now = this.#now();
    const message = this.#find(name).inFlight.get(handle);
    if (!message || message.visibleAt <= now) throw new ServiceError('MessageNotInflight');
    checkRange(seconds, LONGEST_VISIBILITY - (now - message.receivedAt) / SECOND);
    message.visibleAt = now + seconds * SECOND;
  }

  /** The bodies of all messages in a queue, hidden ones too. */
  bodies(name: string): string[] {
    return Array.from(this.#find(name).messages, ({ body }) => body);
  }

  #find(name: string): Queue {
    const queue = this.#queues.get(name);
    if (!queue) throw new ServiceError('QueueDoesNotExist');
    const now = this.#now();
    if (now === queue.prunedAt) return queue;
    queue.prunedAt = now;
    for (const message of queue.messages) {
      if (now - message.sentAt < RETENTION) continue;
      take(queue, message);
      this.forgotten += 1;
      this.#tell('forgotten');
    }
    return queue;
  }

  /** Moves a message that was received too often to the dead letters, where its 14 days and its receipts go on counting. */
  #isDead(queue: Queue, message: Message): boolean {
    const { deadLetters } = queue.settings;
    if (!deadLetters || message.receives < deadLetters.maxReceives) return false;
    take(queue, message);
    this.#tell('dead letter');
    this.#find(deadLetters.queue).messages.add({ ...message, visibleAt: this.#now(), handle: undefined });
    return true;
  }

  #inSomeOrder(messages: Set<Message>): Iterable<Message> {
    const { randomness } = this.#disorder ?? {};
    if (!randomness) return messages;
    return Array.from(messages, (message) => ({ message, order: randomness.fraction() }))
      .sort((a, b) => a.order - b.order)
      .map(({ message }) => message);
  }

  #isDuplicated(): boolean {
    return this.#disorder !== undefined && this.#disorder.randomness.fraction() < this.#disorder.duplicates;
  }

  #tell(event: QueueEvent): void {
    this.#disorder?.tell?.(event);
  }

  /** Two clocks for one world would make time run backwards. */
  #now(): number {
    const now = this.#clock.now();
    if (now < this.#lastSeen) throw new RangeError('time does not run backwards');
    this.#lastSeen = now;
    return now;
  }
}

function checkRange(value: number, most: number): void {
  if (!(value >= 0 && value <= most)) throw new ServiceError('InvalidParameterValue');
}

function take(queue: Queue, message: Message): void {
  queue.messages.delete(message);
  if (message.handle !== undefined) queue.inFlight.delete(message.handle);
}
