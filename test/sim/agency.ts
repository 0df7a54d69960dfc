import { isDeepStrictEqual } from 'node:util';
import { type AgencyReferral, createDeliveryHandler, type Handlers } from '../../client/delivery.ts';
import { type AgencyInbox, type Delivery, readMessages } from '../../client/inbox.ts';
import type { Runtime } from '../../client/runtime.ts';
import type { SeenReferral, SeenStore } from '../../client/seen.ts';
import { hashText } from '../../core/base64url.ts';
import type { AgencyMessage, OutcomeStatement, ReferralMessage, UnreadableReason } from '../../core/contracts.ts';
import type { ReferralName } from '../../core/ids.ts';
import type { Lane } from '../../core/names.ts';
import { OpenError } from '../../core/open.ts';
import { openReferral } from '../../core/open-referral.ts';
import { RelayError } from '../../core/errors.ts';
import type { Relay } from '../../core/ports.ts';
import type { Agency } from '../../core/registry.ts';
import type { Routing } from '../../core/schema.ts';
import { signStatement } from '../../core/statements.ts';
import type { PartnerDirectory } from '../../core/taken-statement.ts';
import { MINUTE, toTimestamp } from '../../core/time.ts';
import { answerReferral } from '../../core/use-cases/answer.ts';
import { routeReferral } from '../../core/use-cases/route.ts';
import { type Invocation, ServiceError } from '../doubles/faults.ts';
import { HandOvers, type Poll } from './hand-overs.ts';
import type { Fate } from './hotline.ts';
import { AGENCIES } from './partners.ts';
import { CALM, type Plan, type ProcessHandle } from './processes.ts';
import { caseKey, type ReferralCase } from './referral-case.ts';
import type { Reply, World } from './world.ts';

/** How a poll fares: what befalls the agency's own process, its requests, and those who read. */
export interface PollFate extends Fate {
  own: Plan;
  /** `fails`: the handler throws; `misreads`: opening says that the referral cannot be decrypted. */
  reader: 'works' | 'fails' | 'misreads';
  /** Whether all messages are handled at the same time. */
  isAtOnce: boolean;
}

/** What an agency states once it knows more. */
export type Further = Pick<OutcomeStatement, 'status' | 'reason' | 'countries'>;

/** What an agency has of a referral that it took over. */
export interface Held {
  name: ReferralName;
  version: number;
  sealed: string;
  onward: 'allowed' | 'refused';
  roles: Set<string>;
  countries: Set<string>;
}

/** How long one poll with all its messages may take. */
const PATIENCE = 15 * MINUTE;

/** How many machines of an agency poll its queues. */
const MACHINES = 3;

/**
 * An agency with the real client's handling of deliveries (protocol section 5) over the world's queues, keys and
 * directory. What it took over and what it remembers as seen are durable.
 */
export class SimulatedAgency {
  readonly id: string;
  skew = 0;
  /** What was handed over, by referral. */
  readonly held = new Map<string, Held>();
  /** How many messages it received the last time. */
  received = 0;
  readonly #pollName: string;
  /** One for all machines. */
  readonly #seen = new Map<string, SeenReferral>();
  readonly #handOvers = new HandOvers();
  readonly #world: World;

  constructor(id: string, world: World) {
    this.id = id;
    this.#pollName = `${id} (poll)`;
    this.#world = world;
  }

  /** Whether all of its machines are polling. */
  get isBusy(): boolean {
    return this.#world.processes.countRunning(this.#pollName) >= MACHINES;
  }

