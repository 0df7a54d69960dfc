import { type Backend, closeContract } from './contract.ts';
import { describeInbox } from './inbox.contract.ts';
import { describeKeys } from './keys.contract.ts';
import { describeLedger } from './ledger.contract.ts';
import { describeLimits } from './limits.contract.ts';
import { describeQueues } from './queues.contract.ts';
import { describeSuspensions } from './suspensions.contract.ts';

/** Registers every case of every port for a backend, and at the end their count. No backend leaves any out. */
export function describeEveryPort(name: string, backend: () => Backend): void {
  closeContract(name, [
    describeLedger(() => backend().ledger),
    describeSuspensions(() => backend().suspensions),
    describeLimits(() => backend().ledger),
    describeQueues(() => backend().queues),
    describeInbox(() => backend().inbox),
    describeKeys(() => backend().keys),
  ]);
}
