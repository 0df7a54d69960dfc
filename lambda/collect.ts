import { acknowledge, receive } from '../core/calls.ts';
import { createApiHandler } from './api-handler.ts';
import { createQueueClient } from './clients.ts';
import { readConfig } from './config.ts';
import { createQueues } from './queues.ts';
import { createBase } from './relay.ts';

/* The hotlines' inbox. */

const config = readConfig('collect', process.env);
const { stage, region, queueUrlBase: urlBase, authority } = config;
const base = createBase('collect', config);
const queues = createQueues({ client: createQueueClient({ region }), stage, urlBase, telemetry: base.telemetry });

export const handler = createApiHandler({ ...base, queues }, authority, { receive, acknowledge });
