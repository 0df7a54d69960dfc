import { answer } from '../core/calls.ts';
import { createApiHandler } from './api-handler.ts';
import { createQueueClient } from './clients.ts';
import { readConfig } from './config.ts';
import { createQueues } from './queues.ts';
import { createBase } from './relay.ts';

/* Takes in what agencies state about the referrals they were sent. */

const config = readConfig('answer', process.env);
const { stage, region, queueUrlBase: urlBase, authority } = config;
const base = createBase('answer', config);
const queues = createQueues({ client: createQueueClient({ region }), stage, urlBase, telemetry: base.telemetry });

export const handler = createApiHandler({ ...base, queues }, authority, { answer });
