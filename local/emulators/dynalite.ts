import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import dynalite from 'dynalite';
import { type Callback, create, type Iterator, type Store, type Table, updateIndexes } from 'dynalite/db/index.js';
import type { Emulator } from './emulator.ts';

/**
 * DynamoDB on 127.0.0.1 by dynalite. Not like AWS: no transactions, no time to live, no item in a
 * ConditionalCheckFailedException; callers are not checked.
 *
 * With `dataDir`, what was written survives kill -9. dynalite writes an item and its index entries one after the other,
 * so a start after anything but a clean close makes the indexes anew from the items.
 */
export async function startDynalite(dataDir: string | undefined): Promise<Emulator> {
  const path = dataDir === undefined ? undefined : join(dataDir, 'leveldb');
  const clean = dataDir === undefined ? undefined : join(dataDir, 'closed-cleanly');
  if (path !== undefined && clean !== undefined) {
    mkdirSync(path, { recursive: true });
    const store = await open(path);
    if (!existsSync(clean)) await repair(store);
    rmSync(clean, { force: true });
    await store.db.close();
  }

  await letIteratorsEnd();
  const server = dynalite({ createTableMs: 0, ...(path !== undefined && { path }) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      await closeServer(server);
      if (clean !== undefined) writeFileSync(clean, '');
    },
  };
}

/**
 * dynalite ends each read of a query by the iterator's `return`, which LevelDB's iterators do not have: all of them would
 * stay open, hold memory, and keep LevelDB from removing whatever they can still see.
 */
export async function letIteratorsEnd(): Promise<void> {
  const { db } = create({});
  const iterator = db.values();
  let owner: object = iterator;
  while (!Object.hasOwn(owner, 'close')) owner = Object.getPrototypeOf(owner) as object;
  Object.assign(owner, {
    return(this: Iterator) {
      return this.close();
    },
  });
  await iterator.close();
  await db.close();
}

/** @throws {Error} if a relay is running on this data folder, which exists */
export async function requireUnused(dataDir: string): Promise<void> {
  const store = await open(join(dataDir, 'leveldb'));
  await store.db.close();
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
    server.closeAllConnections();
  });
}

async function open(path: string): Promise<Store> {
  const store = create({ path });
  try {
    await store.db.open();
    return store;
  } catch (error) {
    if (!isLocked(error)) throw withCause(error);
    throw new Error('another relay is running on this data folder: stop it, or choose another folder with --data', {
      cause: error,
    });
  }
}

/** LevelDB's own lock on its folder; the error that says so comes as the cause of another. */
const isLocked = (error: unknown): boolean =>
  error instanceof Error &&
  error.cause instanceof Error &&
  'code' in error.cause &&
  error.cause.code === 'LEVEL_LOCKED';

/** LevelDB says only in the cause what is wrong, such as that the disk is full. */
const withCause = (error: unknown): unknown =>
  error instanceof Error && error.cause instanceof Error
    ? new Error(`${error.message}: ${error.cause.message}`, { cause: error })
    : error;

/** Finishes tables that were being created, and makes every global index anew. */
async function repair(store: Store): Promise<void> {
  for await (const name of store.tableDb.createKeyStream()) {
    const table = await settle<Table>((done) => store.tableDb.get(name, done));
    const indexes = table.GlobalSecondaryIndexes ?? [];
    table.TableStatus = 'ACTIVE';
    for (const index of indexes) index.IndexStatus = 'ACTIVE';
    await settle<void>((done) => store.tableDb.put(name, table, done));
    for (const { IndexName } of indexes) {
      await settle<void>((done) => store.deleteIndexDb('Global', name, IndexName, done));
    }
    for await (const item of store.getItemDb(name).createValueStream()) {
      await settle<void>((done) => updateIndexes(store, table, undefined, item, done));
    }
  }
}

const settle = <T>(run: (done: Callback<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => {
    run((error, value) => (error ? reject(error) : resolve(value)));
  });
