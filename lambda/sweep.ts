import { sweep, type SweepReport } from '../core/use-cases/sweep.ts';
import { createQueueClient, createTopicClient } from './clients.ts';
import { readConfig } from './config.ts';
import { type Invocation, withinTime } from './deadline.ts';
import { createPages } from './pages.ts';
import { createQueues } from './queues.ts';
import { createBase } from './relay.ts';

/* Once a minute: looks after everything that fell due. */

const config = readConfig('sweep', process.env);
const { stage, region, queueUrlBase: urlBase, topicArnBase: arnBase } = config;
const base = createBase('sweep', config);
const queues = createQueues({ client: createQueueClient({ region }), stage, urlBase, telemetry: base.telemetry });
const pages = createPages({ client: createTopicClient({ region }), stage, arnBase });

/**
 * Six thousand messages a minute are a hundred deliveries a second: a tenth of the RSA operations that KMS lets an account
 * have. They are 240 pages, more than there are agencies, so that in each run every lane has its turn.
 */
const BOUNDS = { page: 25, concurrency: 25, dispatched: 6000 };

/** Time left for what has been begun when the deadline comes, in milliseconds. */
const MARGIN = 10_000;

export function handler(_event: unknown, invocation: Invocation): Promise<SweepReport> {
  const deadline = Date.now() + invocation.getRemainingTimeInMillis() - MARGIN;
  return withinTime(invocation, () => sweep({ ...base, queues, pages }, { ...BOUNDS, deadline }));
}