  /** One of its machines takes up to `max` messages and handles one after the other, or all at the same time. */
  poll(lane: Lane, max: number, fate: PollFate): void {
    const { processes } = this.#world;
    this.received = 0;
    if (processes.isRunning(this.#pollName)) this.#world.trace.count('several machines');
    const poll: Poll = { isOver: false, seen: new Map() };
    const run = processes.start(this.#pollName, PATIENCE, fate.own, async (own) => {
      const { invocation } = own;
      const inbox = this.#inbox(invocation, poll);
      const handle = createDeliveryHandler({
        agency: this.id,
        inbox,
        seen: this.#connectSeen(invocation, poll),
        keyring: this.#directory(invocation),
        runtime: this.#runtime(),
        open: (message) => this.#open(invocation, message, poll, fate),
        answer: (about, reason) => this.#answer(own, about, toOutcome(reason), fate),
      });
      const messages = await inbox.receive(lane, max, 0);
      this.received = messages.length;
      const handlers = this.#handlers(invocation, poll, fate);
      const handleOne = async (delivery: Delivery): Promise<void> => {
        const report = await handle(delivery, handlers, new AbortController().signal);
        const subject = this.#world.witness.find({ hotline: report.hotline ?? '', id: report.id ?? '' });
        if (report.result === 'handled' && subject?.told.has(this.id) && !subject.toldTooLate.has(this.id)) {
          this.#world.witness.fail(
            'withdrawn',
            `${this.id} was told that it never will get ${subject.label}, and has it`,
          );
        }
        this.#world.trace.note(() => `${this.id}: ${subject?.label} v${report.version ?? '-'} ${report.result}`);
      };
      const deliveries = readMessages(messages);
      if (fate.isAtOnce)
        await own.inParallel(groupByReferral(deliveries), (group) => Promise.all(group.map(handleOne)));
      else for (const delivery of deliveries) await handleOne(delivery);
    });
    void run.then(({ outcome }) => (poll.isOver = outcome !== 'crashed'));
  }

  /** States something about a referral that it took over. */
  state({ name, version, sealed }: Held, further: Further, fate: Fate): void {
    this.#run('state', (own) => this.#answer(own, { ...name, version, sealed }, further, fate));
  }

  /** Sends a referral on, whether it may or not. */
  sendOn({ name, sealed, onward }: Held, routing: Routing, { wire, plan }: Fate): void {
    const { partners, witness } = this.#world;
    const subject = witness.open(name);
    const isAllowed = AGENCIES[this.id]?.forwards === true && onward === 'allowed';
    if (isAllowed) subject.posted.push(routing);
    this.#run('send on', async (own) => {
      const payload = { hotline: name.hotline, referral: name.id, by: this.id, sealed, routing, at: this.#at() };
      const token = await signStatement('route', payload, partners.signer(this.id));
      await own.awaitOther(
        this.#world.request(
          { name: `${this.id}: send on ${subject.label}`, caller: this.id, wire, plan, partnerNow: this.#now() },
          (relay) => routeReferral(relay, this.#registered(relay), name, token),
          (routes) => {
            if (isAllowed) witness.routed(subject, routes);
            else witness.fail('confidential', `${this.id} may not send on ${subject.label}`);
          },
        ),
      );
    });
  }

  rotateSigning(overlap: number): void {
    this.#world.partners.rotateSigning(this.id, overlap);
  }

