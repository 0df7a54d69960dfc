import { answerRequest, type Calls } from '../../core/api.ts';
import { acknowledge, answer, directory, receive, route, status, submit, withdraw } from '../../core/calls.ts';
import type { AgencyMessage } from '../../core/contracts.ts';
import type { HttpRequest, HttpResponse } from '../../core/http.ts';
import { thumbprint } from '../../core/keys.ts';
import { DEFAULT_RETENTION } from '../../core/limits.ts';
import type { DispatchMessage, InboxMessage, Queues, Relay } from '../../core/ports.ts';
import { loadRegistry } from '../../core/registry.ts';
import { deliverReferral } from '../../core/use-cases/deliver.ts';
import { sweep } from '../../core/use-cases/sweep.ts';
import { Invocation } from '../../test/doubles/faults.ts';
import { MemoryLedger } from '../../test/doubles/memory-ledger.ts';
import { VirtualClock } from '../../test/doubles/virtual-clock.ts';
import { type ExamplePartner, readIntakeExample, SIGNING_KEYS } from './keys.ts';

/* The relay of the worked examples: the real use cases over a ledger and queues in memory, and a clock that is set. */

export const AUTHORITY = 'relay.example';

/** What stands in an example where KMS would put its own ciphertext, whose form is nobody else's business. */
const KMS_CIPHERTEXT = Buffer.from('(stands for a ciphertext of AWS KMS, which only KMS can read)');

const CALLS: Calls<Relay> = { submit, route, withdraw, answer, receive, acknowledge, status, directory };

const PARTNERS: Record<ExamplePartner, object> = {
  'gb-lantern': { kind: 'hotline', intakeKeys: [{ generation: 1 }] },
  'de-kinderwacht': { kind: 'agency', countries: ['AT', 'DE'], kmsKeys: [{ generation: 1 }] },
  'int-clearing': { kind: 'agency', countries: [], fallback: true, forwards: true, kmsKeys: [{ generation: 1 }] },
  'nam-harbor': { kind: 'agency', countries: ['CA', 'US'], kmsKeys: [{ generation: 1 }] },
};

export interface ExampleRelay {
  clock: VirtualClock;
  answer(request: HttpRequest): Promise<HttpResponse>;
  /** Runs sweep, then deliver for all that was dispatched so far. */
  work(): Promise<void>;
  /** What lies in an agency's queues, oldest first. */
  messages(agency: ExamplePartner): readonly AgencyMessage[];
}

/** @param start the moment at which its clock stands, in ISO 8601 */
export function createExampleRelay(start: string): ExampleRelay {
  const clock = new VirtualClock(start);
  const dispatched: DispatchMessage[] = [];
  const inboxes = new Map<string, AgencyMessage[]>();
  const relay: Relay = {
    ledger: new MemoryLedger().connect(new Invocation()),
    queues: createQueues(dispatched, inboxes),
    keys: createKeys(),
    registry: loadRegistry(Object.entries(PARTNERS).map(([id, members]) => toRegistryFile(id, members))),
    clock,
    randomness: { fraction: () => 0 },
    telemetry: { record: () => undefined },
    retention: DEFAULT_RETENTION,
  };
  return {
    clock,
    answer: (request) => answerRequest(relay, AUTHORITY, CALLS, request),
    messages: (agency) => inboxes.get(agency) ?? [],
    async work() {
      await sweep(relay, { page: 10, concurrency: 1, deadline: Infinity });
      for (let message = dispatched.shift(); message; message = dispatched.shift()) {
        await deliverReferral(relay, message);
      }
    },
  };
}

function toRegistryFile(id: string, members: object): { name: string; text: string } {
  const { jwk } = SIGNING_KEYS[id as ExamplePartner];
  const partner = { id, name: `${id} (invented)`, contact: { email: `systems@${id}.example` }, keys: [{ jwk }] };
  return { name: `${id}.json`, text: JSON.stringify({ ...partner, ...members }) };
}

function createKeys(): Relay['keys'] {
  const { jwk } = readIntakeExample();
  return {
    intakeKey: (_hotline, { generation }) => Promise.resolve({ generation, kid: thumbprint(jwk), jwk }),
    rewrap: () => Promise.resolve({ outcome: 'wrapped', key: KMS_CIPHERTEXT }),
  };
}

function createQueues(dispatched: DispatchMessage[], inboxes: Map<string, AgencyMessage[]>): Queues {
  const outcomes: InboxMessage[] = [];
  return {
    dispatch: (_lane, message) => Promise.resolve(void dispatched.push(message)),
    countDispatched: () => Promise.resolve(dispatched.length),
    sendToAgency: (agency, _lane, message) =>
      Promise.resolve(void inboxes.set(agency, [...(inboxes.get(agency) ?? []), message])),
    sendToHotline: (_hotline, message) => Promise.resolve(void outcomes.push(message)),
    receive: (_hotline, max) =>
      Promise.resolve(
        outcomes.splice(0, max).map((message, index) => ({ handle: `example-handle-${index + 1}`, message })),
      ),
    remove: () => Promise.resolve(),
  };
}
