import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../core/ports.ts';
import type { InboxBackend } from './inbox.contract.ts';
import type { KeysBackend } from './keys.contract.ts';
import type { QueuesBackend } from './queues.contract.ts';
import type { SuspensionsBackend } from './suspensions.contract.ts';

/** What every backend has to do, by title. */
export type Cases<B> = Readonly<Record<string, (backend: B) => Promise<void>>>;

/** All ports of a backend, as they are once its tests run. */
export interface Backend {
  ledger: Ledger;
  suspensions: SuspensionsBackend;
  queues: QueuesBackend;
  inbox: InboxBackend;
  keys: KeysBackend;
}

export interface Tally {
  port: string;
  /** How many cases there are. */
  registered: number;
  /** How many of them this backend has passed so far. */
  passed: number;
}

/** Registers the cases of one port for a backend, which exists once the tests run. */
export function describeContract<B>(port: string, cases: Cases<B>, backend: () => B): Tally {
  const tally = { port, registered: Object.keys(cases).length, passed: 0 };
  describe(`the contract of ${port}`, () => {
    it.each(Object.entries(cases))('%s', async (_title, run) => {
      await run(backend());
      tally.passed += 1;
    });
  });
  return tally;
}

/** The last test of a file: prints what this backend passed, which must be every case there is. */
export function closeContract(backend: string, tallies: readonly Tally[]): void {
  it('has been held by this backend in every case, as by every other', () => {
    const counts = tallies.map(({ port, passed }) => `${port} ${passed}`).join(', ');
    process.stdout.write(`contract on ${backend}: ${counts}\n`);
    expect(tallies.map(({ port, passed }) => [port, passed])).toEqual(
      tallies.map(({ port, registered }) => [port, registered]),
    );
  });
}

/**
 * Expects what is true in a while only: of an index, of a count of messages, of a key whose state has just changed. AWS
 * promises seconds, of counts a minute; where nothing is late, the first look is enough.
 */
export const eventually = <T>(read: () => T | Promise<T>) =>
  expect.poll(async () => read(), { timeout: 90_000, interval: 250 });