  #run(what: string, work: (own: ProcessHandle) => Promise<void>): void {
    void this.#world.processes.start(`${this.id} (${what})`, PATIENCE, CALM, async (own) => {
      await work(own).catch((error: unknown) => {
        if (!(error instanceof ServiceError || error instanceof RelayError)) throw error;
      });
    });
  }

  #inbox(invocation: Invocation, poll: Poll): AgencyInbox {
    const { queues, witness } = this.#world;
    const inbox = queues.openInbox(this.id);
    return {
      receive: (lane, max, wait) => invocation.call('inbox.receive', () => inbox.receive(lane, max, wait)),
      hide: (message, seconds) => invocation.call('inbox.hide', () => inbox.hide(message, seconds)),
      remove: (message) =>
        invocation.call('inbox.remove', () => {
          const content = JSON.parse(message.body) as AgencyMessage;
          witness.removed(this.id, content, this.#handOvers.isRemembered(content, poll));
          inbox.remove(message);
        }),
    };
  }

  /** A database that all machines share: what is written is added to what is there. */
  #connectSeen(invocation: Invocation, poll: Poll): SeenStore {
    const { witness } = this.#world;
    const call = async <T>(point: string, name: ReferralName, act: () => T): Promise<T> => {
      try {
        return await invocation.call(point, act);
      } catch (error) {
        this.#handOvers.forget(name, poll);
        throw error;
      }
    };
    return {
      read: (name) =>
        call('seen.read', name, () => {
          this.#handOvers.look(name, poll, witness.open(name).told.has(this.id));
          return structuredClone(this.#seen.get(caseKey(name)));
        }),
      write: (seen) =>
        call('seen.write', seen, () => {
          this.#seen.set(caseKey(seen), structuredClone(mergeSeen(this.#seen.get(caseKey(seen)), seen)));
          this.#handOvers.remember(seen);
        }),
    };
  }

  #directory(invocation: Invocation): PartnerDirectory {
    const { partners } = this.#world;
    return {
      findKey: (partner, kid) => invocation.call('directory.find', () => partners.directory.findKey(partner, kid)),
      mayForward: (partner) =>
        invocation.call('directory.find', () => partners.directory.agencies.get(partner)?.forwards ?? false),
    };
  }

  /** Nothing is prolonged: whoever works longer than a message is hidden sees it come back. */
  #runtime(): Runtime {
    return {
      fetch: () => Promise.reject(new Error('no network')),
      now: () => this.#now(),
      random: () => this.#world.fraction(),
      wait: (_, signal) =>
        new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('stopped')))),
    };
  }

  async #open(
    invocation: Invocation,
    message: ReferralMessage,
    poll: Poll,
    { reader }: PollFate,
  ): Promise<AgencyReferral> {
    const { hotline, id, version, acceptedAt } = message;
    // This takes its time: what was seen in the memory before counts no more.
    poll.seen.delete(caseKey(message));
    const context = { hotline, referral: id, agency: this.id, sealed: hashText(message.sealed) };
    const contentKey = await invocation.call('kms.decrypt', () => this.#decrypt(message.key, context));
    if (reader === 'misreads') throw new OpenError('decryption');
    const { countries = [], fallback = false } = AGENCIES[this.id] ?? {};
    const agency = { countries, fallback };
    const opened = await openReferral({ message, contentKey, agency, directory: this.#directory(invocation) });
    return { ...opened, hotline, id, version, acceptedAt };
  }

  /** KMS finds the key by the ciphertext; here, one after the other is tried. */
  #decrypt(key: string, context: Parameters<World['partners']['keys']['decrypt']>[3]): Buffer {
    const { partners } = this.#world;
    for (const record of partners.kmsKeys(this.id)) {
      try {
        return partners.keys.decrypt(this.id, record, Buffer.from(key, 'base64'), context);
      } catch (error) {
        if (!(error instanceof ServiceError) || error.name !== 'InvalidCiphertextException') throw error;
      }
    }
    throw new OpenError('decryption');
  }

  #handlers(invocation: Invocation, poll: Poll, { reader }: PollFate): Handlers {
    const { witness } = this.#world;
    const handOvers = this.#handOvers;
    return {
      referral: async (referral) => {
        const { version } = referral;
        if (!handOvers.begin(referral, version, poll)) {
          const { label } = witness.open(referral);
          witness.fail('delivered-once', `${label} v${version} is handed over to ${this.id} again`);
        }
        try {
          await invocation.call('handler', () => {
            if (reader === 'fails') throw new ServiceError('HandlerFailed');
            this.#takeOver(referral, poll);
          });
          handOvers.end(referral, version, poll, 'returned');
        } catch (error) {
          handOvers.end(referral, version, poll, 'failed');
          throw error;
        }
      },
      withdrawn: (withdrawal) =>
        invocation.call('handler', () => {
          const subject = witness.open(withdrawal);
          subject.told.add(this.id);
          if (!withdrawal.handed) return;
          subject.toldTooLate.add(this.id);
          if (!this.held.has(caseKey(withdrawal)))
            witness.fail('truthful', `${this.id} is told that it has ${subject.label}`);
        }),
    };
  }

  #takeOver({ referral, ...opened }: AgencyReferral, poll: Poll): void {
    const { witness } = this.#world;
    const { hotline, id, version, sealed } = opened;
    const name = { hotline, id };
    const subject = witness.open(name);
    const label = `${subject.label} v${version} by ${this.id}`;
    const isTold = poll.seen.get(caseKey(name))?.isTold ?? subject.told.has(this.id);
    if (isTold) witness.fail('withdrawn', `${label} is handed over after its withdrawal`);
    const variant = subject.variants.find(({ hash }) => hash === sealed);
    if (!isDeepStrictEqual(JSON.parse(variant?.document ?? 'null'), referral))
      witness.fail('intact', `${label} is not what was sealed`);
    const held = this.held.get(caseKey(name));
    this.held.set(caseKey(name), {
      name,
      version: Math.max(version, held?.version ?? 0),
      sealed,
      onward: referral.onward,
      roles: new Set([...(held?.roles ?? []), ...opened.roles]),
      countries: new Set([...(held?.countries ?? []), ...opened.countries]),
    });
  }

  /** @throws {RelayError | ServiceError} if the statement was not taken in, as far as anybody knows */
  async #answer(
    own: ProcessHandle,
    about: ReferralName & { version: number; sealed: string },
    further: Further,
    { wire, plan }: Fate,
  ): Promise<void> {
    const { witness, partners } = this.#world;
    const { hotline, id, version, sealed } = about;
    const payload = { hotline, referral: id, version, agency: this.id, sealed, ...further, at: this.#at() };
    const token = await signStatement('outcome', payload, partners.signer(this.id));
    const subject = witness.open({ hotline, id });
    if (further.status !== 'unreadable') noteOpened(subject, `${this.id} v${version}`, this.#world.clock.now());
    await own.invocation.call('agency.post', () => undefined);
    const reply: Reply<unknown> = await own.awaitOther(
      this.#world.request(
        {
          name: `${this.id}: ${further.status} ${subject.label} v${version}`,
          caller: this.id,
          wire,
          plan,
          partnerNow: this.#now(),
        },
        (relay) => answerReferral(relay, this.#registered(relay), { hotline, id }, token),
        (answer) => witness.answered(payload, answer),
      ),
    );
    await own.invocation.call('agency.posted', () => undefined);
    if (reply.outcome === 'refused') throw reply.error;
    if (reply.outcome === 'unknown') throw new ServiceError('TimeoutError');
  }

  /** What the API makes of the caller before it lets it in. */
  #registered({ registry }: Relay): Agency {
    const agency = registry.agencies.get(this.id);
    if (!agency) throw new RelayError('unauthorized', 'Register first.');
    return agency;
  }

  #at(): string {
    return toTimestamp(this.#now());
  }

  #now(): number {
    return this.#world.clock.now() + this.skew;
  }
}

