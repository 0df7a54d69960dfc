import { createPublicKey, type KeyObject } from 'node:crypto';
import type { AgencyMessage, OutcomeStatement, ReferralMessage, Submission } from '../../core/contracts.ts';
import type { ReferralName } from '../../core/ids.ts';
import { IntakeJwk } from '../../core/keys.ts';
import { DEFAULT_RETENTION } from '../../core/limits.ts';
import { agencyQueue, dispatchQueue, type Lane, LANES, outcomesQueue } from '../../core/names.ts';
import type { DispatchMessage, Pages, Relay, Telemetry, Waiting } from '../../core/ports.ts';
import { type Agency, type Hotline, loadRegistry, type Registry } from '../../core/registry.ts';
import type { Onward, Routing, Urgency } from '../../core/schema.ts';
import { sealReferral } from '../../core/seal.ts';
import { signStatement } from '../../core/statements.ts';
import { MINUTE, toTimestamp } from '../../core/time.ts';
import { answerReferral } from '../../core/use-cases/answer.ts';
import { deliverReferral } from '../../core/use-cases/deliver.ts';
import { sweep } from '../../core/use-cases/sweep.ts';
import { type Faults, Invocation } from '../doubles/faults.ts';
import { makeIntakeKey, MemoryKeys } from '../doubles/memory-keys.ts';
import { MemoryLedger } from '../doubles/memory-ledger.ts';
import { MemoryQueues } from '../doubles/memory-queues.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';
import { makeSigner, type Signer } from './envelope.ts';

/*
 * A relay with its partners, in memory and on a virtual clock: the real use cases over the doubles. Keys are made once a
 * test file; the rest is new in every world.
 */

export const STAGE = 'test';

export const HOTLINES = ['gb-hotline', 'us-hotline'] as const;
export const AGENCIES = {
  'ca-police': { countries: ['CA'] },
  'de-police': { countries: ['DE'], contact: { email: 'ops@example.org', page: 'https://pages.example.org/de' } },
  'fr-gendarmes': { countries: ['FR'] },
  'fr-police': { countries: ['FR'] },
  'int-clearing': { countries: [], fallback: true, forwards: true },
} as const;
export type HotlineId = (typeof HOTLINES)[number];
export type AgencyId = keyof typeof AGENCIES;

export const SIGNERS = new Map<string, Signer>(
  [...HOTLINES, ...Object.keys(AGENCIES)].map((id, index) => [id, makeSigner(index % 2 ? 'P-256' : 'Ed25519')]),
);

export function signerOf(partner: string): Signer {
  const signer = SIGNERS.get(partner);
  if (!signer) throw new Error(`no such partner: ${partner}`);
  return signer;
}

const INTAKE_KEYS = new Map<string, KeyObject>(HOTLINES.map((id) => [id, makeIntakeKey()]));

export function intakeKeyOf(hotline: string): KeyObject {
  const key = INTAKE_KEYS.get(hotline);
  if (!key) throw new Error(`no such hotline: ${hotline}`);
  return key;
}

const partnerFile = (id: string, more: object) => ({
  name: `${id}.json`,
  text: JSON.stringify({
    id,
    name: id,
    contact: { email: 'ops@example.org' },
    keys: [{ jwk: signerOf(id).record.jwk }],
    ...more,
  }),
});

/** @param changes members of some partners' files, by id */
export const testRegistry = (changes: Record<string, object> = {}): Registry =>
  loadRegistry([
    ...HOTLINES.map((id) => partnerFile(id, { kind: 'hotline', intakeKeys: [{ generation: 1 }], ...changes[id] })),
    ...Object.entries(AGENCIES).map(([id, more]) =>
      partnerFile(id, { kind: 'agency', kmsKeys: [{ generation: 1 }], ...more, ...changes[id] }),
    ),
  ]);

/** What the relay recorded. */
export interface Recorded {
  event: string;
  fields: Readonly<Record<string, string | number>>;
}

