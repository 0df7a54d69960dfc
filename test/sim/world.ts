import type { AgencyMessage } from '../../core/contracts.ts';
import { RelayError } from '../../core/errors.ts';
import type { ReferralName } from '../../core/ids.ts';
import type { Retention } from '../../core/limits.ts';
import { agencyQueue, dispatchQueue, type Lane, LANES, outcomesQueue } from '../../core/names.ts';
import type { Clock, Randomness, Relay } from '../../core/ports.ts';
import { FUNCTION_SIZES, QUEUE_TRAITS } from '../../core/sizing.ts';
import { SECOND } from '../../core/time.ts';
import type { Invocation } from '../doubles/faults.ts';
import { MemoryLedger } from '../doubles/memory-ledger.ts';
import { type Disorder, MemoryQueues } from '../doubles/memory-queues.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';
import { SimulatedAgency } from './agency.ts';
import { chance } from './chance.ts';
import { SimulatedHotline } from './hotline.ts';
import { checkRecord } from './ledger-invariants.ts';
import { AGENCIES, HOTLINES, type Keyring, Partners, STAGE } from './partners.ts';
import { type Plan, Processes } from './processes.ts';
import { Trace } from './trace.ts';
import { Violation } from './violation.ts';
import { Witness } from './witness.ts';

/** What the network does to a request: nothing, lose it or its answer, carry it twice. */
export type Wire = 'fine' | 'request-lost' | 'answer-lost' | 'twice';

/** Puts a fault into the relay, as one process sees it. */
export type Plant = (relay: Relay) => Relay;

export type Reply<T> =
  | { outcome: 'answered'; value: T }
  | { outcome: 'refused'; error: RelayError }
  /** Nobody knows whether anything happened. */
  | { outcome: 'unknown' };

/** How long a function behind the API may take. */
const API_TIMEOUT = FUNCTION_SIZES.submit.timeout * SECOND;

/** RFC 9421 `created`, as protocol section 6 bounds it. */
const SIGNATURE_AGE = 300 * SECOND;
const SIGNATURE_AHEAD = 30 * SECOND;

/** The share of received messages that somebody else receives as well. */
const DUPLICATES = 0.1;

/** A relay with its partners, their clocks and everything between them. */
export class World {
  readonly clock = new VirtualClock();
  readonly trace = new Trace(this.clock);
  readonly processes = new Processes(this.clock, this.trace);
  readonly ledger: MemoryLedger;
  readonly partners: Partners;
  readonly witness: Witness;
  readonly queues: WatchedQueues;
  readonly hotlines: SimulatedHotline[];
  readonly agencies: SimulatedAgency[];
  readonly retention: Retention;
  /** Jitter, the order of messages and which come twice; each step has chance of its own. */
  #chance: Randomness = chance(0);
  #ids = 0;
  readonly #plant: Plant;
  /** The number of the suspension that each suspended partner is under. */
  readonly #suspensions = new Map<string, number>();
  #suspended = 0;
  /** How many rows have been written so far. */
  writes = 0;

  constructor(keyring: Keyring, retention: Retention, plant: Plant = (relay) => relay) {
    this.#plant = plant;
    this.retention = retention;
    const randomness = { fraction: () => this.#chance.fraction() };
    this.ledger = new MemoryLedger((name) => this.#checkWritten(name), {
      randomness,
      tell: () => this.trace.count('changed while it is read'),
    });
    this.partners = new Partners(this.clock, keyring);
    this.witness = new Witness(this.ledger, this.partners, this.processes);
    this.queues = new WatchedQueues(this.clock, this.witness, {
      randomness,
      duplicates: DUPLICATES,
      tell: (event) => this.trace.count(`message: ${event}`),
    });
    this.hotlines = HOTLINES.map((id) => new SimulatedHotline(id, this));
    this.agencies = Object.keys(AGENCIES).map((id) => new SimulatedAgency(id, this));
  }

