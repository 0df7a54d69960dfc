import { once } from 'node:events';
import * as z from 'zod';
import { FUNCTIONS } from '../../core/names.ts';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { startRelay } from '../../local/relay.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { measureThisProcess, type ProcessFigures } from './process-figures.ts';

/* The local relay with persistent state in a process of its own, to be killed; `relay-child.ts` starts it. */

export interface RelayProcessOptions {
  dataDir: string;
  registryDir?: string;
  port: number;
  sweepEverySeconds: number;
  /** See `LocalRelayOptions`. */
  hiddenSeconds?: number;
  /** Whether a proxy stands between the functions and their cloud. */
  proxied?: boolean;
}

/** What the parent may ask for. */
export const Order = z.discriminatedUnion('order', [
  z.object({ order: z.literal('crash'), name: z.enum(FUNCTIONS) }),
  z.object({ order: z.literal('spoil'), share: z.number() }),
  z.object({ order: z.literal('measure') }),
]);
export type Order = z.infer<typeof Order>;

/** Of the relay, its functions and the emulated cloud together. */
export interface RelayFigures extends ProcessFigures {
  /** Calls of the functions to their cloud, by operation, and how many of them were spoilt; none without a proxy. */
  calls: Record<string, number>;
  spoilt: number;
}

export type RelayNews = { news: 'up'; url: string } | ({ news: 'figures' } & RelayFigures);

const say = (news: RelayNews): void => void process.send?.(news);
const fail = (error: unknown): never => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
};
// Whoever started it has ended.
process.on('disconnect', () => process.exit());

try {
  const { proxied = false, ...options } = JSON.parse(process.argv[2] ?? '') as RelayProcessOptions;
  const proxies: FaultProxy[] = [];
  const relay = await startRelay({
    ...options,
    onCrash: fail,
    ...(proxied && {
      async interpose({ sqs, sns, dynamodb, kms }) {
        const [first, second, third] = await Promise.all([sqs, dynamodb, kms].map((target) => startFaultProxy(target)));
        if (!first || !second || !third) throw new Error('A proxy is missing.');
        proxies.push(first, second, third);
        return { sqs: first.endpoint, sns, dynamodb: second.endpoint, kms: third.endpoint };
      },
    }),
  });
  process.on('message', (message) => {
    const order = Order.parse(message);
    switch (order.order) {
      case 'crash':
        void relay.crash(order.name);
        break;
      case 'spoil':
        for (const proxy of proxies) proxy.spoil(order.share);
        break;
      case 'measure':
        say({
          news: 'figures',
          ...measureThisProcess(),
          calls: Object.fromEntries(proxies.flatMap(({ counts }) => [...counts])),
          spoilt: proxies.reduce((sum, { spoilt }) => sum + spoilt(), 0),
        });
    }
  });
  await confirmKeys(relay.profilesDir);
  say({ news: 'up', url: relay.url });
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  await relay.close();
  process.exit();
} catch (error) {
  fail(error);
}
