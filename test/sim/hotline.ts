import type { Acceptance, Submission } from '../../core/contracts.ts';
import { type ErrorCode, RelayError } from '../../core/errors.ts';
import { routingKey, type RoutePlan } from '../../core/routing.ts';
import type { Hotline } from '../../core/registry.ts';
import type { Relay } from '../../core/ports.ts';
import type { Routing } from '../../core/schema.ts';
import { signStatement } from '../../core/statements.ts';
import { SECOND, toTimestamp } from '../../core/time.ts';
import { acknowledgeOutcomes, receiveOutcomes } from '../../core/use-cases/collect.ts';
import { routeReferral } from '../../core/use-cases/route.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import { withdrawReferral } from '../../core/use-cases/withdraw.ts';
import { CALM, type Plan, type ProcessHandle } from './processes.ts';
import type { ReferralCase, Variant } from './referral-case.ts';
import { type Address, seal, writeDocument } from './sealing.ts';
import type { Reply, Wire, World } from './world.ts';

/** How a request fares on its way and in the relay. */
export interface Fate {
  wire: Wire;
  plan: Plan;
}

/** What a hotline owes the relay: kept until a definite answer. */
interface Owed {
  what: string;
  state: 'owed' | 'done' | 'refused';
  send(fate: Fate): void;
}

/** How long a hotline waits for an answer. */
const PATIENCE = 60 * SECOND;

/** Not the last word: the same request may succeed later. */
const PASSING = new Set<ErrorCode>(['stale-signature', 'slow-down', 'try-again', 'statement-mismatch', 'unauthorized']);

/** A hotline as protocol sections 2, 3, 7 and 8 want it. Its journal is durable. */
export class SimulatedHotline {
  readonly id: string;
  /** How far its clock is ahead, in milliseconds. */
  skew = 0;
  journal: readonly Owed[] = [];
  /** The cases it submitted, in order. */
  readonly cases: ReferralCase[] = [];
  /** How many items it received the last time. */
  received = 0;
  readonly #world: World;

  constructor(id: string, world: World) {
    this.id = id;
    this.#world = world;
  }

  /**
   * A new signing key, once nothing is sealed that was not answered: agencies hold the signature inside against the
   * moment of acceptance, by the relay's clock. What was refused is given up, since it could be accepted later.
   */
  rotateSigning(overlap: number): void {
    if (this.pending.length > 0) return;
    this.journal = this.journal.filter(({ state }) => state === 'done');
    this.#world.partners.rotateSigning(this.id, overlap);
  }

  get pending(): Owed[] {
    return this.journal.filter(({ state }) => state === 'owed');
  }