export class World {
  readonly clock = new VirtualClock();
  readonly ledger = new MemoryLedger();
  readonly queues = new MemoryQueues(this.clock, STAGE);
  readonly keys = new MemoryKeys(STAGE);
  readonly recorded: Recorded[] = [];
  /** Who was paged, and about what. */
  readonly paged: { agency: string; waiting: readonly Waiting[] }[] = [];
  registry = testRegistry();
  #count = 0;

  constructor() {
    for (const lane of LANES) {
      this.queues.create(dispatchQueue(STAGE, `dead-${lane}`), { visibilitySeconds: 30 });
      const deadLetters = { queue: dispatchQueue(STAGE, `dead-${lane}`), maxReceives: 5 };
      this.queues.create(dispatchQueue(STAGE, lane), { visibilitySeconds: 60, deadLetters });
    }
    for (const hotline of HOTLINES) {
      this.queues.create(outcomesQueue(STAGE, hotline), { visibilitySeconds: 120 });
      this.keys.createIntakeKey(hotline, { generation: 1 }, intakeKeyOf(hotline));
    }
    for (const agency of Object.keys(AGENCIES)) {
      this.queues.create(agencyQueue(STAGE, agency, 'dead'), { visibilitySeconds: 30 });
      const deadLetters = { queue: agencyQueue(STAGE, agency, 'dead'), maxReceives: 10 };
      for (const lane of LANES)
        this.queues.create(agencyQueue(STAGE, agency, lane), { visibilitySeconds: 300, deadLetters });
      this.keys.createAgencyKey(agency, { generation: 1 });
    }
  }

  /** The relay as one run of a function sees it. */
  relay(invocation = new Invocation()): Relay {
    const telemetry: Telemetry = {
      record: (event, fields = {}) => void this.recorded.push({ event, fields }),
    };
    return {
      ledger: this.ledger.connect(invocation),
      queues: this.queues.connect(invocation),
      keys: this.keys.connect(invocation),
      registry: this.registry,
      clock: this.clock,
      randomness: { fraction: () => 0.5 },
      telemetry,
      retention: DEFAULT_RETENTION,
    };
  }

  hotline(id: HotlineId): Hotline {
    const hotline = this.registry.hotlines.get(id);
    if (!hotline) throw new Error(`no such hotline: ${id}`);
    return hotline;
  }

  agency(id: AgencyId): Agency {
    const agency = this.registry.agencies.get(id);
    if (!agency) throw new Error(`no such agency: ${id}`);
    return agency;
  }

