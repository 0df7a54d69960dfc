import { route, submit, withdraw } from '../core/calls.ts';
import { createApiHandler } from './api-handler.ts';
import { createKeyClient, createQueueClient } from './clients.ts';
import { readConfig } from './config.ts';
import { createKeys } from './keys.ts';
import { createQueues } from './queues.ts';
import { createBase } from './relay.ts';

/* Takes in referrals, and what hotlines and clearing houses say later about where they belong. */

const config = readConfig('submit', process.env);
const { stage, region, queueUrlBase: urlBase, authority } = config;
const base = createBase('submit', config);
const relay = {
  ...base,
  queues: createQueues({ client: createQueueClient({ region }), stage, urlBase, telemetry: base.telemetry }),
  keys: createKeys({ client: createKeyClient({ region }), stage }),
};

export const handler = createApiHandler(relay, authority, { submit, route, withdraw });
