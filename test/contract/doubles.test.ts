import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { beforeAll, describe } from 'vitest';
import type { AgencyInbox } from '../../client/inbox.ts';
import { RECEIPT_SECONDS } from '../../core/limits.ts';
import { agencyQueue, dispatchQueue, LANES, outcomesQueue } from '../../core/names.ts';
import { QUEUE_TRAITS } from '../../core/sizing.ts';
import { SECOND } from '../../core/time.ts';
import { Invocation } from '../doubles/faults.ts';
import { type KeyState, MemoryKeys } from '../doubles/memory-keys.ts';
import { MemoryLedger } from '../doubles/memory-ledger.ts';
import { type MemoryInbox, MemoryQueues } from '../doubles/memory-queues.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';
import { makePartnerId } from '../support/rows.ts';
import { describeEveryPort } from './every-port.ts';
import type { InboxBackend } from './inbox.contract.ts';
import type { KeysBackend } from './keys.contract.ts';
import type { QueuesBackend } from './queues.contract.ts';

const STAGE = 'test';
const memory = new MemoryLedger();
const ledger = memory.connect(new Invocation());
const queues = openQueues();
let keys: KeysBackend;

beforeAll(async () => {
  keys = await openKeys();
});

describe('the doubles', () => {
  describeEveryPort('the doubles', () => ({
    ledger,
    suspensions: {
      ledger,
      suspend: async (partner) => memory.suspended.add(partner),
      resume: async (partner) => memory.suspended.delete(partner),
    },
    queues,
    inbox: queues,
    keys,
  }));
});

function openQueues(): QueuesBackend & InboxBackend {
  const clock = new VirtualClock();
  const memory = new MemoryQueues(clock, STAGE);
  const settings = { visibilitySeconds: 30 };
  for (const lane of LANES) memory.create(dispatchQueue(STAGE, lane), settings);
  return {
    queues: memory.connect(new Invocation()),
    stage: STAGE,
    async addAgency() {
      const agency = makePartnerId('de');
      const dead = agencyQueue(STAGE, agency, 'dead');
      memory.create(dead, settings);
      const deadLetters = { queue: dead, maxReceives: QUEUE_TRAITS.agency.receives };
      for (const lane of LANES) memory.create(agencyQueue(STAGE, agency, lane), { ...settings, deadLetters });
      return agency;
    },
    async addHotline() {
      const hotline = makePartnerId('gb');
      memory.create(outcomesQueue(STAGE, hotline), settings);
      return hotline;
    },
    async drain(queue) {
      const received = memory.receive(queue, 10);
      for (const { handle } of received) memory.remove(queue, handle);
      return received.map(({ body }) => body);
    },
    depth: async (queue) => memory.bodies(queue).length,
    send: async (queue, body) => memory.send(queue, body),
    async expire() {
      clock.advance(RECEIPT_SECONDS * SECOND);
    },
    openInbox: (agency) => connectInbox(memory.openInbox(agency), clock),
  };
}

/** An agency's inbox, for which time goes on while it waits, and only then. */
function connectInbox(inbox: MemoryInbox, clock: VirtualClock): AgencyInbox {
  return {
    async receive(lane, max, wait) {
      for (let waited = 0; ; waited++) {
        const received = inbox.receive(lane, max, wait);
        if (received.length > 0 || waited >= wait) return received;
        clock.advance(SECOND);
      }
    },
    hide: async (message, seconds) => inbox.hide(message, seconds),
    remove: async (message) => inbox.remove(message),
  };
}

async function openKeys(): Promise<KeysBackend> {
  const memory = new MemoryKeys(STAGE);
  const [hotline, otherHotline] = [makePartnerId('gb'), makePartnerId('us')];
  const pairs = await Promise.all(
    Array.from({ length: 3 }, () => promisify(generateKeyPair)('rsa', { modulusLength: 4096 })),
  );
  const owners = [
    { owner: hotline, generation: 1 },
    { owner: hotline, generation: 2 },
    { owner: otherHotline, generation: 1 },
  ];
  owners.forEach(({ owner, generation }, index) => {
    memory.createIntakeKey(owner, { generation }, pairs[index]?.privateKey);
  });
  const refuse = (keyId: string, state: KeyState) => {
    memory.setState(keyId, state);
    return async () => memory.setState(keyId, 'enabled');
  };
  return {
    keys: memory.connect(new Invocation()),
    hotline,
    otherHotline,
    async addAgencyKey(agency, generation, where) {
      const arn = `arn:aws:kms:eu-west-2:222222222222:key/${agency}-${generation}`;
      const record = { generation, ...(where && { arn }) };
      memory.createAgencyKey(agency, record);
      return record;
    },
    decrypt: async (agency, record, wrapped, context) => memory.decrypt(agency, record, wrapped, context),
    refuse: async (agency, record, state) => refuse(memory.agencyKeyId(agency, record), state),
    refuseIntake: async (state) => refuse(memory.intakeKeyId(hotline, { generation: 1 }), state),
  };
}
