import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { v7 as uuidv7 } from 'uuid';
import { type CeilingCloud, connectCeiling } from './ceiling-cloud.ts';
import type { EmulatorsUp } from './emulators-process.ts';
import { measureThisProcess, type ProcessFigures } from './process-figures.ts';

/*
 * What the emulators on this machine can do at all: one driver issues the SDK calls that a referral to two agencies
 * costs, and nothing else: no HTTP API, no signatures, no schemas, no sealing, no opening. Every message is received and
 * deleted in a call of its own, as happens while the relay keeps up.
 */

export interface Ceiling {
  /** Referrals a second, each to two agencies, at the best of the concurrencies. */
  rate: number;
  concurrency: number;
  /** Milliseconds of processor time for each. */
  cpu: { driver: number; emulators: number };
}

const AGENCIES = ['first', 'second'] as const;
const CONCURRENCIES = [4, 8, 16, 32] as const;
/** A sealed referral of the smallest size, and a signed statement. */
const SEALED = 's'.repeat(8_459);
const STATEMENT = { statement: 's'.repeat(600) };

/** @param seconds altogether */
export async function measureCeiling(folder: string, seconds: number): Promise<Ceiling> {
  const program = fileURLToPath(new URL('emulators-process.ts', import.meta.url));
  const child = fork(program, [join(folder, 'ceiling')], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [{ endpoints }] = (await once(child, 'message')) as [EmulatorsUp];
  const cloud = await connectCeiling(endpoints, ['dispatch', 'inbox', ...AGENCIES]);
  const measureCpu = async (): Promise<Ceiling['cpu']> => {
    const answer = once(child, 'message') as Promise<[ProcessFigures]>;
    child.send('measure');
    const [emulators] = await answer;
    return { driver: measureThisProcess().cpu, emulators: emulators.cpu };
  };
  try {
    let best: Ceiling = { rate: 0, concurrency: 0, cpu: { driver: 0, emulators: 0 } };
    // The first one warms everything up.
    for (const concurrency of [8, ...CONCURRENCIES]) {
      const before = await measureCpu();
      const { count, rate } = await measureRate(cloud, concurrency, seconds / (CONCURRENCIES.length + 1));
      const after = await measureCpu();
      const spent = (where: keyof Ceiling['cpu']): number => ((after[where] - before[where]) * 1000) / count;
      const cpu = { driver: spent('driver'), emulators: spent('emulators') };
      if (rate > best.rate) best = { rate, concurrency, cpu };
    }
    return best;
  } finally {
    cloud.close();
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

async function measureRate(
  cloud: CeilingCloud,
  concurrency: number,
  seconds: number,
): Promise<{ count: number; rate: number }> {
  const started = performance.now();
  const until = started + seconds * 1000;
  let count = 0;
  async function work(): Promise<void> {
    while (performance.now() < until) {
      await refer(cloud);
      count += 1;
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work));
  return { count, rate: (count * 1000) / (performance.now() - started) };
}

/** All calls for one referral. */
export async function refer(cloud: CeilingCloud): Promise<void> {
  const pk = `hotline#${uuidv7()}`;
  await submit(cloud, pk);
  const keys = await deliver(cloud, pk);
  await Promise.all(AGENCIES.map((agency, index) => open(cloud, pk, agency, keys[index] ?? new Uint8Array())));
  for (const agency of AGENCIES) await collect(cloud, pk, agency);
}

async function submit(cloud: CeilingCloud, pk: string): Promise<void> {
  await cloud.isSuspended('hotline');
  await cloud.read(pk);
  await cloud.put(pk, 'outbox', 'outbox#0');
  await cloud.put(pk, 'referral', undefined, { sealed: SEALED });
  await cloud.send('dispatch', { pk });
}

async function deliver(cloud: CeilingCloud, pk: string): Promise<Uint8Array[]> {
  const receipts = await cloud.receive('dispatch', 1);
  await cloud.read(pk, true);
  for (const agency of AGENCIES) await cloud.put(pk, `route#${agency}`, `${agency}#routine`);
  await cloud.put(pk, 'retention', 'retention#0');
  const keys = await Promise.all(
    AGENCIES.map(async (agency) => {
      await cloud.isSuspended(agency);
      const key = await cloud.rewrap(agency);
      await cloud.send(agency, { sealed: SEALED, key: Buffer.from(key).toString('base64') });
      await cloud.update(pk, `route#${agency}`, `${agency}#routine`);
      return key;
    }),
  );
  await cloud.remove(pk, 'outbox');
  await cloud.takeBatch('dispatch', receipts);
  return keys;
}

async function open(cloud: CeilingCloud, pk: string, agency: string, key: Uint8Array): Promise<void> {
  const receipts = await cloud.receive(agency, 1);
  await cloud.decrypt(key, agency);
  await cloud.isSuspended(agency);
  await cloud.read(pk);
  await cloud.put(pk, `statement#${agency}`, 'hotline#outcomes', STATEMENT);
  await cloud.read(pk);
  await cloud.update(pk, `route#${agency}`);
  await cloud.send('inbox', STATEMENT);
  await cloud.update(pk, `statement#${agency}`, 'hotline#outcomes');
  await cloud.take(agency, receipts);
}

async function collect(cloud: CeilingCloud, pk: string, agency: string): Promise<void> {
  await cloud.isSuspended('hotline');
  const receipts = await cloud.receive('inbox', 1);
  await cloud.isSuspended('hotline');
  await cloud.read(pk);
  await cloud.update(pk, `statement#${agency}`);
  await cloud.takeBatch('inbox', receipts);
}