  #checkWritten(name: ReferralName): void {
    this.writes += 1;
    try {
      checkRecord(this, this.witness.open(name));
    } catch (error) {
      // Whoever has written would make something else of it.
      if (!(error instanceof Violation)) throw error;
      this.processes.fail(error);
    }
  }

  /** Begins a step: what it leaves to chance, `seed` decides. */
  begin(what: () => string, seed: number): void {
    this.#chance = chance(seed);
    this.trace.step(what);
  }

  /** What the operator does to a partner, within seconds and without a deployment. */
  setSuspended(partner: string, isSuspended: boolean): void {
    if (isSuspended) {
      this.ledger.suspended.add(partner);
      this.#suspensions.set(partner, ++this.#suspended);
    } else {
      this.ledger.suspended.delete(partner);
      this.#suspensions.delete(partner);
    }
  }

  fraction(): number {
    return this.#chance.fraction();
  }

  /** A referral id that a clock `skew` milliseconds ahead makes now; none is made twice in a run. */
  newId(skew: number): string {
    const time = (this.clock.now() + skew).toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${(++this.#ids).toString(16).padStart(12, '0')}`;
  }

  /** The relay as one process sees it. */
  relay(invocation: Invocation, { skew, behind }: Plan): Relay {
    const clock: Clock = { now: () => this.clock.now() + skew };
    const queues = this.queues.connect(invocation);
    const before = new Map(this.#suspensions);
    const registry = this.partners.registryOf(behind);
    if (registry !== this.partners.registry) this.trace.count('old registry');
    if (skew !== 0) this.trace.count('clock of a function');
    return this.#plant({
      ledger: this.ledger.connect(invocation),
      queues: {
        ...queues,
        sendToAgency: (agency, lane, message) => {
          const suspension = this.#suspensions.get(agency);
          if (suspension !== undefined && suspension === before.get(agency)) {
            this.witness.fail('confidential', `${agency} is sent something long after it was suspended`);
          }
          return queues.sendToAgency(agency, lane, message);
        },
      },
      keys: this.partners.keys.connect(invocation),
      registry,
      clock,
      randomness: { fraction: () => this.fraction() },
      telemetry: { record: () => undefined },
      retention: this.retention,
    });
  }

  /**
   * A signed call of the API. Resolves when the function has ended, and never if it runs out of time.
   * @param onAnswer what the relay answered, whether the caller hears it or not
   */
  async request<T>(
    call: { name: string; caller: string; wire: Wire; plan: Plan; partnerNow: number },
    work: (relay: Relay) => Promise<T>,
    onAnswer: (value: T) => void,
  ): Promise<Reply<T>> {
    const { name, caller, wire, plan, partnerNow } = call;
    if (wire !== 'fine') this.trace.note(() => `the network: ${wire}`);
    this.trace.count(`network: ${wire}`);
    if (wire === 'request-lost') return { outcome: 'unknown' };
    const age = this.clock.now() - partnerNow;
    if (age > SIGNATURE_AGE || -age > SIGNATURE_AHEAD) {
      return { outcome: 'refused', error: new RelayError('stale-signature', 'Check the clock.') };
    }
    const run = async (): Promise<Reply<T>> => {
      const ending = await this.processes.start(name, API_TIMEOUT, plan, async ({ invocation }) => {
        const relay = this.relay(invocation, plan);
        if (await relay.ledger.isSuspended(caller)) throw new RelayError('unauthorized', 'Ask the operator.');
        return work(relay);
      });
      if (ending.outcome === 'finished') {
        onAnswer(ending.value);
        return { outcome: 'answered', value: ending.value };
      }
      if (ending.outcome === 'failed' && ending.error instanceof RelayError) {
        return { outcome: 'refused', error: ending.error };
      }
      return { outcome: 'unknown' };
    };
    if (wire === 'twice') this.processes.later(() => void run());
    const reply = await run();
    return wire === 'answer-lost' ? { outcome: 'unknown' } : reply;
  }
}

/** An attempt, or an item of an inbox; what is to be placed is asked for by each call of a hotline as well. */
const isOnSchedule = (body: string): boolean => /"(?:attempt|item)":/.test(body);

/** The relay's queues, with a witness at those of the agencies. */
class WatchedQueues extends MemoryQueues {
  readonly #witness: Witness;
  readonly #agencies = new Map<string, { agency: string; lane: Lane }>();

  constructor(clock: Clock, witness: Witness, disorder: Disorder) {
    super(clock, STAGE, disorder);
    this.#witness = witness;
    const {
      dispatch: { visibility, receives },
      agency: agencies,
      outcomes,
    } = QUEUE_TRAITS;
    for (const lane of LANES) {
      const queue = dispatchQueue(STAGE, `dead-${lane}`);
      this.create(queue, { visibilitySeconds: 30 });
      this.create(dispatchQueue(STAGE, lane), {
        visibilitySeconds: visibility,
        deadLetters: { queue, maxReceives: receives },
      });
    }
    for (const hotline of HOTLINES)
      this.create(outcomesQueue(STAGE, hotline), { visibilitySeconds: outcomes.visibility });
    for (const agency of Object.keys(AGENCIES)) {
      const queue = agencyQueue(STAGE, agency, 'dead');
      this.create(queue, { visibilitySeconds: 30 });
      for (const lane of LANES) {
        const name = agencyQueue(STAGE, agency, lane);
        this.create(name, {
          visibilitySeconds: agencies.visibility,
          deadLetters: { queue, maxReceives: agencies.receives },
        });
        this.#agencies.set(name, { agency, lane });
      }
    }
  }

  override send(queue: string, body: string, group?: string): void {
    super.send(queue, body, group);
    const to = this.#agencies.get(queue);
    if (to) this.#witness.sent(to.agency, to.lane, JSON.parse(body) as AgencyMessage);
    else if (isOnSchedule(body)) this.#witness.count(`${queue} ${body}`);
  }
}
