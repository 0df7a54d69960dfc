import { confirmKeys } from '../../local/confirm-keys.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { makeRegistry, removeFolder } from '../ops/operator.ts';
import { FaultyCloud } from './faulty-cloud.ts';

/** A relay that sweeps only when it is told to, on a cloud that refuses what it is told to. */
export interface FaultyRelay {
  relay: LocalRelay;
  cloud: FaultyCloud;
  /** What the functions print. */
  log: string[];
  close: () => Promise<void>;
}

/** Everybody trusts everybody. @param partners changes to the sample registry, by partner */
export async function startFaultyRelay(partners: Parameters<typeof makeRegistry>[0]): Promise<FaultyRelay> {
  const cloud = new FaultyCloud();
  const log: string[] = [];
  const registryDir = await makeRegistry(partners);
  const relay = await startRelay({
    registryDir,
    sweepEverySeconds: 0,
    interpose: (endpoints) => cloud.open(endpoints),
    log: (_, line) => void log.push(line),
  });
  await confirmKeys(relay.profilesDir);
  return {
    relay,
    cloud,
    log,
    async close() {
      await relay.close();
      await cloud.close();
      await removeFolder(registryDir);
    },
  };
}