  /**
   * Seals a referral and keeps the bytes; nothing is sent yet.
   * @param how.id of an earlier submission, to conflict with it
   */
  async prepare(address: Address, how: { id: string; wrongly: boolean; oldKey: boolean }): Promise<Owed> {
    const { partners, witness } = this.#world;
    const { id } = how;
    const keys = partners.kmsKeys(this.id);
    const record = (how.oldKey ? keys[0] : keys.at(-1)) ?? { generation: 1 };
    const document = writeDocument({ hotline: this.id, id }, address);
    const intakeKey = partners.intakeKey(this.id, record);
    const signer = partners.signer(this.id);
    const { sealed, hash } = await seal(document, { signer, intakeKey, wrongly: how.wrongly });
    const submission: Submission = { id, ...address, sealed };
    const variant: Variant = { submission, hash, document: JSON.stringify(document), isBroken: how.wrongly };
    const subject = witness.open({ hotline: this.id, id });
    if (subject.variants.push(variant) === 1) this.cases.push(subject);
    return this.#owe({
      what: `submit ${subject.label}`,
      call: (relay) => submitReferral(relay, this.#registered(relay), submission),
      onAnswer: (acceptance: Acceptance) => witness.accepted(subject, variant, acceptance),
    });
  }

  withdraw(subject: ReferralCase): Owed {
    const { name } = subject;
    return this.#owe({
      what: `withdraw ${subject.label}`,
      prepare: () => {
        if (subject.withdrawal === 'none') subject.withdrawal = 'posted';
        const payload = { ...this.#binding(subject), reason: 'error' as const };
        return signStatement('withdraw', payload, this.#world.partners.signer(this.id));
      },
      call: (relay, token) => withdrawReferral(relay, this.#registered(relay), name, token),
      onAnswer: () => {
        subject.withdrawal = 'accepted';
      },
    });
  }

  sendOn(subject: ReferralCase, routing: Routing): Owed {
    const { name } = subject;
    return this.#owe({
      what: `send on ${subject.label} to ${routingKey(routing)}`,
      prepare: () => {
        subject.posted.push(routing);
        const payload = { ...this.#binding(subject), by: this.id, routing };
        return signStatement('route', payload, this.#world.partners.signer(this.id));
      },
      call: (relay, token) => routeReferral(relay, this.#registered(relay), name, token),
      onAnswer: (plan: RoutePlan) => this.#world.witness.routed(subject, plan),
    });
  }

  /** Takes items from the inbox, and acknowledges as many of them as it gets to. */
  collect(max: number, acknowledged: number, { wire, plan }: Fate): void {
    const { witness, trace } = this.#world;
    const call = { plan, caller: this.id, partnerNow: this.#now() };
    this.received = 0;
    this.#run('collect', async (own) => {
      const receiving = this.#world.request(
        { ...call, name: `${this.id}: receive`, wire: 'fine' },
        (relay) => receiveOutcomes(relay, this.#registered(relay), { max, wait: 0 }),
        () => undefined,
      );
      const received = await own.awaitOther(receiving);
      if (received.outcome !== 'answered') return;
      const items = received.value.items.map(({ receipt, ...item }) => ({ receipt, item }));
      this.received = items.length;
      for (const { item } of items) witness.collected(this.id, item);
      const done = items.slice(0, acknowledged);
      if (items.length > 0)
        trace.note(() => `${this.id} receives ${items.length} items and acknowledges ${done.length}`);
      if (done.length === 0) return;
      for (const { item } of done) witness.acknowledges(this.id, item);
      const receipts = done.map(({ receipt }) => receipt);
      const acknowledging = this.#world.request(
        { ...call, name: `${this.id}: acknowledge`, wire },
        (relay) => acknowledgeOutcomes(relay, this.#registered(relay), receipts),
        () => undefined,
      );
      await own.awaitOther(acknowledging);
    });
  }

  #run(what: string, work: (own: ProcessHandle) => Promise<void>): void {
    void this.#world.processes.start(`${this.id} (${what})`, PATIENCE, CALM, work);
  }

  #owe<T>(request: {
    what: string;
    prepare?: () => Promise<string>;
    call: (relay: Relay, token: string) => Promise<T>;
    onAnswer: (value: T) => void;
  }): Owed {
    const { what, prepare, call, onAnswer } = request;
    const owed: Owed = {
      what,
      state: 'owed',
      send: (fate) =>
        this.#run(what, async (own) => {
          const token = (await prepare?.()) ?? '';
          const answered = this.#world.request(
            { ...fate, caller: this.id, name: `${this.id}: ${what}`, partnerNow: this.#now() },
            (relay) => call(relay, token),
            onAnswer,
          );
          const reply = await own.awaitOther(answered);
          if (owed.state !== 'done') owed.state = stateAfter(reply);
          this.#world.trace.note(() => `${this.id}: ${what}: ${describe(reply)}`);
          if (describe(reply) === 'slow-down') this.#world.trace.count('a hotline is to slow down');
        }),
    };
    this.journal = [...this.journal, owed];
    return owed;
  }

  #binding({ name, variants }: ReferralCase): { hotline: string; referral: string; sealed: string; at: string } {
    const { referral } = this.#world.ledger.record(name);
    const sealed = referral?.hash ?? variants[0]?.hash ?? '';
    return { hotline: name.hotline, referral: name.id, sealed, at: toTimestamp(this.#now()) };
  }

  /** What the API makes of the caller before it lets it in. */
  #registered({ registry }: Relay): Hotline {
    const hotline = registry.hotlines.get(this.id);
    if (!hotline) throw new RelayError('unauthorized', 'Register first.');
    return hotline;
  }

  #now(): number {
    return this.#world.clock.now() + this.skew;
  }
}

function stateAfter(reply: Reply<unknown>): Owed['state'] {
  if (reply.outcome === 'answered') return 'done';
  return reply.outcome === 'refused' && !PASSING.has(reply.error.code) ? 'refused' : 'owed';
}

const describe = (reply: Reply<unknown>): string => (reply.outcome === 'refused' ? reply.error.code : reply.outcome);
