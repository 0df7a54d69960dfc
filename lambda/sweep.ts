import { SWEEP } from '../core/limits.ts';
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

/** Time left for what has been begun when the deadline comes, in milliseconds. */
const MARGIN = 10_000;

export function handler(_event: unknown, invocation: Invocation): Promise<SweepReport> {
  const deadline = Date.now() + invocation.getRemainingTimeInMillis() - MARGIN;
  return withinTime(invocation, () => sweep({ ...base, queues, pages }, { ...SWEEP, deadline }));
}
