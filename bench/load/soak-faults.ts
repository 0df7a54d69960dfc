import { setTimeout as delay } from 'node:timers/promises';
import { connectMachine } from './machine.ts';
import type { Mark } from './picture.ts';
import type { RelayChild } from './relay-child.ts';

/* What goes wrong during a soak with faults, each at its share of the time. */

export interface FaultTargets {
  relay: RelayChild;
  dataDir: string;
  /** The agency whose key is disabled for a while. */
  agency: string;
  /** Seconds that the load lasts. */
  seconds: number;
}

/** Share of the calls to the cloud that fail while they fail. */
const SPOILT = 0.05;

/** Resolves when everything is mended again; `marks` gets what happened, in seconds. */
export async function injectFaults({ relay, dataDir, agency, seconds }: FaultTargets, marks: Mark[]): Promise<void> {
  const started = performance.now();
  const now = (): number => (performance.now() - started) / 1000;
  const until = (share: number): Promise<void> => delay(Math.max(0, share * seconds - now()) * 1000);
  async function during(name: string, act: () => Promise<void>): Promise<void> {
    const from = now();
    await act();
    marks.push({ name, from, to: now() });
  }

  for (const [share, name] of [
    [0.1, 'deliver'],
    [0.15, 'submit'],
    [0.2, 'answer'],
  ] as const) {
    await until(share);
    await during(`${name} dies`, async () => relay.crash(name));
  }
  await until(0.25);
  await during('errors of the cloud', async () => {
    relay.spoil(SPOILT);
    await until(0.4);
    relay.spoil(0);
  });
  await until(0.5);
  await during(`key of ${agency} disabled`, async () => {
    await setKey(dataDir, agency, 'disabled');
    await until(0.65);
    await setKey(dataDir, agency, 'enabled');
  });
  await until(0.75);
  await during('kill -9 of the relay', async () => {
    await relay.kill();
    await relay.start();
  });
}

async function setKey(dataDir: string, agency: string, state: 'enabled' | 'disabled'): Promise<void> {
  const machine = connectMachine(dataDir);
  await machine.setKey(agency, state);
  machine.close();
}
