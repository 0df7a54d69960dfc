import { directory, status } from '../core/calls.ts';
import { createApiHandler } from './api-handler.ts';
import { createKeyClient } from './clients.ts';
import { readConfig } from './config.ts';
import { createKeys } from './keys.ts';
import { createBase } from './relay.ts';

/* Where a referral stands, and who takes part. Also answers every path that no other function serves. */

const config = readConfig('query', process.env);
const keys = createKeys({ client: createKeyClient({ region: config.region }), stage: config.stage });

export const handler = createApiHandler({ ...createBase('query', config), keys }, config.authority, {
  status,
  directory,
});
