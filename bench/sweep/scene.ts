import { createPublicKey } from 'node:crypto';
import { IntakeJwk } from '../../core/keys.ts';
import { agencyLane } from '../../core/lanes.ts';
import { hastened } from '../../core/ledger-rules.ts';
import { DEFAULT_RETENTION } from '../../core/limits.ts';
import { agencyQueue, dispatchQueue, type Lane, LANES, outcomesQueue } from '../../core/names.ts';
import type { DispatchMessage, Relay } from '../../core/ports.ts';
import { type Hotline, loadRegistry, type Registry } from '../../core/registry.ts';
import type { Urgency } from '../../core/schema.ts';
import { sealReferral } from '../../core/seal.ts';
import { END_OF_TIME, MINUTE } from '../../core/time.ts';
import { deliverReferral } from '../../core/use-cases/deliver.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import { sweep, type SweepBounds } from '../../core/use-cases/sweep.ts';
import { Invocation } from '../../test/doubles/faults.ts';
import { makeIntakeKey, MemoryKeys } from '../../test/doubles/memory-keys.ts';
import { MemoryLedger } from '../../test/doubles/memory-ledger.ts';
import { MemoryQueues } from '../../test/doubles/memory-queues.ts';
import { VirtualClock } from '../../test/doubles/virtual-clock.ts';
import { makeSigner } from '../../test/support/envelope.ts';
import { idOf, indexOf, type Owed, toReferral, toRoute, urgencyOf } from './backlog.ts';

const STAGE = 'bench';
/** The agency that was away. */
export const AWAY = 'de-away';
const [BACKLOG, MEANWHILE] = ['gb-backlog', 'us-meanwhile'] as const;
const URGENCIES = ['immediate', 'high', 'routine'] as const;

export interface SceneOptions {
  agencies: number;
  /** Rows that are followed one by one: what is due at once. */
  followed: number;
  /** Deliveries a minute and lane that `deliver` can do. */
  capacity: number;
  /** What sweep takes at a time. */
  bounds: Omit<SweepBounds, 'deadline'>;
  /** Submissions in each minute, one in 20 of them immediate. */
  submissions: number;
}

/** A minute of it. */
export interface Minute {
  rows: number;
  complete: boolean;
  /** Milliseconds that sweep took, by the real clock. */
  took: number;
  /** What sweep and submissions left in the dispatch queues for deliver. */
  dispatched: number;
}

/**
 * A relay on the doubles and their clock, with any number of agencies, whose sweep and deliver run once a minute. What
 * reaches an agency is counted and gone, so that the memory holds the ledger and little else.
 */
export class Scene {
  readonly others: string[];
  /** How often each followed row reached its agency, and how often that failed, by index. */
  readonly delivered: Uint8Array;
  readonly failed: Uint16Array;
  /** Minutes from acceptance to the agency's queue of what was submitted in the course of the run; the longest. */
  readonly longestWait = { immediate: 0, other: 0 };
  submitted = 0;
  readonly #options: SceneOptions;
  readonly #clock = new VirtualClock();
  readonly #ledger = new MemoryLedger();
  readonly #queues = new MemoryQueues(this.#clock, STAGE);
  readonly #keys = new MemoryKeys(STAGE);
  readonly #registry: Registry;
  readonly #sealed: { sealed: string; hash: string };
  /** Submitted and not delivered yet: when, in milliseconds since 1970. */
  readonly #awaited = new Map<string, number>();

  static async open(options: SceneOptions): Promise<Scene> {
    const intakeKey = makeIntakeKey();
    const jwk = IntakeJwk.parse(createPublicKey(intakeKey).export({ format: 'jwk' }));
    const scene = new Scene(options, await sealReferral({}, { signingKey: makeSigner('Ed25519'), intakeKey: jwk }));
    for (const hotline of scene.#registry.hotlines.keys()) {
      scene.#queues.create(outcomesQueue(STAGE, hotline), { visibilitySeconds: 120 });
      scene.#keys.createIntakeKey(hotline, { generation: 1 }, intakeKey);
    }
    return scene;
  }

  private constructor(options: SceneOptions, sealed: { sealed: string; hash: string }) {
    this.#options = options;
    this.#sealed = sealed;
    this.others = Array.from({ length: options.agencies - 1 }, (_, index) => `fr-other-${index}`);
    this.delivered = new Uint8Array(options.followed);
    this.failed = new Uint16Array(options.followed);
    this.#registry = createRegistry(this.others);
    for (const lane of LANES) this.#queues.create(dispatchQueue(STAGE, lane), { visibilitySeconds: 360 });
    for (const agency of this.#registry.agencies.keys()) {
      for (const lane of LANES) this.#queues.create(agencyQueue(STAGE, agency, lane), { visibilitySeconds: 300 });
      this.#keys.createAgencyKey(agency, { generation: 1 });
    }
  }

  get now(): number {
    return this.#clock.now();
  }

  /** Submitted and not delivered yet. */
  get waiting(): number {
    return this.#awaited.size;
  }

