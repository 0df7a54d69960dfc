import { loadRegistry } from '../core/registry.ts';
import type { Relay } from '../core/ports.ts';
import type { FunctionName } from '../core/names.ts';
import { createLedgerClient } from './clients.ts';
import type { Config } from './config.ts';
import { createLedger } from './ledger.ts';
import { readRegistryDir } from './registry-files.ts';
import { createTelemetry } from './telemetry.ts';

/** What every function needs, whatever else it may do: composed once, when its process starts. */
export function createBase(
  functionName: FunctionName,
  config: Config<FunctionName>,
): Pick<Relay, 'ledger' | 'registry' | 'clock' | 'telemetry' | 'retention'> {
  const telemetry = createTelemetry({ stage: config.stage, functionName });
  return {
    ledger: createLedger({
      client: createLedgerClient({ region: config.region }),
      table: config.ledgerTable,
      telemetry,
    }),
    registry: loadRegistry(readRegistryDir(config.registryDir)),
    clock: { now: Date.now },
    telemetry,
    retention: config.retention,
  };
}