  /** A referral id of this moment; none is made twice in a world. */
  newId(): string {
    const time = this.clock.now().toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${(++this.#count).toString(16).padStart(12, '0')}`;
  }

  /** A sealed referral; its document is as small as the use cases allow, since they never see it. */
  async seal(hotline: HotlineId, routing: Routing, more: { urgency?: Urgency; onward?: Onward; id?: string } = {}) {
    const { urgency = 'routine', onward = 'allowed', id = this.newId() } = more;
    const { kid, privateKey } = signerOf(hotline);
    const intakeKey = IntakeJwk.parse(createPublicKey(intakeKeyOf(hotline)).export({ format: 'jwk' }));
    const document = { id, hotline, routing, urgency, onward };
    const { sealed, hash } = await sealReferral(document, { signingKey: { kid, privateKey }, intakeKey });
    const submission: Submission = { id, routing, urgency, onward, sealed };
    return { submission, hash, name: { hotline, id } satisfies ReferralName };
  }

  routeStatement(by: string, name: ReferralName, hash: string, routing: Routing): Promise<string> {
    const payload = { hotline: name.hotline, referral: name.id, by, sealed: hash, routing, at: this.at() };
    return signStatement('route', payload, signerOf(by));
  }

  withdrawStatement(name: ReferralName, hash: string): Promise<string> {
    const payload = { hotline: name.hotline, referral: name.id, sealed: hash, reason: 'error' as const, at: this.at() };
    return signStatement('withdraw', payload, signerOf(name.hotline));
  }

  outcome(agency: string, name: ReferralName, hash: string, stated: Partial<OutcomeStatement> = {}): Promise<string> {
    const payload: OutcomeStatement = {
      hotline: name.hotline,
      referral: name.id,
      version: 1,
      agency,
      sealed: hash,
      status: 'opened',
      at: this.at(),
      ...stated,
    };
    return signStatement('outcome', payload, signerOf(agency));
  }

  /** An agency states something about a referral that the relay has. */
  async state(agency: AgencyId, name: ReferralName, stated: Partial<OutcomeStatement> = {}): Promise<void> {
    const hash = this.ledger.record(name).referral?.hash ?? '';
    const token = await this.outcome(agency, name, hash, stated);
    await answerReferral(this.relay(), this.agency(agency), name, token);
  }

  at(): string {
    return toTimestamp(this.clock.now());
  }

  /** Runs deliver on what lies in the dispatch queues, as the event source mapping would; `faults` befall the first run. */
  async dispatch(faults?: Faults): Promise<void> {
    let first = faults;
    for (const lane of LANES) {
      const queue = dispatchQueue(STAGE, lane);
      for (;;) {
        const [message] = this.queues.receive(queue, 1);
        if (!message) break;
        const invocation = new Invocation(first);
        first = undefined;
        const body = JSON.parse(message.body) as DispatchMessage;
        const ending = await invocation.run(() => deliverReferral(this.relay(invocation), body));
        if (ending.outcome === 'finished') this.queues.remove(queue, message.handle);
      }
    }
  }

  async sweep(faults?: Faults): Promise<void> {
    const invocation = new Invocation(faults);
    const bounds = { page: 100, concurrency: 10, deadline: Number.POSITIVE_INFINITY };
    const pages: Pages = {
      page: (agency, waiting) => invocation.call('pages.page', () => void this.paged.push({ agency, waiting })),
    };
    await invocation.run(() => sweep({ ...this.relay(invocation), pages }, bounds));
  }

  /** Lets `minutes` go by, with a sweep and everything that follows from it in each. */
  async pass(minutes: number, step = 1): Promise<void> {
    for (let minute = 0; minute < minutes; minute += step) {
      this.clock.advance(step * MINUTE);
      await this.sweep();
      await this.dispatch();
    }
  }

  /** What waits for an agency, received and left there. */
  waiting(agency: AgencyId, lane: Lane = 'routine'): AgencyMessage[] {
    return this.queues.bodies(agencyQueue(STAGE, agency, lane)).map((body) => JSON.parse(body) as AgencyMessage);
  }

  /** The content key of a message, as only its agency gets it. */
  decrypt(message: ReferralMessage, sealed: string): Buffer {
    const { hotline, id, agency, key } = message;
    return this.keys.decrypt(agency, { generation: 1 }, Buffer.from(key, 'base64'), {
      hotline,
      referral: id,
      agency,
      sealed,
    });
  }

  /** The agency takes everything from its queues and states "opened". */
  async openAll(agency: AgencyId): Promise<AgencyMessage[]> {
    const opened: AgencyMessage[] = [];
    for (const lane of LANES) {
      const queue = agencyQueue(STAGE, agency, lane);
      for (const { body, handle } of this.queues.receive(queue, 10)) {
        const message = JSON.parse(body) as AgencyMessage;
        opened.push(message);
        if (message.kind === undefined) {
          const name = { hotline: message.hotline, id: message.id };
          await this.state(agency, name, { version: message.version });
        }
        this.queues.remove(queue, handle);
      }
    }
    return opened;
  }

  /** The keys of statement and event rows in a hotline's inbox. */
  inbox(hotline: HotlineId): string[] {
    return this.queues.bodies(outcomesQueue(STAGE, hotline)).map((body) => (JSON.parse(body) as { key: string }).key);
  }
}
