import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { buildApp } from 'fauxqs';
// Persistence is not part of what the package exports but for `startFauxqs`, which listens on all interfaces.
import { PersistenceManager } from '../../node_modules/fauxqs/dist/persistence.js';
import { S3Store } from '../../node_modules/fauxqs/dist/s3/s3Store.js';
import { SnsStore } from '../../node_modules/fauxqs/dist/sns/snsStore.js';
import { SqsStore } from '../../node_modules/fauxqs/dist/sqs/sqsStore.js';
import type { Emulator } from './emulator.ts';

/**
 * SQS and SNS on 127.0.0.1 by fauxqs; topics reach subscribed queues only, and are not kept. With `dataDir`, what was answered survives kill -9. Not like AWS: standard queues forget
 * MessageGroupId, unknown receipt handles are deleted silently, messages are kept for ever, callers are not checked,
 * every queue is in the account 000000000000.
 */
export async function startFauxqs(dataDir: string | undefined, region: string): Promise<Emulator> {
  const stores = { sqsStore: new SqsStore(), snsStore: new SnsStore(), s3Store: new S3Store() };
  const persistence = dataDir === undefined ? undefined : openPersistence(dataDir);
  if (persistence) {
    // Loaded before the stores know where to write, as fauxqs itself does: writing while loading would delete.
    persistence.loadSqsAndSns(stores.sqsStore, stores.snsStore);
    stores.sqsStore.persistence = persistence;
    for (const queue of stores.sqsStore.allQueues()) queue.persistence = persistence;
  }
  const app = buildApp({ logger: false, defaultRegion: region, stores });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return {
    port: (app.server.address() as AddressInfo).port,
    async close() {
      await app.close();
      persistence?.close();
    },
  };
}

function openPersistence(dataDir: string): PersistenceManager {
  mkdirSync(dataDir, { recursive: true });
  const persistence = new PersistenceManager(dataDir);
  // The end of the process loses nothing that was written to the log; only a power cut could.
  persistence['db'].exec('PRAGMA synchronous = NORMAL');
  // fauxqs sets the count of receipts to NULL here, which its table does not take: the message would be gone.
  const makeReady = persistence['db'].prepare(
    'UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?',
  );
  persistence.updateMessageReady = (messageId) => void makeReady.run(messageId);
  return persistence;
}