  /** Rows of routes to an agency, without the referral they belong to unless they can fall `due` in this run. */
  async owe(agency: string, count: number, first: number, due: { at: (nth: number) => number; whole: boolean }) {
    const { ledger } = this.#relay();
    for (let nth = 0; nth < count; nth++) {
      const dueAt = due.at(nth);
      const [id, urgency] = [idOf(this.now, first + nth), urgencyOf(nth)];
      const owed: Owed = { hotline: BACKLOG, id, agency, countries: [], urgency, ...this.#sealed, dueAt };
      if (due.whole) await ledger.create(toReferral(owed));
      await ledger.create(toRoute(owed));
      // Lets the index follow, which keeps what it has not seen yet.
      if (nth % 10_000 === 0) await ledger.due(agencyLane(agency, urgency), 0, 1);
    }
  }

  setKey(state: 'enabled' | 'disabled'): void {
    this.#keys.setState(this.#keys.agencyKeyId(AWAY, { generation: 1 }), state);
  }

  /** What `ops resume` does: all that failed is owed at once. */
  async resume(): Promise<void> {
    const { ledger } = this.#relay();
    for (const urgency of URGENCIES) {
      const rows = await ledger.due(agencyLane(AWAY, urgency), END_OF_TIME, Number.MAX_SAFE_INTEGER);
      for (const row of rows) {
        if (row.kind === 'route' && row.failures > 0) await ledger.replace(hastened(row, this.now));
      }
    }
  }

  /** A minute goes by: sweep, then submissions, then as much of deliver as it can do in that time. */
  async pass(): Promise<Minute> {
    this.#clock.advance(MINUTE);
    const began = performance.now();
    const { rows, complete } = await sweep(this.#relay(), {
      ...this.#options.bounds,
      deadline: Number.POSITIVE_INFINITY,
    });
    const took = performance.now() - began;
    for (let count = 0; count < this.#options.submissions; count++) await this.#submit();
    const dispatched = LANES.reduce((sum, lane) => sum + this.#queues.bodies(dispatchQueue(STAGE, lane)).length, 0);
    for (const lane of LANES) await this.#deliver(lane);
    return { rows, complete, took, dispatched };
  }

  async #submit(): Promise<void> {
    const agency = this.others[this.submitted % this.others.length];
    const country = this.#registry.agencies.get(agency ?? '')?.countries[0] ?? 'FR';
    const urgency: Urgency = this.submitted % 20 === 0 ? 'immediate' : 'routine';
    const id = idOf(this.now, this.submitted++);
    const { sealed } = this.#sealed;
    const routing = { suspect: [country], victim: [] };
    this.#awaited.set(id, this.now);
    await submitReferral(this.#relay(), hotlineOf(this.#registry), { id, routing, urgency, onward: 'allowed', sealed });
  }

  async #deliver(lane: Lane): Promise<void> {
    const queue = dispatchQueue(STAGE, lane);
    for (let done = 0; done < this.#options.capacity;) {
      const batch = this.#queues.receive(queue, 10);
      if (batch.length === 0) return;
      const relay = this.#relay();
      for (const { body, handle } of batch) {
        await deliverReferral(relay, JSON.parse(body) as DispatchMessage);
        this.#queues.remove(queue, handle);
      }
      done += batch.length;
    }
  }

  #relay(): Relay {
    const invocation = new Invocation();
    return {
      ledger: this.#ledger.connect(invocation),
      queues: {
        ...this.#queues.connect(invocation),
        sendToAgency: async (_agency, _lane, { hotline, id }) => this.#arrived(hotline, id),
      },
      keys: this.#keys.connect(invocation),
      registry: this.#registry,
      clock: this.#clock,
      randomness: { fraction: Math.random },
      retention: DEFAULT_RETENTION,
      telemetry: {
        record: (event, { hotline, id } = {}) => {
          if (event === 'delivery-failed' && hotline === BACKLOG) count(this.failed, indexOf(String(id)));
        },
      },
    };
  }

  #arrived(hotline: string, id: string): void {
    if (hotline === BACKLOG) return count(this.delivered, indexOf(id));
    const since = this.#awaited.get(id);
    if (since === undefined) return;
    this.#awaited.delete(id);
    const kind = indexOf(id) % 20 === 0 ? 'immediate' : 'other';
    this.longestWait[kind] = Math.max(this.longestWait[kind], (this.now - since) / MINUTE);
  }
}

function count(list: Uint8Array | Uint16Array, index: number): void {
  list[index] = (list[index] ?? 0) + 1;
}

function hotlineOf(registry: Registry): Hotline {
  const hotline = registry.hotlines.get(MEANWHILE);
  if (!hotline) throw new Error(`there is no ${MEANWHILE}`);
  return hotline;
}

const COUNTRIES = ['AT', 'BE', 'CA', 'CH', 'DK', 'ES', 'FI', 'FR', 'GB', 'IE', 'IT', 'NL', 'NO', 'PL', 'SE', 'US'];

const file = (id: string, more: object) => ({
  name: `${id}.json`,
  text: JSON.stringify({ id, name: id, contact: { email: 'ops@example.org' }, keys: [], ...more }),
});

const agency = (id: string, countries: string[]) =>
  file(id, { kind: 'agency', kmsKeys: [{ generation: 1 }], countries });

/** The agencies share some countries, but for the one that was away: nothing new is routed to it. */
function createRegistry(others: readonly string[]): Registry {
  return loadRegistry([
    ...[BACKLOG, MEANWHILE].map((id) => file(id, { kind: 'hotline', intakeKeys: [{ generation: 1 }] })),
    agency(AWAY, []),
    ...others.map((id, index) => agency(id, index < COUNTRIES.length ? [COUNTRIES[index] ?? ''] : [])),
  ]);
}
