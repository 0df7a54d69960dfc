declare module 'dynalite' {
  import type { Server } from 'node:http';

  interface Options {
    /** LevelDB folder; in memory without it. */
    path?: string;
    /** How long a new table stays in CREATING, in milliseconds. */
    createTableMs?: number;
  }
  /** Closing the server closes the database. */
  export default function dynalite(options: Options): Server;
}

declare module 'dynalite/db/index.js' {
  export type Callback<T = void> = (error: Error | null | undefined, value: T) => void;
  export type Item = Record<string, Record<string, unknown>>;

  export interface Index {
    IndexName: string;
    IndexStatus?: string;
    KeySchema: { AttributeName: string }[];
  }
  export interface Table {
    TableName: string;
    TableStatus: string;
    GlobalSecondaryIndexes?: Index[];
  }

  interface Entries<T> {
    put(key: string, value: T, done: Callback): void;
    get(key: string, done: Callback<T>): void;
    /** Keys without the prefix of this part of the database. */
    createKeyStream(): AsyncIterable<string>;
    createValueStream(options?: object): AsyncIterable<T>;
  }
  export interface Iterator {
    next(): Promise<unknown>;
    close(): Promise<void>;
    return?(): Promise<void>;
  }
  export interface Store {
    tableDb: Entries<Table>;
    getItemDb(table: string): Entries<Item>;
    deleteIndexDb(type: 'Global', table: string, index: string, done: Callback): void;
    db: { open(): Promise<void>; close(): Promise<void>; values(): Iterator };
  }
  /** In memory without a path. */
  export function create(options: { path?: string }): Store;
  /** Writes the index entries of `item`, which had none. */
  export function updateIndexes(store: Store, table: Table, before: undefined, item: Item, done: Callback): void;
}