/** Nothing that one machine has remembered is lost where another writes (`SeenStore`). */
function mergeSeen(stands: SeenReferral | undefined, seen: SeenReferral): SeenReferral {
  if (!stands) return seen;
  const added = seen.handled.filter(
    ({ version, sealed }) => !stands.handled.some((one) => one.version === version && one.sealed === sealed),
  );
  const withdrawn = stands.withdrawn ?? seen.withdrawn;
  const isSo = (what: 'told' | 'handed'): boolean => (stands.withdrawn?.[what] || seen.withdrawn?.[what]) === true;
  return {
    ...stands,
    handled: [...stands.handled, ...added],
    ...(withdrawn && { withdrawn: { ...withdrawn, told: isSo('told'), handed: isSo('handed') } }),
  };
}

/** Those about one referral together, which the client handles one after the other. */
function groupByReferral(deliveries: readonly Delivery[]): Delivery[][] {
  const groups = new Map<string, Delivery[]>();
  for (const delivery of deliveries) {
    const key = delivery.kind === 'malformed' ? delivery.handle : caseKey(delivery.message);
    groups.set(key, [...(groups.get(key) ?? []), delivery]);
  }
  return [...groups.values()];
}

function noteOpened(subject: ReferralCase, what: string, now: number): void {
  if (!subject.openedAt.has(what)) subject.openedAt.set(what, now);
}

const toOutcome = (reason: UnreadableReason | undefined): Further =>
  reason ? { status: 'unreadable', reason } : { status: 'opened' };
