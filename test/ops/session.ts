import { SQSClient } from '@aws-sdk/client-sqs';
import type { Session } from '../../ops/session.ts';
import { makeIo } from '../support/heard-io.ts';
import { STAGE, type World } from '../support/world.ts';

/** A command of the operator at work on the doubles, in a checkout with the registry that the relay works by. */
export function sessionIn(world: World, registry = world.registry): Session {
  world.ledger.registry = registry.digest;
  return {
    cloud: {
      stage: STAGE,
      region: 'eu-west-1',
      registry,
      operator: 'a test',
      ledger: world.relay().ledger,
      suspensions: {
        suspend: async (partner) => Boolean(world.ledger.suspended.add(partner)),
        resume: async (partner) => world.ledger.suspended.delete(partner),
        find: () => Promise.resolve(undefined),
      },
      audit: { write: () => Promise.resolve(), read: () => Promise.resolve([]) },
      notUnderstood: new Set(),
      sqs: new SQSClient({ region: 'eu-west-1' }),
      sweep: () => Promise.reject(new Error('not in this test')),
      close: () => undefined,
    },
    io: makeIo().io,
    now: () => world.clock.now(),
    show: () => Promise.resolve(),
    note: () => Promise.resolve(),
  };
}

/** The queues of an emulator on this machine, as the operator's command has them. */
export function localQueues(port: number): Pick<Session['cloud'], 'sqs'> & Required<Pick<Session['cloud'], 'local'>> {
  const sqs = `http://127.0.0.1:${port}`;
  const credentials = { accessKeyId: 'AKIDOPERATOR', secretAccessKey: 'secret' };
  return {
    sqs: new SQSClient({ region: 'eu-west-1', endpoint: sqs, credentials }),
    local: { endpoints: { sqs, dynamodb: '', lambda: '' }, credentials, profiles: '' },
  };
}
